"""What a server knows of some pages: how many are there now, how many were lately, and their peak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from nannin.cli.answers import CountAnswer, HistoryAnswer, Peak, PeaksAnswer, Point, TopAnswer
from nannin.cli.reader import Reader, Refused

__all__ = ["AHEAD", "Figures", "PageFigures", "Query", "gather"]

# What is said where a page has more visitors now than its history knows of.
AHEAD: Final = "the minute under way is not recorded yet"
_NOT_FOUND: Final = 404


class Query(NamedTuple):
    """What is asked about.

    Attributes:
        pages: keys; empty: the pages with the most visitors.
        limit: how many of those.
        span: the parameters of `/api/history` that say which time.
    """

    pages: Sequence[str]
    limit: int
    span: dict[str, str]


class PageFigures(NamedTuple):
    """What is known of one page.

    Attributes:
        now: its count, and its trend.
        history: its numbers over time; None where no history is kept.
        peak: the most visitors that it ever had; None where that is not known.
        is_until_now: whether its numbers over time were asked for up to now.
    """

    now: CountAnswer
    history: HistoryAnswer | None = None
    peak: Peak | None = None
    is_until_now: bool = False

    @property
    def is_ahead(self) -> bool:
        """Whether there are more visitors than in any minute so far: this one is recorded once it is over."""
        greatest = self.greatest
        return self.is_until_now and greatest is not None and self.now.visitors > greatest.value

    @property
    def points(self) -> list[Point]:
        """The steps of its history."""
        return [] if self.history is None else self.history.points

    @property
    def means(self) -> list[float | None]:
        """The mean of its visitors in each step."""
        return [None if point.visitors is None else point.visitors.mean for point in self.points]

    @property
    def mean(self) -> float | None:
        """The mean over all that was seen."""
        return _mean(self.points)

    @property
    def greatest(self) -> Peak | None:
        """The most visitors at once in that time, and when."""
        seen = [point.visitors for point in self.points if point.visitors is not None]
        if not seen:
            return None
        most = max(seen, key=lambda summary: summary.greatest)
        return Peak(most.greatest, most.greatest_at_ms)

    @property
    def joins(self) -> int | None:
        """How many connections came in that time."""
        known = [point.joins for point in self.points if point.joins is not None]
        return sum(known) if known else None

    def bars(self, most: int) -> list[float | None]:
        """The means of at most so many parts of the time."""
        each = -(-len(self.points) // most) or 1
        return [_mean(self.points[begin : begin + each]) for begin in range(0, len(self.points), each)]


class Figures(NamedTuple):
    """What is known of all pages that were asked about.

    Attributes:
        pages: each of them.
        total: how many pages somebody is on; None where pages were asked for by name.
        note: why there is no history, if there is none.
    """

    pages: list[PageFigures]
    total: int | None
    note: str


def gather(reader: Reader, query: Query) -> Figures:
    """Asks a server about its pages.

    Raises:
        RemoteError: there is no such server, or it refuses.
    """
    if query.pages:
        counts = [reader.ask("/api/count", {"page": page}, CountAnswer) for page in query.pages]
        total = None
    else:
        top = reader.ask("/api/top", {"limit": query.limit}, TopAnswer)
        counts, total = top.pages, top.total
    pages, note = [], ""
    if not counts and query.span:
        _check_span(reader, query.span)
    for count in counts:
        if note:
            pages.append(PageFigures(count))
            continue
        try:
            pages.append(_read_past(reader, count, query.span))
        except Refused as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            note = refusal.reason
            pages.append(PageFigures(count))
    return Figures(pages, total, note)


def _check_span(reader: Reader, span: dict[str, str]) -> None:
    """Has the server look at a time that nobody's numbers are asked of.

    Raises:
        RemoteError: it refuses.
    """
    try:
        reader.ask("/api/history", {"page": "/", **span}, HistoryAnswer)
    except Refused as refusal:
        if refusal.status != _NOT_FOUND:
            raise


def _read_past(reader: Reader, count: CountAnswer, span: dict[str, str]) -> PageFigures:
    history = reader.ask("/api/history", {"page": count.page, **span}, HistoryAnswer)
    peaks = reader.ask("/api/peaks", {"page": count.page, "metric": "visitors", "limit": 1}, PeaksAnswer)
    return PageFigures(count, history, next(iter(peaks.peaks), None), is_until_now="to" not in span)


def _mean(points: Sequence[Point]) -> float | None:
    seen = [(point.visitors.mean, point.covered_ms) for point in points if point.visitors is not None]
    covered_ms = sum(covered for _, covered in seen)
    return sum(mean * covered for mean, covered in seen) / covered_ms if covered_ms else None
