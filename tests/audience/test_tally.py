"""The rows of minutes equal those that are worked out afresh from the list of all changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nannin.audience.tally import Tally
from nannin.audience.tally_rows import MINUTE_MS, Period, Row, Span
from support.naive_tally import START_MS, Change, naive_rows

MOMENTS = st.one_of(
    st.integers(0, 5), st.integers(0, 30_000), st.sampled_from([MINUTE_MS, 3 * MINUTE_MS, 200_000])
)
STEPS = st.lists(
    st.tuples(
        MOMENTS,
        st.sampled_from(["/", "/a", "/b"]),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(-1, 1),
        st.integers(0, 3),  # how many pages' minutes are ended after it; 0: none
    ),
    max_size=30,
)


def made(since_ms: int, steps: list[tuple[int, str, int, int, int, int]]) -> tuple[list[Change], int]:
    changes, at_ms = [], since_ms
    for wait_ms, page, connections, visitors, joins, _ in steps:
        at_ms += wait_ms
        changes.append(Change(at_ms, page, connections, min(visitors, connections), joins))
    return changes, at_ms


def over(tally: Tally) -> list[Row]:
    """The rows of all minutes that are over."""
    for start_s, rows in tally.minutes.items():
        assert {row.start_s for row in rows} == {start_s}
    return [row for rows in tally.minutes.values() for row in rows]


def check(offset_ms: int, steps: list[tuple[int, str, int, int, int, int]], rest_ms: int) -> None:
    """Rows are those of all changes, whenever minutes are ended."""
    since_ms = START_MS + offset_ms
    changes, at_ms = made(since_ms, steps)
    tally = Tally(since_ms)
    for change, step in zip(changes, steps, strict=True):
        tally.change(change.page, change.connections, change.visitors, change.at_ms, change.joins)
        if step[-1]:
            tally.end_minutes(change.at_ms, step[-1])
    last = tally.close(at_ms + rest_ms)
    assert len(over(tally)) + len(last) == len({*over(tally), *last})
    assert {*over(tally), *last} == naive_rows(changes, since_ms, at_ms + rest_ms)


@given(st.integers(0, MINUTE_MS - 1), STEPS, st.integers(1, 150_000))
def test_rows_are_those_of_all_changes(
    offset_ms: int, steps: list[tuple[int, str, int, int, int, int]], rest_ms: int
) -> None:
    check(offset_ms, steps, rest_ms)


def test_rows_are_those_of_all_changes_where_minutes_end_late() -> None:
    check(
        500,
        [
            (20, "/", 3, 2, 1, 0),
            (20, "/", 1, 1, 0, 0),
            (20, "/", 2, 2, 1, 0),
            (3 * MINUTE_MS, "/", 1, 1, 0, 0),
            (20, "/", 0, 0, 0, 0),
            (3 * MINUTE_MS, "/", 0, 0, 0, 0),
            (3 * MINUTE_MS, "/", 1, 1, 1, 1),
        ],
        MINUTE_MS,
    )


def test_a_page_may_have_somebody_from_the_beginning() -> None:
    tally = Tally(START_MS + 500)
    tally.begin("/", 3, 2)
    tally.begin("/nobody", 0, 0)
    tally.change("/", 4, 2, START_MS + 1_500, 1)
    [row] = tally.close(START_MS + 2_500)
    visitors = Span(2, 2, START_MS + 500, 4_000)
    connections = Span(3, 4, START_MS + 1_500, 7_000)
    times = START_MS // 1000, START_MS + 500, START_MS + 2_500
    assert row == Row("/", Period.MINUTE, *times, visitors, connections, 1)


def test_a_minute_is_over_for_so_many_pages_at_once() -> None:
    tally = Tally(START_MS)
    for page in ("/a", "/b", "/c"):
        tally.change(page, 1, 1, START_MS + 1, 1)
    assert tally.end_minutes(START_MS + 2, 2) is False  # this minute runs, and yet they are looked at once
    assert tally.end_minutes(START_MS + 2, 2) is True
    assert over(tally) == []
    assert tally.end_minutes(START_MS + MINUTE_MS - 1, 2) is True
    assert [tally.end_minutes(START_MS + MINUTE_MS, 2) for _ in range(3)] == [False, True, True]
    assert {row.page for row in over(tally)} == {"/a", "/b", "/c"}


def test_a_page_that_everybody_left_is_forgotten_with_its_minute() -> None:
    tally = Tally(START_MS)
    tally.change("/", 1, 1, START_MS + 1, 1)
    tally.change("/", 0, 0, START_MS + 2)
    tally.end_minutes(START_MS + MINUTE_MS, 10)
    tally.end_minutes(START_MS + 2 * MINUTE_MS, 10)
    assert len(over(tally)) == 1
    assert tally.close(START_MS + 2 * MINUTE_MS + 1) == []


def test_joins_are_kept_of_a_page_that_nobody_is_on() -> None:
    tally = Tally(START_MS)
    tally.change("/", 0, 0, START_MS + 1, -1)
    assert [row.joins for row in tally.close(START_MS + 2)] == [-1]


def test_what_begins_and_ends_at_one_moment_has_no_row() -> None:
    tally = Tally(START_MS)
    tally.change("/", 1, 1, START_MS, 1)
    assert tally.close(START_MS) == []


def test_the_numbers_of_now_are_those_of_the_last_changes() -> None:
    tally = Tally(START_MS)
    tally.begin("/", 3, 2)
    tally.change("/a", 5, 4, START_MS + 10)
    tally.change("/a", 1, 1, START_MS + 20)
    found = {(line.page, line.connections, line.visitors) for line in tally.numbers()}
    assert found == {("/", 3, 2), ("/a", 1, 1)}
