"""What the web asks about counts: a port that the hub's observatory fills, and a count as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Protocol

from starlette.exceptions import HTTPException

from nannin.audience.page_key import find_key
from nannin.audience.roster import Count
from nannin.hub.reports import Report
from nannin.hub.teller import Watcher
from nannin.web.query import show


class CountSource(Protocol):
    """Where observers get their counts."""

    def count(self, page: str) -> Count:
        """The page's count; zeros if nobody is on it."""

    def exists(self, page: str) -> bool:
        """Whether there can be such a page."""

    def pages(self) -> Collection[str]:
        """The keys of the pages that somebody is on; do not keep the collection over an await."""

    async def know(self, pages: Iterable[str | None]) -> None:
        """Returns once the counts of these pages are known here; None is every page."""

    def watch(self, watcher: Watcher, page: str | None) -> None:
        """Tells the watcher each update of a page from now on; None means every page."""

    def unwatch(self, watcher: Watcher, page: str | None) -> None:
        """Stops telling the watcher about a page that `watch` named."""

    def report(self, page: str) -> Report:
        """What this node has of the page. It is costly."""

    async def explain(self, page: str, own: Report) -> dict[str, Any]:
        """How the page's count comes about, as JSON can hold it, with this node's report of just now."""


def as_json(page: str, count: Count) -> dict[str, Any]:
    """A page's count, as every observer reads it."""
    return {"page": page, **count.as_dict()}


def known_page(source: CountSource, key: str) -> str:
    """Returns the key, in the spelling that all keys have, if such a page can exist.

    A Socket.IO client that joined in another spelling is on a page of its own, found by that spelling.

    Raises:
        HTTPException: 404 if it can't.
    """
    key = find_key(key, source.pages())
    if not source.exists(key):
        raise HTTPException(404, no_page(key))
    return key


def no_page(key: str) -> str:
    """What is said where there is no such page."""
    remedy = "" if key.startswith("/") else ": a page's key starts with /"
    return f"there is no page {show(key)}{remedy}"


async def learn_page(source: CountSource, key: str) -> str:
    """Returns the same as `known_page`, once the page's count is known here.

    Raises:
        HTTPException: 404 if there can be no such page.
    """
    page = known_page(source, key)
    await source.know([page])
    return page
