"""What rows say, worked out afresh from the list of all changes."""

from __future__ import annotations

from typing import NamedTuple

from nannin.audience.tally_rows import MINUTE_MS, Period, Row, Span

START_MS = 1_700_000_040_000  # a whole minute


class Change(NamedTuple):
    at_ms: int
    page: str
    connections: int
    visitors: int
    joins: int


def naive_span(values: list[tuple[int, int]], since_ms: int, until_ms: int) -> Span:
    """How a number was, from the list of (when, what)."""
    before = [value for at_ms, value in values if at_ms < since_ms]
    inside = [(since_ms, before[-1] if before else 0)]
    inside += [(at_ms, value) for at_ms, value in values if since_ms <= at_ms < until_ms]
    ends = [at_ms for at_ms, _ in inside[1:]] + [until_ms]
    greatest = max(value for _, value in inside)
    return Span(
        min(value for _, value in inside),
        greatest,
        next(at_ms for at_ms, value in inside if value == greatest),
        sum(value * (end_ms - at_ms) for (at_ms, value), end_ms in zip(inside, ends, strict=True)),
    )


def naive_row(
    changes: list[Change], page: str, period: Period, start_s: int, since_ms: int, until_ms: int
) -> Row:
    own = [change for change in changes if change.page == page]
    return Row(
        page,
        period,
        start_s,
        since_ms,
        until_ms,
        naive_span([(change.at_ms, change.visitors) for change in own], since_ms, until_ms),
        naive_span([(change.at_ms, change.connections) for change in own], since_ms, until_ms),
        sum(change.joins for change in own if since_ms <= change.at_ms < until_ms),
    )


def naive_rows(changes: list[Change], since_ms: int, end_ms: int) -> set[Row]:
    rows = set()
    for page in {change.page for change in changes}:
        for start_ms in range(since_ms - since_ms % MINUTE_MS, end_ms, MINUTE_MS):
            first_ms, last_ms = max(start_ms, since_ms), min(start_ms + MINUTE_MS, end_ms)
            row = naive_row(changes, page, Period.MINUTE, start_ms // 1000, first_ms, last_ms)
            if row.connections.greatest or row.joins:
                rows.add(row)
    return rows
