"""The people on the pages of one group, and what their count is made of.

It is told of each join, leave and grace of its pages, and keeps no connection by itself. A visitor counts
here for as long as on any of the pages, in grace or not. So the visitors of a group are always the different
visitors of its pages, and never fewer than those of one of them.

A connection that has left a page keeps its place in the connections, too, until its grace is over. But the
next one of the same visitor, on whichever page of the group, takes that place: a person who goes from page to
page changes no number.
"""

from __future__ import annotations

from typing import Final

from nannin.audience.count import Count, Part, VisitorName

# What a visitor has who has no grace: most have none, and a dict of their own would take 64 bytes.
_NO_GRACES: Final[dict[object, bool]] = {}


class _Visitor:
    """One visitor of the group.

    One who has neither connections nor places here is in grace on a page, and has taken its place to another
    node.

    Attributes:
        connections: the live ones.
        visible: how many of these are visible, and of the graces.
        graces: those on the group's pages, the eldest first, each with whether it is visible.
        places: how many of the graces count as connections; those of the eldest are taken first.
        given: how many of the places were given up with the page's, for a return that this group will be told
            of as well.
    """

    __slots__ = ("connections", "given", "graces", "places", "visible")

    def __init__(self) -> None:
        self.connections = 0
        self.visible = 0
        self.graces = _NO_GRACES
        self.places = 0
        self.given = 0


class GroupAudience:
    """Who is on the pages of one group, on this node.

    Attributes:
        live: how many connections are on the pages. Nobody is counted where there are none, and no visitors.
        anonymous: how many of them have no visitor's id.
        visitors: those with an id, in grace or not.
        graces: how many connections have left and are still counted.
        absent: how many have left, and their visitors are still counted.
    """

    __slots__ = ("_anonymous_visible", "_visible", "absent", "anonymous", "graces", "live", "visitors")

    def __init__(self) -> None:
        self.visitors: dict[VisitorName, _Visitor] = {}
        self.graces = 0
        self.absent = 0
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
        visitor.given = 0
        if ended is not None:
            self._drop(visitor, ended)
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
            self.absent += 1
            self._give_place(visitor)
            return
        if visible:
            self._hide(visitor)
        if not visitor.connections and not visitor.places and visitor.graces:
            self._give_place(visitor)  # it had taken the place of a connection that is in grace still
        self._forget_if_gone(name, visitor)

    def show(self, name: VisitorName | None, visible: bool) -> None:
        """A tab came into view or went out of it."""
        if name is None:
            self._anonymous_visible += 1 if visible else -1
        elif visible:
            self._show(self.visitors[name])
        else:
            self._hide(self.visitors[name])

    def end(self, name: VisitorName, grace: object, *, returned: bool = False) -> None:
        """A grace on a page is over; or the visitor has returned to that page through another node."""
        visitor = self.visitors[name]
        if visitor.places == len(visitor.graces):  # else it is one whose place was taken
            self._take_place(visitor)
            visitor.given += returned
        self._drop(visitor, grace)
        self._forget_if_gone(name, visitor)

    def give_up(self, name: VisitorName) -> bool:
        """A visitor has come to a page of the group through another node, and takes a place that is here.

        The visitor goes on to count here as well, until the grace on the page is over: it may be the longer.

        Returns:
            Whether there was such a place.
        """
        visitor = self.visitors.get(name)
        if visitor is None:
            return False
        if visitor.given:
            visitor.given -= 1
            return False
        return self._take_place(visitor)

    def _forget_if_gone(self, name: VisitorName, visitor: _Visitor) -> None:
        if not visitor.connections and not visitor.graces:
            del self.visitors[name]

    def _drop(self, visitor: _Visitor, grace: object) -> None:
        self.absent -= 1
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
