"""What the application holds: a client's socket, the page it is on, and the three targets of a message."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from nannin.access.connect import Connect
from nannin.audience.page_key import is_pattern
from nannin.audience.recovery import Aim, Ticket
from nannin.audience.rooms import Rooms
from nannin.audience.roster import Count
from nannin.engine.handshake import Handshake
from nannin.engine.session import Session
from nannin.errors import CallTimeout, NotConnected
from nannin.hub.encoding import Variant
from nannin.hub.handlers import Handlers, HandlerT, Middleware, check_handled
from nannin.hub.reasons import SocketState
from nannin.hub.targets import Answers, Emitting, OnlyMe, Target, check_event
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.outgoing import Outgoing

MiddlewareT = TypeVar("MiddlewareT", bound=Middleware)


class Audience(Protocol):
    """What sockets and pages ask of the hub."""

    handlers: Handlers
    rooms: Rooms[Socket]

    @property
    def emitter(self) -> Emitting:
        """Who sends events."""

    def count(self, page: str) -> Count:
        """The page's count."""

    def count_with(self, joiner: Socket) -> Count:
        """The count of the joiner's page once it has joined."""

    def disconnect(self, socket: Socket, *, close: bool) -> None:
        """Takes a socket off its page, or ends its session."""


class Socket:
    """One connection: a client on a page.

    Attributes:
        id: its id, which the client knows as `socket.id`.
        auth: what the client sent to connect, a dictionary, empty at first.
        visitor: the visitor's id, or None: then the connection is a visitor of its own.
        observes: whether it is told the page's count without being counted.
        recovered: whether it came back as who it was, with its rooms, its data and what it missed.
    """

    __slots__ = (
        "_audience",
        "_calls",
        "_data",
        "answered_s",
        "auth",
        "begins_visible",
        "greeted",
        "id",
        "key",
        "left_for",
        "left_rooms",
        "observes",
        "outbox",
        "recovered",
        "session",
        "state",
        "ticket",
        "variant",
        "visitor",
        "wants_to_leave",
    )

    def __init__(
        self,
        audience: Audience,
        session: Session,
        key: str,
        id_: str,
        auth: dict[str, Any],
        connect: Connect,
        *,
        observes: bool,
    ) -> None:
        self._audience = audience
        self._calls: dict[int, asyncio.Future[Any]] | None = None
        self._data: dict[str, Any] | None = None
        self.session = session
        self.key = key
        self.id = id_
        self.auth = auth
        self.visitor: str | None = connect.visitor
        self.observes = observes
        self.begins_visible = connect.visible
        self.variant: Variant | None = None  # how it is told its page's count
        self.state = SocketState.JOINING
        self.left_rooms: list[str] | None = None  # what it was in when it left
        self.ticket: Ticket | None = None  # those who may come back have one
        self.recovered = False
        # What the connect handler sends, which must follow the CONNECT packet; and its wish to end it all.
        self.outbox: list[Outgoing] | None = []
        self.wants_to_leave: Callable[[], None] | None = None
        # Whether a connect handler was called with it, and why it left while that ran.
        self.greeted = False
        self.left_for: DisconnectReason | None = None
        # When its CONNECT was answered; minus infinity once the client has shown that it knows.
        self.answered_s = -math.inf

    def __repr__(self) -> str:
        return f"<Socket {self.id} on {self.key}, {self.state.name.lower()}>"

    @property
    def data(self) -> dict[str, Any]:
        """The application's own notes on this connection."""
        if self._data is None:
            self._data = {}
        return self._data

    @data.setter
    def data(self, data: dict[str, Any]) -> None:
        self._data = data

    @property
    def handshake(self) -> Handshake:
        """The request that opened the session: `headers`, `query`, `address`, and the ASGI `scope`."""
        return self.session.handshake or Handshake({})

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
        """The client's IP address, or that which a trusted proxy gave; empty behind a Unix socket."""
        return self.handshake.address

    @property
    def params(self) -> dict[str, str]:
        """What the page's key says for the `{name}` parts of the page's pattern."""
        return self._audience.handlers.resolve(self.key).params

    @property
    def connected(self) -> bool:
        """Whether it is on its page."""
        return self.state is SocketState.JOINED

    @property
    def page(self) -> Page:
        """The page; while the connect handler runs, its count includes this connection already."""
        joiner = self if self.state is SocketState.JOINING else None
        return Page(self._audience, self.key, joiner, is_one=True)

    @property
    def broadcast(self) -> Target:
        """Everyone else on the page."""
        return Target(self._audience.emitter, self.key, Aim(except_=frozenset((self.id,))))

    @property
    def volatile(self) -> OnlyMe:
        """This client, for events that may be lost if it can't take them at once."""
        return OnlyMe(self._audience.emitter, self.key, self.id, self.broadcast.volatile)

    def to(self, *names: str) -> Target:
        """Everyone else in these rooms; another socket's id is a room with that socket alone."""
        return self.broadcast.to(*names)

    def except_(self, *names: str) -> Target:
        """Everyone else but those in these rooms, or with these ids."""
        return self.broadcast.except_(*names)

    def join(self, *rooms: str) -> None:
        """Joins rooms of the page; once is enough. It leaves them with the page.

        Raises:
            NotConnected: it has left the page.
        """
        if self.state is SocketState.LEFT:
            raise NotConnected(f"socket {self.id} is not on {self.key}: it can't join a room")
        for room in rooms:
            self._audience.rooms.join(self.key, room, self)

    def leave(self, *rooms: str) -> None:
        """Leaves rooms of the page."""
        for room in rooms:
            self._audience.rooms.leave(self.key, room, self)

    @property
    def rooms(self) -> list[str]:
        """The rooms that it is in, in the order in which it joined them; in the end, those it was in."""
        return self._audience.rooms.of(self) if self.left_rooms is None else list(self.left_rooms)

    def emit(self, event: str, *args: Any) -> None:
        """Sends an event to this client only. It never blocks; to a socket that has left it does nothing.

        Args:
            event: its name; none of the protocol's own, such as "connect".
            args: anything that JSON has a form for, and bytes anywhere inside.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
        """
        check_event(event)
        if self.state is not SocketState.LEFT:
            self._audience.emitter.emit(self.key, Aim(frozenset((self.id,))), event, args)

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
        answer = self._audience.emitter.ask(self.key, Aim(frozenset((self.id,))), event, args)[self]
        try:
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise CallTimeout(f"socket {self.id} did not acknowledge {event!r} in {timeout} s") from None

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

    def expect(self, number: int) -> asyncio.Future[Any]:
        """What will hold the ack of this number; cancelled, it is no longer waited for."""
        if self._calls is None:
            self._calls = {}
        calls = self._calls
        answer = calls[number] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda _: calls.pop(number, None))
        return answer

    def receive_ack(self, number: int, args: list[Any]) -> None:
        """The client acknowledged a call; an ack that nobody waits for is dropped."""
        answer = self._calls.get(number) if self._calls else None
        if answer is not None and not answer.done():
            answer.set_result(None if not args else args[0] if len(args) == 1 else args)

    def fail_calls(self) -> None:
        """The connection ended: whoever waits for an ack is told."""
        for answer in list((self._calls or {}).values()):
            if not answer.done():
                answer.set_exception(NotConnected(f"socket {self.id} has left {self.key}"))


