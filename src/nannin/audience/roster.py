"""Who is on which page: connections join and leave, and each page's count follows."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Generic, NamedTuple, TypeVar

ConnectionT = TypeVar("ConnectionT", bound=Hashable)


class Count(NamedTuple):
    """How many are on a page: connections, and the visitors that they belong to."""

    connections: int = 0
    visitors: int = 0


class Change(NamedTuple):
    """What a join or a leave did to a page's count."""

    page: str
    before: Count
    after: Count


class _Audience(Generic[ConnectionT]):
    __slots__ = ("anonymous", "connections", "visitors")

    def __init__(self) -> None:
        self.connections: dict[ConnectionT, str | None] = {}
        self.visitors: dict[str, int] = {}  # visitor id -> its connections
        self.anonymous = 0  # connections without an id: each a visitor of its own

    def count(self) -> Count:
        return Count(len(self.connections), self.anonymous + len(self.visitors))


class Roster(Generic[ConnectionT]):
    """One node's audiences. A connection is any hashable object; a page exists while somebody is on it."""

    def __init__(self) -> None:
        self._audiences: dict[str, _Audience[ConnectionT]] = {}

    def join(self, page: str, connection: ConnectionT, visitor: str | None = None) -> Change:
        """Puts a connection on a page.

        Args:
            page: the page's key.
            connection: whoever joins; it can be on a page once.
            visitor: the visitor's id; without one the connection is a visitor of its own.

        Raises:
            ValueError: the connection is on that page already.
        """
        audience = self._audiences.get(page)
        if audience is None:
            audience = self._audiences[page] = _Audience()
        elif connection in audience.connections:
            raise ValueError(f"the connection is on page {page} already")
        before = audience.count()
        audience.connections[connection] = visitor
        if visitor is None:
            audience.anonymous += 1
        else:
            audience.visitors[visitor] = audience.visitors.get(visitor, 0) + 1
        return Change(page, before, audience.count())

    def leave(self, page: str, connection: ConnectionT) -> Change | None:
        """Takes a connection off a page; None where it was not there."""
        audience = self._audiences.get(page)
        if audience is None or connection not in audience.connections:
            return None
        before = audience.count()
        visitor = audience.connections.pop(connection)
        if visitor is None:
            audience.anonymous -= 1
        elif audience.visitors[visitor] == 1:
            del audience.visitors[visitor]
        else:
            audience.visitors[visitor] -= 1
        if not audience.connections:
            del self._audiences[page]
        return Change(page, before, audience.count())

    def count(self, page: str) -> Count:
        """The page's count; zero for a page that nobody is on."""
        audience = self._audiences.get(page)
        return audience.count() if audience is not None else Count()

    def count_with(self, page: str, visitor: str | None) -> Count:
        """What the page's count will be once one more connection, of this visitor, has joined."""
        audience = self._audiences.get(page)
        if audience is None:
            return Count(1, 1)
        connections, visitors = audience.count()
        return Count(connections + 1, visitors + (visitor is None or visitor not in audience.visitors))

    def audience(self, page: str) -> Collection[ConnectionT]:
        """The connections on a page, in the order of their joins; not to be kept over a join or leave."""
        audience = self._audiences.get(page)
        return audience.connections.keys() if audience is not None else ()

    def pages(self) -> Collection[str]:
        """The keys of the pages that somebody is on."""
        return self._audiences.keys()
