"""What the application holds: a client's socket, the page it is on, and the three targets of a message."""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from nannin.audience.roster import Count
from nannin.engine import Session
from nannin.errors import CallTimeout, NotConnected
from nannin.handlers import Handlers, HandlerT
from nannin.updates import Format, encode_event, encode_packet
from nannin.wire.outgoing import Outgoing
from nannin.wire.socket_packet import RESERVED_EVENTS, Packet, PacketType

if TYPE_CHECKING:
    from collections.abc import Collection


class SocketState(enum.Enum):
    """Where a connection is."""

    JOINING = "its connect handler decides"
    JOINED = "on the page, and counted"
    LEFT = "gone"


class Audience(Protocol):
    """What sockets and pages ask of the hub."""

    handlers: Handlers

    def count(self, page: str) -> Count:
        """The page's count."""

    def count_with(self, page: str, visitor: str | None) -> Count:
        """The page's count once one more connection has joined."""

    def sockets(self, page: str) -> Collection[Socket]:
        """Who is on the page."""

    def send(self, page: str, outgoing: Outgoing, *, except_: Socket | None) -> None:
        """Sends packets to all on the page but one."""

    def disconnect(self, socket: Socket, *, close: bool) -> None:
        """Takes a socket off its page, or ends its session."""


def check_event(event: str) -> None:
    """Raises where `event` can't be the name of an event that is sent."""
    if not isinstance(event, str):
        raise TypeError(f"an event's name is a str, not {event!r}")
    if event in RESERVED_EVENTS:
        raise ValueError(f"{event!r} is reserved for the protocol")


class Socket:
    """One connection: a client on a page.

    Attributes:
        id: its id, which the client knows as `socket.id`.
        auth: what the client sent to connect, a dictionary, empty at first.
        visitor: the visitor's id, or None: then the connection is a visitor of its own.
        data: the application's own, a dictionary that lives as long as the connection.
    """

    __slots__ = (
        "_audience",
        "_calls",
        "_data",
        "_numbers",
        "auth",
        "form",
        "id",
        "key",
        "outbox",
        "session",
        "state",
        "visitor",
        "wants_to_leave",
    )

    def __init__(
        self, audience: Audience, session: Session, key: str, id_: str, auth: dict[str, Any]
    ) -> None:
        self._audience = audience
        self._calls: dict[int, asyncio.Future[Any]] | None = None
        self._numbers: itertools.count[int] | None = None
        self._data: dict[str, Any] | None = None
        self.session = session
        self.key = key
        self.id = id_
        self.auth = auth
        self.visitor: str | None = auth.get("visitor")
        self.form = Format.NONE
        self.state = SocketState.JOINING
        # What the connect handler sends, which must follow the CONNECT packet; and its wish to end it all.
        self.outbox: list[Outgoing] | None = []
        self.wants_to_leave: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<Socket {self.id} on {self.key}, {self.state.name.lower()}>"

    @property
    def data(self) -> dict[str, Any]:
        """The application's own notes on this connection."""
        if self._data is None:
            self._data = {}
        return self._data

    @property
    def connected(self) -> bool:
        """Whether it is on its page."""
        return self.state is SocketState.JOINED

    @property
    def page(self) -> Page:
        """The page; while the connect handler runs, its count includes this connection already."""
        joiner = self if self.state is SocketState.JOINING else None
        return Page(self._audience, self.key, joiner)

    @property
    def broadcast(self) -> Broadcast:
        """Everyone else on the page."""
        return Broadcast(self._audience, self)

    def emit(self, event: str, *args: Any) -> None:
        """Sends an event to this client only. It never blocks; to a socket that has left it does nothing.

        Args:
            event: its name; none of the protocol's own, such as "connect".
            args: anything that JSON has a form for, and bytes anywhere inside.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
        """
        check_event(event)
        self.send(encode_event(self.key, event, args))

    async def call(self, event: str, *args: Any, timeout: float = 60.0) -> Any:
        """Sends an event and waits for the client's ack.

        Args:
            timeout: how long to wait, in seconds.

        Returns:
            What the client answered: None, its one argument, or a list of several.

        Raises:
            CallTimeout: no ack came in time.
            NotConnected: the connection ended first, or has not joined yet.
            TypeError, ValueError: the arguments can't be sent.
        """
        check_event(event)
        if self.state is not SocketState.JOINED:
            raise NotConnected(f"socket {self.id} is not on {self.key}: it can't be called")
        if self._calls is None or self._numbers is None:
            self._calls, self._numbers = {}, itertools.count()
        number = next(self._numbers)
        packet = Packet(PacketType.EVENT, self.key, [event, *args], number)
        outgoing = encode_packet(packet)
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        try:
            self.send(outgoing)
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise CallTimeout(f"socket {self.id} did not acknowledge {event!r} in {timeout} s") from None
        finally:
            self._calls.pop(number, None)

    def disconnect(self, close: bool = False) -> None:
        """Takes the client off the page, which it learns; it does not come back by itself.

        Args:
            close: end the whole session, with all pages that it is on.
        """
        self._audience.disconnect(self, close=close)

    # For the hub

    def send(self, outgoing: Outgoing) -> None:
        """Sends packets, or keeps them until the connection has joined."""
        if self.outbox is not None:
            self.outbox.append(outgoing)
        elif self.state is SocketState.JOINED:
            self.session.send_outgoing(outgoing)

    def flush(self) -> None:
        """Sends what was kept, in its order."""
        kept, self.outbox = self.outbox, None
        for outgoing in kept or ():
            self.session.send_outgoing(outgoing)

    def receive_ack(self, number: int, args: list[Any]) -> None:
        """The client acknowledged a call; an ack that nobody waits for is dropped."""
        answer = self._calls.pop(number, None) if self._calls else None
        if answer is not None and not answer.done():
            answer.set_result(None if not args else args[0] if len(args) == 1 else args)

    def fail_calls(self) -> None:
        """The connection ended: whoever waits for an ack is told."""
        for answer in (self._calls or {}).values():
            if not answer.done():
                answer.set_exception(NotConnected(f"socket {self.id} has left {self.key}"))


