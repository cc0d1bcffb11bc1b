"""The people on the pages of a group: each counts once, for as long as on any of the pages."""

from __future__ import annotations

import pytest

from nannin.audience.count import Count, Given, Part
from nannin.audience.group_audience import GroupAudience


@pytest.fixture
def group() -> GroupAudience:
    return GroupAudience()


def is_there(group: GroupAudience) -> bool:
    """Whether somebody is counted."""
    return bool(group.live or group.visitors)


def join(group: GroupAudience, name: str | None = "ann", visible: bool = True, ended: object = None) -> Count:
    group.join(name, visible, ended)
    return group.count()


def leave(
    group: GroupAudience, name: str | None = "ann", visible: bool = True, grace: object = None
) -> Count:
    group.leave(name, visible, grace)
    return group.count()


def test_nobody_is_there_at_first(group: GroupAudience) -> None:
    assert (group.count(), group.part(), is_there(group)) == (Count(), Part(), False)
    assert group.sees("ann") is None


def test_a_visitor_on_three_pages_is_one(group: GroupAudience) -> None:
    assert join(group) == Count(1, 1, 1)
    assert join(group, visible=False) == Count(2, 1, 1)
    assert join(group) == Count(3, 1, 1)
    assert join(group, "bob") == Count(4, 2, 2)
    assert (group.part(), group.sees("ann"), is_there(group)) == (Part(4, 0, 0), True, True)
    assert leave(group) == Count(3, 2, 2)
    assert leave(group) == Count(2, 2, 1)
    assert group.sees("ann") is False
    assert leave(group, visible=False) == Count(1, 1, 1)
    assert leave(group, "bob") == Count()
    assert not is_there(group)


def test_connections_without_an_id_are_visitors_of_their_own(group: GroupAudience) -> None:
    join(group, None)
    assert join(group, None, visible=False) == Count(2, 2, 1)
    assert (group.part(), is_there(group)) == (Part(2, 2, 1), True)
    group.show(None, True)
    assert group.count() == Count(2, 2, 2)
    group.show(None, False)
    assert leave(group, None, visible=False) == Count(1, 1, 1)
    assert leave(group, None) == Count()


def test_an_id_that_the_application_gave_is_another_visitor(group: GroupAudience) -> None:
    join(group)
    group.join(Given("ann"), True, None)
    assert group.count() == Count(2, 2, 2)


def test_a_visitor_is_visible_while_one_page_is(group: GroupAudience) -> None:
    join(group)
    join(group, visible=False)
    group.show("ann", False)
    assert group.count() == Count(2, 1, 0)
    group.show("ann", True)
    assert group.count() == Count(2, 1, 1)


# Grace


def test_a_second_page_that_comes_into_view_makes_no_second_visitor(group: GroupAudience) -> None:
    join(group)
    join(group, visible=False)
    group.show("ann", True)
    assert group.count() == Count(2, 1, 1)
    group.show("ann", False)
    assert group.count() == Count(2, 1, 1)


def test_a_grace_keeps_the_place_until_it_is_over(group: GroupAudience) -> None:
    join(group)
    assert leave(group, grace="g") == Count(1, 1, 1)
    assert (group.graces, group.part()) == (1, Part(1, 0, 0))
    group.end("ann", "g")
    assert (group.count(), group.graces, is_there(group)) == (Count(), 0, False)


def test_a_move_to_another_page_changes_no_number(group: GroupAudience) -> None:
    join(group)
    leave(group, grace="first")
    assert join(group) == Count(1, 1, 1)
    assert leave(group, grace="second") == Count(1, 1, 1)
    assert join(group) == Count(1, 1, 1)
    group.end("ann", "first")
    group.end("ann", "second")
    assert (group.count(), group.graces) == (Count(1, 1, 1), 0)


def test_a_return_to_the_same_page_changes_no_number(group: GroupAudience) -> None:
    join(group)
    leave(group, grace="g")
    assert join(group, ended="g") == Count(1, 1, 1)
    assert group.absent == 0
    assert leave(group) == Count()


def test_a_return_to_a_page_whose_place_was_taken_is_one_connection_more(group: GroupAudience) -> None:
    join(group)
    leave(group, grace="g")
    join(group)
    assert join(group, ended="g") == Count(2, 1, 1)


