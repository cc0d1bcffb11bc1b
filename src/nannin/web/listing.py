"""The list of all pages, looked up and sorted in steps, and kept for a while where that is costly."""

from __future__ import annotations

from collections.abc import Callable
from heapq import merge
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, Final

from nannin.audience.roster import Count
from nannin.web.budget import CostBudget, Steps
from nannin.web.counts import CountSource

SORTS: Final = ("visitors", "connections", "visible", "page")
ORDERS: Final = ("desc", "asc")
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


class Listings:
    """The list of all pages for whoever asks, within a budget.

    Args:
        source: whose counts.
        now: monotonic seconds.
    """

    def __init__(self, source: CountSource, now: Callable[[], float]) -> None:
        self._source = source
        self._budget: CostBudget[Listing] = CostBudget(now)

    async def sorted(self, sort: str, order: str) -> list[Row]:
        """The pages that somebody is on, sorted; the list is not the caller's to change.

        Args:
            sort: one of SORTS.
            order: one of ORDERS.

        Raises:
            HTTPException: 503 if it is costly, and was asked for too often.
        """
        await self._source.know([None])
        async with self._budget.alone():
            listing = await self._budget.get_in_turns("pages", lambda: list_pages(self._source))
            return await self._budget.spend_in_turns(listing.sorted(sort, order))


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
