"""Who is on which page: joins, leaves, visitors and their tabs."""

from __future__ import annotations

import pytest

from nannin.audience.groups import Groups
from nannin.audience.roster import Change, Count, Counts, Given, Part, Roster, VisitorName
from support.roster_changes import join, leave


def test_a_roster_is_empty_at_first() -> None:
    roster: Roster[str] = Roster()
    assert list(roster.pages()) == []
    assert roster.count("/") == Count()
    assert list(roster.audience("/")) == []


def test_a_join_tells_the_count_before_and_after() -> None:
    roster: Roster[str] = Roster()
    assert join(roster, "/", "a") == Change("/", Count(), Count(1, 1, 1))
    assert join(roster, "/", "b") == Change("/", Count(1, 1, 1), Count(2, 2, 2))


def test_a_leave_tells_the_count_before_and_after() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a")
    roster.join("/", "b")
    assert leave(roster, "/", "a", now=100.0) == Change("/", Count(2, 2, 2), Count(1, 1, 1))
    assert leave(roster, "/", "b", now=100.0) == Change("/", Count(1, 1, 1), Count())


def test_connections_without_a_visitor_are_visitors_of_their_own() -> None:
    roster: Roster[str] = Roster()
    for connection in "abc":
        roster.join("/", connection)
    assert roster.count("/") == Count(3, 3, 3)


def test_connections_of_one_visitor_are_one_visitor() -> None:
    roster: Roster[str] = Roster()
    for connection in "abc":
        roster.join("/", connection, "ann")
    assert roster.count("/") == Count(3, 1, 1)


def test_a_visitor_leaves_with_the_last_connection() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    roster.join("/", "b", "ann")
    roster.join("/", "c")
    roster.leave("/", "a", now=100.0)
    assert roster.count("/") == Count(2, 2, 2)
    roster.leave("/", "b", now=100.0)
    assert roster.count("/") == Count(1, 1, 1)


def test_pages_are_counted_apart() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    roster.join("/news", "a", "ann")
    assert (roster.count("/"), roster.count("/news")) == (Count(1, 1, 1), Count(1, 1, 1))
    roster.leave("/", "a", now=100.0)
    assert (roster.count("/"), roster.count("/news")) == (Count(), Count(1, 1, 1))


def test_an_empty_page_is_forgotten() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a")
    roster.join("/news", "a")
    assert set(roster.pages()) == {"/", "/news"}
    roster.leave("/news", "a", now=100.0)
    assert set(roster.pages()) == {"/"}
    roster.leave("/", "a", now=100.0)
    assert list(roster.pages()) == []


def test_asking_makes_no_page() -> None:
    roster: Roster[str] = Roster()
    roster.count("/")
    roster.count_with("/", None)
    roster.audience("/")
    roster.leave("/", "a", now=100.0)
    assert list(roster.pages()) == []


def test_a_second_join_is_an_error_and_changes_nothing() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    with pytest.raises(ValueError, match="already"):
        roster.join("/", "a", "bob")
    assert roster.count("/") == Count(1, 1, 1)
    roster.leave("/", "a", now=100.0)
    assert roster.count("/") == Count()


def test_a_leave_of_the_unknown_is_none() -> None:
    roster: Roster[str] = Roster()
    assert leave(roster, "/", "a", now=100.0) is None
    roster.join("/", "a")
    assert leave(roster, "/", "b", now=100.0) is None
    assert leave(roster, "/news", "a", now=100.0) is None
    assert roster.count("/") == Count(1, 1, 1)


def test_a_second_leave_is_none_and_no_count_is_ever_negative() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    roster.leave("/", "a", now=100.0)
    assert leave(roster, "/", "a", now=100.0) is None
    assert roster.count("/") == Count()


@pytest.mark.parametrize(
    ("visitor", "expected"), [(None, Count(3, 3, 3)), ("ann", Count(3, 2, 2)), ("bob", Count(3, 3, 3))]
)
def test_count_with_is_the_count_after_the_join(visitor: str | None, expected: Count) -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    roster.join("/", "b")
    assert roster.count_with("/", visitor) == expected
    assert roster.count("/") == Count(2, 2, 2)
    assert join(roster, "/", "c", visitor).after == expected


@pytest.mark.parametrize("visitor", [None, "ann"])
def test_count_with_of_an_empty_page_is_one(visitor: str | None) -> None:
    roster: Roster[str] = Roster()
    assert roster.count_with("/", visitor) == Count(1, 1, 1)


def test_an_empty_text_is_a_visitors_id_like_any_other() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "")
    assert join(roster, "/", "b", "").after == Count(2, 1, 1)


def test_the_audience_is_in_the_order_of_joins() -> None:
    roster: Roster[str] = Roster()
    for connection in "cab":
        roster.join("/", connection)
    roster.leave("/", "c", now=100.0)
    roster.join("/", "c")
    assert list(roster.audience("/")) == ["a", "b", "c"]