class Page:
    """A page: its count, everyone on it, and the application's handlers for it.

    The key may hold `*` for any text, or `{name}` for any text without a `/`; such a page is many, takes
    handlers, and can't be counted or sent to.
    """

    __slots__ = ("_audience", "_is_one", "_joiner", "key")

    def __init__(
        self, audience: Audience, key: str, joiner: Socket | None = None, *, is_one: bool = False
    ) -> None:
        self._audience = audience
        self._joiner = joiner
        self._is_one = is_one  # somebody is on it, so that it is no pattern, whatever its key looks like
        self.key = key

    def __repr__(self) -> str:
        return f"<Page {self.key}>"

    @property
    def count(self) -> Count:
        """How many are on the page: `connections`, `visitors` and `visible`, the visitors who see it now."""
        self._check_single()
        if self._joiner is not None and self._joiner.state is SocketState.JOINING:
            return self._audience.count_with(self._joiner)
        return self._audience.count(self.key)

    @property
    def sockets(self) -> list[Socket]:
        """The sockets on the page, in the order in which they joined."""
        return self._everyone().sockets

    def emit(self, event: str, *args: Any) -> None:
        """Sends an event to everyone on the page; as `Socket.emit` otherwise."""
        self._everyone().emit(event, *args)
        joiner = self._joiner
        if joiner is not None and joiner.state is SocketState.JOINING and not joiner.recovered:
            joiner.emit(event, *args)

    async def call(self, event: str, *args: Any, timeout: float = 60.0) -> Answers:
        """Sends an event to everyone on the page and waits for their acks; see `Target.call`."""
        return await self._everyone().call(event, *args, timeout=timeout)

    def to(self, *names: str) -> Target:
        """Those on the page who are in one of these rooms; a socket's id is a room with that socket alone."""
        return self._everyone().to(*names)

    def except_(self, *names: str) -> Target:
        """All on the page but those in one of these rooms, or with one of these ids."""
        return self._everyone().except_(*names)

    @property
    def volatile(self) -> Target:
        """Everyone on the page, for events that may be lost where a client can't take them at once."""
        return self._everyone().volatile

    def on(self, event: str) -> Callable[[HandlerT], HandlerT]:
        """Registers the decorated function for an event on this page.

        `connect` is called with the socket, and with what the client sent to connect if it takes a second
        argument; `disconnect` with the socket and the reason; any other event with the socket and what the
        client sent, and what it returns is the ack. `*` is any other event without a handler of its own, and
        is called with the socket, the event's name and what the client sent.

        A parameter with an annotation, such as a dataclass, a TypedDict or a msgspec Struct, gets what fits
        it; what does not fit is refused, and never reaches the handler.

        Raises:
            ValueError: the event is reserved, or has a handler already.
            TypeError: the event's name is no text, or what is decorated can't be a handler.
        """
        check_handled(event)

        def register(handler: HandlerT) -> HandlerT:
            self._audience.handlers.register(self.key, event, handler)
            return handler

        return register

    def use(self, middleware: MiddlewareT) -> MiddlewareT:
        """Puts an async function around the page's handlers; `await call_next()` goes on to the next one.

        It is called as `middleware(socket, event, args, call_next)` for `connect` and for every event with a
        handler, and returns what the ack is to be. What it raises has the effect of a handler's exception.

        Raises:
            TypeError: it is no async function.
        """
        self._audience.handlers.use(self.key, middleware)
        return middleware

    def _everyone(self) -> Target:
        self._check_single()
        return Target(self._audience.emitter, self.key, Aim())

    def _check_single(self) -> None:
        if not self._is_one and is_pattern(self.key):
            raise ValueError(f"{self.key!r} is many pages: count or send to one of them, by its key")
