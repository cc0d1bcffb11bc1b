"""A history by hand, and requests to those who show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from nannin.audience.roster import Count
from nannin.cli.remote import Address
from nannin.history.points import Metric, Peak, Point, Step, Summary
from nannin.history.zones import boundaries
from nannin.web.history_source import HistoryStore
from nannin.web.past import Past
from support.canned_answers import Answer, CannedServer
from support.fake_audiences import LOCAL, Lookout
from support.fakes import FakeClock

T = TypeVar("T")

# A moment in the middle of a minute: 2026-11-27, 03:20:30 in UTC.
NOW_S = 1_795_749_630
TOKYO = "Asia/Tokyo"


def summary(start_s: int, least: int, greatest: int, mean: float) -> Summary:
    """A summary whose greatest number came half a second after the beginning."""
    return Summary(least, greatest, start_s * 1_000 + 500, mean)


def point(
    start_s: int, length_s: int, visitors: float, joins: int = 0, covered_ms: int | None = None
) -> Point:
    """A step in which one visitor more and one less than the mean were there at times."""
    covered = length_s * 1_000 if covered_ms is None else covered_ms
    there = summary(start_s, max(0, int(visitors) - 1), int(visitors) + 1, visitors)
    return Point(start_s, start_s + length_s, covered, there, there, joins)


class FakeHistory:
    """A history that a test sets: source and store in one.

    Attributes:
        points: what there is of each page.
        peaks_of: the peaks.
        error: what asking raises, if it does.
        cost_s: how long each question takes.
        asked: how many questions there were.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.points: dict[str, list[Point]] = {}
        self.peaks_of: list[Peak] = []
        self.error: Exception | None = None
        self.cost_s = 0.0
        self.asked = 0

    async def ask(self, function: Callable[[HistoryStore], T]) -> T:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return function(self)

    def series(self, page: str, from_s: int, to_s: int, step: Step, zone: ZoneInfo) -> Sequence[Point]:
        self.clock.spend(self.cost_s)
        known = {(point.start_s, point.until_s): point for point in self.points.get(page, [])}
        steps = pairwise(boundaries(from_s, to_s, step, zone))
        return [known.get((start, until), Point(start, until, 0, None, None, 0)) for start, until in steps]

    def peaks(self, page: str | None, metric: Metric | None, limit: int) -> Sequence[Peak]:
        self.clock.spend(self.cost_s)
        found = [
            peak for peak in self.peaks_of if page in (None, peak.page) and metric in (None, peak.metric)
        ]
        return sorted(found, key=lambda peak: -peak.value)[:limit]

    def pages(self, limit: int, after: str = "") -> Sequence[str]:
        return [page for page in sorted(self.points) if page > after][:limit]


class Archive(Lookout):
    """Requests to a server with a history by hand, whose owner is in Tokyo."""

    def __init__(
        self,
        counts: Mapping[str, Count] | None = None,
        kept_s: Mapping[Step, int] | None = None,
        **settings: Any,
    ) -> None:
        clock = FakeClock()
        self.history = FakeHistory(clock)
        self.now_s = float(NOW_S)
        past = Past(self.history, clock, lambda: self.now_s, TOKYO, kept_s)
        super().__init__(dict(counts or {}), clock, past=past, **settings)


def serve(archive: Lookout, monkeypatch: pytest.MonkeyPatch) -> CannedServer:
    """Has every server that a command asks answer as this one does."""

    def answer(target: str) -> Answer:
        authorization = {k.lower(): v for k, v in server.headers.items() if k == "Authorization"}
        call = archive.ask(target, "GET", LOCAL, **authorization)
        return Answer(call.status, call.body, {"retry-after": "1"} if call.status == 503 else {})

    server = CannedServer(answer)
    monkeypatch.setattr(Address, "connect", lambda address: server.connect(address))
    return server
