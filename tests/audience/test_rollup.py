"""Rows of hours and days equal those that are worked out afresh from the list of all changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nannin.audience.rollup import Bounds, Rollup
from nannin.audience.tally import Tally
from nannin.audience.tally_rows import MINUTE_MS, Period, Row, Span
from support.naive_tally import START_MS, Change, naive_row


class Zone:
    """Hours and days of a zone that is so many minutes off, where a day may have 23 or 25 hours."""

    def __init__(self, offset_minutes: int, day_hours: int) -> None:
        self.offset_s, self.day_s = offset_minutes * 60, day_hours * 3600
        self.asked = 0

    def find(self, start_s: int) -> Bounds:
        self.asked += 1
        hour_s = start_s - (start_s + self.offset_s) % 3600
        day_s = start_s - (start_s + self.offset_s) % self.day_s
        return Bounds(hour_s, hour_s + 3600, day_s, day_s + self.day_s)


def minute(start_ms: int, page: str = "/", number: int = 1, joins: int = 0) -> Row:
    span = Span(number, number, start_ms, number * MINUTE_MS)
    until_ms = start_ms + MINUTE_MS
    return Row(page, Period.MINUTE, start_ms // 1000, start_ms, until_ms, span, span, joins)


@given(
    st.sampled_from([0, 30, 45, 330, 345, -570]),
    st.sampled_from([23, 24, 25]),
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 90_000), st.sampled_from([1_800_000, 3_600_000, 40_000_000])),
            st.sampled_from(["/", "/a"]),
            st.integers(0, 3),
            st.integers(0, 1),
        ),
        max_size=12,
    ),
)
def test_the_last_row_of_a_period_is_that_of_all_changes_in_it(
    offset_minutes: int, day_hours: int, steps: list[tuple[int, str, int, int]]
) -> None:
    zone = Zone(offset_minutes, day_hours)
    tally, rollup = Tally(START_MS), Rollup(zone.find, 10)
    changes, at_ms = [], START_MS
    for wait_ms, page, connections, joins in steps:
        at_ms += wait_ms
        changes.append(Change(at_ms, page, connections, min(connections, 2), joins))
        tally.change(*changes[-1][1:4], at_ms, joins)
    tally.end_minutes(at_ms + MINUTE_MS, 10)
    last: dict[tuple[str, Period, int], Row] = {}
    for row in (row for _, rows in sorted(tally.minutes.items()) for row in rows):
        pair = rollup.add(row)
        assert pair is not None
        for longer in pair:
            key = longer.page, longer.period, longer.start_s
            assert longer.since_ms == last.get(key, longer).since_ms
            last[key] = longer
    for (page, period, start_s), row in last.items():
        bounds = zone.find(row.since_ms // 1000)
        assert start_s == (bounds.hour_s if period is Period.HOUR else bounds.day_s)
        assert row == naive_row(changes, page, period, start_s, row.since_ms, row.until_ms)


def test_time_between_two_minutes_had_nobody() -> None:
    rollup = Rollup(Zone(0, 24).find, 10)
    rollup.add(minute(START_MS, number=2))
    pair = rollup.add(minute(START_MS + 2 * MINUTE_MS, number=3))
    assert pair is not None
    day = pair[1]
    assert (day.since_ms, day.until_ms) == (START_MS, START_MS + 3 * MINUTE_MS)
    assert day.visitors == Span(0, 3, START_MS + 2 * MINUTE_MS, 5 * MINUTE_MS)


def test_the_first_of_two_equal_peaks_is_kept() -> None:
    rollup = Rollup(Zone(0, 24).find, 10)
    rollup.add(minute(START_MS))
    pair = rollup.add(minute(START_MS + MINUTE_MS))
    assert pair is not None
    assert pair[0].connections.greatest_at_ms == START_MS


def test_the_zone_is_asked_once_an_hour() -> None:
    zone = Zone(0, 24)
    rollup = Rollup(zone.find, 10)
    for number in range(120):
        rollup.add(minute(1_700_002_800_000 + number * MINUTE_MS))
    assert zone.asked == 2


def test_a_minute_can_stand_alone() -> None:
    rollup = Rollup(Zone(0, 24).find, 10)
    rollup.add(minute(START_MS, joins=5))
    hour, day = rollup.alone(minute(START_MS + MINUTE_MS, joins=1))
    assert (hour.period, day.period) == (Period.HOUR, Period.DAY)
    assert hour.since_ms == day.since_ms == START_MS + MINUTE_MS
    assert hour.joins == day.joins == 1


def test_a_page_without_a_minute_makes_room_for_another() -> None:
    rollup = Rollup(Zone(0, 24).find, 1)
    assert rollup.add(minute(START_MS, "/a")) is not None
    assert rollup.add(minute(START_MS + MINUTE_MS, "/b")) is None  # /a may go on in this minute
    assert rollup.left_out == 1
    assert rollup.add(minute(START_MS + 2 * MINUTE_MS, "/b")) is not None
    later = START_MS + 9 * MINUTE_MS
    pair = rollup.add(minute(later, "/a"))
    assert pair is not None
    assert pair[1].since_ms == later  # beside the row that it had
