"""Rows wait in order and within bounds; what is dropped is a gap for every page."""

from __future__ import annotations

from nannin.audience.tally_rows import NOBODY, RECORDER, Period, Row
from nannin.history.waiting import Batch, Waiting


def row(
    page: str = "/", period: Period = Period.MINUTE, start_s: int = 60, since_ms: int = 60_000, joins: int = 0
) -> Row:
    return Row(page, period, start_s, since_ms, since_ms + 1, NOBODY, NOBODY, joins)


def taken(waiting: Waiting, most: int = 100) -> list[Row]:
    """All rows, in the order in which they would be written."""
    rows = []
    while (batch := waiting.take(most)) is not None:
        rows += batch.rows
    return rows


def test_a_newer_row_takes_the_place_of_an_older_one() -> None:
    waiting = Waiting()
    waiting.put([row(joins=1), row("/a")], 7)
    waiting.put([row(joins=2)], 7)
    assert len(waiting) == 2
    assert taken(waiting) == [row("/a"), row(joins=2)]
    assert len(waiting) == 0


def test_rows_of_another_writer_period_time_or_kind_are_others() -> None:
    waiting = Waiting()
    waiting.put([row(), row(period=Period.HOUR), row(start_s=120), row(since_ms=60_001)], 7)
    waiting.put([row()], 8)
    waiting.put([row()], 7, is_own=True)
    assert len(waiting) == 6


def test_a_batch_is_of_one_writer_and_kind_and_no_larger_than_asked_for() -> None:
    waiting = Waiting()
    waiting.put([row("/a"), row("/b"), row("/c")], 7)
    waiting.put([row("/d")], 8, is_own=True)
    batches = []
    while (batch := waiting.take(2)) is not None:
        batches.append((batch.kind.writer, batch.kind.is_own, [row.page for row in batch.rows]))
    assert batches == [(7, False, ["/a", "/b"]), (7, False, ["/c"]), (8, True, ["/d"])]


def test_what_the_recorder_has_seen_is_written_after_its_pages() -> None:
    waiting = Waiting()
    hour = Period.HOUR
    waiting.put([row("/a", hour), row(RECORDER, hour)], 7)
    waiting.put([row("/a", hour, joins=1), row("/b", hour), row(RECORDER, hour, joins=1)], 7)
    assert [row.page for row in taken(waiting)] == ["/a", "/b", RECORDER]


def put_back(waiting: Waiting, batch: Batch | None) -> None:
    assert batch is not None
    waiting.put_back(batch)


def test_what_could_not_be_written_waits_again_before_all_others() -> None:
    waiting = Waiting()
    waiting.put([row("/a"), row("/b", joins=1)], 7)
    batch = waiting.take(2)
    waiting.put([row("/b", joins=2)], 7)
    waiting.put([row("/c", start_s=120)], 7)
    put_back(waiting, batch)
    assert len(waiting) == 3
    assert taken(waiting) == [row("/a"), row("/b", joins=2), row("/c", start_s=120)]


def test_the_oldest_minute_is_dropped_whole_and_its_hour_stays() -> None:
    waiting = Waiting(6)
    waiting.put([row("/a", start_s=60), row(RECORDER, start_s=60), row("/a", Period.HOUR, 0)], 7)
    waiting.put([row("/a", start_s=120), row(RECORDER, start_s=120)], 7)
    waiting.put([row("/a", start_s=180), row(RECORDER, start_s=180)], 7)
    assert waiting.dropped == 2
    assert {(row.period, row.start_s) for row in taken(waiting)} == {
        (Period.HOUR, 0),
        (Period.MINUTE, 120),
        (Period.MINUTE, 180),
    }


def test_what_follows_of_a_dropped_minute_is_dropped_as_well() -> None:
    waiting = Waiting(1)
    waiting.put([row("/a"), row("/b")], 7)
    assert (len(waiting), waiting.dropped) == (0, 2)
    waiting.put([row(RECORDER), row("/a", start_s=120)], 7)
    assert waiting.dropped == 3
    assert taken(waiting) == [row("/a", start_s=120)]


def test_an_hour_that_is_over_is_dropped_before_a_day_that_goes_on() -> None:
    waiting = Waiting(2)
    waiting.put([row(period=Period.DAY, start_s=0), row(period=Period.HOUR, start_s=3600)], 7)
    waiting.put([row(period=Period.HOUR, start_s=7200)], 7)
    assert [row.start_s for row in taken(waiting)] == [0, 7200]


def test_what_is_put_back_is_bounded_too() -> None:
    waiting = Waiting(2)
    waiting.put([row("/a"), row("/b")], 7)
    batch = waiting.take(2)
    waiting.put([row("/c", start_s=120)], 7)
    put_back(waiting, batch)
    assert (len(waiting), waiting.dropped) == (1, 2)


def test_totals_or_own_joins_are_forgotten() -> None:
    waiting = Waiting()
    waiting.put([row("/total")], 7)
    waiting.put([row("/own")], 7, is_own=True)
    waiting.forget_totals()
    assert (len(waiting), [row.page for row in taken(waiting)]) == (1, ["/own"])
    waiting.put([row("/total")], 7)
    waiting.put([row("/own")], 7, is_own=True)
    waiting.forget_own()
    assert (len(waiting), [row.page for row in taken(waiting)]) == (1, ["/total"])
