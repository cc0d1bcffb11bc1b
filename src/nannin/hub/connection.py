"""One client on one page, as the hub keeps it, and what the application's objects ask of the hub."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection
from typing import Any, Protocol

from nannin.access.connect import Connect
from nannin.audience.people import People
from nannin.audience.recovery import Aim, Ticket
from nannin.audience.rooms import Rooms
from nannin.audience.roster import Count, VisitorName
from nannin.engine.descriptors import NOT_AT_ONCE
from nannin.engine.session import Session
from nannin.errors import NotConnected
from nannin.hub.asking import Others
from nannin.hub.encoding import Variant
from nannin.hub.handlers import Handlers
from nannin.hub.home_thread import HomeThread
from nannin.hub.reasons import SocketState
from nannin.wire import json_text
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.outgoing import Outgoing


class CatchingUp(Protocol):
    """Sends events to many.

    Attributes:
        waiting: the events that have not reached all yet.
    """

    @property
    def waiting(self) -> Collection[object]:
        """As above."""

    def catch_up(self, session: Session) -> None:
        """Sends a session at once what it has yet to get."""


class Emitting(Protocol):
    """Sends the application's events."""

    @property
    def broadcasts(self) -> CatchingUp:
        """Those that are on their way to many."""

    def emit(self, page: str, aim: Aim, event: str, args: tuple[Any, ...], *, volatile: bool = False) -> None:
        """Sends an event to whom an aim means."""

    def emit_to(self, connection: Connection, event: str, args: tuple[Any, ...]) -> None:
        """Sends an event to one client."""

    def ask(
        self, page: str, recipients: list[Connection], event: Outgoing, last: object
    ) -> dict[Connection, asyncio.Future[Any]]:
        """Sends an event that wants acks; returns what will hold each."""

    def recipients(self, page: str, aim: Aim) -> list[Connection]:
        """The connections that an aim means now."""

    def release(self, connection: Connection) -> None:
        """Nothing is held back for the connection any more."""


class HubPort(Protocol):
    """What sockets and pages ask of the hub.

    Attributes:
        others: the hubs of other nodes; None where there are none.
    """

    handlers: Handlers
    rooms: Rooms[Connection]
    people: People[Connection]
    home: HomeThread
    others: Others | None

    @property
    def emitter(self) -> Emitting:
        """Sends events."""

    def count(self, page: str) -> Count:
        """The page's count."""

    def count_with(self, joiner: Connection) -> Count:
        """The count of the joiner's page once it has joined."""

    def leave_room(self, connection: Connection, room: str) -> None:
        """Takes a connection out of a room."""

    def disconnect(self, connection: Connection, *, close: bool) -> None:
        """Takes a connection off its page, or ends its session."""

    def heed(self, connection: Connection) -> None:
        """The application waits for an ack of the connection, or no more."""


