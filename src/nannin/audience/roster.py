"""Who is on which page: connections join and leave, and each page's count follows.

A visitor who leaves may be back in a moment: a reload, a phone between two cells. For that time, its grace,
the connection that left still counts. A return of the same visitor takes its place and changes no number.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

ConnectionT = TypeVar("ConnectionT", bound=Hashable)


class Given(NamedTuple):
    """A visitor's id that the application gave. A client that sends the same text by itself is another."""

    id: str


# Who a visitor is on a page.
VisitorName = str | Given


class Count(NamedTuple):
    """How many are on a page: connections, the visitors they belong to, and the visitors who see it now."""

    connections: int = 0
    visitors: int = 0
    visible: int = 0

    @property
    def stale(self) -> bool:
        """Whether it may be old: other nodes that have a part in it can't be reached."""
        return False

    def as_dict(self) -> dict[str, int | bool]:
        """The numbers by their names, as observers read them; and `stale` where it is so."""
        return {"connections": self.connections, "visitors": self.visitors, "visible": self.visible}


class StaleCount(Count):
    """A count that may be old. It equals no sure one, so that its hearers hear when it is sure again."""

    __slots__ = ()

    @property
    def stale(self) -> bool:
        """Whether it may be old: yes."""
        return True

    def as_dict(self) -> dict[str, int | bool]:
        """The numbers by their names, and that they may be old."""
        return {**super().as_dict(), "stale": True}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StaleCount) and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = Count.__hash__


class Change(NamedTuple):
    """What a tab shown or hidden, or the end of a grace, did to a page's count."""

    page: str
    before: Count
    after: Count


class Part(NamedTuple):
    """What a node's connections add to a page's count, but for the visitors with an id.

    Attributes:
        connections: all of them, those in grace too.
        anonymous: those without a visitor's id, each a visitor of its own.
        anonymous_visible: how many of these are visible.
    """

    connections: int = 0
    anonymous: int = 0
    anonymous_visible: int = 0


class Counts(Protocol):
    """How many are on each page, as it is told and shown.

    One node's roster is this. What merges the parts of several nodes can stand in its place.
    """

    def count(self, page: str) -> Count:
        """The page's count; zeros for a page that nobody is on."""

    def count_with(self, page: str, visitor: VisitorName | None, *, visible: bool = True) -> Count:
        """What the page's count will be once one more connection, of this visitor, has joined."""

    def pages(self) -> Collection[str]:
        """The keys of the pages that somebody is counted on; not to be kept over a join or leave."""

    def is_held(self, page: str) -> bool:
        """Whether somebody is counted on the page at this node."""

    def when_counted(self, page: str | None, then: Callable[[], None]) -> None:
        """Calls `then` once the page's count is known, and includes all that this node's roster knows now.

        Without a page, once all pages are known that `listen` has asked for.
        """

    def listen(self, page: str | None, listens: bool) -> None:
        """Whether somebody here is told of the page without being counted on it; of every page (None)."""

    def knows(self, page: str | None) -> bool:
        """Whether `count` is the page's whole count, or that of every page (None), without asking others."""

    def is_stale(self, page: str) -> bool:
        """Whether the page's count may be old, since other nodes can't be reached."""


# How many of a visitor's connections in grace a return looks at: an attacker could open thousands of tabs.
_LOOK_AT = 16


class _Grace:
    """A connection that has left, and is counted until its time is over or its visitor is back."""

    __slots__ = ("page", "taken", "visible", "visitor")

    def __init__(self, page: str, visitor: VisitorName, visible: bool) -> None:
        self.page = page
        self.visitor = visitor
        self.visible = visible
        self.taken = False


def _place_for(graces: list[_Grace], visible: bool) -> _Grace:
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
        self.graces: list[_Grace] | None = None  # the eldest first


class _Audience(Generic[ConnectionT]):
    """The connections on one page, and what their count is made of.

    Visible is said once, in three sizes: of a connection (it is not in `hidden`, which is kept because nearly
    all are visible), of a visitor (one of its connections is), of the page (how many of its visitors are).
    """

    __slots__ = (
        "anonymous_visible",
        "connections",
        "graces",
        "hidden",
        "named",
        "visitors",
        "visitors_visible",
    )

    def __init__(self) -> None:
        self.connections: dict[ConnectionT, VisitorName | None] = {}  # each with its visitor's id
        self.hidden: set[ConnectionT] = set()
        self.visitors: dict[VisitorName, _Visitor] = {}
        self.named = 0  # connections with a visitor's id
        self.graces = 0
        self.anonymous_visible = 0
        self.visitors_visible = 0  # those with an id

    def count(self) -> Count:
        live = len(self.connections)
        visible = self.anonymous_visible + self.visitors_visible
        return Count(live + self.graces, live - self.named + len(self.visitors), visible)

    def part(self) -> Part:
        live = len(self.connections)
        return Part(live + self.graces, live - self.named, self.anonymous_visible)

    def is_visible(self, connection: ConnectionT) -> bool:
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


