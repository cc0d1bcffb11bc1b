"""What history answers with: points of a series, and peaks."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Step(StrEnum):
    """How long each point of a series is, in the calendar of a time zone. Weeks begin on Monday."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Metric(StrEnum):
    """What is counted on a page."""

    VISITORS = "visitors"
    CONNECTIONS = "connections"


class Summary(NamedTuple):
    """How many there were in the time of a point.

    Attributes:
        least: at the fewest.
        greatest: at the most.
        greatest_at_ms: when that was reached first, in unix milliseconds.
        mean: weighted with time, over what was seen of it.
    """

    least: int
    greatest: int
    greatest_at_ms: int
    mean: float


class Point(NamedTuple):
    """One step of a page's history.

    Attributes:
        start_s: its beginning, in unix seconds.
        until_s: the beginning of the next step.
        covered_ms: how much of it was seen. What is missing is a gap, or has not come yet.
        visitors: how many there were; None where nothing was seen.
        connections: likewise.
        joins: how many connections came.
        missed_ms: how much was not seen of the time before the last moment that was. It can't come any more.
    """

    start_s: int
    until_s: int
    covered_ms: int
    visitors: Summary | None
    connections: Summary | None
    joins: int
    missed_ms: int = 0


class Peak(NamedTuple):
    """The most that a page ever had.

    Attributes:
        page: its key.
        metric: of what.
        value: how many.
        at_ms: when that was reached first, in unix milliseconds.
    """

    page: str
    metric: Metric
    value: int
    at_ms: int
