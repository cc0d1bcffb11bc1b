"""Who is on which page, against a list that is counted anew each time."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nannin.audience.roster import Change, Count, Roster

PAGES = ["/", "/news/1", "/何人"]
VISITORS = [None, "ann", "bob"]


class Move(NamedTuple):
    """A connection joins or leaves a page; `visitor` matters for a join only."""

    joins: bool
    page: str
    connection: int
    visitor: str | None


MOVES = st.builds(Move, st.booleans(), st.sampled_from(PAGES), st.integers(0, 5), st.sampled_from(VISITORS))


class NaiveRoster:
    """A list of (page, connection, visitor), recounted at each question."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, str | None]] = []

    def has(self, page: str, connection: int) -> bool:
        """Whether the connection is on the page."""
        return any(row[:2] == (page, connection) for row in self.rows)

    def audience(self, page: str) -> list[int]:
        """The connections on the page, in the order of their joins."""
        return [row[1] for row in self.rows if row[0] == page]

    def count(self, page: str) -> Count:
        """The page's count: a connection without a visitor's id is a visitor of its own."""
        here = [row for row in self.rows if row[0] == page]
        return Count(len(here), len({visitor or connection for _, connection, visitor in here}))


@settings(deadline=None, max_examples=300, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MOVES, max_size=60))
def test_any_order_of_joins_and_leaves_counts_like_a_list_that_is_counted_anew(moves: list[Move]) -> None:
    roster: Roster[int] = Roster()
    naive = NaiveRoster()
    for joins, page, connection, visitor in moves:
        before = naive.count(page)
        promised = roster.count_with(page, visitor)
        if joins and naive.has(page, connection):
            with pytest.raises(ValueError):
                roster.join(page, connection, visitor)
        elif joins:
            naive.rows.append((page, connection, visitor))
            change = roster.join(page, connection, visitor)
            assert change == Change(page, before, naive.count(page))
            assert promised == change.after
        elif naive.has(page, connection):
            naive.rows = [row for row in naive.rows if row[:2] != (page, connection)]
            assert roster.leave(page, connection) == Change(page, before, naive.count(page))
        else:
            assert roster.leave(page, connection) is None
        for each in PAGES:
            assert roster.count(each) == naive.count(each)
            assert list(roster.audience(each)) == naive.audience(each)
        assert set(roster.pages()) == {row[0] for row in naive.rows}
    for page, connection, _ in list(naive.rows):
        assert roster.leave(page, connection) is not None
    assert not roster.pages()
    assert [roster.count(page) for page in PAGES] == [Count(0, 0)] * len(PAGES)


def test_a_roster_is_empty_at_first() -> None:
    roster: Roster[str] = Roster()
    assert list(roster.pages()) == []
    assert roster.count("/") == Count(0, 0)
    assert list(roster.audience("/")) == []


def test_a_join_tells_the_count_before_and_after() -> None:
    roster: Roster[str] = Roster()
    assert roster.join("/", "a") == Change("/", Count(0, 0), Count(1, 1))
    assert roster.join("/", "b") == Change("/", Count(1, 1), Count(2, 2))


def test_a_leave_tells_the_count_before_and_after() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a")
    roster.join("/", "b")
    assert roster.leave("/", "a") == Change("/", Count(2, 2), Count(1, 1))
    assert roster.leave("/", "b") == Change("/", Count(1, 1), Count(0, 0))


def test_connections_without_a_visitor_are_visitors_of_their_own() -> None:
    roster: Roster[str] = Roster()
    for connection in "abc":
        roster.join("/", connection)
    assert roster.count("/") == Count(3, 3)


def test_connections_of_one_visitor_are_one_visitor() -> None:
    roster: Roster[str] = Roster()
    for connection in "abc":
        roster.join("/", connection, "ann")
    assert roster.count("/") == Count(3, 1)


def test_a_visitor_leaves_with_the_last_connection() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    roster.join("/", "b", "ann")
    roster.join("/", "c")
    roster.leave("/", "a")
    assert roster.count("/") == Count(2, 2)
    roster.leave("/", "b")
    assert roster.count("/") == Count(1, 1)


def test_pages_are_counted_apart() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    roster.join("/news", "a", "ann")
    assert (roster.count("/"), roster.count("/news")) == (Count(1, 1), Count(1, 1))
    roster.leave("/", "a")
    assert (roster.count("/"), roster.count("/news")) == (Count(0, 0), Count(1, 1))


def test_an_empty_page_is_forgotten() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a")
    roster.join("/news", "a")
    assert set(roster.pages()) == {"/", "/news"}
    roster.leave("/news", "a")
    assert set(roster.pages()) == {"/"}
    roster.leave("/", "a")
    assert list(roster.pages()) == []


def test_asking_makes_no_page() -> None:
    roster: Roster[str] = Roster()
    roster.count("/")
    roster.count_with("/", None)
    roster.audience("/")
    roster.leave("/", "a")
    assert list(roster.pages()) == []


def test_a_second_join_is_an_error_and_changes_nothing() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    with pytest.raises(ValueError, match="already"):
        roster.join("/", "a", "bob")
    assert roster.count("/") == Count(1, 1)
    roster.leave("/", "a")
    assert roster.count("/") == Count(0, 0)


def test_a_leave_of_the_unknown_is_none() -> None:
    roster: Roster[str] = Roster()
    assert roster.leave("/", "a") is None
    roster.join("/", "a")
    assert roster.leave("/", "b") is None
    assert roster.leave("/news", "a") is None
    assert roster.count("/") == Count(1, 1)


def test_a_second_leave_is_none_and_no_count_is_ever_negative() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    roster.leave("/", "a")
    assert roster.leave("/", "a") is None
    assert roster.count("/") == Count(0, 0)


@pytest.mark.parametrize(
    ("visitor", "expected"), [(None, Count(3, 3)), ("ann", Count(3, 2)), ("bob", Count(3, 3))]
)
def test_count_with_is_the_count_after_the_join(visitor: str | None, expected: Count) -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "ann")
    roster.join("/", "b")
    assert roster.count_with("/", visitor) == expected
    assert roster.count("/") == Count(2, 2)
    assert roster.join("/", "c", visitor).after == expected


@pytest.mark.parametrize("visitor", [None, "ann"])
def test_count_with_of_an_empty_page_is_one(visitor: str | None) -> None:
    roster: Roster[str] = Roster()
    assert roster.count_with("/", visitor) == Count(1, 1)


def test_an_empty_text_is_a_visitors_id_like_any_other() -> None:
    roster: Roster[str] = Roster()
    roster.join("/", "a", "")
    assert roster.join("/", "b", "").after == Count(2, 1)


def test_the_audience_is_in_the_order_of_joins() -> None:
    roster: Roster[str] = Roster()
    for connection in "cab":
        roster.join("/", connection)
    roster.leave("/", "c")
    roster.join("/", "c")
    assert list(roster.audience("/")) == ["a", "b", "c"]


def test_connections_are_any_hashable_objects() -> None:
    roster: Roster[object] = Roster()
    first, second = object(), object()
    roster.join("/", first)
    roster.join("/", second)
    assert list(roster.audience("/")) == [first, second]