class Broadcast:
    """Everyone else on a socket's page."""

    __slots__ = ("_audience", "_socket")

    def __init__(self, audience: Audience, socket: Socket) -> None:
        self._audience = audience
        self._socket = socket

    def emit(self, event: str, *args: Any) -> None:
        """Sends an event to everyone on the page but the socket; as `Socket.emit` otherwise."""
        check_event(event)
        page = self._socket.key
        self._audience.send(page, encode_event(page, event, args), except_=self._socket)


class Page:
    """A page: its count, everyone on it, and the application's handlers for it.

    The key may hold `*` for any text; such a page is many, takes handlers, and can't be counted or sent to.
    """

    __slots__ = ("_audience", "_joiner", "key")

    def __init__(self, audience: Audience, key: str, joiner: Socket | None = None) -> None:
        self._audience = audience
        self._joiner = joiner
        self.key = key

    def __repr__(self) -> str:
        return f"<Page {self.key}>"

    @property
    def count(self) -> Count:
        """How many are on the page: `connections` and `visitors`."""
        self._check_single()
        if self._joiner is not None and self._joiner.state is SocketState.JOINING:
            return self._audience.count_with(self.key, self._joiner.visitor)
        return self._audience.count(self.key)

    @property
    def sockets(self) -> list[Socket]:
        """The sockets on the page, in the order in which they joined."""
        self._check_single()
        return list(self._audience.sockets(self.key))

    def emit(self, event: str, *args: Any) -> None:
        """Sends an event to everyone on the page; as `Socket.emit` otherwise."""
        self._check_single()
        check_event(event)
        outgoing = encode_event(self.key, event, args)
        self._audience.send(self.key, outgoing, except_=None)
        if self._joiner is not None and self._joiner.state is SocketState.JOINING:
            self._joiner.send(outgoing)

    def on(self, event: str) -> Callable[[HandlerT], HandlerT]:
        """Registers the decorated function for an event on this page.

        `connect` is called with the socket, `disconnect` with the socket and the reason, any other event with
        the socket and what the client sent; what it returns is the ack.

        Raises:
            ValueError: the event is reserved, or has a handler already.
            TypeError: the event's name is no text, or what is decorated no function.
        """

        def register(handler: HandlerT) -> HandlerT:
            self._audience.handlers.register(self.key, event, handler)
            return handler

        return register

    def _check_single(self) -> None:
        if "*" in self.key:
            raise ValueError(f"{self.key!r} is many pages: count or send to one of them, by its key")
