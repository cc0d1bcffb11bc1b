"""The counts as JSON: of one page, of all pages, and how a count comes about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Scope

from nannin.web.budget import CostBudget
from nannin.web.counts import CountSource, as_json, learn_page
from nannin.web.listing import ORDERS, SORTS, Listings
from nannin.web.private import PrivateLists
from nannin.web.query import Query
from nannin.web.responses import json_response

DEFAULT_LIMIT, MAX_LIMIT = 50, 1_000
# The largest offset: more pages than any server has.
MAX_OFFSET = 10_000_000


class Api:
    """Answers for `/api/count`, `/api/pages` and `/api/explain`.

    Args:
        source: whose counts.
        now: monotonic seconds.
        private: who may read what names pages.
        listings: all pages.
    """

    def __init__(
        self, source: CountSource, now: Callable[[], float], private: PrivateLists, listings: Listings
    ) -> None:
        self._source = source
        self._private = private
        self._listings = listings
        self._explanations: CostBudget[dict[str, Any]] = CostBudget(now)

    async def count(self, query: Query, _scope: Scope) -> Response:
        """One page's count."""
        page = await learn_page(self._source, query.text("page", "/"))
        return json_response(as_json(page, self._source.count(page), self._source.is_group(page)))

    async def pages(self, query: Query, scope: Scope) -> Response:
        """The pages, and their groups, that somebody is on."""
        self._private.check(scope)
        sort = query.choice("sort", SORTS, "visitors")
        order = query.choice("order", ORDERS, "asc" if sort == "page" else "desc")
        limit = query.whole("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        offset = query.whole("offset", 0, 0, MAX_OFFSET)
        rows = await self._listings.sorted(sort, order)
        shown, is_group = rows[offset : offset + limit], self._source.is_group
        pages = [as_json(page, count, is_group(page)) for page, count in shown]
        return json_response({"pages": pages, "total": len(rows), "limit": limit, "offset": offset})

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
