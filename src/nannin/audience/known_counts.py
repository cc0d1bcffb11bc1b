"""The counts of all nodes as one of them shows them, and whether these may be old."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from nannin.audience.known_pages import KnownPages
from nannin.audience.roster import Count, Roster, StaleCount, VisitorName


class KnownCounts:
    """What one node knows of all counts: what the census said last, and its own clients as they are now.

    Args:
        roster: this node's own clients.
        pages: those that the node knows of, with their totals.

    Attributes:
        number: the node's number in the census; None until it has one.
        is_linked: whether the census can be reached.
        shows_stale: whether counts say of themselves that they may be old.
    """

    def __init__(self, roster: Roster[Any], pages: KnownPages) -> None:
        self.number: int | None = None
        self.is_linked = False
        self.shows_stale = False
        self._roster = roster
        self._pages = pages

    def count(self, page: str) -> Count:
        """The page's count over all nodes, as the census said it last.

        While that may be old, it is this last count with this node's own clients as they are now; and where
        that is to be shown, it is a `StaleCount`.
        """
        count = self._count(page)
        return StaleCount(*count) if self.shows_stale and self.is_stale(page) else count

    def _count(self, page: str) -> Count:
        held, own = self._pages.find(page), self._roster.count(page)
        if held is None or held.total is None:
            return own
        total = held.total.count
        if not self.is_stale(page):
            return total
        rows = zip(total, held.acknowledged, own, strict=True)
        connections, visitors, visible = (max(now, all_ - before + now) for all_, before, now in rows)
        # A visitor who is with several nodes is taken away here, and counts there: nobody is no visitor.
        visitors = max(visitors, int(connections > 0))
        return Count(connections, visitors, min(visible, visitors))

    def count_with(self, page: str, visitor: VisitorName | None, *, visible: bool = True) -> Count:
        """What the page's count will be once one more connection of this visitor has joined here.

        A visitor who is with another node is taken for a new one, as only the census knows.
        """
        own, with_one = self._roster.count(page), self._roster.count_with(page, visitor, visible=visible)
        rows = zip(self._count(page), own, with_one, strict=True)
        return Count(*(total - before + after for total, before, after in rows))

    def pages(self) -> Collection[str]:
        """The keys of the pages that somebody is counted on, as far as this node knows."""
        return [
            page for page in dict.fromkeys([*self._pages, *self._roster.pages()]) if any(self.count(page))
        ]

    def is_held(self, page: str) -> bool:
        """Whether somebody is counted on the page at this node."""
        return self._roster.is_held(page)

    def is_stale(self, page: str) -> bool:
        """Whether the page's count may be old: the census can't be reached, was away, or lost its data."""
        if self.is_apart() or self._pages.waits:
            return True
        held = self._pages.find(page)
        return held is not None and held.unsure

    @property
    def stale(self) -> bool:
        """Whether any page's count may be old."""
        return self.is_apart() or self._pages.waits or self._pages.unsure > 0

    @property
    def is_cut_off(self) -> bool:
        """Whether the other nodes can't be reached, or have not said yet what happened meanwhile."""
        return self.is_apart() or (self._pages.unsure > 0 and not self._pages.waits)

    def is_alone(self) -> bool:
        """Whether the census can't be reached, so that nobody says who enters and exits over all nodes."""
        return not self.is_linked

    def is_apart(self) -> bool:
        """Whether the census can't be reached, or has given this node no number."""
        return not self.is_linked or self.number is None
