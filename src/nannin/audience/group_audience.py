"""The people on the pages of one group, and what their count is made of.

It is told of each join, leave and grace of its pages, and keeps no connection by itself. A visitor counts
here for as long as on any of the pages, in grace or not. So the visitors of a group are always the different
visitors of its pages, and never fewer than those of one of them.

A connection that has left a page keeps its place in the connections, too, until its grace is over. But the
next one of the same visitor, on whichever page of the group, takes that place: a person who goes from page to
page changes no number.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from nannin.audience.count import Count, Part, VisitorName

# What a visitor has who has no grace: most have none, and a dict of their own would take 64 bytes.
_NO_GRACES: Final[dict[object, bool]] = {}


class _Visitor:
    """One visitor of the group.

    Attributes:
        connections: the live ones.
        visible: how many of these are visible, and of the graces.
        graces: those on the group's pages, the eldest first, each with whether it is visible.
        places: how many of the graces count as connections; those of the eldest are taken first.
    """

    __slots__ = ("connections", "graces", "places", "visible")

    def __init__(self) -> None:
        self.connections = 0
        self.visible = 0
        self.graces = _NO_GRACES
        self.places = 0


class GroupAudience:
    """Who is on the pages of one group, on this node.

    Attributes:
        live: how many connections are on the pages. Nobody is counted where there are none, and no visitors.
        anonymous: how many of them have no visitor's id.
        visitors: those with an id, in grace or not.
        graces: how many connections have left and are still counted.
    """

    __slots__ = ("_anonymous_visible", "_visible", "anonymous", "graces", "live", "visitors")

    def __init__(self) -> None:
        self.visitors: dict[VisitorName, _Visitor] = {}
        self.graces = 0
        self.live = 0
        self.anonymous = 0
        self._anonymous_visible = 0
        self._visible = 0  # visitors with an id who see a page of the group

    def count(self) -> Count:
        """The group's count."""
        visitors = self.anonymous + len(self.visitors)
        return Count(self.live + self.graces, visitors, self._anonymous_visible + self._visible)

    def part(self) -> Part:
        """The same for the census, without the visitors with an id."""
        return Part(self.live + self.graces, self.anonymous, self._anonymous_visible)

    def sees(self, name: VisitorName) -> bool | None:
        """Whether a visitor with an id sees a page of the group; None where it is on none."""
        visitor = self.visitors.get(name)
        return visitor.visible > 0 if visitor is not None else None

    def join(self, name: VisitorName | None, visible: bool, ended: object) -> bool:
        """A connection has joined a page.

        Args:
            name: its visitor's id.
            visible: whether the visitor sees the page by it.
            ended: the grace on that page whose place it took; None if it took none.

        Returns:
            Whether it is one connection more: it took no place of one that has left a page of the group.
        """
        self.live += 1
        if name is None:
            self.anonymous += 1
            self._anonymous_visible += visible
            return True
        visitor = self.visitors.get(name)
        if visitor is None:
            visitor = self.visitors[name] = _Visitor()
        visitor.connections += 1
        if visible:  # what `_show` does: this is the way of each join
            visitor.visible += 1
            self._visible += visitor.visible == 1
        if not visitor.graces:
            return True
        if visitor.graces.pop(ended, False):
            self._hide(visitor)
        return not self._take_place(visitor)

    def leave(self, name: VisitorName | None, visible: bool, grace: object) -> None:
        """A connection has left a page.

        Args:
            name: its visitor's id.
            visible: whether the visitor saw the page by it.
            grace: its grace on that page, which `join` or `end` ends; None if it has none.
        """
        self.live -= 1
        if name is None:
            self.anonymous -= 1
            self._anonymous_visible -= visible
            return
        visitor = self.visitors[name]
        visitor.connections -= 1
        if grace is not None:
            if not visitor.graces:
                visitor.graces = {}
            visitor.graces[grace] = visible
            self._give_place(visitor)
            return
        if visible:
            self._hide(visitor)
        self._settle(name, visitor)

    def show(self, name: VisitorName | None, visible: bool) -> None:
        """A tab came into view or went out of it."""
        if name is None:
            self._anonymous_visible += 1 if visible else -1
        elif visible:
            self._show(self.visitors[name])
        else:
            self._hide(self.visitors[name])

    def end(self, name: VisitorName, grace: object) -> bool:
        """A grace on a page is over; False where it did not count here any more."""
        visitor = self.visitors.get(name)
        if visitor is None or grace not in visitor.graces:
            return False
        if visitor.places == len(visitor.graces):  # else it is one whose place was taken
            self._take_place(visitor)
        self._drop_grace(visitor, grace)
        self._settle(name, visitor)
        return True

    def give_up(self, name: VisitorName) -> bool:
        """A visitor has come to a page of the group through another node, and takes a place that is here.

        Returns:
            Whether there was one.
        """
        visitor = self.visitors.get(name)
        if visitor is None or not visitor.places:
            return False
        taken = len(visitor.graces) - visitor.places
        self._drop_grace(visitor, next(islice(visitor.graces, taken, None)))
        self._take_place(visitor)
        if not visitor.connections and not visitor.places:  # what is left has lost its places already
            for grace in list(visitor.graces):
                self._drop_grace(visitor, grace)
        self._settle(name, visitor)
        return True

    def _settle(self, name: VisitorName, visitor: _Visitor) -> None:
        """Forgets a visitor who has gone; one who still counts has at least one connection."""
        if visitor.connections or visitor.places:
            return
        if visitor.graces:  # who took their places has gone at once, without a grace
            self._give_place(visitor)
        else:
            del self.visitors[name]

    def _drop_grace(self, visitor: _Visitor, grace: object) -> None:
        if visitor.graces.pop(grace):
            self._hide(visitor)

    def _give_place(self, visitor: _Visitor) -> None:
        visitor.places += 1
        self.graces += 1

    def _take_place(self, visitor: _Visitor) -> bool:
        """Returns whether there was a place to take."""
        if not visitor.places:
            return False
        visitor.places -= 1
        self.graces -= 1
        return True

    def _show(self, visitor: _Visitor) -> None:
        visitor.visible += 1
        if visitor.visible == 1:
            self._visible += 1

    def _hide(self, visitor: _Visitor) -> None:
        visitor.visible -= 1
        if not visitor.visible:
            self._visible -= 1
