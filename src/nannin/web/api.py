"""The counts as JSON: one page's, all pages', and how one comes about."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter, itemgetter
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Scope

from nannin.audience.roster import Count
from nannin.web.budget import Thrift
from nannin.web.reading import Audiences, Query, json_response, known_page

SORTS: Final = ("visitors", "connections", "visible", "page")
ORDERS: Final = ("desc", "asc")
DEFAULT_LIMIT, MAX_LIMIT = 50, 1_000
# Beyond any number of pages; a number, so that an offset has an end.
MAX_OFFSET = 10_000_000

Row = tuple[str, Count]


def as_json(page: str, count: Count) -> dict[str, Any]:
    """A page's count, as every observer reads it."""
    return {"page": page, **count._asdict()}


class Listing:
    """All pages at one moment, in any order that is asked for; each order is made once.

    Args:
        audiences: whose pages.
        spend: makes an order, and counts its cost.
    """

    def __init__(self, audiences: Audiences, spend: Callable[[Callable[[], list[Row]]], list[Row]]) -> None:
        self._rows: list[Row] = [(page, audiences.count(page)) for page in audiences.pages()]
        self._spend = spend
        self._sorted: dict[tuple[str, str], list[Row]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def sorted(self, sort: str, order: str) -> list[Row]:
        """The pages by one of SORTS; those of the same number by key."""
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
        audiences: whose counts.
        now: monotonic seconds.
    """

    def __init__(self, audiences: Audiences, now: Callable[[], float]) -> None:
        self._audiences = audiences
        self._listings: Thrift[Any] = Thrift(now)
        self._explanations: Thrift[dict[str, Any]] = Thrift(now)

    def count(self, query: Query, _scope: Scope) -> Response:
        """One page's count."""
        page = known_page(self._audiences, query.text("page", "/"))
        return json_response(as_json(page, self._audiences.count(page)))

    def pages(self, query: Query, _scope: Scope) -> Response:
        """The pages that somebody is on."""
        sort = query.choice("sort", SORTS, "visitors")
        order = query.choice("order", ORDERS, "asc" if sort == "page" else "desc")
        limit = query.whole("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        offset = query.whole("offset", 0, 0, MAX_OFFSET)
        listing: Listing = self._listings.get("pages", lambda: Listing(self._audiences, self._listings.spend))
        rows = listing.sorted(sort, order)[offset : offset + limit]
        pages = [as_json(page, count) for page, count in rows]
        return json_response({"pages": pages, "total": len(listing), "limit": limit, "offset": offset})

    def explain(self, query: Query, _scope: Scope) -> Response:
        """How one page's count comes about."""
        page = known_page(self._audiences, query.text("page", "/"))
        return json_response(self._explanations.get(page, lambda: self._audiences.explain(page)))