def test_of_two_places_a_return_takes_one(group: GroupAudience) -> None:
    for grace in ("one", "two"):
        join(group)
        join(group, "bob")
        leave(group, grace=grace)
        leave(group, "bob")
    assert (group.count(), group.graces) == (Count(1, 1, 1), 1), "the second join took the first one's place"
    join(group)
    join(group)
    leave(group, grace="three")
    leave(group, grace="four")
    assert group.count() == Count(2, 1, 1)
    assert join(group, ended="three") == Count(2, 1, 1)


def test_a_visitor_whose_last_page_is_hidden_is_seen_until_the_grace_of_a_visible_one_is_over(
    group: GroupAudience,
) -> None:
    join(group)
    leave(group, grace="g")
    assert join(group, visible=False) == Count(1, 1, 1)
    group.end("ann", "g")
    assert group.count() == Count(1, 1, 0)


def test_a_visitor_counts_for_as_long_as_on_one_page(group: GroupAudience) -> None:
    """The link of the first page was lost, and the second one was closed: the first has the longer grace."""
    join(group)
    leave(group, grace="long")
    join(group)
    leave(group, grace="short")
    group.end("ann", "short")
    assert group.count() == Count(1, 1, 1)
    group.end("ann", "long")
    assert group.count() == Count()


def test_one_who_has_taken_a_place_and_goes_at_once_gives_it_back(group: GroupAudience) -> None:
    join(group)
    leave(group, grace="g", visible=True)
    join(group)
    assert leave(group) == Count(1, 1, 1)
    assert group.graces == 1
    group.end("ann", "g")
    assert not is_there(group)


def test_a_join_says_whether_it_is_one_connection_more(group: GroupAudience) -> None:
    assert group.join(None, True, None)
    assert group.join("ann", True, None)
    assert group.join("ann", True, None), "a second tab"
    group.leave("ann", True, "g")
    assert not group.join("ann", True, None), "it took the place"
    assert group.join("ann", True, "g"), "which is gone now"


# Other nodes


def test_a_visitor_who_comes_through_another_node_takes_the_place_and_still_counts(
    group: GroupAudience,
) -> None:
    join(group)
    assert not group.give_up("ann"), "nothing is in grace"
    assert not group.give_up("bob")
    leave(group, grace="g")
    assert group.give_up("ann")
    assert (group.count(), group.graces, group.absent) == (Count(0, 1, 1), 0, 1)
    assert not group.give_up("ann")
    group.end("ann", "g")
    assert (is_there(group), group.absent) == (False, 0)


def test_a_return_through_another_node_takes_one_place_though_it_is_told_twice(group: GroupAudience) -> None:
    """Of the page that the visitor has returned to, and of the group."""
    for grace in ("one", "two", "three"):
        join(group)
        leave(group, grace=grace)
        if grace != "three":
            assert group.give_up("ann")  # so that each takes no place of the one before
    join(group)
    join(group)
    for grace in ("four", "five"):
        leave(group, grace=grace)
    for grace in ("one", "two", "three"):
        group.end("ann", grace)
    assert group.count().connections == 2
    group.end("ann", "four", returned=True)
    assert group.count().connections == 1
    assert not group.give_up("ann"), "it was taken by the return to the page"
    assert group.count().connections == 1
    assert group.give_up("ann")
    assert group.count().connections == 0


def test_a_place_that_was_taken_twice_is_forgotten_when_the_visitor_joins_here(group: GroupAudience) -> None:
    join(group)
    join(group)
    leave(group, grace="one")
    leave(group, grace="two")
    group.end("ann", "one", returned=True)
    join(group)  # in the place of the other one
    leave(group, grace="three")
    assert group.give_up("ann")
    assert group.count().connections == 0


def test_only_one_place_is_given_up(group: GroupAudience) -> None:
    join(group)
    join(group, visible=False)
    leave(group, grace="one")
    leave(group, visible=False, grace="two")
    assert group.give_up("ann")
    assert group.count() == Count(1, 1, 1)
    group.end("ann", "one")
    assert group.count() == Count(1, 1, 0)
    group.end("ann", "two")
    assert not is_there(group)


def test_one_who_comes_back_from_another_node_is_one_connection_more(group: GroupAudience) -> None:
    join(group)
    leave(group, grace="one")
    assert group.give_up("ann")
    assert join(group) == Count(1, 1, 1)
    assert leave(group, grace="two") == Count(1, 1, 1)
    group.end("ann", "one")
    assert group.count() == Count(1, 1, 1)
    group.end("ann", "two")
    assert not is_there(group)


def test_one_who_is_still_here_stays(group: GroupAudience) -> None:
    join(group)
    join(group)
    leave(group, grace="g")
    assert group.give_up("ann")
    assert group.count() == Count(1, 1, 1)
