"""The store of history: writes rows, and answers with series, peaks and pages.

It is called in one thread, which may wait for a disk or a network. It is the same over SQLite and PostgreSQL.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Table, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from nannin.audience.tally_rows import RECORDER, Period, Row
from nannin.errors import HistoryError
from nannin.history import schema
from nannin.history.engines import Database, check_encoding, open_database
from nannin.history.migrations import migrate
from nannin.history.points import Metric, Peak, Point, Step
from nannin.history.reading import known_ids, read_covered_until, read_pages, read_peaks, read_series

__all__ = ["Store", "open_store"]

logger = logging.getLogger("nannin.history")

_DAY_S: Final = 86_400
# How many pages to name in one statement, and to take what has expired from in one transaction.
_SLICE: Final = 500
# How many pages there may be. Anybody can name a page by joining it, and what is kept of one stays.
_MOST_PAGES: Final = 100_000
# When there are so many, this part of them makes room: those that were seen for the shortest time.
_TO_FORGET: Final = 0.1
# How many pages' numbers to remember: twice as many as a recorder follows at once.
_MOST_IDS: Final = 40_000


def open_store(
    where: str | Path, *, minutes_days: int = 7, hours_days: int = 90, most_pages: int = _MOST_PAGES
) -> Store:
    """Opens a database, or makes it, and brings its tables to this nannin's version.

    Args:
        where: a file of SQLite, or an address such as `postgresql://user@host/database`.
        minutes_days: how many days to keep minutes.
        hours_days: how many days to keep hours.
        most_pages: how many pages there may be. Where there are so many, no other is recorded until `expire`
            makes room.

    Raises:
        HistoryError: it can't be the history, and waiting does not help.
        HistoryAway: it can't be opened now.
        SettingsError: an address can't be read, or what it needs is not installed.
    """
    database = open_database(where)
    try:
        with database.writing() as connection:
            check_encoding(connection, database.where)
            migrate(connection, database.where)
    except HistoryError:
        database.engine.dispose()
        raise
    return Store(database, minutes_days=minutes_days, hours_days=hours_days, most_pages=most_pages)


class Store:
    """A database of history. `open_store` makes one.

    Args:
        database: has the tables.
        minutes_days: how many days to keep minutes.
        hours_days: how many days to keep hours.
        most_pages: how many pages there may be.

    Every method raises HistoryError or HistoryAway if the database fails.
    """

    def __init__(self, database: Database, *, minutes_days: int, hours_days: int, most_pages: int) -> None:
        self._database = database
        self._keep_s = {Period.MINUTE: minutes_days * _DAY_S, Period.HOUR: hours_days * _DAY_S}
        self._most_pages = most_pages
        self._told_full = False
        self._ids: dict[str, int] = {}
        insert = postgresql.insert if database.is_postgres else sqlite.insert
        self._put_rows = _replacing(insert(schema.rows), schema.rows)
        self._put_joins = _replacing(insert(schema.joins), schema.joins)
        self._put_pages = insert(schema.pages).on_conflict_do_nothing()
        peaks = insert(schema.peaks)
        new, old = peaks.excluded, schema.peaks.c
        is_earlier = (new.value == old.value) & (new.at_ms < old.at_ms)
        self._put_peaks = peaks.on_conflict_do_update(
            index_elements=list(schema.peaks.primary_key),
            set_={"value": new.value, "at_ms": new.at_ms},
            where=or_(new.value > old.value, is_earlier),
        )

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine, for a connection beside the store's own."""
        return self._database.engine

    @property
    def where(self) -> str:
        """Names the database for people, without a password."""
        return self._database.where

    def write(self, rows: Sequence[Row], writer: int) -> None:
        """Writes rows, all or none. A row that was written before is replaced.

        Args:
            rows: what a recorder has seen, of pages and of itself.
            writer: the recorder's number.
        """
        rows = [row for row in rows if row.since_ms < row.until_ms]
        ids = self._numbers({row.page for row in rows})
        rows = [row for row in rows if row.page in ids]
        values = sorted((_values(row, ids[row.page], writer) for row in rows), key=_order)
        peaks = _peaks(rows, ids)
        with self._writing() as connection:
            if values:
                connection.execute(self._put_rows, values)
            if peaks:
                connection.execute(self._put_peaks, peaks)

    def write_joins(self, rows: Sequence[Row], writer: int) -> None:
        """Writes how many connections came to one of several nodes. What was written before is replaced.

        Args:
            rows: what the node has seen; only its joins are kept.
            writer: the number of the node's recorder.
        """
        self._ids = {}  # the node that leads may have removed pages
        ids = self._numbers({row.page for row in rows})
        values = [
            {
                "period": schema.PERIODS[row.period],
                "page": ids[row.page],
                "start_s": row.start_s,
                "writer": writer,
                "since_ms": row.since_ms,
                "joins": row.joins,
            }
            for row in rows
            if row.page in ids
        ]
        if values:
            with self._writing() as connection:
                connection.execute(self._put_joins, sorted(values, key=_order))

    def expire(self, now_s: int) -> int:
        """Deletes minutes and hours that have been kept for long enough, and pages where there is no room.

        Args:
            now_s: the time, in unix seconds.

        Returns:
            How many rows were deleted.
        """
        with self._database.reading() as connection:
            pages = list(connection.execute(select(schema.pages.c.id).order_by(schema.pages.c.id)).scalars())
        deleted = 0
        for at in range(0, len(pages), _SLICE):
            with self._writing() as connection:
                for table in (schema.rows, schema.joins):
                    for period, keep_s in self._keep_s.items():
                        old = delete(table).where(
                            table.c.period == schema.PERIODS[period],
                            table.c.page.in_(pages[at : at + _SLICE]),
                            table.c.start_s < now_s - keep_s,
                        )
                        deleted += connection.execute(old).rowcount
        if len(pages) >= self._most_pages:
            self._make_room(pages[-1])
        return deleted

    def series(self, page: str, from_s: int, to_s: int, step: Step, zone: ZoneInfo) -> list[Point]:
        """A page's history, step by step, with a point for each step of the span.

        Args:
            page: its key, or that of a group.
            from_s: the beginning, in unix seconds; the first point is the step that it is in.
            to_s: the end.
            step: the length of each point.
            zone: whose days, weeks, months and years they are.
        """
        with self._database.reading() as connection:
            return read_series(connection, page, from_s, to_s, step, zone)

    def peaks(self, page: str | None = None, metric: Metric | None = None, limit: int = 100) -> list[Peak]:
        """The greatest numbers that pages ever had, the greatest first.

        Args:
            page: of this page only.
            metric: of this metric only.
            limit: maximum peaks to return.
        """
        with self._database.reading() as connection:
            return read_peaks(connection, page, metric, limit)

    def pages(self, limit: int, after: str = "") -> list[str]:
        """The keys of the pages that there is history of, in the order of their characters' numbers.

        Args:
            limit: maximum keys to return.
            after: only keys that come after this one.
        """
        with self._database.reading() as connection:
            return read_pages(connection, limit, after)

    def covered_until_ms(self, since_ms: int) -> int:
        """Up to when recorders have seen every minute, in unix milliseconds.

        Args:
            since_ms: where to begin; it is returned if none of them has seen that moment.
        """
        with self._database.reading() as connection:
            return read_covered_until(connection, since_ms)

    def close(self) -> None:
        """Lets go of the database."""
        self._database.engine.dispose()

    def _make_room(self, last_id: int) -> None:
        """Removes pages that were seen for the shortest time, and of those the ones with the fewest people.

        Args:
            last_id: of the newest page, which stays: its number would be given to another.
        """
        pages, of_day = schema.pages.c, schema.rows.c
        days = (of_day.period == schema.PERIODS[Period.DAY]) & (of_day.page == pages.id)
        first, last = (
            select(edge(of_day.start_s)).where(days).scalar_subquery() for edge in (func.min, func.max)
        )
        greatest = (
            select(func.max(schema.peaks.c.value)).where(schema.peaks.c.page == pages.id).scalar_subquery()
        )
        rarest = (
            select(pages.id)
            .where(pages.key != RECORDER, pages.id != last_id)
            .order_by(
                func.coalesce(last - first, 0), func.coalesce(greatest, 0), func.coalesce(last, 0), pages.id
            )
            .limit(max(1, int(self._most_pages * _TO_FORGET)))
        )
        with self._database.reading() as connection:
            ids = list(connection.execute(rarest).scalars())
        for at in range(0, len(ids), _SLICE):
            some = ids[at : at + _SLICE]
            with self._writing() as connection:
                for table in (schema.rows, schema.joins, schema.peaks):
                    connection.execute(delete(table).where(table.c.page.in_(some)))
                connection.execute(delete(schema.pages).where(pages.id.in_(some)))
        self._ids = {}
        self._told_full = False
        logger.warning("history has removed the %d pages that it had seen for the shortest time", len(ids))

    def _tell_if_full(self, is_full: bool) -> None:
        if is_full and not self._told_full:
            self._told_full = True
            logger.warning(
                "history has %d pages, the most that it keeps: others are not recorded until some "
                "that it has seen for the shortest time are removed, within an hour",
                self._most_pages,
            )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._database.writing() as connection:
                yield connection
        except HistoryError:
            self._ids = {}  # the database that comes back may be another, from a backup
            raise

    def _numbers(self, keys: Iterable[str]) -> Mapping[str, int]:
        """The number that stands for each page in the tables. One that has none gets one if there is room."""
        if len(self._ids) > _MOST_IDS:
            self._ids = {}
        missing = sorted(key for key in keys if key not in self._ids)
        for at in range(0, len(missing), _SLICE):
            some = missing[at : at + _SLICE]
            with self._writing() as connection:
                found = known_ids(connection, some)
                new = [{"key": key} for key in some if key not in found]
                if new:
                    count = select(func.count()).select_from(schema.pages)
                    new = new[: max(0, self._most_pages - connection.execute(count).scalar_one())]
                    self._tell_if_full(len(found) + len(new) < len(some))
                if new:
                    connection.execute(self._put_pages, new)
                    found = known_ids(connection, some)
            # Only now: had the transaction failed, others could have got the same numbers.
            self._ids.update(found)
        return self._ids


