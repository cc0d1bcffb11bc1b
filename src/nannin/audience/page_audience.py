"""The connections on one page, and what their count is made of."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from nannin.audience.count import Count, Part, VisitorName

ConnectionT = TypeVar("ConnectionT", bound=Hashable)

# How many of a visitor's connections in grace a return looks at: an attacker could open thousands of tabs.
_LOOK_AT = 16


class Grace:
    """A connection that has left, and is counted until its time is over or its visitor is back.

    Args:
        page: the page's key.
        visitor: whose it was.
        visible: whether the visitor saw the page by it.

    Attributes:
        page, visitor, visible: as above.
        taken: whether the visitor is back.
    """

    __slots__ = ("page", "taken", "visible", "visitor")

    def __init__(self, page: str, visitor: VisitorName, visible: bool) -> None:
        self.page = page
        self.visitor = visitor
        self.visible = visible
        self.taken = False


def place_for(graces: list[Grace], visible: bool) -> Grace:
    """The place that one who returns takes: the eldest that was as visible, else the eldest.

    So a tab in the background that is back first does not take the place of the one in front.
    """
    return next((grace for grace in graces[:_LOOK_AT] if grace.visible is visible), graces[0])


class _Visitor:
    """One visitor on one page."""

    __slots__ = ("connections", "graces", "visible")

    def __init__(self) -> None:
        self.connections = 0  # those in grace too
        self.visible = 0  # how many of them are visible
        self.graces: list[Grace] | None = None  # the eldest first


class PageAudience(Generic[ConnectionT]):
    """The connections on one page, and what their count is made of.

    Visible is said once, in three sizes: of a connection (it is not in `hidden`, which is kept because nearly
    all are visible), of a visitor (one of its connections is), of the page (how many of its visitors are).

    Args:
        groups: the groups that the page belongs to.

    Attributes:
        groups: as above.
        connections: those that are there, each with its visitor's id.
        hidden: those of them that are not visible.
        visitors: those with an id, in grace or not.
        named: how many connections have a visitor's id.
        graces: how many connections have left and are still counted.
        anonymous_visible: how many connections without an id are visible.
        visitors_visible: how many visitors with an id are.
    """

    __slots__ = (
        "anonymous_visible",
        "connections",
        "graces",
        "groups",
        "hidden",
        "named",
        "visitors",
        "visitors_visible",
    )

    def __init__(self, groups: tuple[str, ...]) -> None:
        self.groups = groups
        self.connections: dict[ConnectionT, VisitorName | None] = {}
        self.hidden: set[ConnectionT] = set()
        self.visitors: dict[VisitorName, _Visitor] = {}
        self.named = 0
        self.graces = 0
        self.anonymous_visible = 0
        self.visitors_visible = 0

    def count(self) -> Count:
        """The page's count."""
        live = len(self.connections)
        visible = self.anonymous_visible + self.visitors_visible
        return Count(live + self.graces, live - self.named + len(self.visitors), visible)

    def part(self) -> Part:
        """The same for the census, without the visitors with an id."""
        live = len(self.connections)
        return Part(live + self.graces, live - self.named, self.anonymous_visible)

    def is_visible(self, connection: ConnectionT) -> bool:
        """Whether the visitor sees the page by this connection."""
        return connection not in self.hidden

    def add(self, name: VisitorName | None, visible: bool) -> None:
        """One more connection of this visitor, or of nobody known."""
        if name is not None:
            visitor = self.visitors.get(name)
            if visitor is None:
                visitor = self.visitors[name] = _Visitor()
            visitor.connections += 1
        if visible:
            self.show(name)

    def remove(self, name: VisitorName | None, visible: bool) -> None:
        """One connection less."""
        if visible:
            self.hide(name)
        if name is not None:
            visitor = self.visitors[name]
            visitor.connections -= 1
            if not visitor.connections:
                del self.visitors[name]

    def show(self, name: VisitorName | None) -> None:
        """One more connection of this visitor is visible."""
        if name is None:
            self.anonymous_visible += 1
            return
        visitor = self.visitors[name]
        visitor.visible += 1
        if visitor.visible == 1:
            self.visitors_visible += 1

    def hide(self, name: VisitorName | None) -> None:
        """One connection of this visitor less is visible."""
        if name is None:
            self.anonymous_visible -= 1
            return
        visitor = self.visitors[name]
        visitor.visible -= 1
        if not visitor.visible:
            self.visitors_visible -= 1
