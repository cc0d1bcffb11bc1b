"""The counts as JSON: of one page, of all pages, and how a count comes about."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter, itemgetter
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Scope

from nannin.audience.roster import Count
from nannin.web.budget import CostBudget
from nannin.web.counts import CountSource, as_json, known_page
from nannin.web.private import PrivateLists
from nannin.web.query import Query
from nannin.web.responses import json_response

SORTS: Final = ("visitors", "connections", "visible", "page")
ORDERS: Final = ("desc", "asc")
DEFAULT_LIMIT, MAX_LIMIT = 50, 1_000
# The largest offset: more pages than any server has.
MAX_OFFSET = 10_000_000

Row = tuple[str, Count]


class Listing:
    """All pages at one moment. Each order that is asked for is sorted once.

    Args:
        source: whose pages.
        spend: runs a sort, and counts its cost.
    """

    def __init__(self, source: CountSource, spend: Callable[[Callable[[], list[Row]]], list[Row]]) -> None:
        self._rows: list[Row] = [(page, source.count(page)) for page in source.pages()]
        self._spend = spend
        self._sorted: dict[tuple[str, str], list[Row]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def sorted(self, sort: str, order: str) -> list[Row]:
        """The pages sorted by one of SORTS; pages with the same number are sorted by key."""
        if (sort, order) not in self._sorted:
            self._sorted[sort, order] = self._spend(lambda: self._sort(sort, order))
        return self._sorted[sort, order]

    def _sort(self, sort: str, order: str) -> list[Row]:
        if sort == "page":
            return sorted(self._rows, key=itemgetter(0), reverse=order == "desc")
        number = attrgetter(sort)
        by_key = self.sorted("page", "asc")
        return sorted(by_key, key=lambda row: number(row[1]), reverse=order == "desc")


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
        self._listings: CostBudget[Any] = CostBudget(now)
        self._explanations: CostBudget[dict[str, Any]] = CostBudget(now)

    def count(self, query: Query, _scope: Scope) -> Response:
        """One page's count."""
        page = known_page(self._source, query.text("page", "/"))
        return json_response(as_json(page, self._source.count(page)))

    def pages(self, query: Query, scope: Scope) -> Response:
        """The pages that somebody is on."""
        self._private.check(scope)
        sort = query.choice("sort", SORTS, "visitors")
        order = query.choice("order", ORDERS, "asc" if sort == "page" else "desc")
        limit = query.whole("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        offset = query.whole("offset", 0, 0, MAX_OFFSET)
        listing: Listing = self._listings.get("pages", lambda: Listing(self._source, self._listings.spend))
        rows = listing.sorted(sort, order)[offset : offset + limit]
        pages = [as_json(page, count) for page, count in rows]
        return json_response({"pages": pages, "total": len(listing), "limit": limit, "offset": offset})

    def explain(self, query: Query, scope: Scope) -> Response:
        """How one page's count comes about."""
        self._private.check(scope)
        page = known_page(self._source, query.text("page", "/"))
        return json_response(self._explanations.get(page, lambda: self._source.explain(page)))