def _replacing(insert: Any, table: Table) -> Any:
    """An insert that puts its row in the place of one with the same key."""
    keys = table.primary_key.columns
    others = {
        column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys
    }
    return insert.on_conflict_do_update(index_elements=list(keys), set_=others)


def _order(values: Mapping[str, int]) -> tuple[int, int, int]:
    """The order of the table's key: the fastest to write, and two writers never wait crosswise."""
    return values["period"], values["page"], values["start_s"]


def _values(row: Row, page_id: int, writer: int) -> dict[str, int]:
    visitors, connections = row.visitors, row.connections
    return {
        "period": schema.PERIODS[row.period],
        "page": page_id,
        "start_s": row.start_s,
        "writer": writer,
        "since_ms": row.since_ms,
        "until_ms": row.until_ms,
        "visitors_least": visitors.least,
        "visitors_greatest": visitors.greatest,
        "visitors_greatest_at_ms": visitors.greatest_at_ms,
        "visitors_total_ms": visitors.total_ms,
        "connections_least": connections.least,
        "connections_greatest": connections.greatest,
        "connections_greatest_at_ms": connections.greatest_at_ms,
        "connections_total_ms": connections.total_ms,
        "joins": row.joins,
    }


def _peaks(rows: Iterable[Row], ids: Mapping[str, int]) -> list[dict[str, int]]:
    """The greatest numbers in these rows, the earliest of each."""
    greatest: dict[tuple[int, int], tuple[int, int]] = {}
    for row in rows:
        for metric, span in ((Metric.VISITORS, row.visitors), (Metric.CONNECTIONS, row.connections)):
            key, reached = (ids[row.page], schema.METRICS[metric]), (-span.greatest, span.greatest_at_ms)
            if row.page != RECORDER and span.greatest and reached < greatest.get(key, (0, 0)):
                greatest[key] = reached
    return [
        {"page": page, "metric": metric, "value": -least, "at_ms": at_ms}
        for (page, metric), (least, at_ms) in sorted(greatest.items())
    ]
