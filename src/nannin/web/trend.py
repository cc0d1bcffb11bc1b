"""The last hour of a page, for the line that the tag draws: light, and kept by browsers for a minute."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Scope

from nannin.history.points import Metric, Point, Step
from nannin.web.counts import CountSource, known_page
from nannin.web.history_source import HistoryStore
from nannin.web.past import Past
from nannin.web.query import Query

__all__ = ["MINUTES", "Trend"]

MINUTES: Final = 60


class Trend:
    """Answers for `/api/trend`.

    Args:
        source: whose counts; it knows which pages there can be.
        past: their history.
    """

    def __init__(self, source: CountSource, past: Past) -> None:
        self._source = source
        self._past = past

    async def __call__(self, query: Query, _scope: Scope) -> Response:
        """The most at once in each of the last minutes, the running one last.

        Where no history is kept, nothing is known of them. That is not an error here: a tag asks wherever it
        is, and draws what it hears from then on.
        """
        page = known_page(self._source, query.text("page", "/"))
        end_s = int(self._past.unix_s()) // 60 * 60 + 60
        start_s = end_s - MINUTES * 60

        def make(store: HistoryStore) -> bytes:
            points = store.series(page, start_s, end_s, Step.MINUTE, self._past.zone("UTC"))
            greatest = {metric: [_greatest(point, metric) for point in points] for metric in Metric}
            return encode(page, start_s, greatest)

        if self._past.is_kept:
            body = await self._past.answer(("trend", page, end_s), make)
        else:
            body = encode(page, start_s, {metric: [None] * MINUTES for metric in Metric})
        # After the end of the minute, the answer would be another.
        age_s = max(1, int(end_s - self._past.unix_s()))
        return Response(body, 200, {"cache-control": f"public, max-age={age_s}"}, "application/json")


def encode(page: str, start_s: int, greatest: dict[Metric, list[int | None]]) -> bytes:
    """The answer as JSON."""
    answer: dict[str, Any] = {"page": page, "start_s": start_s}
    return msgspec.json.encode(answer | {str(metric): numbers for metric, numbers in greatest.items()})


def _greatest(point: Point, metric: Metric) -> int | None:
    summary = point.visitors if metric is Metric.VISITORS else point.connections
    return None if summary is None else summary.greatest
