"""A group of pages, as an application holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from nannin.app.counted import check_change_handler
from nannin.audience.roster import Count
from nannin.hub.hub import Hub
from nannin.hub.sockets import Page


class Watch(Protocol):
    """Calls a function with each new count."""

    def __call__(
        self, key: str | None, find: Callable[[str], Page | Group | None], handler: Callable[..., Any], /
    ) -> None:
        """Watches the page or group of a key; `find` says what the function is called with."""


class Group:
    """A group of pages, such as `/shop/*`: one number, in which a person on several of its pages is one.

    Attributes:
        key: the group's key, in the spelling in which clients and readers find it.
    """

    __slots__ = ("_hub", "_watch", "key")

    def __init__(self, hub: Hub, key: str, watch: Watch) -> None:
        self._hub = hub
        self._watch = watch
        self.key = key

    def __repr__(self) -> str:
        return f"<Group {self.key}>"

    @property
    def count(self) -> Count:
        """How many are on the group's pages: `connections`, `visitors` and `visible`.

        Each visitor is counted once, on however many of the pages. Where several nodes serve, on all of them.
        """
        return self._hub.count(self.key)

    @property
    def pages(self) -> list[Page]:
        """The group's pages that have an audience now."""
        groups = self._hub.handlers.groups
        return [Page(self._hub, key, is_one=True) for key in self._hub.pages() if self.key in groups.of(key)]

    def on_change(self, handler: GroupHandlerT) -> GroupHandlerT:
        """Calls a function whenever the group's count has changed; see `Live.on_change`.

        Args:
            handler: takes the group and its count; it may be async.

        Returns:
            The function, so that `on_change` can be a decorator.

        Raises:
            TypeError: the function can't be called with a group and a count.
        """
        check_change_handler(handler)
        self._watch(self.key, lambda _: self, handler)
        return handler


GroupHandlerT = TypeVar("GroupHandlerT", bound=Callable[[Group, Count], Any])
