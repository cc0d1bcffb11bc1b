"""The Socket.IO application on the engine: which session is on which pages, and what its packets mean.

It knows nothing of HTTP or WebSocket, and no more of Engine.IO than a session's messages.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection
from typing import Any

from nannin.access.admission import Admission, Verdict, join_rate
from nannin.access.connect import Connect, Format
from nannin.access.refusals import Refusal, Refusals
from nannin.audience.pace import Pace
from nannin.audience.page_key import is_page_key
from nannin.audience.people import People
from nannin.audience.recovery import Recovery
from nannin.audience.rooms import Rooms
from nannin.audience.roster import Count, Counts, Roster
from nannin.clock import Clock
from nannin.engine.descriptors import Descriptors
from nannin.engine.session import Session
from nannin.errors import ConnectionRefused, HandlerCancelled, PacketError, PayloadError, StrayPacket
from nannin.hub.caller import Caller
from nannin.hub.client import Client, client_of
from nannin.hub.comebacks import Comebacks
from nannin.hub.connection import Connection
from nannin.hub.crowds import Crowds
from nannin.hub.emitter import Emitter
from nannin.hub.encoding import VARIANTS, encode_packet
from nannin.hub.events import Events
from nannin.hub.grace import Grace
from nannin.hub.handlers import CONNECT, DISCONNECT, Handlers
from nannin.hub.home_thread import HomeThread
from nannin.hub.lane import LaneFull
from nannin.hub.presence import Presence
from nannin.hub.reasons import SocketState
from nannin.hub.teller import Slices, Teller
from nannin.once import Once
from nannin.settings import Settings
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_packet import encode_message
from nannin.wire.outgoing import Outgoing
from nannin.wire.socket_packet import Packet, PacketType, encode_connect, payload_text

logger = logging.getLogger("nannin.hub")

# Seconds between CONNECT and the events that the connect handler emitted.
EMIT_AFTER_CONNECT_S = 0.01
# Seconds that the answer to a CONNECT may be under way, over a slow link.
ANSWER_UNDER_WAY_S = 5.0
# Maximum pages of which the log says that they don't exist.
MAX_MISSING_TOLD = 16
# Maximum causes for which the log says that packets are ignored.
MAX_STRAYS_TOLD = 16


class Hub:
    """Joins sessions to pages and carries events between clients and the application's handlers.

    Args:
        handlers: the application's.
        settings: limits, graces and pace.
        refusals: tallies those who are turned away.
        new_id: makes a connection's id.
        clock: time and turns of the loop.
        is_crawler: whether this User-Agent is a crawler's, which is told but not counted.
        judge_token: says what a token is to a page; None where pages need none.
        slices: how much of a fan-out is told before the loop turns.
        make_counts: takes this node's roster, and returns what knows how many are on each page. By default
            that is the roster itself; where several nodes share their counts, it merges their parts.

    Attributes:
        handlers: the application's.
        roster: who is on which page of this node.
        counts: how many are on each page.
        rooms: which rooms they are in.
        people: who that is as persons, where somebody asks.
        home: the thread that all of this happens in.
        descriptors: where the engine's sessions can be written to at once.
        emitter: sends the application's events.
        teller: tells counts.
        refusals: who was turned away, and why.
        crawlers: how many sessions of crawlers there were since the start.
    """

    def __init__(
        self,
        handlers: Handlers,
        settings: Settings,
        refusals: Refusals,
        *,
        new_id: Callable[[], str],
        clock: Clock,
        is_crawler: Callable[[str], bool] = lambda user_agent: False,
        judge_token: Callable[[str, str], Verdict] | None = None,
        slices: Slices = Slices(),  # noqa: B008 - it never changes
        make_counts: Callable[[Roster[Connection]], Counts] = lambda roster: roster,
    ) -> None:
        pace = Pace(
            share=settings.share,
            min_interval_s=settings.min_interval,
            max_interval_s=settings.max_interval,
        )
        recovery = Recovery(
            window_s=settings.recover,
            max_bytes=settings.max_recovery,
            max_total_bytes=settings.max_recovery_total,
            new_pid=new_id,
        )
        self.handlers = handlers
        self.roster: Roster[Connection] = Roster()
        self.counts = make_counts(self.roster)
        self.rooms: Rooms[Connection] = Rooms()
        self.people: People[Connection] = People(self.roster)
        self.home = HomeThread()
        self.descriptors = Descriptors()
        crowds = Crowds(self.descriptors)
        self.emitter = Emitter(self.roster, self.rooms, crowds, recovery, clock, self.home)
        self.teller = Teller(self.counts, crowds, pace, clock, slices)
        self.refusals = refusals
        self.crawlers = 0
        self._settings = settings
        self._new_id = new_id
        self._is_crawler = is_crawler
        self._clock = clock
        self._once = Once(MAX_MISSING_TOLD)
        self._causes = Once(2)  # why sessions end for a client's packet
        self._strays = Once(MAX_STRAYS_TOLD)
        self._caller = Caller(clock, settings.max_handlers)
        self._admission = Admission(handlers.exists, self._has_room, settings, refusals, judge_token)
        self._joins = join_rate(settings)
        self._comebacks = Comebacks(recovery, self.rooms, clock, for_all=settings.recover_all)
        self._events = Events(handlers, self._caller, self.roster, self.teller, refusals, self.emitter)
        self._presence = Presence(self, handlers, self.people, self._caller)
        self.grace = Grace(self.roster, self.teller, self._presence, clock, settings)

    # The engine's application

    def open(self, session: Session) -> None:
        """A session is open; it has to join a page in time."""
        handshake = session.handshake
        is_crawler = handshake is not None and self._is_crawler(handshake.user_agent)
        self.crawlers += is_crawler
        if not self.handlers.is_used:
            session.handshake = None  # nobody will ask for it
        session.data = Client(
            self._settings.max_attachments,
            keeps_attachments=self.handlers.is_used,
            is_crawler=is_crawler,
        )
        session.allow(self._settings.connect_timeout)

    def message(self, session: Session, data: str | bytes) -> None:
        """A message arrived: a packet, or a part of one."""
        client = client_of(session)
        try:
            packet = client.decoder.receive(data)
        except StrayPacket as error:
            logger.debug("a packet of session %s is ignored: %s", session.sid, error)
            if self._strays.is_first(str(error)):
                logger.warning("a client sent a packet that is ignored: %s; this is told once", error)
            return
        except PacketError as error:
            logger.debug("a malformed packet ends session %s: %s", session.sid, error)
            if self._causes.is_first("packet"):
                logger.warning(
                    "a client sent a packet that is not of Socket.IO, and its session ended: %s", error
                )
            session.close(DisconnectReason.PARSE_ERROR)
            return
        if packet is None:
            session.forgive()  # the whole is one message
            return
        if packet.type is PacketType.CONNECT:
            assert isinstance(data, str)
            self._receive_connect(session, client, packet, data)
            return
        connection = client.connections.get(packet.namespace)
        if connection is not None and packet.type is PacketType.DISCONNECT:
            session.forgive()  # each needs a join before it
            self._leave(connection, DisconnectReason.CLIENT_LEFT)
        elif connection is not None and connection.connected and packet.type is PacketType.EVENT:
            connection.answered_s = -math.inf
            self._events.receive(connection, packet, client.decoder.packet_bytes)
        elif connection is not None and connection.connected and packet.type is PacketType.ACK:
            assert packet.id is not None
            connection.answered_s = -math.inf
            connection.receive_ack(packet.id, packet.data)
        elif not client.was_on(packet.namespace):
            logger.debug("a packet for a page that it is not on ends session %s", session.sid)
            if self._causes.is_first("page"):
                logger.warning(
                    "a client sent a packet for the page %.80r, which it had not joined, and its session "
                    "ended: it has to send a CONNECT packet first",
                    packet.namespace,
                )
            session.close(DisconnectReason.PARSE_ERROR)

    def close(self, session: Session, reason: DisconnectReason) -> None:
        """The session ended, and with it all its connections."""
        client = client_of(session)
        for connection in list(client.connections.values()):
            self._leave(connection, reason)
        if client.lane is not None:
            client.lane.drop()

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """The tasks of the async handlers that run."""
        return self._caller.tasks

    # For sockets and pages

    def count(self, page: str) -> Count:
        """The page's count."""
        return self.counts.count(page)

    def count_with(self, joiner: Connection) -> Count:
        """The count of the joiner's page once it has joined."""
        if joiner.observes:
            return self.counts.count(joiner.key)
        return self.counts.count_with(joiner.key, joiner.visitor, visible=joiner.begins_visible)

    def pages(self) -> Collection[str]:
        """The keys of the pages that somebody is counted on."""
        return self.counts.pages()

    def disconnect(self, connection: Connection, *, close: bool) -> None:
        """Takes a connection off its page, or ends its session."""
        if connection.state is SocketState.JOINING:
            connection.wants_to_leave = lambda: self.disconnect(connection, close=close)
        elif connection.state is SocketState.JOINED:
            connection.flush()
            connection.session.send_outgoing(encode_packet(Packet(PacketType.DISCONNECT, connection.key)))
            self._leave(connection, DisconnectReason.SERVER_LEFT)
            if close:
                connection.session.close(DisconnectReason.FORCED_CLOSE)

    def heed(self, connection: Connection) -> None:
        """The application waits for an ack of the connection, or no more: it may have to be read."""
        lane = client_of(connection.session).lane
        if lane is not None:
            lane.look()

    # Joining

    def _receive_connect(self, session: Session, client: Client, packet: Packet, message: str) -> None:
        key, auth = packet.namespace, packet.data or {}
        if not self._spend_join(session, client):
            self._refuse(session, key, ConnectionRefused(self._admission.refuse_join()))
            return
        connect = Connect.read(auth, len(message) - len(key), self._settings.max_auth)
        observes = client.is_crawler or connect.observe
        # A client that takes back what it asked for, and asks again, before it hears the answer.
        replaced = self._find_unanswered(client, key, observes)
        observed, joined = client.tally(but=replaced)
        problem = self._admission.judge(
            key,
            connect,
            observes=observes,
            is_on=key in client.connections and replaced is None,
            observed=observed,
            joined=joined,
        )
        if problem is not None:
            self._tell_refused(key, connect)
            self._refuse(session, key, ConnectionRefused(problem))
            return
        if replaced is not None:
            self._leave(replaced, DisconnectReason.CLIENT_LEFT)
        back = self._comebacks.find(key, connect)
        id_ = back.absent.id if back is not None else self._new_id()
        auth_text = payload_text(message) if self.handlers.is_used else ""  # else nobody will ask for it
        connection = Connection(self, session, key, id_, auth, auth_text, connect, observes=observes)
        client.enter(connection)
        self.emitter.enter(connection, returns=back is not None)
        self._comebacks.welcome(connection, back, recover=connect.recover)
        handlers = self.handlers.resolve(key)
        # On a page that the application handles, clients that ask for no updates hear only the application.
        usual = Format.NONE if handlers.is_handled else Format.CLASSIC
        connection.variant = VARIANTS.get(usual if connect.updates is None else connect.updates)
        if not handlers.greets:
            if back is None:
                connection.outbox = None  # nobody knows of it yet who could have sent it anything
            self._accept(connection)
            return
        self._caller.call(
            handlers,
            connection,
            CONNECT,
            (),
            lambda _: self._accept(connection),
            lambda error: self._refuse_joining(connection, error),
            client.decoder.packet_bytes,
        )

    def _spend_join(self, session: Session, client: Client) -> bool:
        """Whether the session may join one more page now: joins have a budget of their own."""
        now = self._clock.now()
        whole_s = self._joins.spend(client.joins_whole_s, now)
        if self._joins.wait_s(whole_s, now):
            return False
        client.joins_whole_s = whole_s
        session.forgive()
        return True

    def _has_room(self, key: str) -> bool:
        """Whether there may be a page with this key, or is one."""
        most, pages = self._settings.max_pages, self.roster.pages()
        if not most or max(len(pages), len(self.teller)) < most:
            return True
        return key in pages or key in self.teller

    def _find_unanswered(self, client: Client, key: str, observes: bool) -> Connection | None:
        """The session's connection to a page, if the client can't have known of it when it sent CONNECT."""
        connection = client.connections.get(key)
        if connection is None or connection.state is SocketState.JOINING:
            return connection
        under_way = self._clock.now() - connection.answered_s < ANSWER_UNDER_WAY_S
        return connection if under_way and connection.observes is observes else None

    def _tell_refused(self, key: str, connect: Connect) -> None:
        """A page that is missing, or that a client has no token for, is told once: it may be a mistake."""
        if not self._once.is_new(key):
            return  # nor is the token looked at a second time: a refusal has to be cheap
        advice = self._admission.advise(key, connect)
        if advice is not None and self._once.is_first(key):
            logger.warning("%s", advice)

    def _accept(self, connection: Connection) -> None:
        connection.fold_auth()
        if connection.state is not SocketState.JOINING:  # the client left while the handler ran
            self._tell_left(connection)
            connection.socket = None
            return
        session, key = connection.session, connection.key
        self.emitter.arrive(connection)
        session.allow(math.inf)
        connection.state, connection.answered_s = SocketState.JOINED, self._clock.now()
        person = None
        if connection.observes:
            update = self.teller.observe(connection)
        else:
            person = self._presence.join(connection)
            self.roster.join(key, connection, connection.visitor, visible=connection.begins_visible)
            update = self.teller.join(connection)
        pid = connection.ticket.pid if connection.ticket is not None else None
        packets = [encode_message(encode_connect(key, connection.id, pid))]
        packets += update.packets if update is not None else ()
        session.send_outgoing(Outgoing(packets))
        if person is not None:
            self._presence.enter(person)
        if connection.outbox:
            # A client that waits for its CONNECT, and only then for events, misses those that it reads in
            # the same piece; the protocol's own test suite is one.
            self._clock.call_later(EMIT_AFTER_CONNECT_S, connection.flush)
        elif connection.outbox is not None:
            connection.flush()
        if connection.wants_to_leave is not None:
            connection.wants_to_leave()

    def _refuse_joining(self, connection: Connection, error: Exception) -> None:
        """The connect handler, or the middleware around it, raised."""
        was_cancelled = isinstance(error, HandlerCancelled)
        is_busy = isinstance(error, LaneFull)
        if is_busy:
            self._events.note_busy()
            error = ConnectionRefused(str(error))
        elif isinstance(error, PayloadError):
            error = ConnectionRefused(f"Invalid auth: {error}")
        elif not isinstance(error, ConnectionRefusedError):
            self._events.report(connection, CONNECT, error)
            error = ConnectionRefused("Internal error")
        elif not isinstance(error, ConnectionRefused):  # Python's own, as python-socketio's handlers raise
            error = ConnectionRefused(*error.args[:2])
        if connection.state is SocketState.JOINING:
            client_of(connection.session).leave(connection.key)
            self._part(connection, None)
            if not is_busy:
                self.refusals.add(Refusal.APPLICATION)
            assert isinstance(error, ConnectionRefused)
            self._refuse(connection.session, connection.key, error)
        elif was_cancelled:
            self._tell_left(connection)
        connection.socket = None

    def _refuse(self, session: Session, key: str, refusal: ConnectionRefused) -> None:
        logger.debug("session %s may not join %s: %s", session.sid, key, refusal.message)
        data: dict[str, Any] = {"message": refusal.message}
        if refusal.data is not None:
            data["data"] = refusal.data
        client = client_of(session)
        if key not in client.connections and is_page_key(key):
            client.note_left(key)
        try:
            packets = encode_packet(Packet(PacketType.CONNECT_ERROR, key, data))
        except (TypeError, ValueError) as error:
            words = "the data of a ConnectionRefused on page %s can't be sent"
            logger.error(words, key, exc_info=error.with_traceback(None))
            data = {"message": str(refusal.message).encode(errors="replace").decode()}
            packets = encode_packet(Packet(PacketType.CONNECT_ERROR, key, data))
        session.send_outgoing(packets)

    # Leaving

    def _leave(self, connection: Connection, reason: DisconnectReason) -> None:
        """A connection has ended: it is off its page, and the disconnect handler learns of it."""
        joined = connection.state is SocketState.JOINED
        client_of(connection.session).leave(connection.key)
        if not joined:
            # A client that had come back, and whose link broke again while its connect handler ran, may
            # come back once more.
            self._part(connection, reason if connection.recovered else None)
            connection.left_for = reason
            return
        self._part(connection, reason)
        person = None
        if connection.observes:
            self.teller.observe_no_more(connection)
        else:
            person = self._presence.leave(connection)
            self.grace.leave(connection, reason)
        connection.fail_calls()
        self._call_disconnect(connection, reason)
        if person is not None:
            self._presence.part(person)

    def _tell_left(self, connection: Connection) -> None:
        """A connect handler ended that was called with a client that has left meanwhile."""
        if connection.greeted and connection.left_for is not None:
            self._call_disconnect(connection, connection.left_for)

    def _call_disconnect(self, connection: Connection, reason: DisconnectReason) -> None:
        self._caller.call(
            self.handlers.resolve(connection.key),
            connection,
            DISCONNECT,
            (reason,),
            lambda _: None,
            lambda error: self._events.report(connection, DISCONNECT, error),
        )
        connection.socket = None  # they refer to each other: both go at once, and need no garbage collection

    def _part(self, connection: Connection, reason: DisconnectReason | None) -> None:
        """Frees the connection's id and its rooms. Without a reason it has not joined at all."""
        # The disconnect handler may still want to know its rooms, and to send them a last word.
        connection.left_rooms = self.rooms.leave_all(connection.key, connection)
        connection.state, connection.outbox = SocketState.LEFT, None
        self._comebacks.part(connection, reason)
        self.emitter.part(connection)
