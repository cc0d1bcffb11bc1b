"""Reads series, peaks and pages from the tables of history."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, func, select

from nannin.audience.tally_rows import RECORDER, Period, Row, Span
from nannin.history import schema, zones
from nannin.history.merging import Interval, Part, join_spans, span_of, subtract
from nannin.history.points import Metric, Peak, Point, Step

__all__ = ["known_ids", "read_covered_until", "read_pages", "read_peaks", "read_series"]

# Which rows the steps of each length are made of: the longest first, then those that fill what these leave.
_PERIODS: Final[dict[Step, tuple[Period, ...]]] = {
    Step.MINUTE: (Period.MINUTE,),
    Step.HOUR: (Period.HOUR, Period.MINUTE),
} | dict.fromkeys((Step.DAY, Step.WEEK, Step.MONTH, Step.YEAR), (Period.DAY, Period.HOUR, Period.MINUTE))
# No row is longer than this: a day in which the clocks go back, and half an hour for what nobody thought of.
_LONGEST_S: Final = {Period.MINUTE: 60, Period.HOUR: 3600, Period.DAY: 25 * 3600 + 1800}
_USUAL_S: Final = {Period.MINUTE: 60, Period.HOUR: 3600, Period.DAY: 24 * 3600}
# How many spans to look for one by one. More are looked for as one, which finds rows that nobody asked for.
_MOST_SPANS: Final = 64
# Recorders that begin together know of each other a moment later. What one of them alone has seen is no gap.
_MOMENT_MS: Final = 1_000
_METRICS: Final = {number: metric for metric, number in schema.METRICS.items()}


def read_series(
    connection: Connection, page: str, from_s: int, to_s: int, step: Step, zone: ZoneInfo
) -> list[Point]:
    """A page's history, step by step. The arguments are those of `Store.series`."""
    bounds = list(zones.boundaries(from_s, to_s, step, zone))
    if len(bounds) < 2:
        return []
    ids = known_ids(connection, [page, RECORDER])
    series = _Series([Part(start_s, until_s) for start_s, until_s in pairwise(bounds)])
    missing = [Interval(bounds[0] * 1000, bounds[-1] * 1000)]
    for period in _PERIODS[step]:
        series.add(*_read_rows(connection, ids, page, period, missing))
        missing = series.gaps()
    if page in ids:
        _add_joins(connection, ids[page], series, step, zone)
    return [part.point() for part in series.parts]


