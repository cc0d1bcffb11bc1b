"""The counts as JSON: of one page, of all pages, and how a count comes about."""

from __future__ import annotations

from collections.abc import Callable
from heapq import merge
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Scope

from nannin.audience.roster import Count
from nannin.web.budget import CostBudget, Steps
from nannin.web.counts import CountSource, as_json, learn_page
from nannin.web.private import PrivateLists
from nannin.web.query import Query
from nannin.web.responses import json_response

SORTS: Final = ("visitors", "connections", "visible", "page")
ORDERS: Final = ("desc", "asc")
DEFAULT_LIMIT, MAX_LIMIT = 50, 1_000
# The largest offset: more pages than any server has.
MAX_OFFSET = 10_000_000
# How many pages are looked up or sorted before others have their turn: some 2 ms.
PAGES_PER_STEP: Final = 500

Row = tuple[str, Count]


class Listing:
    """All pages, as they were when they were looked up. Each order that is asked for is sorted once.

    Args:
        rows: the pages.
    """

    def __init__(self, rows: list[Row]) -> None:
        self._sorted: dict[tuple[str, str], list[Row]] = {}
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def sorted(self, sort: str, order: str) -> Steps[list[Row]]:
        """The pages sorted by one of SORTS; pages with the same number are sorted by key."""
        if (sort, order) not in self._sorted:
            self._sorted[sort, order] = yield from self._sort(sort, order)
        return self._sorted[sort, order]

    def _sort(self, sort: str, order: str) -> Steps[list[Row]]:
        if sort == "page":
            return (yield from sort_in_steps(self._rows, itemgetter(0), reverse=order == "desc"))
        number = attrgetter(sort)
        by_key = yield from self.sorted("page", "asc")
        return (yield from sort_in_steps(by_key, lambda row: number(row[1]), reverse=order == "desc"))


def list_pages(source: CountSource) -> Steps[Listing]:
    """Looks up all pages, some at a time: what changes meanwhile is listed as it was or as it is."""
    rows: list[Row] = []
    for number, page in enumerate(list(source.pages()), 1):
        if (count := source.count(page)).connections:  # it may have emptied meanwhile
            rows.append((page, count))
        if not number % PAGES_PER_STEP:
            yield
    return Listing(rows)


def sort_in_steps(rows: list[Row], key: Callable[[Row], Any], *, reverse: bool) -> Steps[list[Row]]:
    """What `sorted` returns: parts are sorted, and then merged."""
    if len(rows) <= PAGES_PER_STEP:
        return sorted(rows, key=key, reverse=reverse)
    parts = []
    for start in range(0, len(rows), PAGES_PER_STEP):
        parts.append(sorted(rows[start : start + PAGES_PER_STEP], key=key, reverse=reverse))
        yield
    merging = merge(*parts, key=key, reverse=reverse)
    merged: list[Row] = []
    while some := list(islice(merging, PAGES_PER_STEP)):
        merged += some
        yield
    return merged


class Api:
    """Answers for `/api/count`, `/api/pages` and `/api/explain`.

    Args:
        source: whose counts.
        now: monotonic seconds.
        private: who may read what names pages.
    """

    def __init__(self, source: CountSource, now: Callable[[], float], private: PrivateLists) -> None:
        self._source = source
        self._private = private
        self._listings: CostBudget[Listing] = CostBudget(now)
        self._explanations: CostBudget[dict[str, Any]] = CostBudget(now)

    async def count(self, query: Query, _scope: Scope) -> Response:
        """One page's count."""
        page = await learn_page(self._source, query.text("page", "/"))
        return json_response(as_json(page, self._source.count(page)))

    async def pages(self, query: Query, scope: Scope) -> Response:
        """The pages that somebody is on."""
        self._private.check(scope)
        sort = query.choice("sort", SORTS, "visitors")
        order = query.choice("order", ORDERS, "asc" if sort == "page" else "desc")
        limit = query.whole("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        offset = query.whole("offset", 0, 0, MAX_OFFSET)
        await self._source.know([None])
        async with self._listings.alone():
            listing = await self._listings.get_in_turns("pages", lambda: list_pages(self._source))
            rows = await self._listings.spend_in_turns(listing.sorted(sort, order))
        rows = rows[offset : offset + limit]
        pages = [as_json(page, count) for page, count in rows]
        return json_response({"pages": pages, "total": len(listing), "limit": limit, "offset": offset})

    async def explain(self, query: Query, scope: Scope) -> Response:
        """How one page's count comes about."""
        self._private.check(scope)
        page = await learn_page(self._source, query.text("page", "/"))
        source = self._source
        async with self._explanations.alone():
            explained = await self._explanations.get_awaited(
                page, lambda: source.report(page), lambda report: source.explain(page, report)
            )
        return json_response(explained)
