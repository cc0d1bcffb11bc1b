"""What the web asks about counts: a port that the hub's observatory fills, and a count as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, Protocol

from starlette.exceptions import HTTPException

from nannin.audience.groups import looks_like_group
from nannin.audience.page_key import as_uri
from nannin.audience.roster import Count
from nannin.hub.reports import Making, Report
from nannin.hub.teller import Watcher
from nannin.web.query import show

# How many groups an error names.
_LISTED: Final = 5


class CountSource(Protocol):
    """Where observers get their counts."""

    def count(self, page: str) -> Count:
        """The page's count; zeros if nobody is on it."""

    def exists(self, page: str) -> bool:
        """Whether there can be such a page."""

    def pages(self) -> Collection[str]:
        """The keys of the pages, and of their groups, that somebody is on; not to be kept over an await."""

    def groups(self) -> Collection[str]:
        """The keys of all groups of pages."""

    def find_group(self, key: str) -> str | None:
        """The key of the group that this one names, in any spelling; None if there is no such group."""

    def is_group(self, page: str) -> bool:
        """Whether a key is a group's."""

    async def know(self, pages: Iterable[str | None]) -> None:
        """Returns once the counts of these pages are known here; None is every page."""

    def watch(self, watcher: Watcher, page: str | None) -> None:
        """Tells the watcher each update of a page from now on; None means every page."""

    def unwatch(self, watcher: Watcher, page: str | None) -> None:
        """Stops telling the watcher about a page that `watch` named."""

    def report(self, page: str) -> Making:
        """What this node has of the page. It is costly, and made in steps."""

    async def explain(self, page: str, own: Report) -> dict[str, Any]:
        """How the page's count comes about, as JSON can hold it, with this node's report of just now."""


def as_json(page: str, count: Count, is_group: bool = False) -> dict[str, Any]:
    """The count of a page, or of a group of pages, as every observer reads it."""
    told = {"page": page, **count.as_dict()}
    return {**told, "group": True} if is_group else told


def known_page(source: CountSource, key: str) -> str:
    """Returns the key, in the spelling that all keys have, if such a page can exist.

    A key that ends with `*` is a group's. A page may be called so, and is found while somebody is on it.

    Raises:
        HTTPException: 404 if it can't, or if there is no such group.
    """
    group = source.find_group(key)
    if group is not None:
        return group
    key = as_uri(key)
    if not source.exists(key):
        raise HTTPException(404, no_page(key))
    if looks_like_group(key) and not any(source.count(key)):
        raise HTTPException(404, no_group(key, source.groups()))
    return key


def no_page(key: str) -> str:
    """What is said where there is no such page."""
    remedy = "" if key.startswith("/") else ": a page's key starts with /"
    return f"there is no page {show(key)}{remedy}"


def no_group(key: str, groups: Collection[str]) -> str:
    """What is said where there is no such group of pages."""
    listed = [show(group) for group in list(groups)[:_LISTED]]
    more = ", ..." if len(groups) > _LISTED else ""
    there_are = f"; there are {', '.join(listed)}{more}" if listed else ""
    return f"there is no group {show(key)}{there_are}: the setting groups names the groups of pages"


async def learn_page(source: CountSource, key: str) -> str:
    """Returns the same as `known_page`, once the page's count is known here.

    Raises:
        HTTPException: 404 if there can be no such page.
    """
    page = known_page(source, key)
    await source.know([page])
    return page
