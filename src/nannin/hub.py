"""The Socket.IO application on the engine: which session is on which pages, and what its packets mean.

It knows nothing of HTTP or WebSocket, and no more of Engine.IO than a session's messages.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from nannin.audience.pace import Pace
from nannin.audience.roster import Count, Roster
from nannin.clock import Clock
from nannin.engine import Session
from nannin.errors import ConnectionRefused, PacketError
from nannin.handlers import CONNECT, DISCONNECT, Handler, Handlers
from nannin.sockets import Socket, SocketState
from nannin.telling import Teller
from nannin.updates import Format, encode_packet
from nannin.wire.engine_packet import encode_message
from nannin.wire.engine_states import Reason
from nannin.wire.outgoing import Outgoing
from nannin.wire.socket_packet import Decoder, Packet, PacketType, encode_connect

logger = logging.getLogger("nannin.hub")

CLIENT_LEFT = "client namespace disconnect"
SERVER_LEFT = "server namespace disconnect"

MAX_VISITOR_BYTES = 64
# So long after CONNECT goes what the connect handler emitted.
EMIT_AFTER_CONNECT_S = 0.01
# So many pages a session has left are remembered; what is under way to them is a round trip old at most.
MAX_LEFT = 16


class _Client:
    """A session's share of the hub: its packets in pieces, and its connections by namespace."""

    __slots__ = ("decoder", "left", "sockets")

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.sockets: dict[str, Socket] = {}
        # Namespaces it was taken off: what was under way to them then is no breach of the protocol.
        self.left: set[str] | None = None