class Connection:
    """One client on one page.

    The application holds a `Socket`, which shows only what it offers and is made when it is first asked for.
    Where no handler is registered none is made, so that a connection that is only counted costs one object.

    Args:
        hub: the hub that keeps it.
        session: the client's session.
        key: the page's key.
        id_: the connection's id.
        auth: what the client sent to connect.
        auth_text: the same as JSON; empty where nobody will ask for it.
        connect: the keys of `auth` that are the server's own, checked.
        observes: whether the client is told the page's count without being counted.
        namespace: the page's key as the client spells it; None: as it is.

    Attributes:
        hub, session, key, id, observes: as above.
        namespace: the page's key as the client spells it, which all packets to it have to carry; the same
            object as `key` where that is no other spelling.
        socket: the application's socket; None until it is asked for, and again once the connection has ended.
        visitor: the visitor's id, as the client sent it or the application gave it; None for a visitor of its
            own.
        begins_visible: whether the client joins as visible.
        variant: how the client is told its page's count; None: not at all.
        state: where the connection is.
        data: the application's notes; None until it makes any.
        left_rooms: the rooms that the connection was in when it left; None before.
        ticket: what lets the client come back after a lost link; None if it may not.
        recovered: whether the client came back as who it was.
        seat: its seat in the crowd of its page, once it has joined.
        outbox: what the connect handler sends, which must follow the CONNECT packet; None once that is sent.
        wants_to_leave: what ends the connection once its connect handler has returned, if that wished so.
        greeted: whether a connect handler was called with it.
        left_for: why it left while that handler ran; None otherwise.
        answered_s: when its CONNECT was answered; minus infinity once the client has shown that it knows.
    """

    __slots__ = (
        "_auth",
        "_auth_text",
        "_calls",
        "answered_s",
        "begins_visible",
        "data",
        "greeted",
        "hub",
        "id",
        "key",
        "left_for",
        "left_rooms",
        "namespace",
        "observes",
        "outbox",
        "recovered",
        "seat",
        "session",
        "socket",
        "state",
        "ticket",
        "variant",
        "visitor",
        "wants_to_leave",
    )

    def __init__(
        self,
        hub: HubPort,
        session: Session,
        key: str,
        id_: str,
        auth: dict[str, Any],
        auth_text: str,
        connect: Connect,
        *,
        observes: bool,
        namespace: str | None = None,
    ) -> None:
        self.hub = hub
        self.session = session
        self.key = key
        self.namespace = key if namespace is None or namespace == key else namespace
        self.id = id_
        self._auth: dict[str, Any] | None = auth
        self._auth_text: str | None = auth_text
        self.visitor: VisitorName | None = connect.visitor
        self.observes = observes
        self.begins_visible = connect.visible
        self.socket: object = None
        self.variant: Variant | None = None
        self.state = SocketState.JOINING
        self.data: dict[str, Any] | None = None
        self.left_rooms: list[str] | None = None
        self.ticket: Ticket | None = None
        self.recovered = False
        self.seat = 0
        self.outbox: list[Outgoing] | None = []
        self.wants_to_leave: Callable[[], None] | None = None
        self.greeted = False
        self.left_for: DisconnectReason | None = None
        self.answered_s = -math.inf
        self._calls: dict[int, asyncio.Future[Any]] | None = None

    def __repr__(self) -> str:
        return f"<Connection {self.id} on {self.key}, {self.state.name.lower()}>"

    @property
    def connected(self) -> bool:
        """Whether it is on its page."""
        return self.state is SocketState.JOINED

    @property
    def is_answered(self) -> bool:
        """Whether its CONNECT has been answered."""
        return self.state is SocketState.JOINED or self.state is SocketState.LEFT

    @property
    def auth(self) -> dict[str, Any]:
        """What the client sent to connect. Who asks for it gets the same dictionary each time."""
        if self._auth is None:
            self._auth = json_text.decode(self._auth_text) if self._auth_text else {}
        self._auth_text = None
        return self._auth

    @property
    def auth_once(self) -> dict[str, Any]:
        """The same for a connect handler, which need not ask again."""
        return self._auth if self._auth is not None else self.auth

    def fold_auth(self) -> None:
        """Keeps of what the client sent the text alone, up to 30 times smaller, unless it was asked for."""
        if self._auth_text is not None:
            self._auth = None

    @property
    def number(self) -> int:
        """By which it is sent to with others; its session's, unless something is held back for it.

        Nor can a client be sent the same bytes as the others that spells the page's key in another way.
        """
        is_apart = self.outbox is not None or self.namespace is not self.key
        return NOT_AT_ONCE if is_apart else self.session.number

    @property
    def rooms(self) -> list[str]:
        """The rooms that it is in, in the order in which it joined them; in the end, those it was in."""
        return self.hub.rooms.of(self) if self.left_rooms is None else list(self.left_rooms)

    def send(self, outgoing: Outgoing) -> None:
        """Sends packets after all that was sent earlier, or keeps them until the connection has joined."""
        broadcasts = self.hub.emitter.broadcasts
        if broadcasts.waiting:
            broadcasts.catch_up(self.session)
        self.write(outgoing)

    def write(self, outgoing: Outgoing) -> None:
        """As `send`, though an event that was sent earlier may still be on its way."""
        if self.outbox is not None:
            self.outbox.append(outgoing)
        elif self.state is SocketState.JOINED:
            self.session.send_outgoing(self.spell(outgoing))

    def flush(self) -> None:
        """Sends what was kept, in its order; from now on nothing is kept."""
        kept, self.outbox = self.outbox, None
        for outgoing in kept or ():
            self.session.send_outgoing(self.spell(outgoing))
        self.hub.emitter.release(self)

    def spell(self, outgoing: Outgoing) -> Outgoing:
        """Packets for the page, with its key as the client spells it."""
        if self.namespace is self.key:
            return outgoing
        return outgoing.respelled(self.key, self.namespace)

    @property
    def awaits_ack(self) -> bool:
        """Whether the application waits for an ack of it."""
        return bool(self._calls)

    def expect(self, number: int) -> asyncio.Future[Any]:
        """Waits for the ack of this number.

        Returns:
            A future that will hold the ack. Cancel it to wait no longer.
        """
        if self._calls is None:
            self._calls = {}
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda _: self._expect_no_more(number))
        self.hub.heed(self)
        return answer

    def receive_ack(self, number: int, args: list[Any]) -> None:
        """The client acknowledged a call; an ack that nobody waits for is dropped."""
        answer = self._calls.get(number) if self._calls else None
        if answer is not None and not answer.done():
            answer.set_result(None if not args else args[0] if len(args) == 1 else args)

    def _expect_no_more(self, number: int) -> None:
        if self._calls is not None:
            self._calls.pop(number, None)
        self.hub.heed(self)

    def fail_calls(self) -> None:
        """The connection has ended: those that wait for an ack get NotConnected."""
        for answer in list((self._calls or {}).values()):
            if not answer.done():
                answer.set_exception(NotConnected(f"socket {self.id} has left {self.key}"))