class Roster(Generic[ConnectionT]):
    """One node's audiences. A connection is any hashable object; a page is there while somebody is counted.

    A tab that is shown or hidden and a grace that ends answer with the `Change`. A join and a leave do not: a
    crowd makes thousands of them, and nobody asks.

    Attributes:
        on_change: called with the page and the visitor of each change, where other nodes have to know of it.
        on_count: called after each change of a count with the page, its connections, its visitors, and how
            many have joined by that: 1, or none for a return that takes a place in grace. It is -1 where a
            place is given up, since that was a return to another node, which has counted it as a join.
    """

    def __init__(self) -> None:
        self.on_change: Callable[[str, VisitorName | None], None] | None = None
        self.on_count: Callable[[str, int, int, int], None] | None = None
        self._audiences: dict[str, _Audience[ConnectionT]] = {}
        self._graces: list[tuple[float, int, _Grace]] = []
        self._order = itertools.count()

    def join(
        self, page: str, connection: ConnectionT, visitor: VisitorName | None = None, *, visible: bool = True
    ) -> None:
        """Puts a connection on a page.

        Args:
            page: the page's key.
            connection: the one that joins; it can be on a page once.
            visitor: the visitor's id; without one the connection is a visitor of its own.
            visible: whether the visitor sees the page.

        Raises:
            ValueError: the connection is on that page already.
        """
        audience = self._audiences.get(page)
        if audience is None:
            audience = self._audiences[page] = _Audience()
        elif connection in audience.connections:
            raise ValueError(f"the connection is on page {page} already")
        audience.connections[connection] = visitor
        audience.add(visitor, visible)
        if not visible:
            audience.hidden.add(connection)
        joins = 1
        if visitor is not None:
            audience.named += 1
            if self._take_grace(audience, visitor, visible):
                joins = 0
        if self.on_count is not None:
            self._tell_count(page, audience, joins)
        if self.on_change is not None:
            self.on_change(page, visitor)

    def leave(self, page: str, connection: ConnectionT, *, now: float, grace_s: float = 0.0) -> bool:
        """Takes a connection off a page; False where it was not there.

        Args:
            page: the page's key.
            connection: the one that leaves.
            now: the time, in monotonic seconds.
            grace_s: how many seconds a connection with a visitor's id is still counted.
        """
        audience = self._audiences.get(page)
        if audience is None or connection not in audience.connections:
            return False
        visitor = audience.connections.pop(connection)
        visible = audience.is_visible(connection)
        audience.hidden.discard(connection)
        if visitor is not None:
            audience.named -= 1
        if visitor is None or grace_s <= 0:
            audience.remove(visitor, visible)
        else:
            grace = _Grace(page, visitor, visible)
            named = audience.visitors[visitor]
            if named.graces is None:
                named.graces = []
            named.graces.append(grace)
            audience.graces += 1
            heapq.heappush(self._graces, (now + grace_s, next(self._order), grace))
        self._settle(page, visitor, audience)
        return True

    def show(self, page: str, connection: ConnectionT, visible: bool) -> Change | None:
        """The connection's tab came into view or went out of it; None where nothing is new."""
        audience = self._audiences.get(page)
        if audience is None or connection not in audience.connections:
            return None
        if visible is audience.is_visible(connection):
            return None
        before, visitor = audience.count(), audience.connections[connection]
        if visible:
            audience.hidden.discard(connection)
            audience.show(visitor)
        else:
            audience.hidden.add(connection)
            audience.hide(visitor)
        if self.on_change is not None:
            self.on_change(page, visitor)
        return Change(page, before, audience.count())

    def next_deadline(self) -> float:
        """When the next grace is over, in monotonic seconds; infinite where nobody is in grace."""
        while self._graces and self._graces[0][2].taken:
            heapq.heappop(self._graces)
        return self._graces[0][0] if self._graces else math.inf

    def end_graces(self, now: float) -> list[tuple[VisitorName, Change]]:
        """Ends the graces whose time is over; returns the visitor of each, and what it changed."""
        ended = []
        while self.next_deadline() <= now:
            grace = heapq.heappop(self._graces)[2]
            audience = self._audiences[grace.page]
            before = audience.count()
            self._drop_grace(audience, grace)
            ended.append((grace.visitor, Change(grace.page, before, audience.count())))
            self._settle(grace.page, grace.visitor, audience)
        return ended

    def end_grace(self, page: str, visitor: VisitorName) -> bool:
        """Ends the eldest grace of a visitor who is back on another node; returns whether there was one."""
        audience = self._audiences.get(page)
        known = audience.visitors.get(visitor) if audience is not None else None
        if audience is None or known is None or not known.graces:
            return False
        grace = known.graces[0]
        grace.taken = True
        self._drop_grace(audience, grace)
        self._settle(page, visitor, audience, joins=-1)
        return True

    def count(self, page: str) -> Count:
        """The page's count; zeros for a page that nobody is on."""
        audience = self._audiences.get(page)
        return audience.count() if audience is not None else Count()

    def count_with(self, page: str, visitor: VisitorName | None, *, visible: bool = True) -> Count:
        """What the page's count will be once one more connection, of this visitor, has joined."""
        audience = self._audiences.get(page)
        if audience is None:
            return Count(1, 1, int(visible))
        now = audience.count()
        known = audience.visitors.get(visitor) if visitor is not None else None
        if known is None:
            return Count(now.connections + 1, now.visitors + 1, now.visible + int(visible))
        others_visible, connections = known.visible, now.connections + 1
        if known.graces:  # it takes the place of one of them
            connections = now.connections
            if _place_for(known.graces, visible).visible:
                others_visible -= 1
        others = now.visible - 1 if known.visible else now.visible
        return Count(connections, now.visitors, others + int(visible or others_visible > 0))

    def in_grace(self, page: str) -> int:
        """How many of the page's connections have left and are still counted."""
        audience = self._audiences.get(page)
        return audience.graces if audience is not None else 0

    def audience(self, page: str) -> Collection[ConnectionT]:
        """The connections on a page, in the order of their joins; not to be kept over a join or leave."""
        audience = self._audiences.get(page)
        return audience.connections.keys() if audience is not None else ()

    def connections(self, page: str) -> Mapping[ConnectionT, VisitorName | None]:
        """The connections on a page, each with its visitor's id; not to be kept over a join or leave."""
        audience = self._audiences.get(page)
        return audience.connections if audience is not None else {}

    def visitors(self, page: str) -> Collection[VisitorName]:
        """The ids of the visitors on a page, in grace or not; not to be kept over a join or leave."""
        audience = self._audiences.get(page)
        return audience.visitors.keys() if audience is not None else ()

    def pages(self) -> Collection[str]:
        """The keys of the pages that somebody is counted on; not to be kept over a join or leave."""
        return self._audiences.keys()

    def is_held(self, page: str) -> bool:
        """Whether somebody is counted on the page."""
        return page in self._audiences

    def when_counted(self, page: str | None, then: Callable[[], None]) -> None:
        """Calls `then`: nobody else has to know."""
        then()

    def listen(self, page: str | None, listens: bool) -> None:
        """Nobody else has to tell."""

    def knows(self, page: str | None) -> bool:
        """Whether `count` is the whole count: yes, as there is no other node."""
        return True

    def is_stale(self, page: str) -> bool:
        """Whether the count may be old: no."""
        return False

    def part(self, page: str) -> Part:
        """What this node adds to a page's count that several nodes share, but for visitors with an id."""
        audience = self._audiences.get(page)
        return audience.part() if audience is not None else Part()

    def sees(self, page: str, visitor: VisitorName) -> bool | None:
        """Whether a visitor with an id sees the page; None where it is not on the page, nor in grace."""
        audience = self._audiences.get(page)
        known = audience.visitors.get(visitor) if audience is not None else None
        return known.visible > 0 if known is not None else None

    def _take_grace(self, audience: _Audience[ConnectionT], visitor: VisitorName, visible: bool) -> bool:
        """A visitor who is back takes the place of one of its connections in grace; whether there is one."""
        graces = audience.visitors[visitor].graces
        if not graces:
            return False
        grace = _place_for(graces, visible)
        grace.taken = True
        self._drop_grace(audience, grace)
        return True

    def _drop_grace(self, audience: _Audience[ConnectionT], grace: _Grace) -> None:
        visitor = audience.visitors[grace.visitor]
        assert visitor.graces is not None
        visitor.graces.remove(grace)
        audience.graces -= 1
        audience.remove(grace.visitor, grace.visible)

    def _settle(
        self, page: str, visitor: VisitorName | None, audience: _Audience[ConnectionT], joins: int = 0
    ) -> None:
        """Somebody has gone: forgets the page if that was the last one, and tells of the change."""
        if not audience.connections and not audience.graces:
            del self._audiences[page]
        if self.on_count is not None:
            self._tell_count(page, audience, joins)
        if self.on_change is not None:
            self.on_change(page, visitor)

    def _tell_count(self, page: str, audience: _Audience[ConnectionT], joins: int) -> None:
        assert self.on_count is not None
        live = len(audience.connections)
        self.on_count(page, live + audience.graces, live - audience.named + len(audience.visitors), joins)
