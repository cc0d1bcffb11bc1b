"""What is kept of a page's numbers: how they were in one minute, hour or day, exactly.

All of it is whole numbers, so that nothing is rounded and equal rows are equal.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

__all__ = ["MINUTE_MS", "NOBODY", "RECORDER", "Period", "Row", "Span"]

MINUTE_MS: Final = 60_000
# The page of the rows that say what the recorder itself has seen, of whatever page.
RECORDER: Final = ""


class Period(IntEnum):
    """How long a row is."""

    MINUTE = 0
    HOUR = 1
    DAY = 2


class Span(NamedTuple):
    """How a number was over a span of time.

    Attributes:
        least: the least that it was.
        greatest: the greatest.
        greatest_at_ms: when it was that first, in unix milliseconds.
        total_ms: the sum of the number times the milliseconds for which it held.
    """

    least: int
    greatest: int
    greatest_at_ms: int
    total_ms: int


NOBODY: Final = Span(0, 0, 0, 0)


class Row(NamedTuple):
    """How one page was over a span of one minute, hour or day.

    A later row with the same page, period, start_s and since_ms, of the same writer, takes its place.

    Attributes:
        page: the page's key, or that of a group; `RECORDER` for what the recorder has seen at all.
        period: a minute, an hour or a day.
        start_s: unix seconds of the period's beginning, which for hours and days depends on the time zone.
        since_ms, until_ms: the part of the period that the row is about, in unix milliseconds, half-open.
        visitors, connections: how they were over that part.
        joins: the connections that came. A return within grace is none. Of the recorder: the pages that had
            somebody, and that there was no room for.
    """

    page: str
    period: Period
    start_s: int
    since_ms: int
    until_ms: int
    visitors: Span
    connections: Span
    joins: int
