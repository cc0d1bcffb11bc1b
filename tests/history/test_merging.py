"""What several recorders have seen becomes one history: nothing twice, and nothing invented."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nannin.audience.tally_rows import Period, Row, Span
from nannin.history.merging import Interval, Part, join_spans, pick, span_of, subtract, total
from nannin.history.points import Summary

# A second, in which every millisecond can be looked at.
END_MS = 30


def part() -> Part:
    return Part(0, 1)


def row(since_ms: int, until_ms: int, number: int = 1, joins: int = 0) -> Row:
    span = Span(number, number, since_ms, number * (until_ms - since_ms))
    return Row("/", Period.MINUTE, 0, since_ms, until_ms, span, span, joins)


moments = st.integers(0, END_MS)
intervals = st.lists(st.builds(lambda a, b: Interval(min(a, b), max(a, b)), moments, moments), max_size=8)
rows = st.lists(
    st.builds(
        lambda a, b, number, joins: row(min(a, b), max(a, b), number, joins),
        moments,
        moments,
        st.integers(1, 3),
        st.integers(0, 2),
    ),
    max_size=8,
)


def moments_of(spans: list[Interval]) -> set[int]:
    return {at for since, until in spans for at in range(since, until)}


@given(intervals)
def test_joined_spans_are_the_same_time_in_order(spans: list[Interval]) -> None:
    joined = join_spans(spans)
    assert moments_of(joined) == moments_of(spans)
    assert total(joined) == len(moments_of(spans))
    assert joined == sorted(joined)


@settings(max_examples=60)
@given(intervals, intervals)
def test_what_is_subtracted_is_in_some_and_in_none_of_the_others(
    spans: list[Interval], others: list[Interval]
) -> None:
    left = subtract(spans, others)
    assert moments_of(left) == moments_of(spans) - moments_of(others)
    assert total(left) == len(moments_of(left))


@settings(max_examples=40)
@given(rows, st.randoms())
def test_rows_are_taken_the_longest_first_in_whatever_order_they_come(
    given_rows: list[Row], order: object
) -> None:
    taken = pick(given_rows)
    shuffled = given_rows[:]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pick(shuffled) == taken
    assert total(map(span_of, taken)) == len(moments_of([*map(span_of, taken)]))
    for left_out in given_rows:
        length = left_out.until_ms - left_out.since_ms
        touched = [
            one for one in taken if one.since_ms < left_out.until_ms and left_out.since_ms < one.until_ms
        ]
        assert (
            not length or left_out in taken or max(one.until_ms - one.since_ms for one in touched) >= length
        )


def test_rows_that_touch_are_both_taken() -> None:
    assert pick([row(10, 20), row(0, 10)]) == [row(0, 10), row(10, 20)]


def test_what_is_picked_already_stays() -> None:
    assert pick([row(0, 30), row(10, 20)], [row(0, 5)]) == [row(0, 5), row(10, 20)]


def test_of_rows_that_overlap_the_longest_is_taken_and_what_the_other_alone_has_seen() -> None:
    one = part()
    one.add([row(0, 10, 5, joins=3), row(4, 20, 2, joins=1)], [])
    point = one.point()
    assert point.covered_ms == 20
    assert point.visitors == Summary(2, 5, 0, (16 * 2 + 4 * 5) / 20)
    assert point.joins == 1 + 3, "whoever joined did so once"
    assert one.gaps() == [(0, 4), (20, 1000)], "shorter rows would tell it exactly"


def test_a_worker_that_takes_over_in_the_middle_of_a_minute_loses_nothing_of_it() -> None:
    one = Part(0, 60)
    one.add([row(0, 35_371, 18), row(22_698, 60_000, 12)], [])
    point = one.point()
    assert point.covered_ms == 60_000
    assert point.visitors == Summary(12, 18, 0, (22_698 * 18 + 37_302 * 12) / 60_000)


def test_what_was_missed_is_the_time_before_the_last_moment_that_was_seen() -> None:
    one = part()
    assert one.point().missed_ms == 0, "nothing was seen"
    one.add([row(10, 20)], [Interval(0, 15)])
    assert one.point().missed_ms == 0, "the rest may not have come yet"
    one.add([], [Interval(30, 40)])
    assert one.point().missed_ms == 10
    one.add([row(25, 60)], [])
    assert one.point().missed_ms == 5


def test_nobody_was_there_where_a_recorder_was_looking() -> None:
    one = part()
    one.add([row(10, 20, 4)], [Interval(0, 40)])
    assert one.point().covered_ms == 40
    assert one.point().visitors == Summary(0, 4, 10, 1.0)


def test_nothing_is_known_where_no_recorder_was_looking() -> None:
    assert part().point().visitors is None
    assert part().gaps() == [(0, 1000)]


def test_a_page_that_nobody_was_on_has_zeros_from_the_first_moment_that_was_seen() -> None:
    one = part()
    one.add([], [Interval(5, 9), Interval(2, 4)])
    assert one.point().connections == Summary(0, 0, 2, 0.0)


def test_a_row_that_was_left_out_is_not_taken_for_nobody() -> None:
    one = part()
    one.add([row(0, 10, 5), row(4, 20, 2)], [Interval(0, 20)])
    assert one.point().covered_ms == 20


def test_a_row_that_reaches_beyond_the_step_says_only_that_somebody_was_there() -> None:
    one = part()
    one.add([row(990, 1010)], [Interval(0, 1010)])
    assert one.point().covered_ms == 990
    assert one.gaps() == [(990, 1000)]


def test_shorter_rows_fill_what_longer_ones_leave_open() -> None:
    one = part()
    one.add([row(990, 1010), row(0, 500, 2)], [Interval(0, 1010)])
    one.add([row(990, 1000, 7), row(400, 500, 9)], [])
    assert one.point().covered_ms == 1000
    assert one.point().visitors == Summary(0, 7, 990, (500 * 2 + 10 * 7) / 1000)
    assert not one.gaps()


def test_the_greatest_number_is_reached_when_it_was_first() -> None:
    one = part()
    one.add([row(10, 20, 3), row(0, 5, 3)], [])
    assert one.point().visitors == Summary(3, 3, 0, 3.0)


def test_joins_of_a_row_within_another_are_counted_as_when_the_clock_was_set_back() -> None:
    one = part()
    one.add([row(0, 30, joins=3), row(10, 20, joins=2), row(10, 20, 7, joins=4)], [])
    assert one.point().joins == 9
    assert one.point().visitors == Summary(1, 1, 0, 1.0), "of the rest, the longest row tells"


def test_joins_of_a_row_within_a_longer_one_are_in_that_already() -> None:
    one = part()
    one.add([row(0, 20, joins=5), row(10, 30, joins=4)], [])
    one.add([row(0, 10, joins=3), row(20, 30, joins=2), row(30, 40, joins=1)], [])
    one.add([row(35, 40, joins=1), row(40, 41, joins=6)], [])
    assert one.point().joins == 5 + 4 + 1 + 6


def test_joins_that_a_node_takes_back_never_make_less_than_none() -> None:
    one = part()
    one.joins = -2
    one.add([row(0, 5, joins=1)], [])
    assert one.point().joins == 0


@settings(max_examples=60)
@given(rows, intervals)
def test_a_point_is_what_can_be_counted_millisecond_by_millisecond(
    given_rows: list[Row], seen: list[Interval]
) -> None:
    one = part()
    one.add(given_rows, seen)
    taken = pick(given_rows)
    others = sorted(set(given_rows) - {*taken}, key=lambda one: (one.since_ms - one.until_ms, one))
    numbers = dict.fromkeys(moments_of(seen) - moments_of([*map(span_of, given_rows)]), 0)
    for each in reversed([*taken, *others]):
        numbers |= dict.fromkeys(range(each.since_ms, each.until_ms), each.visitors.least)
    point = one.point()
    assert point.covered_ms == len(numbers)
    assert point.missed_ms == max(numbers, default=-1) + 1 - len(numbers)
    assert point.joins == sum(one.joins for one in given_rows)
    left_out = moments_of([*map(span_of, others)]) - moments_of([*map(span_of, taken)])
    assert set(range(1000)) - numbers.keys() == moments_of(one.gaps()) - left_out
    if point.visitors is None:
        assert not numbers
    else:
        assert point.visitors.least == min(numbers.values())
        assert point.visitors.greatest == max(numbers.values())
        assert point.visitors.mean == sum(numbers.values()) / len(numbers)
        # A row says when it had its greatest number, though that moment may be another row's as well.
        moments = {one.since_ms for one in given_rows} | numbers.keys()
        assert point.visitors.greatest_at_ms in moments
        assert point.visitors.greatest_at_ms <= min(
            at for at, number in numbers.items() if number == point.visitors.greatest
        )
