"""Which clients of a page a message goes to, named by their rooms and ids."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Never, Self

from nannin.audience.recovery import Aim
from nannin.errors import NodesSilent
from nannin.hub.asking import Asking
from nannin.hub.connection import HubPort
from nannin.hub.node_messages import Ordered
from nannin.wire.socket_packet import RESERVED_EVENTS

# The event of `send`, as in Socket.IO.
MESSAGE = "message"
_NO_OPTIONS: Mapping[str, object] = {}


# Options of `emit` in python-socketio and Flask-SocketIO, and what says the same here.
_ELSEWHERE = {
    "room": 'to("ROOM").emit(...)',
    "to": 'to("ROOM").emit(...)',
    "skip_sid": 'except_("ID").emit(...)',
    "include_self": "broadcast.emit(...), to everyone but me",
    "broadcast": "page.emit(...), to everyone",
    "namespace": 'live.page("/NAME").emit(...)',
    "callback": "await call(...), which returns the answer",
}


def check_event(event: str, options: Mapping[str, object] = _NO_OPTIONS) -> None:
    """Raises where `event` can't be the name of an event that is sent.

    Args:
        event: the name.
        options: arguments that were passed by name, of which there are none.
    """
    if options:
        name = next(iter(options))
        instead = f": use {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
        raise TypeError(f"emit takes no option {name}{instead}")
    if not isinstance(event, str):
        raise TypeError(f"an event's name is a str, not {event!r}")
    if event in RESERVED_EVENTS:
        raise ValueError(f"{event!r} is reserved for the protocol")


class Aimed:
    """An aim on a page, which methods narrow down to a new one, and what is sent to it."""

    __slots__ = ("_aim", "_hub", "_page", "_volatile")

    def __init__(self, hub: HubPort, page: str, aim: Aim, volatile: bool = False) -> None:
        self._hub = hub
        self._page = page
        self._aim = aim
        self._volatile = volatile

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._page}: {self._aim}>"

    def to(self, *names: str) -> Self:
        """Only those who are in one of these rooms; a socket's id is a room with that socket alone."""
        rooms = _checked(names) | (self._aim.rooms or frozenset())
        return type(self)(self._hub, self._page, self._aim._replace(rooms=rooms), self._volatile)

    def except_(self, *names: str) -> Self:
        """All but those who are in one of these rooms, or have one of these ids."""
        aim = self._aim._replace(except_=self._aim.except_ | _checked(names))
        return type(self)(self._hub, self._page, aim, self._volatile)

    @property
    def volatile(self) -> Self:
        """For events that may be lost: a client that reads too slowly to take one at once does not get it."""
        return type(self)(self._hub, self._page, self._aim, volatile=True)

    def emit(self, event: str, *args: Any, **options: Never) -> None:
        """Sends an event. It never blocks, needs no `await`, and works from any thread.

        Args:
            event: its name; none of the protocol's own, such as "connect".
            args: anything that JSON has a form for, and bytes anywhere inside.
            options: none; the error of one says what to write instead.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
        """
        check_event(event, options)
        self._hub.emitter.emit(self._page, self._aim, event, args, volatile=self._volatile)

    def send(self, *args: Any) -> None:
        """Sends a `message` event, as in Socket.IO; see `emit`."""
        self.emit(MESSAGE, *args)

    async def count(self, timeout: float = 5.0) -> int:
        """How many sockets it means now, over all nodes.

        Args:
            timeout: how long to wait for other nodes, in seconds.

        Raises:
            NodesSilent: a node did not answer in time.
            WrongThread: it is not called on the server's loop.
        """
        self._hub.home.check("target.count", is_async=True)
        own = len(self._hub.emitter.recipients(self._page, self._aim))
        asking = await self._ask_others(timeout, counts=True)
        return own if asking is None else own + asking.number

    def sockets_join(self, *rooms: str) -> None:
        """Puts all those sockets into rooms, on all nodes; see `Socket.join`.

        Raises:
            WrongThread: it is not called in the server's thread.
        """
        self._order("target.sockets_join", Ordered(self._aim, joins=check_rooms(rooms)))

    def sockets_leave(self, *rooms: str) -> None:
        """Takes all those sockets out of rooms, on all nodes; see `Socket.leave`.

        Raises:
            WrongThread: it is not called in the server's thread.
        """
        self._order("target.sockets_leave", Ordered(self._aim, leaves=check_rooms(rooms)))

    def disconnect_sockets(self, close: bool = False) -> None:
        """Takes all those clients off the page, on all nodes; see `Socket.disconnect`.

        Args:
            close: end their whole sessions, with all pages that they are on.

        Raises:
            WrongThread: it is not called in the server's thread.
        """
        self._order("target.disconnect_sockets", Ordered(self._aim, disconnects=True, closes=bool(close)))

    def _order(self, what: str, ordered: Ordered) -> None:
        self._hub.home.check(what)
        carry_out(self._hub, self._page, ordered)
        if self._hub.others is not None:
            self._hub.others.order(self._page, ordered)

    async def _ask_others(self, timeout: float, *, counts: bool) -> Asking | None:
        """What the other nodes answer; None where there are none.

        Raises:
            NodesSilent: one of them did not in time.
        """
        if self._hub.others is None:
            return None
        asking = self._hub.others.seek(self._page, self._aim, counts=counts)
        try:
            await asyncio.wait([asking.done], timeout=timeout)
        finally:
            asking.done.cancel()
        if asking.waits:
            raise NodesSilent(asking.waits)
        return asking


def _checked(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(check_rooms(names))


def check_rooms(names: tuple[str, ...]) -> list[str]:
    """The names of rooms, as a list.

    Raises:
        TypeError: one of them is not a str.
    """
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a room's name is a str, not {name!r}")
    return list(names)


def carry_out(hub: HubPort, page: str, ordered: Ordered) -> None:
    """Does what the application, here or on another node, wants done with connections of this node."""
    for connection in hub.emitter.recipients(page, ordered.aim):
        for room in ordered.joins:
            hub.rooms.join(page, room, connection, connection.number)
        for room in ordered.leaves:
            hub.leave_room(connection, room)
        if ordered.disconnects:
            hub.disconnect(connection, close=ordered.closes)
