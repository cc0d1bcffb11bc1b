"""What happens on a page happens in its groups, and nobody is counted twice there."""

from __future__ import annotations

import pytest

from nannin.audience.count import Count, Part
from nannin.audience.groups import Groups
from nannin.audience.roster import Roster

GRACE_S, GRACE_LOST_S = 2.0, 10.0


@pytest.fixture
def roster() -> Roster[str]:
    return Roster(Groups("/shop/*", "/*"))


def test_one_person_on_three_pages_is_one(roster: Roster[str]) -> None:
    for page in ("/shop/a", "/shop/b", "/shop/c"):
        roster.join(page, page, "ann")
    roster.join("/news", "n", "bob")
    assert roster.count("/shop/*") == Count(3, 1, 1)
    assert roster.count("/*") == Count(4, 2, 2)
    assert roster.groups_of("/shop/a") == ("/shop/*", "/*")
    assert roster.groups_of("/nobody") == ()


def test_a_group_is_there_while_somebody_is_on_its_pages(roster: Roster[str]) -> None:
    assert list(roster.pages()) == []
    assert not roster.is_held("/*")
    roster.join("/shop/a", "a", "ann")
    pages = roster.pages()
    assert list(pages) == ["/shop/a", "/shop/*", "/*"]
    assert (len(pages), "/*" in pages, "/shop/a" in pages, "/news" in pages) == (3, True, True, False)
    assert roster.is_held("/*")
    assert roster.is_held("/shop/a")
    roster.leave("/shop/a", "a", now=100.0)
    assert list(roster.pages()) == []
    assert roster.count("/*") == Count()


def test_a_group_has_visitors_and_no_connections_of_its_own(roster: Roster[str]) -> None:
    roster.join("/shop/a", "a", "ann", visible=False)
    roster.join("/shop/b", "b")
    assert list(roster.visitors("/shop/*")) == ["ann"]
    assert (roster.sees("/shop/*", "ann"), roster.sees("/shop/*", "bob")) == (False, None)
    assert roster.part("/shop/*") == Part(2, 1, 1)
    assert list(roster.audience("/shop/*")) == []


def test_a_move_from_page_to_page_changes_no_number_of_the_group(roster: Roster[str]) -> None:
    roster.join("/shop/a", "a", "ann")
    roster.leave("/shop/a", "a", now=100.0, grace_s=GRACE_S)
    assert (roster.count("/shop/*"), roster.in_grace("/shop/*")) == (Count(1, 1, 1), 1)
    roster.join("/shop/b", "b", "ann")
    assert (roster.count("/shop/*"), roster.in_grace("/shop/*")) == (Count(1, 1, 1), 0)
    assert roster.count("/shop/a") == Count(1, 1, 1)
    roster.end_graces(102.0)
    assert (roster.count("/shop/a"), roster.count("/shop/*")) == (Count(), Count(1, 1, 1))


def test_a_move_out_of_the_group_is_a_leave_once_its_grace_is_over(roster: Roster[str]) -> None:
    roster.join("/shop/a", "a", "ann")
    roster.leave("/shop/a", "a", now=100.0, grace_s=GRACE_S)
    roster.join("/news", "n", "ann")
    assert (roster.count("/shop/*"), roster.count("/*")) == (Count(1, 1, 1), Count(1, 1, 1))
    roster.end_graces(102.0)
    assert (roster.count("/shop/*"), roster.count("/*")) == (Count(), Count(1, 1, 1))


def test_a_tab_in_view_is_in_view_in_the_group(roster: Roster[str]) -> None:
    roster.join("/shop/a", "a", "ann")
    roster.show("/shop/a", "a", False)
    assert roster.count("/shop/*") == Count(1, 1, 0)
    roster.show("/shop/a", "a", True)
    assert roster.count("/shop/*") == Count(1, 1, 1)


