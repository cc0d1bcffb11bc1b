"""The Socket.IO application on the engine: which session is on which pages, and what its packets mean.

It knows nothing of HTTP or WebSocket, and no more of Engine.IO than a session's messages.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection
from typing import Any

from nannin.access.admission import Admission, Refusal
from nannin.access.connect import Format
from nannin.audience.pace import Pace
from nannin.audience.recovery import Recovery
from nannin.audience.rooms import Rooms
from nannin.audience.roster import Count, Roster
from nannin.clock import Alarm, Clock
from nannin.engine.engine import Session
from nannin.errors import ConnectionRefused, PacketError, PayloadError
from nannin.hub.caller import Caller
from nannin.hub.comebacks import Comebacks
from nannin.hub.emitter import Emitter
from nannin.hub.encoding import encode_packet
from nannin.hub.handlers import CONNECT, DISCONNECT, Handlers
from nannin.hub.sockets import DisconnectReason, Socket, SocketState
from nannin.hub.teller import Teller, Watcher
from nannin.settings import Settings
from nannin.wire.engine_packet import encode_message
from nannin.wire.engine_states import Reason
from nannin.wire.outgoing import Outgoing
from nannin.wire.socket_packet import Decoder, Packet, PacketType, encode_connect

logger = logging.getLogger("nannin.hub")

CLIENT_LEFT, SERVER_LEFT = DisconnectReason.CLIENT_LEFT, DisconnectReason.SERVER_LEFT
# What a client says when its tab comes into view (true) or goes out of it (false).
VISIBLE = "nannin:visible"
# What a client is told whose event did not fit its handler, and who asked for no ack.
REFUSED = "nannin:refused"

# So long after CONNECT goes what the connect handler emitted.
EMIT_AFTER_CONNECT_S = 0.01
# So many pages a session has left are remembered; what is under way to them is a round trip old at most.
MAX_LEFT = 16


class _Client:
    """A session's share of the hub: its packets in pieces, and its connections by namespace."""

    __slots__ = ("decoder", "is_crawler", "left", "sockets")

    def __init__(self, decoder: Decoder, is_crawler: bool) -> None:
        self.decoder = decoder
        self.is_crawler = is_crawler
        self.sockets: dict[str, Socket] = {}
        # Namespaces it was taken off, or refused: what was under way to them then breaks no rule.
        self.left: set[str] | None = None

    def note_left(self, key: str) -> None:
        """It is not on this page any more, or was never let in, and may not have heard of it yet."""
        if self.left is None or len(self.left) >= MAX_LEFT:
            self.left = set()
        self.left.add(key)


def graces(settings: Settings) -> dict[str, float]:
    """How many seconds a visitor still counts after its connection ended, by the reason; else none."""
    return {
        CLIENT_LEFT: settings.grace,
        Reason.TRANSPORT_CLOSE: settings.grace,
        Reason.TRANSPORT_ERROR: settings.grace_lost,
        Reason.SLOW_CLIENT: settings.grace_lost,
        # It has been silent for so long already.
        Reason.PING_TIMEOUT: max(0.0, settings.grace_lost - settings.ping_timeout),
    }


