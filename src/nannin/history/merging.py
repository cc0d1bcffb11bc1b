"""Makes one history of what several recorders have seen. It is pure: spans of time and sums.

Two recorders have seen the same when one took over from another, or when two servers write to one database by
mistake. What both have seen must not be counted twice, so of rows that overlap the longest is taken whole.
What the others alone have seen is told exactly by rows of shorter periods. Where there are none, the others
do: their least and greatest, and the share of their sums that falls to that time.

Joins are never seen twice: whoever comes, comes to one recorder. So those of all rows are added up, but for
rows that lie in a longer one, which has them already.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nannin.audience.tally_rows import Row, Span
from nannin.history.points import Point, Summary

__all__ = ["Interval", "Part", "join_spans", "pick", "span_of", "subtract", "total"]


class Interval(NamedTuple):
    """A span of time, half-open.

    Attributes:
        since: its beginning, in unix milliseconds.
        until: its end.
    """

    since: int
    until: int


def span_of(row: Row) -> Interval:
    """The time that a row is about."""
    return Interval(row.since_ms, row.until_ms)


def pick(rows: Iterable[Row], picked: Sequence[Row] = ()) -> list[Row]:
    """Takes rows that do not overlap: the longest first, and of equally long ones the earliest.

    Args:
        rows: of one page, in any order.
        picked: what is taken already and stays, in the order of time.

    Returns:
        All that are taken, in the order of time. It depends on what `rows` has, and not on its order.
    """
    rows = list(rows)
    if len(rows) == 1 and not picked and rows[0].since_ms < rows[0].until_ms:
        return rows  # as mostly
    taken = list(picked)
    starts = [row.since_ms for row in taken]
    for row in sorted(rows, key=_longest_first):
        at = bisect_right(starts, row.since_ms)
        is_free_before = at == 0 or taken[at - 1].until_ms <= row.since_ms
        is_free_after = at == len(taken) or taken[at].since_ms >= row.until_ms
        if row.since_ms < row.until_ms and is_free_before and is_free_after:
            taken.insert(at, row)
            starts.insert(at, row.since_ms)
    return taken


def _longest_first(row: Row) -> tuple[int, Row]:
    return row.since_ms - row.until_ms, row


def join_spans(spans: Iterable[Interval]) -> list[Interval]:
    """The same time as these spans, without overlaps, in order."""
    joined: list[Interval] = []
    for since, until in sorted(spans):
        if joined and since <= joined[-1].until:
            joined[-1] = Interval(joined[-1].since, max(until, joined[-1].until))
        elif since < until:
            joined.append(Interval(since, until))
    return joined


def subtract(spans: Iterable[Interval], others: Iterable[Interval]) -> list[Interval]:
    """What is in some of the spans and in none of the others, in order."""
    left: list[Interval] = []
    taken = join_spans(others)
    first = 0
    for since, until in join_spans(spans):
        while first < len(taken) and taken[first].until <= since:
            first += 1
        at = first
        while at < len(taken) and taken[at].since < until:
            if since < taken[at].since:
                left.append(Interval(since, taken[at].since))
            since = taken[at].until
            at += 1
        if since < until:
            left.append(Interval(since, until))
    return left


def total(spans: Iterable[Interval]) -> int:
    """How long spans are together, in milliseconds. They must not overlap."""
    return sum(until - since for since, until in spans)


class Part:
    """What is known of one page in one step of a series.

    Args:
        start_s: the beginning of the step, in unix seconds.
        until_s: its end.
    """

    def __init__(self, start_s: int, until_s: int) -> None:
        self.start_s, self.until_s = start_s, until_s
        self.joins = 0
        self._all = Interval(start_s * 1000, until_s * 1000)
        self._picked: list[Row] = []
        self._left: list[Row] = []  # those that overlap others of their length
        self._counted: list[Interval] = []  # those whose joins are counted, without overlaps
        self._nobody: list[Interval] = []

    def add(self, rows: Sequence[Row], seen: Iterable[Interval]) -> None:
        """Adds all rows of one length, after those of greater lengths, which are preferred to them.

        Args:
            rows: the page's rows that overlap the step, each of them once. Those that reach beyond it tell
                only that somebody was there, but not how many within the step.
            seen: what recorders have seen. Nobody was on the page where one was looking and has no row of it.
        """
        inside = [row for row in rows if self._holds(row)]
        before = len(self._picked)
        self._picked = pick(inside, self._picked)
        if len(self._picked) < before + len(inside):
            self._left += sorted(set(inside).difference(self._picked), key=_longest_first)
        self._count_joins(inside)
        times = [
            span for span in seen if not (rows and _covers(rows[0], span))
        ]  # mostly there is one of each
        if times:
            self._nobody += subtract(self._clip(times), map(span_of, rows))

    def gaps(self) -> list[Interval]:
        """The spans of the step of which nothing is known."""
        if self._picked and _covers(self._picked[0], self._all):
            return []
        return subtract([self._all], [*map(span_of, self._picked), *self._nobody])

    def point(self) -> Point:
        """The step as a point of the series."""
        rows, known = self._picked[:], [*map(span_of, self._picked)]
        for row in self._left:
            if alone := subtract([span_of(row)], known):
                known += alone
                rows.append(_cut(row, total(alone)))
        nobody = subtract(self._nobody, known) if self._nobody else []
        covered_ms = total(nobody) + total(known)
        ends_ms = max((span.until for span in (*known, *nobody)), default=self._all.since)
        return Point(
            self.start_s,
            self.until_s,
            covered_ms,
            visitors=_sum_up([row.visitors for row in rows], nobody, covered_ms),
            connections=_sum_up([row.connections for row in rows], nobody, covered_ms),
            # A node counts one too few where a client has left a place in grace that another node gives up.
            joins=max(0, self.joins),
            missed_ms=ends_ms - self._all.since - covered_ms,
        )

    def _count_joins(self, inside: Iterable[Row]) -> None:
        starts = [since for since, _ in self._counted]
        for row in inside:
            at = bisect_right(starts, row.since_ms) - 1
            if at < 0 or self._counted[at].until < row.until_ms:
                self.joins += row.joins
        self._counted = join_spans([*self._counted, *map(span_of, inside)])

    def _holds(self, row: Row) -> bool:
        return self._all.since <= row.since_ms and row.until_ms <= self._all.until

    def _clip(self, spans: Iterable[Interval]) -> list[Interval]:
        start, end = self._all
        return [Interval(max(since, start), min(until, end)) for since, until in spans]


def _cut(row: Row, left_ms: int) -> Row:
    """The row with the share of its sums that falls to so many of its milliseconds."""
    whole_ms = row.until_ms - row.since_ms
    visitors, connections = (
        span._replace(total_ms=span.total_ms * left_ms // whole_ms)
        for span in (row.visitors, row.connections)
    )
    return row._replace(visitors=visitors, connections=connections)


def _covers(row: Row, span: Interval) -> bool:
    return row.since_ms <= span.since and span.until <= row.until_ms


def _sum_up(spans: Sequence[Span], nobody: Sequence[Interval], covered_ms: int) -> Summary | None:
    if not covered_ms:
        return None
    if len(spans) == 1 and not nobody:
        [(least, most, at_ms, total_ms)] = spans
        return Summary(least, most, at_ms, total_ms / covered_ms)
    zeros = [Span(0, 0, since, 0) for since, _ in nobody[:1]]
    parts = [*spans, *zeros]
    greatest = min(parts, key=lambda span: (-span.greatest, span.greatest_at_ms))
    return Summary(
        least=min(span.least for span in parts),
        greatest=greatest.greatest,
        greatest_at_ms=greatest.greatest_at_ms,
        mean=sum(span.total_ms for span in parts) / covered_ms,
    )
