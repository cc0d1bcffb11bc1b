"""The time after the census has lost what it knew, until every node has said again what it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nannin.audience.roster import VisitorName


class Resettling:
    """What a node keeps back in that time: which of its visitors have come or gone since the loss.

    Only the census can say who enters and exits, and only once it knows again who was there. So each node
    first says who was with it when the data was lost, also of those who have left since. What has changed
    since then is said when the time is over, as if it happened then.

    Args:
        for_s: how many seconds it takes until every living node has noticed the loss.

    Attributes:
        until_s: the end at the earliest, in monotonic seconds; None while nothing was lost.
    """

    def __init__(self, for_s: float) -> None:
        self.until_s: float | None = None
        self._for_s = for_s
        self._pages: set[str] = set()
        self._changed: dict[str, dict[VisitorName, bool]] = {}

    def begin(self, now: float, pages: Iterable[str], *, has_others: bool) -> None:
        """The census has lost something.

        Args:
            now: the time, in monotonic seconds.
            pages: those that this node has to say again. It is not over before `said` was called for each.
            has_others: whether other nodes have to say theirs.
        """
        self.until_s = now + (self._for_s if has_others else 0.0)
        self._pages.update(pages)

    def keep(self, page: str, visitor: VisitorName, *, was_here: bool) -> None:
        """Somebody has come or gone since; what is said of a visitor first holds.

        Args:
            page: the page's key.
            visitor: who it is.
            was_here: whether the visitor was on the page with this node when the data was lost.
        """
        self._changed.setdefault(page, {}).setdefault(visitor, was_here)

    def has_come(self, page: str, visitor: VisitorName) -> bool:
        """Whether a visitor has come since, and is to be said at the end only."""
        return self._changed.get(page, {}).get(visitor) is False

    def has_kept(self, page: str) -> bool:
        """Whether there are visitors of a page who are to be said at the end."""
        return page in self._changed

    def were_here(self) -> Iterator[tuple[str, VisitorName]]:
        """Those who have changed since and have to be said to be here first, each with the page."""
        for page, visitors in self._changed.items():
            for visitor, was_here in visitors.items():
                if was_here:
                    yield page, visitor

    def was_here(self, page: str, visitor: VisitorName) -> bool:
        """Whether a visitor has changed since and has to be said to be here first."""
        return self._changed.get(page, {}).get(visitor) is True

    def said(self, page: str) -> None:
        """The census knows again what this node has on a page."""
        self._pages.discard(page)

    def end(self, now: float) -> dict[str, dict[VisitorName, bool]] | None:
        """Ends it, if it is over.

        Returns:
            The visitors who have come or gone on each page, who are to be said now; None if it goes on.
        """
        if self.until_s is None:
            return None
        self.until_s = min(self.until_s, now + self._for_s)  # a clock may have gone back
        if now < self.until_s or self._pages:
            return None
        self.until_s = None
        changed, self._changed = self._changed, {}
        return changed