class Hub:
    """Joins sessions to pages and carries events between clients and the application's handlers.

    Args:
        handlers: the application's.
        settings: limits, graces and pace.
        new_id: makes a connection's id.
        clock: time and turns of the loop.
        is_crawler: whether this User-Agent is a crawler's: it is told, but not counted.
        verify: whether a token opens a page; None where pages need none.

    Attributes:
        admission: who was turned away, and why.
        crawlers: how many sessions of crawlers there were since the start.
    """

    def __init__(
        self,
        handlers: Handlers,
        settings: Settings,
        *,
        new_id: Callable[[], str],
        clock: Clock,
        is_crawler: Callable[[str], bool] = lambda user_agent: False,
        verify: Callable[[str, str], bool] | None = None,
    ) -> None:
        self.handlers = handlers
        self.rooms: Rooms[Socket] = Rooms()
        self.admission = Admission(handlers, settings, verify)
        self.crawlers = 0
        self._settings = settings
        self._new_id = new_id
        self._is_crawler = is_crawler
        self._roster: Roster[Socket] = Roster()
        self._clock = clock
        pace = Pace(
            share=settings.share,
            min_interval_s=settings.min_interval,
            max_interval_s=settings.max_interval,
        )
        self._teller = Teller(self._roster, pace, clock)
        self._caller = Caller(clock)
        recovery = Recovery(window_s=settings.recover, max_bytes=settings.max_recovery, new_pid=new_id)
        self._comebacks = Comebacks(recovery, clock, for_all=settings.recover_all)
        self.emitter = Emitter(self._roster, self.rooms, recovery, clock)
        self._graces = graces(settings)
        self._grace_alarm = Alarm(clock, self._end_graces)

    # The engine's application

    def open(self, session: Session) -> None:
        """A session is open; it has to join a page in time."""
        handshake = session.handshake
        is_crawler = handshake is not None and self._is_crawler(handshake.user_agent)
        self.crawlers += is_crawler
        if not self.handlers.is_used:
            session.handshake = None  # nobody will ask for it
        decoder = Decoder(self._settings.max_attachments if self.handlers.is_used else 0)
        session.data = _Client(decoder, is_crawler)
        session.allow(self._settings.connect_timeout)

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

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """Those of async handlers that run."""
        return self._caller.tasks

    # For sockets and pages

    def count(self, page: str) -> Count:
        """The page's count."""
        return self._roster.count(page)

    def count_with(self, joiner: Socket) -> Count:
        """The count of the joiner's page once it has joined."""
        if joiner.observes:
            return self._roster.count(joiner.key)
        return self._roster.count_with(joiner.key, joiner.visitor, visible=_begins_visible(joiner))

    def in_grace(self, page: str) -> int:
        """How many of the page's connections have left, and still count."""
        return self._roster.in_grace(page)

    def pages(self) -> Collection[str]:
        """The keys of the pages that somebody is on."""
        return self._roster.pages()

    def observers(self, page: str) -> Collection[Socket]:
        """Who is told the page's count without being counted."""
        return self._teller.observers(page)

    def watch(self, watcher: Watcher, page: str | None) -> None:
        """Tells a watcher of each update of a page, or of every page (None)."""
        self._teller.watch(watcher, page)

    def unwatch(self, watcher: Watcher, page: str | None) -> None:
        """Takes that back."""
        self._teller.unwatch(watcher, page)

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
        observes = client.is_crawler or auth.get("observe", False) is True
        problem = self.admission.find_problem(client.sockets, key, auth, observes=observes)
        if problem is not None:
            self._refuse(session, key, ConnectionRefused(problem))
            return
        socket = client.sockets[key] = self._make_socket(session, key, auth, observes=observes)
        if client.left is not None:
            client.left.discard(key)
        handling = self.handlers.resolve(key)
        # On a page that the application handles, it alone speaks to those who ask for nothing.
        default = Format.NONE if handling.is_handled else Format.CLASSIC
        socket.form = Format(auth.get("updates", default))
        self._caller.call(
            handling,
            socket,
            CONNECT,
            (),
            lambda _: self._accept(socket),
            lambda error: self._refuse_joining(socket, error),
        )

    def _make_socket(self, session: Session, key: str, auth: dict[str, Any], *, observes: bool) -> Socket:
        back = self._comebacks.find(key, auth)
        id_ = back.absent.id if back is not None else self._new_id()
        socket = Socket(self, session, key, id_, auth, observes=observes)
        self.emitter.enter(socket, returns=back is not None)
        self._comebacks.welcome(socket, back)
        return socket

    def _refuse_joining(self, socket: Socket, error: Exception) -> None:
        if isinstance(error, PayloadError):
            error = ConnectionRefused(f"Invalid auth: {error}")
        elif not isinstance(error, ConnectionRefusedError):
            logger.error("the connect handler of page %s raised", socket.key, exc_info=error)
            error = ConnectionRefused("Internal error")
        elif not isinstance(error, ConnectionRefused):  # Python's own, which other servers' users raise
            error = ConnectionRefused(*error.args[:2])
        if socket.state is SocketState.JOINING:
            socket.session.data.sockets.pop(socket.key)
            self._part(socket, None)
            self.admission.tally[Refusal.APPLICATION] += 1
            assert isinstance(error, ConnectionRefused)
            self._refuse(socket.session, socket.key, error)

    def _refuse(self, session: Session, key: str, refusal: ConnectionRefused) -> None:
        logger.debug("session %s may not join %s: %s", session.sid, key, refusal.message)
        data: dict[str, Any] = {"message": refusal.message}
        if refusal.data is not None:
            data["data"] = refusal.data
        if key not in session.data.sockets:
            session.data.note_left(key)
        session.send_outgoing(encode_packet(Packet(PacketType.CONNECT_ERROR, key, data)))

    def _accept(self, socket: Socket) -> None:
        if socket.state is not SocketState.JOINING:  # its session ended while the handler ran
            return
        session, key = socket.session, socket.key
        self.emitter.arrive(socket)
        session.allow(math.inf)
        socket.state = SocketState.JOINED
        if socket.observes:
            update = self._teller.observe(socket)
        else:
            change = self._roster.join(key, socket, socket.visitor, visible=_begins_visible(socket))
            update = self._teller.join(socket, change)
        pid = socket.ticket.pid if socket.ticket is not None else None
        packets = [encode_message(encode_connect(key, socket.id, pid))]
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
        joined = socket.state is SocketState.JOINED
        client: _Client = socket.session.data
        client.sockets.pop(socket.key, None)
        client.note_left(socket.key)
        if not joined:
            # One that had come back, and whose link broke anew while its connect handler ran, may try again.
            self._part(socket, DisconnectReason(reason) if socket.recovered else None)
            return
        self._part(socket, DisconnectReason(reason))
        if socket.observes:
            self._teller.observe_no_more(socket)
        else:
            self._leave_roster(socket, reason)
        socket.fail_calls()
        self._caller.call(
            self.handlers.resolve(socket.key),
            socket,
            DISCONNECT,
            (DisconnectReason(reason),),
            lambda _: None,
            lambda error: self._report(socket, DISCONNECT, error),
        )

    def _part(self, socket: Socket, reason: DisconnectReason | None) -> None:
        """The socket is gone, its id and its rooms are free; without a reason it has not joined at all."""
        # Its disconnect handler may have a last word for them.
        socket.left_rooms = self.rooms.leave_all(socket.key, socket)
        socket.state, socket.outbox = SocketState.LEFT, None
        self._comebacks.part(socket, reason)
        self.emitter.part(socket)

    def _leave_roster(self, socket: Socket, reason: str) -> None:
        grace_s = self._graces.get(reason, 0.0)
        change = self._roster.leave(socket.key, socket, grace_s=grace_s, now=self._clock.now())
        assert change is not None
        self._teller.leave(socket, change)
        self._grace_alarm.set(self._roster.next_deadline())

    def _end_graces(self) -> None:
        for change in self._roster.expire(self._clock.now()):
            self._teller.change(change)
        self._grace_alarm.set(self._roster.next_deadline())

    # Events

    def _show(self, socket: Socket, args: list[Any]) -> dict[str, str] | None:
        """The client says whether its tab is visible; returns the ack."""
        if len(args) != 1 or not isinstance(args[0], bool):
            return {"error": f"{VISIBLE} takes one argument, true or false"}
        if not socket.observes and (change := self._roster.show(socket.key, socket, args[0])):
            self._teller.change(change)
        return None

    def _receive_event(self, socket: Socket, packet: Packet) -> None:
        event, *args = packet.data
        if event == VISIBLE:
            self._answer(socket, packet.id, self._show(socket, args))
            return
        self._caller.call(
            self.handlers.resolve(socket.key),
            socket,
            str(event),
            tuple(args),
            lambda result: self._answer(socket, packet.id, result),
            lambda error: self._refuse_event(socket, packet, error),
        )

    def _refuse_event(self, socket: Socket, packet: Packet, error: Exception) -> None:
        """What does not fit its handler is answered to whoever sent it; the rest is the handler's bug."""
        event = str(packet.data[0])
        if not isinstance(error, PayloadError):
            self._report(socket, event, error)
            return
        self.admission.tally[Refusal.EVENT] += 1
        logger.debug("%r of %s was refused: %s", event, socket, error)
        if packet.id is not None:
            self._answer(socket, packet.id, {"error": str(error)})
        else:
            socket.emit(REFUSED, {"event": event, "message": str(error)})

    def _report(self, socket: Socket, event: str, error: Exception) -> None:
        logger.error("the handler of %r on page %s raised", event, socket.key, exc_info=error)

    def _answer(self, socket: Socket, number: int | None, result: Any) -> None:
        """Sends a handler's result as the ack, where the client asked for one and is still there."""
        if number is None or socket.state is not SocketState.JOINED:
            return
        args = [] if result is None else list(result) if isinstance(result, tuple) else [result]
        socket.send(encode_packet(Packet(PacketType.ACK, socket.key, args, number)))


def _begins_visible(socket: Socket) -> bool:
    """Whether a socket joins as visible: all do but those that said otherwise with their CONNECT."""
    return socket.auth.get("visible") is not False
