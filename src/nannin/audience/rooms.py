"""Which rooms a page's connections are in: groups that an application makes to send to."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import Generic, TypeVar

from nannin.audience.crowd import Crowd

ConnectionT = TypeVar("ConnectionT", bound=Hashable)


class Rooms(Generic[ConnectionT]):
    """The rooms of all pages. A room exists while somebody is in it; two pages' rooms of one name are two."""

    def __init__(self) -> None:
        self._crowds: dict[tuple[str, str], Crowd[ConnectionT]] = {}
        self._seats: dict[ConnectionT, dict[str, int]] = {}  # of each connection, by the names of its rooms

    def join(self, page: str, room: str, connection: ConnectionT, number: int = 0) -> None:
        """Puts a connection of a page into a room; a second time changes nothing.

        Args:
            page: the page's key.
            room: the room's name.
            connection: the one that joins it.
            number: by which it can be sent to at once.

        Raises:
            TypeError: the room's name is not a str.
        """
        if not isinstance(room, str):
            raise TypeError(f"a room's name is a str, not {room!r}")
        seats = self._seats.setdefault(connection, {})
        if room in seats:
            return
        crowd = self._crowds.get((page, room))
        if crowd is None:
            crowd = self._crowds[page, room] = Crowd(partial(self._move, room))
        seats[room] = crowd.add(connection, number)

    def leave(self, page: str, room: str, connection: ConnectionT) -> None:
        """Takes a connection out of a room, if it is in it."""
        seats = self._seats.get(connection)
        crowd = self._crowds.get((page, room))
        if seats is None or crowd is None or room not in seats:
            return
        crowd.remove(seats.pop(room))
        if not crowd:
            del self._crowds[page, room]
        if not seats:
            del self._seats[connection]

    def leave_all(self, page: str, connection: ConnectionT) -> list[str]:
        """Takes a connection out of all its rooms, and returns their names."""
        rooms = self.of(connection)
        for room in rooms:
            self.leave(page, room, connection)
        return rooms

    def renumber(self, page: str, connection: ConnectionT, number: int) -> None:
        """From now on a connection has this number in all its rooms."""
        for room, seat in self._seats.get(connection, {}).items():
            self._crowds[page, room].numbers[seat] = number

    def members(self, page: str, room: str) -> list[ConnectionT]:
        """The connections in a room, in the order of their joins."""
        return list(self._crowds.get((page, room), ()))

    def crowd(self, page: str, room: str) -> Crowd[ConnectionT] | None:
        """The connections in a room, to be sent to all at once; None where nobody is in it."""
        return self._crowds.get((page, room))

    def seat(self, room: str, connection: ConnectionT) -> int | None:
        """The connection's seat in a room's crowd; None where it is not in that room."""
        return self._seats.get(connection, {}).get(room)

    def of(self, connection: ConnectionT) -> list[str]:
        """The rooms that a connection is in, in the order in which it joined them."""
        return list(self._seats.get(connection, ()))

    def _move(self, room: str, connection: ConnectionT, seat: int) -> None:
        self._seats[connection][room] = seat
