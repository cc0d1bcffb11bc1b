"""What a server answers about the present and the past, as the commands read it."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = [
    "CountAnswer",
    "HistoryAnswer",
    "Number",
    "PagesAnswer",
    "PeaksAnswer",
    "Point",
    "Summary",
    "TopAnswer",
]

Number = Annotated[int, msgspec.Meta(ge=0)]


class CountAnswer(msgspec.Struct, frozen=True):
    """A page's count, and in a list of the top pages its trend."""

    page: str
    connections: Number
    visitors: Number
    stale: bool = False
    trend: str | None = None


class TopAnswer(msgspec.Struct, frozen=True):
    """The pages with the most visitors; `total`: how many pages there are."""

    pages: list[CountAnswer]
    total: Number


class Summary(msgspec.Struct, frozen=True):
    """How many there were in the time of a point."""

    least: Number
    greatest: Number
    greatest_at_ms: Number
    mean: float


class Point(msgspec.Struct, frozen=True):
    """One step of a page's history; what is not known is None."""

    start: str
    start_s: Number
    until_s: Number
    covered_ms: Number
    gap: bool
    visitors: Summary | None
    connections: Summary | None
    joins: Number | None


class HistoryAnswer(msgspec.Struct, frozen=True):
    """A page over time; `next_s`: where the next answer goes on."""

    page: str
    from_s: Number
    to_s: Number
    step: str
    zone: str
    points: list[Point]
    next_s: Number | None = None


class PagesAnswer(msgspec.Struct, frozen=True):
    """The pages that there is history of; `next`: after which one the next answer goes on."""

    pages: list[str]
    next: str | None = None


class Peak(msgspec.Struct, frozen=True):
    """The most that there ever were at once."""

    value: Number
    at_ms: Number


class PeaksAnswer(msgspec.Struct, frozen=True):
    """Peaks, the greatest first."""

    peaks: list[Peak]
