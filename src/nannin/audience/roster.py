"""Who is on which page: connections join and leave, and each page's count follows.

A visitor who leaves may be back in a moment: a reload, a phone between two cells. For that time, its grace,
the connection that left still counts. A return of the same visitor takes its place and changes no number.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Generic, NamedTuple, Protocol

from nannin.audience.count import Count, Given, Part, StaleCount, VisitorName
from nannin.audience.group_audience import GroupAudience
from nannin.audience.groups import Groups
from nannin.audience.page_audience import ConnectionT, Grace, PageAudience, place_for

__all__ = [
    "Change",
    "ConnectionT",
    "Count",
    "Counts",
    "Given",
    "Part",
    "Roster",
    "StaleCount",
    "VisitorName",
]


class Change(NamedTuple):
    """What a tab shown or hidden, or the end of a grace, did to a page's count."""

    page: str
    before: Count
    after: Count


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

    def is_alone(self) -> bool:
        """Whether others who count the same pages can't be reached, so that this node has to go by itself."""


class Roster(Generic[ConnectionT]):
    """One node's audiences. A connection is any hashable object; a page is there while somebody is counted.

    A tab that is shown or hidden and a grace that ends answer with the `Change`. A join and a leave do not: a
    crowd makes thousands of them, and nobody asks.

    What happens on a page happens in its groups, too. Wherever a count or a part of one is asked for, `page`
    may be a group's key. Nobody joins that.

    Args:
        groups: groups of pages; all must be named before anybody is on a page.

    Attributes:
        groups: as above.
        on_change: called with the page and the visitor of each change, where other nodes have to know of it,
            whether the visitor was not there before, and whether a visitor who was has one connection more,
            which took no place in grace here. Those of groups have one of their own.
        on_count: called after each change of the count of a page or group with its key, its connections, its
            visitors, and how many have joined by that: 1, or none for a return that takes a place in grace.
            It is -1 where a place is given up, since that was a return to another node, which has counted it
            as a join.
        on_group_change: called with the key of a group of which the count may have changed.
    """

    def __init__(self, groups: Groups | None = None) -> None:
        self.groups = groups if groups is not None else Groups()
        self.on_change: Callable[[str, VisitorName | None, bool, bool], None] | None = None
        self.on_count: Callable[[str, int, int, int], None] | None = None
        self.on_group_change: Callable[[str], None] | None = None
        self._audiences: dict[str, PageAudience[ConnectionT]] = {}
        self._groups: dict[str, GroupAudience] = {}
        self._keys = _Keys(self._audiences, self._groups)
        self._graces: list[tuple[float, int, Grace]] = []
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
            audience = self._audiences[page] = PageAudience(self.groups.of(page) if self.groups.keys else ())
        elif connection in audience.connections:
            raise ValueError(f"the connection is on page {page} already")
        audience.connections[connection] = visitor
        audience.add(visitor, visible)
        if not visible:
            audience.hidden.add(connection)
        ended = None
        if visitor is not None:
            audience.named += 1
            ended = self._take_grace(audience, visitor, visible)
        if self.on_count is not None:
            self._tell_count(page, audience, 1 if ended is None else 0)
        if self.on_change is not None:
            came = is_more = False
            if ended is None and visitor is not None:
                came = audience.visitors[visitor].connections == 1
                is_more = not came
            self.on_change(page, visitor, came, is_more)
        if audience.groups:
            self._join_groups(audience.groups, visitor, visible, ended)

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
        grace = None
        if visitor is None or grace_s <= 0:
            audience.remove(visitor, visible)
        else:
            grace = Grace(page, visitor, visible)
            named = audience.visitors[visitor]
            if named.graces is None:
                named.graces = []
            named.graces.append(grace)
            audience.graces += 1
            heapq.heappush(self._graces, (now + grace_s, next(self._order), grace))
        self._settle(page, visitor, audience)
        for key in audience.groups:
            group = self._groups[key]
            group.leave(visitor, visible, grace)
            self._tell_group(key, visitor, group)
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
            self.on_change(page, visitor, False, False)
        for key in audience.groups:
            group = self._groups[key]
            group.show(visitor, visible)
            self._tell_group(key, visitor, group)
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
            self._end_in_groups(audience.groups, grace)
        return ended

    def end_grace(self, page: str, visitor: VisitorName) -> bool:
        """Ends the eldest grace of a visitor who is back on another node; returns whether there was one."""
        group = self._groups.get(page)
        if group is not None and group.give_up(visitor):
            self._tell_group(page, visitor, group, joins=-1)
            return True
        audience = self._audiences.get(page)
        known = audience.visitors.get(visitor) if audience is not None else None
        if audience is None or known is None or not known.graces:
            return False
        grace = known.graces[0]
        grace.taken = True
        self._drop_grace(audience, grace)
        self._settle(page, visitor, audience, joins=-1)
        self._end_in_groups(audience.groups, grace, joins=-1)
        return True

    def count(self, page: str) -> Count:
        """The page's count; zeros for a page that nobody is on."""
        audience = self._audiences.get(page) or self._groups.get(page)
        return audience.count() if audience is not None else Count()

    def groups_of(self, page: str) -> tuple[str, ...]:
        """The groups that a page belongs to which somebody is on; none where nobody is."""
        audience = self._audiences.get(page)
        return audience.groups if audience is not None else ()

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
            if place_for(known.graces, visible).visible:
                others_visible -= 1
        others = now.visible - 1 if known.visible else now.visible
        return Count(connections, now.visitors, others + int(visible or others_visible > 0))

    def in_grace(self, page: str) -> int:
        """How many of the page's connections have left and are still counted."""
        audience = self._audiences.get(page) or self._groups.get(page)
        return audience.graces if audience is not None else 0

    def absent(self, page: str) -> int:
        """How many connections have left a page whose visitors are still counted.

        Of a group these may be more than are in grace there, since others have taken their places.
        """
        group = self._groups.get(page)
        return group.absent if group is not None else self.in_grace(page)

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
        audience = self._audiences.get(page) or self._groups.get(page)
        return audience.visitors.keys() if audience is not None else ()

    def pages(self) -> Collection[str]:
        """The keys of the pages, and of their groups, that somebody is counted on.

        Not to be kept over a join or leave.
        """
        return self._keys if self._groups else self._audiences.keys()

    def is_held(self, page: str) -> bool:
        """Whether somebody is counted on the page."""
        return page in self._audiences or page in self._groups

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

    def is_alone(self) -> bool:
        """Whether there are others who can't be reached: no."""
        return False

    def part(self, page: str) -> Part:
        """What this node adds to a page's count that several nodes share, but for visitors with an id."""
        audience = self._audiences.get(page) or self._groups.get(page)
        return audience.part() if audience is not None else Part()

    def sees(self, page: str, visitor: VisitorName) -> bool | None:
        """Whether a visitor with an id sees the page; None where it is not on the page, nor in grace."""
        audience = self._audiences.get(page) or self._groups.get(page)
        known = audience.visitors.get(visitor) if audience is not None else None
        return known.visible > 0 if known is not None else None

    def _take_grace(
        self, audience: PageAudience[ConnectionT], visitor: VisitorName, visible: bool
    ) -> Grace | None:
        """A visitor who is back takes the place of one of its connections in grace, which is returned."""
        graces = audience.visitors[visitor].graces
        if not graces:
            return None
        grace = place_for(graces, visible)
        grace.taken = True
        self._drop_grace(audience, grace)
        return grace

    def _drop_grace(self, audience: PageAudience[ConnectionT], grace: Grace) -> None:
        visitor = audience.visitors[grace.visitor]
        assert visitor.graces is not None
        visitor.graces.remove(grace)
        audience.graces -= 1
        audience.remove(grace.visitor, grace.visible)

    def _settle(
        self, page: str, visitor: VisitorName | None, audience: PageAudience[ConnectionT], joins: int = 0
    ) -> None:
        """Somebody has gone: forgets the page if that was the last one, and tells of the change."""
        if not audience.connections and not audience.graces:
            del self._audiences[page]
        if self.on_count is not None:
            self._tell_count(page, audience, joins)
        if self.on_change is not None:
            self.on_change(page, visitor, False, False)

    def _tell_count(self, page: str, audience: PageAudience[ConnectionT], joins: int) -> None:
        assert self.on_count is not None
        live = len(audience.connections)
        self.on_count(page, live + audience.graces, live - audience.named + len(audience.visitors), joins)

    def _join_groups(
        self, keys: tuple[str, ...], visitor: VisitorName | None, visible: bool, ended: Grace | None
    ) -> None:
        for key in keys:
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = GroupAudience()
            came = visitor is not None and visitor not in group.visitors
            joins = 1 if group.join(visitor, visible, ended) else 0
            self._tell_group(key, visitor, group, joins, came)

    def _end_in_groups(self, keys: tuple[str, ...], grace: Grace, joins: int = 0) -> None:
        for key in keys:
            group = self._groups[key]
            before = group.graces
            group.end(grace.visitor, grace, returned=joins < 0)
            self._tell_group(key, grace.visitor, group, joins if group.graces < before else 0)

    def _tell_group(
        self,
        key: str,
        visitor: VisitorName | None,
        group: GroupAudience,
        joins: int = 0,
        came: bool = False,
    ) -> None:
        """A group's count may have changed: forgets it if that was the last one, and tells of the change."""
        if not group.live and not group.visitors:
            del self._groups[key]
        if self.on_count is not None:
            visitors = group.anonymous + len(group.visitors)
            self.on_count(key, group.live + group.graces, visitors, joins)
        if self.on_change is not None:
            self.on_change(key, visitor, came, joins > 0 and visitor is not None and not came)
        if self.on_group_change is not None:
            self.on_group_change(key)


class _Keys(Collection[str]):
    """The keys of two tables that have none in common, as one collection that is not copied."""

    def __init__(self, one: Collection[str], other: Collection[str]) -> None:
        self._one = one
        self._other = other

    def __len__(self) -> int:
        return len(self._one) + len(self._other)

    def __iter__(self) -> Iterator[str]:
        yield from self._one
        yield from self._other

    def __contains__(self, key: object) -> bool:
        return key in self._one or key in self._other