class _Series:
    """The steps of a series while they are put together."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self._starts = [part.start_s for part in parts]

    def add(self, rows: Sequence[Row], seen: Sequence[Interval]) -> None:
        """Adds rows of one length of the page, and what recorders have seen by rows of that length."""
        theirs: dict[int, tuple[list[Row], list[Interval]]] = {}
        for row in rows:
            for at in self._steps(span_of(row)):
                theirs.setdefault(at, ([], []))[0].append(row)
        for span in seen:
            for at in self._steps(span):
                theirs.setdefault(at, ([], []))[1].append(span)
        for at, (its_rows, its_seen) in theirs.items():
            self.parts[at].add(its_rows, its_seen)

    def add_joins(self, start_s: int, joins: int) -> None:
        """Adds connections to the step that has this moment."""
        for at in self._steps(Interval(start_s * 1000, start_s * 1000 + 1)):
            self.parts[at].joins += joins

    def gaps(self) -> list[Interval]:
        """The spans of which nothing is known."""
        gaps = join_spans(gap for part in self.parts for gap in part.gaps())
        return gaps if len(gaps) <= _MOST_SPANS else [Interval(gaps[0].since, gaps[-1].until)]

    def _steps(self, span: Interval) -> range:
        """Which steps a span touches."""
        first = bisect_right(self._starts, span.since // 1000) - 1
        last = bisect_right(self._starts, (span.until - 1) // 1000)
        last = min(last, len(self.parts) if span.since < self.parts[-1].until_s * 1000 else 0)
        return range(max(first, 0), last)


def _read_rows(
    connection: Connection, ids: dict[str, int], page: str, period: Period, spans: Iterable[Interval]
) -> tuple[list[Row], list[Interval]]:
    """The rows of a page that are about a part of some spans, and what recorders have seen of them."""
    table = schema.rows.c
    every: dict[tuple[Any, ...], Sequence[Any]] = {}  # each once, though it be about a part of several
    for span in spans:
        query = select(schema.rows).where(
            table.period == schema.PERIODS[period],
            table.page.in_(ids.values()),
            table.start_s > span.since // 1000 - _LONGEST_S[period],
            table.start_s < -(-span.until // 1000),
            table.until_ms > span.since,
            table.since_ms < span.until,
        )
        every |= {tuple(found[:5]): found for found in connection.execute(query)}
    own = [found for found in every.values() if found[1] == ids.get(page)]
    seen = [found for found in every.values() if found[1] != ids.get(page)]
    of_same = {(found[2], found[3]) for found in own}
    return [_row(page, period, found) for found in own], [
        Interval(found[4], found[5])
        for found in seen
        # Where pages were left out, one without a row may have been among them.
        if not found[-1] or (found[2], found[3]) in of_same
    ]


def _row(page: str, period: Period, found: Sequence[Any]) -> Row:
    _, _, start_s, _, since_ms, until_ms, *numbers, joins = found
    return Row(page, period, start_s, since_ms, until_ms, Span(*numbers[:4]), Span(*numbers[4:]), joins)


def _add_joins(connection: Connection, page_id: int, series: _Series, step: Step, zone: ZoneInfo) -> None:
    """Adds what several nodes have counted, by the longest rows that lie in one step each."""
    table = schema.joins.c
    taken: list[Interval] = []  # of what has been added, in seconds
    for period in _PERIODS[step]:
        query = (
            select(table.start_s, func.sum(table.joins))
            .where(
                table.period == schema.PERIODS[period],
                table.page == page_id,
                table.start_s >= series.parts[0].start_s,
                table.start_s < series.parts[-1].until_s,
            )
            .group_by(table.start_s)
            .order_by(table.start_s)
        )
        found = [(int(start_s), int(joins)) for start_s, joins in connection.execute(query)]
        added = []
        for start_s, joins in found:
            row = Interval(start_s, _end_of(start_s, period, zone))
            is_in_one = zones.floor(start_s, step, zone) == zones.floor(row.until - 1, step, zone)
            if is_in_one and subtract([row], taken) == [row]:
                series.add_joins(start_s, joins)
                added.append(row)
        taken = join_spans([*taken, *added])


def _end_of(start_s: int, period: Period, zone: ZoneInfo) -> int:
    """When a row ends. A day that begins with one of the zone is as long as that; others have 24 hours."""
    if period is Period.DAY and zones.floor(start_s, Step.DAY, zone) == start_s:
        return zones.following(start_s, Step.DAY, zone)
    return start_s + _USUAL_S[period]


def read_peaks(connection: Connection, page: str | None, metric: Metric | None, limit: int) -> list[Peak]:
    """The greatest numbers that pages ever had. The arguments are those of `Store.peaks`."""
    table = schema.peaks.c
    query = (
        select(schema.pages.c.key, table.metric, table.value, table.at_ms)
        .join(schema.pages, schema.pages.c.id == table.page)
        .order_by(table.value.desc(), table.at_ms, schema.pages.c.key, table.metric)
        .limit(limit)
    )
    if page is not None:
        query = query.where(schema.pages.c.key == page)
    if metric is not None:
        query = query.where(table.metric == schema.METRICS[metric])
    return [
        Peak(key, _METRICS[number], value, at_ms) for key, number, value, at_ms in connection.execute(query)
    ]


def read_pages(connection: Connection, limit: int, after: str) -> list[str]:
    """The pages that there is history of. The arguments are those of `Store.pages`."""
    key = schema.pages.c.key
    query: Select[str] = select(key).where(key > after).order_by(key).limit(limit)
    return list(connection.execute(query).scalars())


def read_covered_until(connection: Connection, since_ms: int) -> int:
    """Up to when recorders have seen every minute. The arguments are those of `Store.covered_until_ms`."""
    table = schema.rows.c
    query = (
        select(table.since_ms, table.until_ms)
        .join(schema.pages, schema.pages.c.id == table.page)
        .where(
            table.period == schema.PERIODS[Period.MINUTE],
            schema.pages.c.key == RECORDER,
            table.start_s > since_ms // 1000 - _LONGEST_S[Period.MINUTE],
            table.until_ms > since_ms,
        )
        .order_by(table.since_ms)
    )
    covered_ms = since_ms
    for row_since_ms, row_until_ms in connection.execute(query):
        if row_since_ms > covered_ms + _MOMENT_MS:
            break
        covered_ms = max(covered_ms, row_until_ms)
    return covered_ms


def known_ids(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    """The numbers of pages that have one."""
    query = select(schema.pages.c.key, schema.pages.c.id).where(schema.pages.c.key.in_(list(keys)))
    return dict(connection.execute(query).all())
