"""The pages that most readers are on now, and whether there are more of them than a while ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from nannin.audience.roster import Count
from nannin.history.points import Step
from nannin.web.counts import CountSource, as_json
from nannin.web.history_source import HistoryStore
from nannin.web.listing import Listings
from nannin.web.past import Past
from nannin.web.private import PrivateLists
from nannin.web.query import Query
from nannin.web.responses import json_response

__all__ = ["DEFAULT_TOP", "MAX_TOP", "TRENDS", "Top", "trend_of"]

DEFAULT_TOP, MAX_TOP = 10, 100
TRENDS: Final = ("rising", "falling", "steady", "new")
# What the present is compared with: so many whole minutes, which ended so many minutes ago.
_MINUTES, _AGO_MINUTES = 5, 10
# A difference is a trend from so many readers on, and from this share of how many there were.
_LEAST_READERS, _LEAST_SHARE = 2, 0.2


class Top:
    """Answers for `/api/top`.

    Args:
        source: whose counts; it knows which pages are groups.
        listings: all pages.
        past: their history.
        private: who may read what names pages.
    """

    def __init__(self, source: CountSource, listings: Listings, past: Past, private: PrivateLists) -> None:
        self._source = source
        self._listings = listings
        self._past = past
        self._private = private
        # What was read of the history, for as long as it is the same minute.
        self._before: dict[str, float | None] = {}
        self._from_s = 0

    async def __call__(self, query: Query, scope: Scope) -> Response:
        """The pages with the most visitors."""
        self._private.check(scope)
        limit = query.whole("limit", DEFAULT_TOP, 1, MAX_TOP)
        listed = await self._listings.sorted("visitors", "desc")
        # A group is as many as its pages together, and would be above them all.
        rows = list(islice((row for row in listed if not self._source.is_group(row[0])), limit))
        groups = sum(self._source.count(group).connections > 0 for group in self._source.groups())
        from_s = int(self._past.unix_s()) // 60 * 60 - (_MINUTES + _AGO_MINUTES) * 60
        before = await self._learn([page for page, _ in rows], from_s)
        return json_response(
            {
                "pages": [_row(page, count, (before or {}).get(page)) for page, count in rows],
                "total": max(len(listed) - groups, len(rows)),
                "compared": None if before is None else {"from_s": from_s, "to_s": from_s + _MINUTES * 60},
            }
        )

    async def _learn(self, pages: Sequence[str], from_s: int) -> Mapping[str, float | None] | None:
        """How many were on these pages from that moment on; None if the history can't tell."""
        if not self._past.is_kept:
            return None
        if from_s != self._from_s:
            self._before, self._from_s = {}, from_s
        before = self._before
        if missing := [page for page in pages if page not in before]:
            try:
                means = await self._past.read(
                    lambda store: [self._mean(store, page, from_s) for page in missing]
                )
            except HTTPException:  # the list of today is worth having without it
                return None
            before.update(zip(missing, means, strict=True))
        return before

    def _mean(self, store: HistoryStore, page: str, from_s: int) -> float | None:
        points = store.series(page, from_s, from_s + _MINUTES * 60, Step.MINUTE, self._past.zone())
        seen = [(point.visitors.mean, point.covered_ms) for point in points if point.visitors is not None]
        covered_ms = sum(covered for _, covered in seen)
        return sum(mean * covered for mean, covered in seen) / covered_ms if covered_ms else None


def trend_of(visitors: int, before: float | None) -> str | None:
    """One of TRENDS.

    Args:
        visitors: how many there are now.
        before: how many there were in the mean; None if that is not known, and neither is the trend then.
    """
    if before is None:
        return None
    if not before:
        return "new"
    change = visitors - before
    if abs(change) < max(_LEAST_READERS, _LEAST_SHARE * before):
        return "steady"
    return "rising" if change > 0 else "falling"


def _row(page: str, count: Count, before: float | None) -> dict[str, Any]:
    return {**as_json(page, count), "before": before, "trend": trend_of(count.visitors, before)}
