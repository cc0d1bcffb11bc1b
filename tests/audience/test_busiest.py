"""The busiest pages are those that a sort by weight has first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nannin.audience.busiest import Busiest
from nannin.audience.tally_rows import NOBODY, Period, Row, Span


def row(number: int, weight: int, joins: int = 0) -> Row:
    return Row(f"/{number}", Period.MINUTE, 0, 0, 1, NOBODY, Span(0, 1, 0, weight), joins)


def chosen(rows: list[Row], most: int, step: int) -> list[Row]:
    busiest, found = Busiest(most), list[Row]()
    for at in range(0, len(rows), step):
        busiest.weigh(rows[at : at + step])
    for at in range(0, len(rows), step):
        found += busiest.choose(rows[at : at + step])
    return found


def check(weights: list[int], most: int, step: int) -> None:
    rows = [row(number, weight) for number, weight in enumerate(weights)]
    first = sorted(rows, key=lambda row: -row.connections.total_ms)[:most]
    assert chosen(rows, most, step) == sorted(first, key=rows.index)


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 10), st.integers(1, 7))
def test_they_are_the_first_of_a_sort(weights: list[int], most: int, step: int) -> None:
    check(weights, most, step)


def test_of_equals_the_first_are_chosen() -> None:
    for most in range(7):
        check([1, 2, 3, 2, 2, 1], most, 2)


def test_a_page_that_only_joins_are_known_of_weighs_as_many() -> None:
    assert chosen([row(0, 0, 1), row(1, 0, 3), row(2, 0, 2)], 1, 3) == [row(1, 0, 3)]
