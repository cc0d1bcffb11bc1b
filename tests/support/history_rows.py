"""Rows of history for tests, in which numbers are easy to follow."""

from __future__ import annotations

from nannin.audience.tally_rows import NOBODY, RECORDER, Period, Row, Span

LENGTH_S = {Period.MINUTE: 60, Period.HOUR: 3600, Period.DAY: 86_400}


def steady(number: int, since_ms: int, until_ms: int) -> Span:
    """The same number for the whole of a span."""
    return Span(number, number, since_ms if number else 0, number * (until_ms - since_ms))


def row(
    page: str,
    period: Period,
    start_s: int,
    visitors: int,
    *,
    since_s: float = 0,
    until_s: float | None = None,
    connections: int | None = None,
    joins: int = 0,
) -> Row:
    """A row of a page on which the same number of people were for as long as it was seen.

    Args:
        page: its key.
        period: the row's length.
        start_s: its beginning.
        visitors: how many.
        since_s: from when it was seen, in seconds after its beginning.
        until_s: up to when; None for all of it.
        connections: how many; None for as many as there were visitors.
        joins: how many came.
    """
    since_ms = round((start_s + since_s) * 1000)
    until_ms = round((start_s + (LENGTH_S[period] if until_s is None else until_s)) * 1000)
    number = visitors if connections is None else connections
    spans = steady(visitors, since_ms, until_ms), steady(number, since_ms, until_ms)
    return Row(page, period, start_s, since_ms, until_ms, *spans, joins)


def seen(
    period: Period, start_s: int, *, since_s: float = 0, until_s: float | None = None, left_out: int = 0
) -> Row:
    """A recorder's own row: what it has seen, and how many pages it left out."""
    own = row(RECORDER, period, start_s, 0, since_s=since_s, until_s=until_s, joins=left_out)
    return own._replace(visitors=NOBODY, connections=NOBODY)
