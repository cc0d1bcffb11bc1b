"""Visitors who leave and may be back in a moment, and those who look elsewhere."""

from __future__ import annotations

import math

import pytest

from nannin.audience.roster import Change, Count, Roster
from support.roster_changes import join, leave

GRACE_S, GRACE_LOST_S = 2.0, 10.0


@pytest.fixture
def roster() -> Roster[str]:
    return Roster()


def expire(roster: Roster[str], now: float) -> list[Change]:
    return [change for _, change in roster.end_graces(now)]


# Grace


def test_a_visitor_who_left_still_counts_until_the_grace_is_over(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    assert leave(roster, "/", "a", grace_s=GRACE_S, now=100.0) == Change("/", Count(1, 1, 1), Count(1, 1, 1))
    assert (list(roster.audience("/")), roster.in_grace("/"), list(roster.pages())) == ([], 1, ["/"])
    assert expire(roster, 101.9) == []
    assert expire(roster, 102.0) == [Change("/", Count(1, 1, 1), Count())]
    assert (roster.in_grace("/"), list(roster.pages())) == (0, [])


def test_a_return_within_the_grace_changes_nothing(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    assert join(roster, "/", "b", "ann") == Change("/", Count(1, 1, 1), Count(1, 1, 1))
    assert roster.next_deadline() == math.inf
    assert expire(roster, 102.0) == []
    assert roster.count("/") == Count(1, 1, 1)


def test_a_return_after_the_grace_is_a_join(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    expire(roster, 102.0)
    assert join(roster, "/", "b", "ann") == Change("/", Count(), Count(1, 1, 1))


def test_the_same_connection_may_be_the_one_that_returns(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    assert join(roster, "/", "a", "ann").after == Count(1, 1, 1)
    assert list(roster.audience("/")) == ["a"]


def test_a_connection_without_a_visitor_leaves_at_once(roster: Roster[str]) -> None:
    roster.join("/", "a")
    assert leave(roster, "/", "a", grace_s=GRACE_S, now=100.0) == Change("/", Count(1, 1, 1), Count())
    assert (roster.next_deadline(), list(roster.pages())) == (math.inf, [])


@pytest.mark.parametrize("grace_s", [0.0, -5.0])
def test_without_a_grace_a_visitor_leaves_at_once(roster: Roster[str], grace_s: float) -> None:
    roster.join("/", "a", "ann")
    assert leave(roster, "/", "a", grace_s=grace_s, now=100.0) == Change("/", Count(1, 1, 1), Count())
    assert roster.next_deadline() == math.inf


def test_another_visitor_takes_nobodys_place(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    assert join(roster, "/", "b", "bob").after == Count(2, 2, 2)
    assert join(roster, "/", "c").after == Count(3, 3, 3)
    assert roster.in_grace("/") == 1


def test_a_place_on_one_page_is_none_on_another(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    roster.join("/news", "b", "ann")
    assert (roster.count("/"), roster.count("/news")) == (Count(1, 1, 1), Count(1, 1, 1))
    expire(roster, 102.0)
    assert (roster.count("/"), roster.count("/news")) == (Count(), Count(1, 1, 1))


def test_one_of_two_tabs_that_leaves_keeps_its_place_too(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    roster.join("/", "b", "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    assert roster.count("/") == Count(2, 1, 1)
    assert join(roster, "/", "c", "ann").after == Count(2, 1, 1)
    roster.leave("/", "b", grace_s=GRACE_S, now=101.0)
    assert expire(roster, 103.0) == [Change("/", Count(2, 1, 1), Count(1, 1, 1))]


def test_of_two_tabs_in_grace_the_first_to_leave_is_the_first_to_be_replaced(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    roster.join("/", "b", "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    roster.leave("/", "b", grace_s=GRACE_S, now=101.0)
    assert roster.next_deadline() == 102.0
    roster.join("/", "c", "ann")
    assert roster.next_deadline() == 103.0


def test_a_hidden_tab_that_is_back_first_leaves_the_visible_ones_place(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann", visible=True)
    roster.join("/", "b", "ann", visible=False)
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    roster.leave("/", "b", grace_s=GRACE_S, now=101.0)
    assert roster.count_with("/", "ann", visible=False) == Count(2, 1, 1)
    roster.join("/", "c", "ann", visible=False)
    assert roster.count("/") == Count(2, 1, 1)
    assert roster.next_deadline() == 102.0
    roster.join("/", "d", "ann", visible=False)
    assert roster.count("/") == Count(2, 1, 0), "there was no other place left"


def test_two_tabs_in_grace_leave_one_after_the_other(roster: Roster[str]) -> None:
    for connection in "ab":
        roster.join("/", connection, "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    roster.leave("/", "b", grace_s=GRACE_S, now=101.0)
    assert expire(roster, 102.5) == [Change("/", Count(2, 1, 1), Count(1, 1, 1))]
    assert expire(roster, 103.0) == [Change("/", Count(1, 1, 1), Count())]


def test_graces_of_several_lengths_end_each_in_its_time(roster: Roster[str]) -> None:
    for name in ("ann", "bob", "cat"):
        roster.join("/", name, name)
    for name, grace_s in (("ann", GRACE_LOST_S), ("bob", GRACE_S), ("cat", 5.0)):
        roster.leave("/", name, grace_s=grace_s, now=100.0)
    ends = []
    while (deadline := roster.next_deadline()) < math.inf:
        ends.append((deadline, [change.after.visitors for change in expire(roster, deadline)]))
    assert ends == [(102.0, [2]), (105.0, [1]), (110.0, [0])]


def test_several_graces_that_are_over_end_together_in_their_order(roster: Roster[str]) -> None:
    for page in ("/", "/news"):
        roster.join(page, "a", "ann")
        roster.join(page, "b", "bob")
    roster.leave("/", "a", grace_s=3.0, now=100.0)
    roster.leave("/news", "a", grace_s=1.0, now=100.0)
    roster.leave("/", "b", grace_s=2.0, now=100.0)
    assert [(change.page, change.after.connections) for change in expire(roster, 110.0)] == [
        ("/news", 1),
        ("/", 1),
        ("/", 0),
    ]


def test_a_long_grace_behind_one_that_was_taken_is_the_next_deadline(roster: Roster[str]) -> None:
    for name in ("ann", "bob"):
        roster.join("/", name, name)
    roster.leave("/", "ann", grace_s=GRACE_S, now=100.0)
    roster.leave("/", "bob", grace_s=GRACE_LOST_S, now=100.0)
    assert roster.next_deadline() == 102.0
    roster.join("/", "again", "ann")
    assert roster.next_deadline() == 110.0


def test_a_late_return_finds_its_place_where_nobody_has_ended_the_grace_yet(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    assert join(roster, "/", "b", "ann").after == Count(1, 1, 1)
    assert expire(roster, 200.0) == []


def test_a_thousand_reloads_leave_one_connection_and_no_grace(roster: Roster[str]) -> None:
    now = 100.0
    roster.join("/", "0", "ann")
    for number in range(1, 1_001):
        roster.leave("/", str(number - 1), grace_s=GRACE_S, now=now)
        assert join(roster, "/", str(number), "ann").after == Count(1, 1, 1)
        now += 0.01
    assert (roster.in_grace("/"), roster.next_deadline()) == (0, math.inf)


def test_asking_for_graces_makes_no_page(roster: Roster[str]) -> None:
    assert roster.in_grace("/") == 0
    assert roster.next_deadline() == math.inf
    assert expire(roster, 1e9) == []
    assert list(roster.pages()) == []


# The promise to a joiner


def test_count_with_one_who_returns_is_the_count_as_it_is(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    assert roster.count_with("/", "ann") == Count(1, 1, 1)
    assert roster.count_with("/", "ann", visible=False) == Count(1, 1, 0)
    assert roster.count_with("/", "bob", visible=False) == Count(2, 2, 1)
    assert roster.count_with("/", None, visible=False) == Count(2, 2, 1)


@pytest.mark.parametrize("visible", [True, False])
def test_count_with_of_an_empty_page_knows_who_sees_it(roster: Roster[str], visible: bool) -> None:
    assert roster.count_with("/", "ann", visible=visible) == Count(1, 1, int(visible))


# Who sees the page


def test_a_hidden_tab_is_counted_and_not_visible(roster: Roster[str]) -> None:
    assert join(roster, "/", "a", "ann", visible=False).after == Count(1, 1, 0)
    assert join(roster, "/", "b", visible=False).after == Count(2, 2, 0)


def test_a_visitor_is_visible_with_any_of_the_tabs(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann", visible=False)
    assert join(roster, "/", "b", "ann").after == Count(2, 1, 1)
    assert join(roster, "/", "c", "ann").after == Count(3, 1, 1)
    assert roster.show("/", "b", False) == Change("/", Count(3, 1, 1), Count(3, 1, 1))
    assert roster.show("/", "c", False) == Change("/", Count(3, 1, 1), Count(3, 1, 0))
    assert roster.show("/", "a", True) == Change("/", Count(3, 1, 0), Count(3, 1, 1))


@pytest.mark.parametrize("visitor", [None, "ann"])
def test_a_tab_comes_into_view_and_goes_out_of_it(roster: Roster[str], visitor: str | None) -> None:
    roster.join("/", "a", visitor)
    assert roster.show("/", "a", False) == Change("/", Count(1, 1, 1), Count(1, 1, 0))
    assert roster.show("/", "a", True) == Change("/", Count(1, 1, 0), Count(1, 1, 1))


def test_what_was_so_before_is_no_change(roster: Roster[str]) -> None:
    roster.join("/", "a")
    roster.join("/", "b", visible=False)
    assert roster.show("/", "a", True) is None
    assert roster.show("/", "b", False) is None
    assert roster.show("/", "stranger", False) is None
    assert roster.show("/news", "a", False) is None
    assert roster.count("/") == Count(2, 2, 1)


@pytest.mark.parametrize("visitor", [None, "ann"])
@pytest.mark.parametrize("visible", [True, False])
def test_who_leaves_is_visible_no_more(roster: Roster[str], visitor: str | None, visible: bool) -> None:
    roster.join("/", "other")
    roster.join("/", "a", visitor, visible=visible)
    roster.leave("/", "a", now=100.0)
    assert roster.count("/") == Count(1, 1, 1)


def test_a_return_to_another_node_ends_the_eldest_grace(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann")
    roster.join("/", "b", "ann", visible=False)
    roster.join("/", "c", "bob")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    roster.leave("/", "b", grace_s=GRACE_S, now=101.0)
    changes: list[tuple[str, object]] = []
    roster.on_change = lambda page, visitor, *_: changes.append((page, visitor))
    assert roster.end_grace("/", "ann")
    assert changes == [("/", "ann")]
    assert (roster.count("/"), roster.next_deadline()) == (Count(2, 2, 1), 103.0)
    assert roster.end_grace("/", "ann")
    assert (roster.count("/"), roster.next_deadline()) == (Count(1, 1, 1), math.inf)
    for page, visitor in (("/", "ann"), ("/", "bob"), ("/nobody", "ann")):
        assert not roster.end_grace(page, visitor)
    roster.leave("/", "c", grace_s=GRACE_S, now=102.0)
    assert roster.end_grace("/", "bob")
    assert list(roster.pages()) == []


@pytest.mark.parametrize("visible", [True, False])
def test_one_in_grace_is_as_visible_as_when_it_left(roster: Roster[str], visible: bool) -> None:
    roster.join("/", "a", "ann", visible=visible)
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    assert roster.count("/") == Count(1, 1, int(visible))


def test_a_return_in_another_state_of_view_changes_only_that(roster: Roster[str]) -> None:
    roster.join("/", "a", "ann", visible=False)
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    assert join(roster, "/", "b", "ann") == Change("/", Count(1, 1, 0), Count(1, 1, 1))
    roster.leave("/", "b", grace_s=GRACE_S, now=100.0)
    assert join(roster, "/", "c", "ann", visible=False) == Change("/", Count(1, 1, 1), Count(1, 1, 0))


def test_who_joins_again_is_not_hidden_because_it_once_was(roster: Roster[str]) -> None:
    roster.join("/", "other")
    roster.join("/", "a", visible=False)
    roster.leave("/", "a", now=100.0)
    roster.join("/", "a")
    assert roster.count("/") == Count(2, 2, 2)
    assert roster.show("/", "a", False) is not None


# What whoever tallies hears of it


def test_each_change_of_a_count_is_told_with_the_joins_in_it(roster: Roster[str]) -> None:
    told: list[tuple[str, int, int, int]] = []
    roster.on_count = lambda *what: told.append(what)
    roster.join("/", "a", "ann")
    roster.join("/", "b", "ann")
    roster.join("/", "c")
    roster.show("/", "c", False)
    assert told == [("/", 1, 1, 1), ("/", 2, 1, 1), ("/", 3, 2, 1)]
    told.clear()
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    roster.leave("/", "c", grace_s=GRACE_S, now=100.0)
    roster.join("/", "d", "ann")  # it takes the place of a
    roster.leave("/", "b", grace_s=GRACE_S, now=100.0)
    expire(roster, 102.0)
    roster.leave("/", "d", now=103.0)
    assert told == [
        ("/", 3, 2, 0),
        ("/", 2, 1, 0),
        ("/", 2, 1, 0),
        ("/", 2, 1, 0),
        ("/", 1, 1, 0),
        ("/", 0, 0, 0),
    ]


def test_a_place_that_is_given_up_takes_back_the_join_that_another_node_has_counted(
    roster: Roster[str],
) -> None:
    told: list[tuple[str, int, int, int]] = []
    roster.on_count = lambda *what: told.append(what)
    roster.join("/", "a", "ann")
    assert not roster.end_grace("/", "ann")
    roster.leave("/", "a", grace_s=GRACE_S, now=100.0)
    assert roster.end_grace("/", "ann")
    assert told == [("/", 1, 1, 1), ("/", 1, 1, 0), ("/", 0, 0, -1)]
