"""What a socket says about its client: who it is, and the request by which it came."""

from __future__ import annotations

from typing import Any

from nannin.access.connect import MAX_VISITOR_BYTES, is_visitor
from nannin.audience.roster import Given
from nannin.engine.handshake import Handshake
from nannin.engine.session import Session
from nannin.hub.connection import Connection
from nannin.hub.reasons import SocketState


class About:
    """What is known about one connection. `Socket` adds what can be done with it."""

    __slots__ = ("__weakref__", "_connection")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        connection = self._connection
        return f"<Socket {connection.id} on {connection.key}, {connection.state.name.lower()}>"

    @property
    def id(self) -> str:
        """Its id, which the client knows as `socket.id`."""
        return self._connection.id

    @property
    def auth(self) -> dict[str, Any]:
        """What the client sent to connect, a dictionary; empty if it sent nothing."""
        return self._connection.auth

    @property
    def visitor(self) -> str | None:
        """The visitor's id, or None: then the connection is a visitor of its own.

        A connect handler may set it, for instance to the id of the user who is signed in, who then is one
        visitor on all devices. A client that sends the same id by itself stays another visitor.

        Raises:
            TypeError: what is set is neither a str nor None.
            ValueError: it has not 1 to 64 bytes.
            RuntimeError: the connect handler has returned; the client is counted as who it was then.
        """
        visitor = self._connection.visitor
        return visitor.id if isinstance(visitor, Given) else visitor

    @visitor.setter
    def visitor(self, visitor: str | None) -> None:
        if visitor is not None and not isinstance(visitor, str):
            raise TypeError(f"expected a str or None as visitor, not {visitor!r}")
        if not is_visitor(visitor):
            raise ValueError(f"expected 1 to {MAX_VISITOR_BYTES} bytes as visitor, not {visitor!r}")
        if self._connection.state is not SocketState.JOINING:
            raise RuntimeError("set visitor in the connect handler: afterwards the client is counted already")
        self._connection.visitor = visitor if visitor is None else Given(visitor)

    @property
    def observes(self) -> bool:
        """Whether it is told the page's count without being counted."""
        return self._connection.observes

    @property
    def recovered(self) -> bool:
        """Whether it came back as who it was, with its rooms, its data and what it missed."""
        return self._connection.recovered

    @property
    def session(self) -> Session:
        """The client's session, which its sockets on other pages share."""
        return self._connection.session

    @property
    def data(self) -> dict[str, Any]:
        """The application's own notes on this connection."""
        connection = self._connection
        if connection.data is None:
            connection.data = {}
        return connection.data

    @data.setter
    def data(self, data: dict[str, Any]) -> None:
        self._connection.data = data

    @property
    def handshake(self) -> Handshake:
        """The request that opened the session: `headers`, `query`, `address`, and the ASGI `scope`."""
        return self._connection.session.handshake or Handshake({})

    @property
    def headers(self) -> dict[str, str]:
        """The headers of that request, names in lower case."""
        return self.handshake.headers

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of that request."""
        return self.handshake.cookies

    @property
    def query(self) -> dict[str, str]:
        """The query of that request."""
        return self.handshake.query

    @property
    def address(self) -> str:
        """The client's IP address, or the one that a trusted proxy gave; empty behind a Unix socket."""
        return self.handshake.address

    @property
    def params(self) -> dict[str, str]:
        """What the page's key says for the `{name}` parts of the page's pattern."""
        return self._connection.hub.handlers.resolve(self._connection.key).params

    @property
    def connected(self) -> bool:
        """Whether it is on its page."""
        return self._connection.connected

    @property
    def rooms(self) -> list[str]:
        """The rooms that it is in, in the order in which it joined them; in the end, those it was in."""
        return self._connection.rooms
