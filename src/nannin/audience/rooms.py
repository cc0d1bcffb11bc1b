"""Which rooms a page's connections are in: groups that an application makes to send to."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

ConnectionT = TypeVar("ConnectionT", bound=Hashable)


class Rooms(Generic[ConnectionT]):
    """The rooms of all pages. A room exists while somebody is in it; two pages' rooms of one name are two."""

    def __init__(self) -> None:
        self._members: dict[tuple[str, str], dict[ConnectionT, None]] = {}
        self._rooms: dict[ConnectionT, dict[str, None]] = {}

    def join(self, page: str, room: str, connection: ConnectionT) -> None:
        """Puts a connection of a page into a room; a second time changes nothing.

        Raises:
            TypeError: the room's name is not a str.
        """
        if not isinstance(room, str):
            raise TypeError(f"a room's name is a str, not {room!r}")
        self._members.setdefault((page, room), {})[connection] = None
        self._rooms.setdefault(connection, {})[room] = None

    def leave(self, page: str, room: str, connection: ConnectionT) -> None:
        """Takes a connection out of a room, if it is in it."""
        members = self._members.get((page, room))
        if members is None or connection not in members:
            return
        del members[connection]
        if not members:
            del self._members[page, room]
        rooms = self._rooms[connection]
        del rooms[room]
        if not rooms:
            del self._rooms[connection]

    def leave_all(self, page: str, connection: ConnectionT) -> list[str]:
        """Takes a connection out of all its rooms, and returns their names."""
        rooms = self.of(connection)
        for room in rooms:
            self.leave(page, room, connection)
        return rooms

    def members(self, page: str, room: str) -> Collection[ConnectionT]:
        """The connections in a room, in the order of their joins; not to be kept over a join or leave."""
        return self._members.get((page, room), {}).keys()

    def of(self, connection: ConnectionT) -> list[str]:
        """The rooms that a connection is in, in the order in which it joined them."""
        return list(self._rooms.get(connection, ()))