class Hub:
    """Joins sessions to pages and carries events between clients and the application's handlers.

    Args:
        handlers: the application's.
        connect_timeout_s: how long a new session may be on no page before it is ended.
        max_attachments: how many attachments one packet may have, where there is an application.
        max_namespaces: how many pages one session may be on.
        new_id: makes a connection's id.
        pace: when a page may be told.
        clock: time and turns of the loop.
    """

    def __init__(
        self,
        handlers: Handlers,
        *,
        connect_timeout_s: float,
        max_attachments: int,
        max_namespaces: int,
        new_id: Callable[[], str],
        pace: Pace,
        clock: Clock,
    ) -> None:
        self.handlers = handlers
        self.tasks: set[asyncio.Task[Any]] = set()
        self._connect_timeout_s = connect_timeout_s
        self._max_attachments = max_attachments
        self._max_namespaces = max_namespaces
        self._new_id = new_id
        self._roster: Roster[Socket] = Roster()
        self._clock = clock
        self._teller = Teller(self._roster, pace, clock)

    # The engine's application

    def open(self, session: Session) -> None:
        """A session is open; it has to join a page in time."""
        session.data = _Client(Decoder(self._max_attachments if self.handlers.is_used else 0))
        session.allow(self._connect_timeout_s)

    def message(self, session: Session, data: str | bytes) -> None:
        """A message arrived: a packet, or a part of one."""
        client: _Client = session.data
        try:
            packet = client.decoder.receive(data)
        except PacketError as error:
            logger.debug("a malformed packet ends session %s: %s", session.sid, error)
            session.close(Reason.PARSE_ERROR)
            return
        if packet is None:
            return
        if packet.type is PacketType.CONNECT:
            self._receive_connect(session, client, packet)
            return
        socket = client.sockets.get(packet.namespace)
        if socket is not None and packet.type is PacketType.DISCONNECT:
            self._leave(socket, CLIENT_LEFT)
        elif socket is not None and socket.state is SocketState.JOINED and packet.type is PacketType.EVENT:
            self._receive_event(socket, packet)
        elif socket is not None and socket.state is SocketState.JOINED and packet.type is PacketType.ACK:
            assert packet.id is not None
            socket.receive_ack(packet.id, packet.data)
        elif client.left is None or packet.namespace not in client.left:
            logger.debug("a packet for a page that it is not on ends session %s", session.sid)
            session.close(Reason.PARSE_ERROR)

    def close(self, session: Session, reason: str) -> None:
        """The session ended, and with it all its connections."""
        client: _Client = session.data
        for socket in list(client.sockets.values()):
            self._leave(socket, reason)

    # For sockets and pages

    def count(self, page: str) -> Count:
        """The page's count."""
        return self._roster.count(page)

    def count_with(self, page: str, visitor: str | None) -> Count:
        """The page's count once one more connection has joined."""
        return self._roster.count_with(page, visitor)

    def sockets(self, page: str) -> Collection[Socket]:
        """Who is on the page."""
        return self._roster.audience(page)

    def pages(self) -> Collection[str]:
        """The keys of the pages that somebody is on."""
        return self._roster.pages()

    def send(self, page: str, outgoing: Outgoing, *, except_: Socket | None) -> None:
        """Sends packets to all on the page but one."""
        # A copy: a write may end a slow client's session, and so change who is on the page.
        for socket in list(self._roster.audience(page)):
            if socket is not except_:
                socket.send(outgoing)

    def disconnect(self, socket: Socket, *, close: bool) -> None:
        """Takes a socket off its page, or ends its session."""
        if socket.state is SocketState.JOINING:
            socket.wants_to_leave = lambda: self.disconnect(socket, close=close)
        elif socket.state is SocketState.JOINED:
            socket.flush()
            socket.session.send_outgoing(encode_packet(Packet(PacketType.DISCONNECT, socket.key)))
            self._leave(socket, SERVER_LEFT)
            if close:
                socket.session.close(Reason.FORCED_CLOSE)

    # Joining

    def _receive_connect(self, session: Session, client: _Client, packet: Packet) -> None:
        key, auth = packet.namespace, packet.data or {}
        problem = self._find_problem(client, key, auth)
        if problem is not None:
            self._refuse(session, key, ConnectionRefused(problem))
            return
        socket = client.sockets[key] = Socket(self, session, key, self._new_id(), auth)
        if client.left is not None:
            client.left.discard(key)
        handled = self.handlers.handles(key)
        # On a page that the application handles, it alone speaks to those who ask for nothing.
        socket.form = Format(auth.get("updates", Format.NONE if handled else Format.CLASSIC))
        handler = self.handlers.find(key, CONNECT)
        if handler is None:
            self._accept(socket)
            return
        try:
            result = handler(socket)
        except Exception as error:  # noqa: BLE001 - the edge: a handler must hurt no other connection
            self._refuse_joining(socket, error)
            return
        if inspect.isawaitable(result):
            self._spawn(self._await_connect(socket, result))
        else:
            self._accept(socket)

    def _find_problem(self, client: _Client, key: str, auth: dict[str, Any]) -> str | None:
        """Why a CONNECT can't be taken, in the words of its `connect_error`."""
        if not self.handlers.exists(key):
            return "Invalid namespace"
        if key in client.sockets:
            return "Already connected"
        if len(client.sockets) >= self._max_namespaces:
            return f"Too many namespaces: one session may be on {self._max_namespaces}"
        visitor = auth.get("visitor")
        if visitor is not None and not (
            isinstance(visitor, str) and 0 < len(visitor.encode()) <= MAX_VISITOR_BYTES
        ):
            return f"Invalid visitor: a text of 1 to {MAX_VISITOR_BYTES} bytes"
        updates = auth.get("updates", Format.CLASSIC.value)
        if updates not in [form.value for form in Format]:
            return 'Invalid updates: "classic", "audience" or "none"'
        return None

    async def _await_connect(self, socket: Socket, result: Any) -> None:
        try:
            await result
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse_joining(socket, error)
        else:
            self._accept(socket)

    def _refuse_joining(self, socket: Socket, error: Exception) -> None:
        if not isinstance(error, ConnectionRefusedError):
            logger.error("the connect handler of page %s raised", socket.key, exc_info=error)
            error = ConnectionRefused("Internal error")
        elif not isinstance(error, ConnectionRefused):  # Python's own, which other servers' users raise
            error = ConnectionRefused(*error.args[:2])
        if socket.state is SocketState.JOINING:
            socket.state, socket.outbox = SocketState.LEFT, None
            socket.session.data.sockets.pop(socket.key)
            assert isinstance(error, ConnectionRefused)
            self._refuse(socket.session, socket.key, error)

    def _refuse(self, session: Session, key: str, refusal: ConnectionRefused) -> None:
        data: dict[str, Any] = {"message": refusal.message}
        if refusal.data is not None:
            data["data"] = refusal.data
        session.send_outgoing(encode_packet(Packet(PacketType.CONNECT_ERROR, key, data)))

    def _accept(self, socket: Socket) -> None:
        if socket.state is not SocketState.JOINING:  # its session ended while the handler ran
            return
        session, key = socket.session, socket.key
        session.allow(math.inf)
        socket.state = SocketState.JOINED
        update = self._teller.join(socket, self._roster.join(key, socket, socket.visitor))
        packets = [encode_message(encode_connect(key, socket.id))]
        packets += update.packets if update is not None else ()
        session.send_outgoing(Outgoing(packets))
        if socket.outbox:
            # A client that waits for its CONNECT, and only then for events, misses those that it reads in
            # the same piece; the protocol's own test suite is one.
            self._clock.call_later(EMIT_AFTER_CONNECT_S, socket.flush)
        else:
            socket.outbox = None
        if socket.wants_to_leave is not None:
            socket.wants_to_leave()

    # Leaving

    def _leave(self, socket: Socket, reason: str) -> None:
        before, socket.state = socket.state, SocketState.LEFT
        client: _Client = socket.session.data
        client.sockets.pop(socket.key, None)
        if client.left is None or len(client.left) >= MAX_LEFT:
            client.left = set()
        client.left.add(socket.key)
        socket.outbox = None
        if before is not SocketState.JOINED:
            return
        change = self._roster.leave(socket.key, socket)
        assert change is not None
        self._teller.leave(socket, change)
        socket.fail_calls()
        handler = self.handlers.find(socket.key, DISCONNECT)
        if handler is not None:
            self._call(handler, socket, (reason,), DISCONNECT, None)

    # Events

    def _receive_event(self, socket: Socket, packet: Packet) -> None:
        event, *args = packet.data
        handler = self.handlers.find(socket.key, str(event))
        if handler is not None:
            self._call(handler, socket, tuple(args), str(event), packet.id)

    def _call(
        self, handler: Handler, socket: Socket, args: tuple[Any, ...], event: str, number: int | None
    ) -> None:
        try:
            result = handler(socket, *args)
            if inspect.isawaitable(result):
                self._spawn(self._await_result(result, socket, event, number))
            else:
                self._answer(socket, number, result)
        except Exception:
            logger.exception("the handler of %r on page %s raised", event, socket.key)

    async def _await_result(self, result: Any, socket: Socket, event: str, number: int | None) -> None:
        try:
            self._answer(socket, number, await result)
        except Exception:
            logger.exception("the handler of %r on page %s raised", event, socket.key)

    def _answer(self, socket: Socket, number: int | None, result: Any) -> None:
        """Sends a handler's result as the ack, where the client asked for one and is still there."""
        if number is None or socket.state is not SocketState.JOINED:
            return
        args = [] if result is None else list(result) if isinstance(result, tuple) else [result]
        socket.send(encode_packet(Packet(PacketType.ACK, socket.key, args, number)))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
