"""What a store of history does, over SQLite and over PostgreSQL: one suite for both.

Whoever runs it imports all of it, and has a fixture `where`: a file or an address, with nothing there yet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, text

from nannin.audience.tally_rows import Period, Row
from nannin.errors import HistoryError
from nannin.history import checking, migrations, store
from nannin.history.engines import open_database
from nannin.history.points import Metric, Peak, Point, Step, Summary
from nannin.history.store import Store, open_store
from support.history_rows import row, seen

MINUTE, HOUR, DAY = Period.MINUTE, Period.HOUR, Period.DAY
UTC, BERLIN, KOLKATA = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
NOON = int(datetime.fromisoformat("2026-11-27T12:00Z").timestamp())
MIDNIGHT = NOON - 12 * 3600
Where = str | Path


@pytest.fixture
def kept(where: Where) -> Iterator[Store]:
    opened = open_store(where)
    with contextlib.closing(opened):
        yield opened


def steady(number: int, at_s: int) -> Summary:
    return Summary(number, number, at_s * 1000, float(number))


def numbers(points: list[Point]) -> list[float | None]:
    """The means of the visitors."""
    return [point.visitors.mean if point.visitors is not None else None for point in points]


def test_what_is_written_is_read_with_every_step_of_the_span(kept: Store) -> None:
    kept.write([row("/", MINUTE, NOON + 60, 3, connections=5, joins=2), seen(MINUTE, NOON + 60)], 7)
    assert kept.series("/", NOON, NOON + 180, Step.MINUTE, UTC) == [
        Point(NOON, NOON + 60, 0, None, None, 0),
        Point(NOON + 60, NOON + 120, 60_000, steady(3, NOON + 60), steady(5, NOON + 60), 2),
        Point(NOON + 120, NOON + 180, 0, None, None, 0),
    ]


def test_a_page_that_was_never_seen_has_gaps_only_and_an_empty_span_nothing(kept: Store) -> None:
    assert numbers(kept.series("/", NOON, NOON + 120, Step.MINUTE, UTC)) == [None, None]
    assert kept.series("/", NOON, NOON, Step.MINUTE, UTC) == []
    assert kept.peaks() == []
    assert kept.pages(10) == []
    assert kept.covered_until_ms(NOON * 1000) == NOON * 1000
    assert kept.expire(NOON) == 0


def test_a_row_that_is_written_again_is_replaced_and_not_added(kept: Store) -> None:
    grown = [row("/", HOUR, NOON, 2, until_s=1800, joins=1), row("/", HOUR, NOON, 4, joins=9)]
    for one in [*grown, grown[-1]]:
        kept.write([one, seen(HOUR, NOON)], 7)
    [point] = kept.series("/", NOON, NOON + 3600, Step.HOUR, UTC)
    assert (point.covered_ms, point.visitors, point.joins) == (3_600_000, steady(4, NOON), 9)


def test_rows_of_a_recorder_that_follow_each_other_are_added(kept: Store) -> None:
    kept.write([row("/", MINUTE, NOON, 1, until_s=15, joins=1)], 7)
    kept.write([row("/", MINUTE, NOON, 5, since_s=45, joins=4)], 8)
    [point] = kept.series("/", NOON, NOON + 60, Step.MINUTE, UTC)
    assert point == Point(
        NOON,
        NOON + 60,
        30_000,
        Summary(1, 5, (NOON + 45) * 1000, 3.0),
        Summary(1, 5, (NOON + 45) * 1000, 3.0),
        5,
        missed_ms=30_000,
    )


def test_what_two_recorders_have_seen_at_once_is_counted_once(kept: Store) -> None:
    kept.write([row("/", HOUR, NOON, 6, until_s=1000, joins=6)], 7)
    kept.write([row("/", HOUR, NOON, 8, since_s=400, joins=8)], 8)
    kept.write([row("/", MINUTE, NOON + 60 * at, 6) for at in range(10)], 7)
    [point] = kept.series("/", NOON, NOON + 3600, Step.HOUR, UTC)
    assert point.joins == 8 + 6, "whoever joined did so once"
    # The first minutes are in the row that is left out. What there is of minutes tells of them exactly.
    assert point.covered_ms == 3_200_000 + 6 * 60_000 + 40_000
    assert point.visitors == Summary(6, 8, (NOON + 400) * 1000, (8 * 3200 + 6 * 400) / 3600)


def test_nobody_is_zero_and_what_was_not_seen_is_a_gap(kept: Store) -> None:
    kept.write([seen(MINUTE, NOON), seen(MINUTE, NOON + 60, until_s=20), row("/other", MINUTE, NOON, 1)], 7)
    points = kept.series("/", NOON, NOON + 180, Step.MINUTE, UTC)
    assert [point.covered_ms for point in points] == [60_000, 20_000, 0]
    assert numbers(points) == [0.0, 0.0, None]


def test_a_page_that_was_there_for_a_part_of_what_was_seen_was_empty_for_the_rest(kept: Store) -> None:
    kept.write([row("/", MINUTE, NOON, 4, since_s=45), seen(MINUTE, NOON)], 7)
    [point] = kept.series("/", NOON, NOON + 60, Step.MINUTE, UTC)
    assert (point.covered_ms, point.visitors) == (60_000, Summary(0, 4, (NOON + 45) * 1000, 1.0))


def test_where_pages_were_left_out_one_without_a_row_is_not_known(kept: Store) -> None:
    kept.write([row("/", MINUTE, NOON, 4, since_s=30), seen(MINUTE, NOON, left_out=3)], 7)
    assert numbers(kept.series("/", NOON, NOON + 60, Step.MINUTE, UTC)) == [2.0]
    assert numbers(kept.series("/other", NOON, NOON + 60, Step.MINUTE, UTC)) == [None]


def test_joins_of_several_nodes_are_added_up(kept: Store) -> None:
    kept.write([row("/", MINUTE, NOON, 4, joins=0)], 7)
    for writer, joins in [(7, 2), (8, 5), (8, 3)]:  # the last takes the place of the one before
        kept.write_joins([row("/", MINUTE, NOON, 0, joins=joins)], writer)
    kept.write_joins([row("/", MINUTE, NOON, 0, since_s=30, joins=10)], 8)
    kept.write_joins([row("/", MINUTE, NOON + 60, 0, joins=-1)], 7)
    kept.write_joins([], 7)
    assert [p.joins for p in kept.series("/", NOON, NOON + 120, Step.MINUTE, UTC)] == [15, 0]


@pytest.mark.parametrize("step", [Step.MINUTE, Step.HOUR, Step.DAY])
def test_a_clock_that_is_set_back_loses_no_joins(kept: Store, step: Step) -> None:
    for writer, since_s, until_s, joins in [(7, 0, 1800, 3), (8, 600, 1200, 2), (9, 900, 2400, 4)]:
        minutes = range(since_s, until_s, 60)
        kept.write([row("/", MINUTE, NOON + at, 1, joins=joins * (at == 960)) for at in minutes], writer)
        for period, start_s in ((HOUR, NOON), (DAY, MIDNIGHT)):
            before_s = NOON - start_s
            times = {"since_s": since_s + before_s, "until_s": until_s + before_s}
            kept.write([row("/", period, start_s, 1, joins=joins, **times)], writer)
    points = kept.series("/", NOON, NOON + 3600, step, UTC)
    assert sum(point.joins for point in points) == 9
    assert sum(point.covered_ms for point in points) == 2_400_000


def test_a_row_that_is_about_two_gaps_is_counted_once(kept: Store) -> None:
    kept.write([row("/", DAY, MIDNIGHT, 1, since_s=43_200 + 600, until_s=43_200 + 1200, joins=3)], 7)
    kept.write([row("/", HOUR, NOON, 1, until_s=1800, joins=5)], 8)
    [point] = kept.series("/", NOON, NOON + 3600, Step.DAY, UTC)
    assert (point.joins, point.covered_ms) == (8, 1_800_000)


def test_joins_of_days_are_found_in_the_hours_for_a_zone_with_other_days(kept: Store) -> None:
    kept.write_joins([row("/", DAY, MIDNIGHT, 0, joins=7)], 7)
    kept.write_joins([row("/", HOUR, MIDNIGHT + 3600 * at, 0, joins=1) for at in (17, 18, 19, 20)], 7)
    days = kept.series("/", MIDNIGHT, MIDNIGHT + 86_400, Step.DAY, UTC)
    assert [point.joins for point in days] == [7]
    days = kept.series("/", MIDNIGHT, MIDNIGHT + 86_400, Step.DAY, ZoneInfo("Europe/Moscow"))
    assert [point.joins for point in days] == [4, 0]
    days = kept.series("/", MIDNIGHT, MIDNIGHT + 86_400, Step.DAY, ZoneInfo("Asia/Yekaterinburg"))
    assert [point.joins for point in days] == [2, 2]


def test_days_have_the_hours_that_the_clocks_give_them(kept: Store) -> None:
    start = int(datetime.fromisoformat("2026-10-24T00:00+02:00").timestamp())
    kept.write(
        [
            row("/", DAY, start, 1),
            row("/", DAY, start + 86_400, 2, until_s=25 * 3600),
            row("/", DAY, start + 86_400 + 25 * 3600, 3),
        ],
        7,
    )
    days = kept.series("/", start, start + 3 * 86_400, Step.DAY, BERLIN)
    assert numbers(days) == [1.0, 2.0, 3.0]
    assert [point.covered_ms // 3_600_000 for point in days] == [24, 25, 24]
    [week] = kept.series("/", start, start + 1, Step.WEEK, BERLIN)
    assert week.covered_ms == 49 * 3_600_000
    [year] = kept.series("/", start, start + 1, Step.YEAR, BERLIN)
    assert year.covered_ms == 73 * 3_600_000
    assert year.visitors == Summary(1, 3, (start + 86_400 + 25 * 3600) * 1000, (24 + 2 * 25 + 3 * 24) / 73)


def test_days_of_another_zone_are_made_of_hours_and_those_of_minutes(kept: Store) -> None:
    kept.write([row("/", DAY, MIDNIGHT, 4), seen(DAY, MIDNIGHT)], 7)
    hours = [MIDNIGHT + 3600 * at for at in range(24)]
    kept.write([row("/", HOUR, hour, 4) for hour in hours] + [seen(HOUR, hour) for hour in hours], 7)
    days = kept.series("/", MIDNIGHT, MIDNIGHT + 86_400, Step.DAY, BERLIN)
    assert [point.covered_ms // 3_600_000 for point in days] == [23, 1]
    minutes = [MIDNIGHT + 60 * at for at in range(18 * 60, 19 * 60)]  # in the hour that two days share
    kept.write([row("/", MINUTE, minute, 4) for minute in minutes], 7)
    days = kept.series("/", MIDNIGHT, MIDNIGHT + 86_400, Step.DAY, KOLKATA)
    assert [point.covered_ms / 3_600_000 for point in days] == [18.5, 5.5]
    assert numbers(days) == [4.0, 4.0]


def test_many_gaps_are_looked_for_at_once(kept: Store) -> None:
    hours = [NOON + 3600 * at for at in range(80)]
    kept.write([row("/", HOUR, hour, 2, until_s=1800) for hour in hours], 7)
    kept.write([row("/", MINUTE, hour + 1800, 5) for hour in hours], 7)
    points = kept.series("/", NOON, NOON + 80 * 3600, Step.HOUR, UTC)
    assert {point.covered_ms for point in points} == {1_860_000}
    assert {point.visitors.greatest for point in points if point.visitors} == {5}


def test_the_peak_is_the_greatest_number_ever_and_its_first_moment(kept: Store) -> None:
    kept.write(
        [row("/", MINUTE, NOON + 60, 5, connections=6), row("/b", MINUTE, NOON, 9), seen(MINUTE, NOON)], 7
    )
    kept.write([row("/", MINUTE, NOON, 5, connections=7), row("/empty", MINUTE, NOON, 0)], 7)
    kept.write([row("/", MINUTE, NOON + 120, 4)], 7)
    assert kept.peaks("/") == [
        Peak("/", Metric.CONNECTIONS, 7, NOON * 1000),
        Peak("/", Metric.VISITORS, 5, NOON * 1000),
    ]
    assert [(peak.page, peak.value) for peak in kept.peaks(metric=Metric.VISITORS)] == [("/b", 9), ("/", 5)]
    assert [peak.page for peak in kept.peaks(limit=3)] == ["/b", "/b", "/"]
    assert kept.peaks("/nowhere") == []


def test_pages_are_listed_in_the_order_of_their_characters(kept: Store) -> None:
    keys = ["/B", "/a", "/", "/ä", "/*", "/日本", "/\U0001f600", "/｡"]
    kept.write([row(key, MINUTE, NOON, 1) for key in keys] + [seen(MINUTE, NOON)], 7)
    assert kept.pages(100) == sorted(keys)
    assert kept.pages(2) == sorted(keys)[:2]
    assert kept.pages(2, after=sorted(keys)[1]) == sorted(keys)[2:4]


def test_minutes_and_hours_expire_and_days_and_peaks_stay(where: Where) -> None:
    with contextlib.closing(open_store(where, minutes_days=1, hours_days=2)) as kept:
        old = [row("/", MINUTE, MIDNIGHT, 3), row("/", HOUR, MIDNIGHT, 3), row("/", DAY, MIDNIGHT, 3)]
        kept.write([*old, seen(MINUTE, MIDNIGHT), row("/", MINUTE, NOON, 1)], 7)
        kept.write_joins(old, 7)
        assert kept.expire(MIDNIGHT + 86_400) == 0
        assert kept.expire(MIDNIGHT + 86_401) == 3  # of the page, of the recorder, and joins
        assert numbers(kept.series("/", MIDNIGHT, MIDNIGHT + 60, Step.MINUTE, UTC)) == [None]
        assert numbers(kept.series("/", NOON, NOON + 60, Step.MINUTE, UTC)) == [1.0]
        assert numbers(kept.series("/", MIDNIGHT, MIDNIGHT + 60, Step.HOUR, UTC)) == [3.0]
        assert kept.expire(NOON + 100 * 86_400) == 3
        assert numbers(kept.series("/", MIDNIGHT, MIDNIGHT + 60, Step.HOUR, UTC)) == [None]
        assert numbers(kept.series("/", MIDNIGHT, MIDNIGHT + 60, Step.DAY, UTC)) == [3.0]
        assert kept.peaks("/", Metric.VISITORS)[0].value == 3


def test_pages_expire_however_many_there_are(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_SLICE", 3)
    kept.write([row(f"/{number}", MINUTE, MIDNIGHT, 1) for number in range(10)], 7)
    assert len(kept.pages(100)) == 10
    assert kept.expire(NOON + 8 * 86_400) == 10


def test_pages_that_anybody_can_make_take_a_bounded_place(
    where: Where, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(open_store(where, most_pages=20)) as kept:
        for day in (MIDNIGHT - 86_400, MIDNIGHT):
            kept.write([row("/known", DAY, day, 1)], 7)
        kept.write([row("/busy", DAY, MIDNIGHT, 9)], 7)
        for number in range(50):
            kept.write([row(f"/made/{number:02}", DAY, MIDNIGHT, 1), seen(DAY, MIDNIGHT)], 7)
            kept.write_joins([row(f"/made/{number:02}", DAY, MIDNIGHT, 1, joins=1)], 7)
        assert len(kept.pages(100)) == 19
        assert kept.expire(NOON) == 0
        left = kept.pages(100)
        assert {"/known", "/busy", "/made/16"} < set(left), "and the newest"
        assert len(left) == 17
        kept.write([row("/made/00", DAY, MIDNIGHT, 1), row("/new", DAY, MIDNIGHT, 1)], 7)
        assert "/new" in kept.pages(100)
        assert kept.peaks("/new") != []
        assert kept.peaks("/made/00") != []
    assert [record.getMessage() for record in caplog.records] == [
        "history has 20 pages, the most that it keeps: others are not recorded until some that it has seen "
        "for the shortest time are removed, within an hour",
        "history has removed the 2 pages that it had seen for the shortest time",
    ]


def test_it_remembers_the_numbers_of_so_many_pages_only(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_MOST_IDS", 2)
    for number in range(6):
        kept.write([row(f"/{number}", MINUTE, NOON, number + 1)], 7)
    assert len(kept._ids) <= 3
    assert numbers(kept.series("/5", NOON, NOON + 60, Step.MINUTE, UTC)) == [6.0]


def test_what_was_written_is_there_when_it_is_opened_again(where: Where) -> None:
    with contextlib.closing(open_store(where)) as kept:
        kept.write([row("/", MINUTE, NOON, 3), seen(MINUTE, NOON)], 7)
    with contextlib.closing(open_store(where)) as kept:
        assert numbers(kept.series("/", NOON, NOON + 60, Step.MINUTE, UTC)) == [3.0]
        assert kept.covered_until_ms(NOON * 1000) == (NOON + 60) * 1000


def test_a_recorder_is_covered_up_to_the_last_moment_of_its_last_minute(kept: Store) -> None:
    kept.write([seen(MINUTE, NOON + 60, until_s=10), seen(MINUTE, NOON), row("/", MINUTE, NOON + 600, 1)], 7)
    kept.write([seen(MINUTE, NOON + 60, since_s=10, until_s=20)], 7)
    assert kept.covered_until_ms(NOON * 1000) == (NOON + 80) * 1000
    kept.write([seen(MINUTE, NOON + 60, since_s=23), seen(MINUTE, NOON + 120)], 8)
    assert kept.covered_until_ms(NOON * 1000) == (NOON + 80) * 1000, "not beyond what nobody has seen"
    assert kept.covered_until_ms((NOON + 85) * 1000) == (NOON + 180) * 1000
    assert kept.covered_until_ms((NOON + 180) * 1000) == (NOON + 180) * 1000


def test_rows_are_written_all_or_none(kept: Store) -> None:
    kept.write([row("/", MINUTE, NOON, 1)], 7)
    with pytest.raises(HistoryError):
        kept.write([row("/", MINUTE, NOON, 2), row("/", MINUTE, NOON, 2, since_s=1)._replace(joins=2**63)], 7)
    assert numbers(kept.series("/", NOON, NOON + 60, Step.MINUTE, UTC)) == [1.0]


def test_a_row_that_is_about_no_time_is_not_written(kept: Store) -> None:
    kept.write([row("/", MINUTE, NOON, 1, until_s=0)], 7)
    assert numbers(kept.series("/", NOON, NOON + 60, Step.MINUTE, UTC)) == [None]
    assert kept.peaks() == []


def test_two_processes_write_to_it_and_read_what_the_other_has_written(where: Where, kept: Store) -> None:
    with contextlib.closing(open_store(where)) as other:
        kept.write([row("/", MINUTE, NOON, 1), row("/a", MINUTE, NOON, 1)], 7)
        other.write([row("/b", MINUTE, NOON, 2), row("/a", MINUTE, NOON + 60, 2)], 8)
        assert kept.pages(10) == other.pages(10) == ["/", "/a", "/b"]
        assert numbers(kept.series("/a", NOON, NOON + 120, Step.MINUTE, UTC)) == [1.0, 2.0]


def test_it_is_made_once_though_many_open_it_at_once(where: Where) -> None:
    def open_and_write(number: int) -> None:
        with contextlib.closing(open_store(where)) as kept:
            kept.write([row("/", MINUTE, NOON, 1), row(f"/{number}", MINUTE, NOON, 1)], number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(open_and_write, range(4)))
    with contextlib.closing(open_store(where)) as kept:
        assert kept.pages(10) == ["/", "/0", "/1", "/2", "/3"]


def add_notes(connection: Connection) -> None:
    """A change of the tables that is made up: pages get notes, which say their keys."""
    connection.execute(text("ALTER TABLE nannin_pages ADD COLUMN note TEXT"))
    connection.execute(text("UPDATE nannin_pages SET note = key"))


def fail(connection: Connection) -> None:
    raise HistoryError("it failed in the middle")


def test_an_older_version_is_migrated_and_keeps_what_it_has(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(open_store(where)) as kept:
        kept.write([row("/", MINUTE, NOON, 3)], 7)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_notes))
    monkeypatch.setattr(checking, "SCHEMA_VERSION", 2)
    for _ in range(2):  # the second time, nothing is left to do
        with contextlib.closing(open_store(where)) as kept:
            assert numbers(kept.series("/", NOON, NOON + 60, Step.MINUTE, UTC)) == [3.0]
            with kept.engine.connect() as connection:
                assert list(connection.execute(text("SELECT note FROM nannin_pages"))) == [("/",)]
                assert list(connection.execute(text("SELECT version FROM nannin_schema"))) == [(2,)]


def test_a_migration_that_fails_changes_nothing(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(open_store(where)) as kept:
        kept.write([row("/", MINUTE, NOON, 3)], 7)
    with monkeypatch.context() as broken:
        broken.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_notes, fail))
        with pytest.raises(HistoryError, match="it failed in the middle"):
            open_store(where)
    with contextlib.closing(open_store(where)) as kept:
        assert numbers(kept.series("/", NOON, NOON + 60, Step.MINUTE, UTC)) == [3.0]
        with kept.engine.connect() as connection, pytest.raises(Exception, match="note"):
            connection.execute(text("SELECT note FROM nannin_pages"))


def test_a_newer_version_is_refused_and_left_as_it_is(where: Where) -> None:
    with contextlib.closing(open_store(where)) as kept, kept.engine.connect() as connection:
        connection.execute(text("UPDATE nannin_schema SET version = 99"))
        connection.commit()
    with pytest.raises(
        HistoryError, match=r"a newer nannin has written it \(version 99 of its tables"
    ) as refused:
        open_store(where)
    assert type(refused.value) is HistoryError
    database = open_database(where) if isinstance(where, str) else None
    if database is not None:
        with database.reading() as connection:
            assert connection.execute(text("SELECT version FROM nannin_schema")).scalar() == 99
        database.engine.dispose()


def test_what_one_reads_does_not_change_while_another_writes(where: Where, kept: Store) -> None:
    database = open_database(where)
    with database.reading() as connection:
        before = connection.execute(text("SELECT count(*) FROM nannin_pages")).scalar()
        kept.write([row("/", MINUTE, NOON, 1)], 7)
        assert connection.execute(text("SELECT count(*) FROM nannin_pages")).scalar() == before == 0
    database.engine.dispose()


def rows_of_a_minute(pages: int, start_s: int) -> list[Row]:
    return [row(f"/{number}", MINUTE, start_s, number % 7 + 1) for number in range(pages)]


def test_a_busy_minute_is_one_transaction(kept: Store) -> None:
    kept.write([*rows_of_a_minute(600, NOON), seen(MINUTE, NOON)], 7)
    assert len(kept.pages(10_000)) == 600
    assert numbers(kept.series("/599", NOON, NOON + 60, Step.MINUTE, UTC)) == [599 % 7 + 1]
