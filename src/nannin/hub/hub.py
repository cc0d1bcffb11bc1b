"""The Socket.IO application on the engine: what the packets of a session mean.

It knows nothing of HTTP or WebSocket, and no more of Engine.IO than a session's messages.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection
from typing import Any

from nannin.access.admission import Verdict
from nannin.access.refusals import Refusal, Refusals
from nannin.audience.pace import Pace
from nannin.audience.page_key import as_uri
from nannin.audience.people import People
from nannin.audience.recovery import Recovery
from nannin.audience.rooms import Rooms
from nannin.audience.roster import Count, Counts, Roster
from nannin.clock import Clock
from nannin.engine.descriptors import Descriptors
from nannin.engine.session import Session
from nannin.errors import PacketError, StrayPacket
from nannin.hub.asking import Others
from nannin.hub.broadcasts import Broadcasts
from nannin.hub.caller import Caller
from nannin.hub.client import Client, client_of
from nannin.hub.comebacks import Comebacks
from nannin.hub.connection import Connection
from nannin.hub.crowds import Crowds, Slices
from nannin.hub.emitter import Emitter
from nannin.hub.encoding import encode_packet
from nannin.hub.events import Events
from nannin.hub.figures import Figures
from nannin.hub.grace import Grace
from nannin.hub.handlers import Handlers
from nannin.hub.home_thread import HomeThread
from nannin.hub.joining import Joining
from nannin.hub.knowing import Knowing
from nannin.hub.leaving import Leaving
from nannin.hub.presence import Presence
from nannin.hub.reasons import SocketState
from nannin.hub.teller import Teller
from nannin.mistakes import Mistakes
from nannin.once import Once
from nannin.settings import Settings
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.socket_packet import Packet, PacketType

logger = logging.getLogger("nannin.hub")

# Looked up once, and not for each message: before Python 3.12 that takes longer than a call.
_CONNECT, _EVENT = PacketType.CONNECT, PacketType.EVENT

# Ends of a session by which its client was turned away. Who tells of the others tallies them.
_REFUSED = {
    DisconnectReason.SLOW_CLIENT: Refusal.SLOW,
    DisconnectReason.PARSE_ERROR: Refusal.PROTOCOL,
    DisconnectReason.CONNECT_TIMEOUT: Refusal.IDLE,
}

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
        knowing: lets whoever asks wait for a count that only other nodes know.
        presence: tells the application who came and who has gone.
        refusals: who was turned away, and why.
        mistakes: tells the log what handlers raise.
        crawlers: how many sessions of crawlers there were since the start.
        figures: what else there was since then.
        grace: lets visitors who left count until they may be back.
        recovery, comebacks: what is kept for clients that may come back, and who they are.
        others: the hubs of other nodes; None where there are none.
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
        self.mistakes = Mistakes(lambda: clock.now())
        self.roster: Roster[Connection] = Roster(handlers.groups)
        self.counts = make_counts(self.roster)
        self.rooms: Rooms[Connection] = Rooms()
        self.people: People[Connection] = People(self.roster)
        self.home = HomeThread()
        self.descriptors = Descriptors()
        crowds = Crowds(self.descriptors)
        broadcasts = Broadcasts(crowds, self.rooms, clock, slices, settings.max_outbox // 2)
        self.emitter = Emitter(self.roster, self.rooms, crowds, broadcasts, recovery, clock, self.home)
        self.figures = Figures()
        self.teller = Teller(self.counts, crowds, pace, clock, slices, self.mistakes, self.figures)
        self.roster.on_group_change = self.teller.change
        handlers.count_pages = lambda: max(len(self.roster.pages()), len(self.teller))
        self.knowing = Knowing(self.counts, self.teller, clock)
        self.refusals = refusals
        self.crawlers = 0
        self.others: Others | None = None
        self._settings = settings
        self._is_crawler = is_crawler
        self._causes = Once(3)  # why sessions end for a client's packet
        self._strays = Once(MAX_STRAYS_TOLD)
        self._caller = Caller(clock, settings.max_handlers, self.mistakes)
        self._events = Events(
            handlers, self._caller, self.roster, self.teller, refusals, self.emitter, self.mistakes
        )
        self.presence = Presence(
            self, handlers, self.people, self._caller, self.counts, is_shared=self.counts is not self.roster
        )
        self.grace = Grace(self.roster, self.teller, self.presence, clock, settings, self.figures)
        self.recovery = recovery
        comebacks = self.comebacks = Comebacks(recovery, self.rooms, clock, for_all=settings.recover_all)
        self._leaving = Leaving(
            handlers,
            self.rooms,
            self.emitter,
            self.teller,
            self._caller,
            comebacks,
            self.presence,
            self._events,
            self.grace,
        )
        self._joining = Joining(
            self,
            self.roster,
            self.counts,
            self.knowing,
            self.emitter,
            self.teller,
            self._caller,
            comebacks,
            self.presence,
            self._events,
            self._leaving,
            settings=settings,
            refusals=refusals,
            new_id=new_id,
            judge_token=judge_token,
            clock=clock,
            figures=self.figures,
        )

    # The engine's application

    def open(self, session: Session) -> None:
        """A session is open; it has to join a page in time."""
        handshake = session.handshake
        is_crawler = handshake is not None and self._is_crawler(handshake.user_agent)
        self.crawlers += is_crawler
        if session.link is None:
            self.figures.opened_by_polling += 1
        else:
            self.figures.opened_by_websocket += 1
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
        client: Client = session.data
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
        if packet.type is _CONNECT:
            assert isinstance(data, str)
            self._joining.receive(session, client, packet, data)
            return
        connection = client.connections.get(packet.namespace)
        if connection is None:  # the client may spell the page's key in another way
            connection = client.connections.get(as_uri(packet.namespace))
        if connection is not None and connection.connected and packet.type is _EVENT:
            connection.answered_s = -math.inf
            self._events.receive(connection, packet, client.decoder.packet_bytes)
        elif connection is not None and packet.type is PacketType.DISCONNECT:
            session.forgive()  # each needs a join before it
            self._leaving.leave(connection, DisconnectReason.CLIENT_LEFT)
        elif connection is not None and connection.connected and packet.type is PacketType.ACK:
            assert packet.id is not None
            connection.answered_s = -math.inf
            connection.receive_ack(packet.id, packet.data)
        elif not client.was_on(as_uri(packet.namespace)):
            logger.debug("a packet for a page that it is not on ends session %s", session.sid)
            if connection is not None and connection.connected:
                if self._causes.is_first("type"):
                    logger.warning(
                        "a client sent a packet of the type %s, which only servers send, and its session "
                        "ended",
                        packet.type.name,
                    )
            elif self._causes.is_first("page"):
                logger.warning(
                    "a client sent a packet for the page %.80r, which it had not joined, and its session "
                    "ended: it has to send a CONNECT packet first",
                    packet.namespace,
                )
            session.close(DisconnectReason.PARSE_ERROR)

    def close(self, session: Session, reason: DisconnectReason) -> None:
        """The session ended, and with it all its connections."""
        self.figures.ended[reason] += 1
        refusal = _REFUSED.get(reason)
        if refusal is not None:
            self.refusals.add(refusal)
        client = client_of(session)
        for connection in list(client.connections.values()):
            self._leaving.leave(connection, reason)
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
        """The keys of the pages, and of their groups, that somebody is counted on."""
        return self.counts.pages()

    def leave_room(self, connection: Connection, room: str) -> None:
        """Takes a connection out of a room; what was sent to the room before reaches it."""
        self.emitter.broadcasts.catch_up(connection.session)
        self.rooms.leave(connection.key, room, connection)

    def disconnect(self, connection: Connection, *, close: bool) -> None:
        """Takes a connection off its page, or ends its session."""
        if not connection.is_answered:
            connection.wants_to_leave = lambda: self.disconnect(connection, close=close)
        elif connection.state is SocketState.JOINED:
            connection.flush()
            self.emitter.broadcasts.catch_up(connection.session)
            farewell = encode_packet(Packet(PacketType.DISCONNECT, connection.namespace))
            connection.session.send_outgoing(farewell)
            self._leaving.leave(connection, DisconnectReason.SERVER_LEFT)
            if close:
                connection.session.close(DisconnectReason.FORCED_CLOSE)

    def heed(self, connection: Connection) -> None:
        """The application waits for an ack of the connection, or no more: it may have to be read."""
        lane = client_of(connection.session).lane
        if lane is not None:
            lane.look()
