"""A client of another node, as this one was told of it. `RemoteSocket` adds the page, and calls."""

from __future__ import annotations

from typing import Any, Never

from nannin.audience.recovery import Aim
from nannin.hub.connection import HubPort
from nannin.hub.node_messages import Seen, decode_data
from nannin.hub.targets import MESSAGE, Aimed


class Remote:
    """What is known of one connection of another node, and what can be done with it from here.

    Two that compare equal are the same connection, maybe seen at different times.
    """

    __slots__ = ("_data", "_hub", "_key", "_seen")

    def __init__(self, hub: HubPort, key: str, seen: Seen) -> None:
        self._hub = hub
        self._key = key
        self._seen = seen
        self._data: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} on {self._key}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and (other.id, other._key) == (self.id, self._key)

    def __hash__(self) -> int:
        return hash((self.id, self._key))

    @property
    def id(self) -> str:
        """Its id, which the client knows as `socket.id`."""
        return self._seen.id

    @property
    def visitor(self) -> str | None:
        """The visitor's id, or None: then the connection is a visitor of its own."""
        return self._seen.visitor

    @property
    def rooms(self) -> list[str]:
        """The rooms that it was in when its node was asked."""
        return list(self._seen.rooms)

    @property
    def data(self) -> dict[str, Any]:
        """The application's notes on it when its node was asked: a copy, as plain objects.

        What can't be sent to another process, such as an open file, is not in it.
        """
        if self._data is None:
            self._data = decode_data(self._seen.data)
        return self._data

    def join(self, *rooms: str) -> None:
        """Puts it into rooms of its page.

        Raises:
            WrongThread: it is not called in the server's thread.
        """
        self._me().sockets_join(*rooms)

    def leave(self, *rooms: str) -> None:
        """Takes it out of rooms of its page.

        Raises:
            WrongThread: it is not called in the server's thread.
        """
        self._me().sockets_leave(*rooms)

    def emit(self, event: str, *args: Any, **options: Never) -> None:
        """Sends an event to this client only; as `Socket.emit` otherwise."""
        self._me().emit(event, *args, **options)

    def send(self, *args: Any) -> None:
        """Sends a `message` event to this client only, as in Socket.IO; see `emit`."""
        self.emit(MESSAGE, *args)

    def disconnect(self, close: bool = False) -> None:
        """Takes the client off the page, which it learns; it does not come back by itself.

        Args:
            close: end the whole session, with all pages that it is on.

        Raises:
            WrongThread: it is not called in the server's thread.
        """
        self._me().disconnect_sockets(close)

    def _me(self) -> Aimed:
        return Aimed(self._hub, self._key, Aim(frozenset((self.id,))))
