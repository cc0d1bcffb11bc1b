"""What a series reads. What it makes of that is tried over both databases, in the contract."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from nannin.audience.tally_rows import Period
from nannin.history.points import Step
from nannin.history.store import Store, open_store
from support.history_rows import row, seen

HOUR_S = 3600
UTC = ZoneInfo("UTC")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    with contextlib.closing(open_store(tmp_path / "history.sqlite3")) as opened:
        yield opened


def statements(kept: Store) -> list[str]:
    """What is asked of the database from now on."""
    asked: list[str] = []

    @event.listens_for(kept.engine, "before_cursor_execute")
    def keep(_0: object, _1: object, statement: str, *_: object) -> None:
        asked.append(statement)

    return asked


def test_minutes_are_read_only_where_hours_leave_something_open(kept: Store) -> None:
    hours = [row("/", Period.HOUR, at * HOUR_S, 1) for at in range(24)]
    kept.write([*hours, *(seen(Period.HOUR, at * HOUR_S) for at in range(24))], 7)
    asked = statements(kept)
    kept.series("/", 0, 24 * HOUR_S, Step.HOUR, UTC)
    assert sum("FROM nannin_rows" in statement for statement in asked) == 1
    asked.clear()
    kept.series("/", 0, 25 * HOUR_S, Step.HOUR, UTC)
    assert sum("FROM nannin_rows" in statement for statement in asked) == 2


def test_a_series_is_found_by_the_order_on_disk(kept: Store) -> None:
    asked = statements(kept)
    kept.series("/", 0, HOUR_S, Step.MINUTE, UTC)
    [query] = [statement for statement in asked if "FROM nannin_rows" in statement]
    with kept.engine.connect() as connection:
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {query}", (0, 1, 0, 1, 0, 1)[: query.count("?")]
        )
        said = " ".join(str(line) for line in plan)
    assert "SEARCH nannin_rows USING PRIMARY KEY (period=? AND page=? AND start_s>? AND start_s<?)" in said


def test_a_row_that_ends_where_the_series_begins_is_not_in_it(kept: Store) -> None:
    kept.write([row("/", Period.MINUTE, at, 1 + at) for at in (0, 60, 120)], 7)
    [point] = kept.series("/", 60, 120, Step.MINUTE, UTC)
    assert point.visitors is not None
    assert (point.visitors.least, point.visitors.greatest) == (61, 61)


def test_a_day_of_25_hours_is_found_in_its_last_hour(kept: Store) -> None:
    kept.write([row("/", Period.DAY, 0, 3, until_s=25 * HOUR_S)], 7)
    [point] = kept.series("/", 24 * HOUR_S, 25 * HOUR_S, Step.HOUR, UTC)
    assert point.visitors is None
    assert len(kept.series("/", 24 * HOUR_S, 25 * HOUR_S, Step.YEAR, UTC)) == 1