def test_a_visitor_who_comes_back_on_another_node_gives_its_place_up(roster: Roster[str]) -> None:
    roster.join("/shop/a", "a", "ann")
    assert not roster.end_grace("/shop/*", "ann")
    roster.leave("/shop/a", "a", now=100.0, grace_s=GRACE_LOST_S)
    assert (roster.absent("/shop/*"), roster.absent("/shop/a"), roster.absent("/news")) == (1, 1, 0)
    assert roster.end_grace("/shop/*", "ann")
    assert not roster.end_grace("/shop/*", "ann")
    assert (roster.count("/shop/*"), roster.count("/shop/a")) == (Count(0, 1, 1), Count(1, 1, 1))
    assert (roster.absent("/shop/*"), roster.in_grace("/shop/*")) == (1, 0)
    assert roster.end_grace("/shop/a", "ann")
    assert list(roster.pages()) == []


def test_a_grace_that_ends_for_another_node_ends_in_the_group(roster: Roster[str]) -> None:
    roster.join("/shop/a", "a", "ann")
    roster.join("/shop/b", "b", "bob")
    roster.leave("/shop/a", "a", now=100.0, grace_s=GRACE_LOST_S)
    assert roster.end_grace("/shop/a", "ann")
    assert roster.count("/*") == Count(1, 1, 1)
    assert roster.end_graces(200.0) == []


def test_each_change_of_a_group_is_told(roster: Roster[str]) -> None:
    told: list[str] = []
    touched: list[tuple[str, object]] = []
    roster.on_group_change = told.append
    roster.on_change = lambda page, visitor, *_: touched.append((page, visitor))

    def heard() -> list[str]:
        assert told == [page for page, _ in touched if page.endswith("*")]
        assert {visitor for _, visitor in touched} == {"ann"}
        news = told.copy()
        told.clear()
        touched.clear()
        return news

    roster.join("/shop/a", "a", "ann")
    assert heard() == ["/shop/*", "/*"]
    roster.show("/shop/a", "a", False)
    assert heard() == ["/shop/*", "/*"]
    roster.leave("/shop/a", "a", now=100.0, grace_s=GRACE_S)
    assert heard() == ["/shop/*", "/*"]
    roster.end_grace("/shop/*", "ann")
    assert heard() == ["/shop/*"]
    roster.end_graces(102.0)
    assert heard() == ["/shop/*", "/*"]


def test_without_groups_there_are_none() -> None:
    roster: Roster[str] = Roster()
    roster.join("/shop/a", "a", "ann")
    assert roster.groups_of("/shop/a") == ()
    assert list(roster.pages()) == ["/shop/a"]


# on_count of a group


def test_who_counts_joins_hears_of_a_group_as_of_a_page(roster: Roster[str]) -> None:
    told: list[tuple[int, int, int]] = []

    def hear(page: str, connections: int, visitors: int, joins: int) -> None:
        if page == "/shop/*":
            told.append((connections, visitors, joins))

    roster.on_count = hear
    roster.join("/shop/a", "a", "ann")
    roster.join("/shop/b", "b")
    roster.leave("/shop/a", "a", now=100.0, grace_s=GRACE_S)
    roster.join("/shop/c", "c", "ann")
    roster.end_graces(102.0)
    roster.leave("/shop/b", "b", now=103.0)
    assert told == [(1, 1, 1), (2, 2, 1), (2, 2, 0), (2, 2, 0), (2, 2, 0), (1, 1, 0)]
    assert sum(joins for _, _, joins in told) == 2, "a move from page to page is no join"


@pytest.mark.parametrize("pages", [("/shop/*", "/shop/a"), ("/shop/a", "/shop/*")])
def test_a_return_to_another_node_is_no_join_of_the_group(
    roster: Roster[str], pages: tuple[str, str]
) -> None:
    """The other node has counted it as one. In which order the two are heard of makes no difference."""
    joined = dict.fromkeys((*pages, "/*"), 0)

    def hear(page: str, connections: int, visitors: int, joins: int) -> None:
        joined[page] += joins

    roster.on_count = hear
    roster.join("/shop/a", "a", "ann")
    roster.leave("/shop/a", "a", now=100.0, grace_s=GRACE_S)
    for page in pages:
        roster.end_grace(page, "ann")
    assert joined == dict.fromkeys((*pages, "/*"), 0)
    assert not roster.pages()