def test_connections_are_any_hashable_objects() -> None:
    roster: Roster[object] = Roster()
    first, second = object(), object()
    roster.join("/", first)
    roster.join("/", second)
    assert list(roster.audience("/")) == [first, second]


# What this node adds to a shared count


def test_a_part_is_all_connections_and_the_visitors_without_an_id() -> None:
    roster: Roster[str] = Roster()
    assert roster.part("/") == Part()
    roster.join("/", "a", "ann")
    roster.join("/", "b")
    roster.join("/", "c", visible=False)
    assert roster.part("/") == Part(3, 2, 1)
    roster.leave("/", "a", now=0.0, grace_s=1.0)
    roster.leave("/", "b", now=0.0, grace_s=1.0)
    assert roster.part("/") == Part(2, 1, 0), "Ann is in grace"


def test_a_visitor_sees_a_page_through_any_of_its_connections() -> None:
    roster: Roster[str] = Roster()
    assert roster.sees("/", "ann") is None
    roster.join("/", "a", "ann", visible=False)
    roster.join("/", "b", "ann")
    assert (roster.sees("/", "ann"), roster.sees("/", "bob")) == (True, None)
    roster.show("/", "b", False)
    assert roster.sees("/", "ann") is False


def test_each_change_is_told_with_its_visitor() -> None:
    roster: Roster[str] = Roster()
    told: list[tuple[str, VisitorName | None]] = []
    roster.on_change = lambda page, visitor, *_: told.append((page, visitor))
    roster.join("/", "a", "ann")
    roster.join("/", "b")
    roster.show("/", "a", False)
    roster.show("/", "a", False)  # nothing new
    roster.leave("/", "a", now=0.0, grace_s=1.0)
    roster.leave("/", "b", now=0.0)
    roster.end_graces(2.0)
    assert told == [("/", "ann"), ("/", None), ("/", "ann"), ("/", "ann"), ("/", None), ("/", "ann")]


def test_who_was_not_there_before_has_come() -> None:
    roster: Roster[str] = Roster(Groups("/*"))
    came: list[tuple[str, VisitorName | None]] = []
    roster.on_change = lambda page, visitor, is_new, _: came.append((page, visitor)) if is_new else None
    roster.join("/", "a", "ann")
    assert came == [("/", "ann"), ("/*", "ann")]
    roster.join("/", "b", "ann")
    roster.join("/", "c")
    roster.show("/", "b", False)
    roster.leave("/", "a", now=0.0)
    roster.leave("/", "b", now=0.0, grace_s=1.0)
    roster.join("/", "d", "ann")
    assert came[2:] == []
    roster.join("/news", "a", "ann")
    assert came[2:] == [("/news", "ann")]


def test_a_page_is_held_while_somebody_is_counted_on_it() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    roster.leave("/", "a", now=0.0, grace_s=1.0)
    assert roster.is_held("/")
    roster.end_graces(2.0)
    assert not roster.is_held("/")


def test_a_leave_wants_the_time() -> None:
    roster: Roster[str] = Roster()
    with pytest.raises(TypeError, match="now"):
        roster.leave("/", "a")  # type: ignore[call-arg]


def test_a_roster_is_one_nodes_counts() -> None:
    counts: Counts = Roster[str]()
    assert counts.count_with("/", None) == Count(1, 1, 1)


def test_connections_are_known_with_visitors_and_visitors_while_they_are_counted() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    roster.join("/", "b")
    roster.leave("/", "a", grace_s=2.0, now=100.0)
    assert dict(roster.connections("/")) == {"b": None}
    assert list(roster.visitors("/")) == ["ann"]
    assert (dict(roster.connections("/news")), list(roster.visitors("/news"))) == ({}, [])


def test_an_id_that_the_application_gave_is_another_than_the_same_text_of_a_client() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "phone", Given("user:7"))
    assert roster.count_with("/", "user:7") == Count(2, 2, 2)
    assert roster.count_with("/", Given("user:7")) == Count(2, 1, 1)
    roster.join("/", "laptop", Given("user:7"))
    roster.join("/", "poser", "user:7")
    assert roster.count("/") == Count(3, 2, 2)
    assert list(roster.visitors("/")) == [Given("user:7"), "user:7"]


def test_a_count_of_one_node_is_never_stale() -> None:
    assert not Roster[str]().is_stale("/")
    assert not Roster[str]().is_alone()


def test_one_node_knows_every_count_at_once_and_asks_nobody() -> None:
    roster, counted = Roster[str](), list[str]()
    roster.listen("/", True)
    assert (roster.knows("/"), roster.knows(None), list(roster.pages())) == (True, True, [])
    roster.when_counted("/", lambda: counted.append("now"))
    assert counted == ["now"]
