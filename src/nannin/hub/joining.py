"""What a CONNECT does: its client joins a page, or hears why it may not."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from nannin.access.admission import Admission, Verdict, join_rate
from nannin.access.connect import Connect, Format
from nannin.access.refusals import Refusal, Refusals
from nannin.audience.groups import looks_like_group
from nannin.audience.page_key import as_uri, is_page_key
from nannin.audience.people import Person
from nannin.audience.roster import Counts, Roster
from nannin.clock import Clock
from nannin.engine.session import Session
from nannin.errors import ConnectionRefused, HandlerCancelled, PayloadError
from nannin.hub.caller import Caller
from nannin.hub.client import Client, client_of
from nannin.hub.comebacks import Comebacks
from nannin.hub.connection import Connection, HubPort
from nannin.hub.emitter import Emitter
from nannin.hub.encoding import VARIANTS, encode_packet
from nannin.hub.events import Events
from nannin.hub.figures import Figures
from nannin.hub.handlers import CONNECT
from nannin.hub.knowing import Knowing
from nannin.hub.lane import LaneFull
from nannin.hub.leaving import Leaving
from nannin.hub.presence import Presence
from nannin.hub.reasons import SocketState
from nannin.hub.teller import Teller
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


class Joining:
    """Lets clients join pages, or refuses them.

    Args:
        hub: keeps the connections.
        roster: who is on which page of this node.
        counts: how many are on each page.
        knowing: lets an observer wait for a count that only other nodes know.
        emitter: holds a client's events back until it has joined.
        teller: tells the client the count, and the others that it has come.
        caller: calls the connect handler.
        comebacks: knows who comes back.
        presence: tells the application of a new visitor.
        events: reports what the connect handler raises.
        leaving: takes a client off that the handler refuses, or that left meanwhile.
        settings: limits.
        refusals: tallies those who are turned away.
        new_id: makes a connection's id.
        judge_token: says what a token is to a page; None where pages need none.
        clock: time.
        figures: counts who has joined.
    """

    def __init__(
        self,
        hub: HubPort,
        roster: Roster[Connection],
        counts: Counts,
        knowing: Knowing,
        emitter: Emitter,
        teller: Teller,
        caller: Caller,
        comebacks: Comebacks,
        presence: Presence,
        events: Events,
        leaving: Leaving,
        *,
        settings: Settings,
        refusals: Refusals,
        new_id: Callable[[], str],
        judge_token: Callable[[str, str], Verdict] | None,
        clock: Clock,
        figures: Figures,
    ) -> None:
        self._hub = hub
        self._handlers = hub.handlers
        self._roster = roster
        self._counts = counts
        self._knowing = knowing
        self._emitter = emitter
        self._teller = teller
        self._caller = caller
        self._comebacks = comebacks
        self._presence = presence
        self._events = events
        self._leaving = leaving
        self._settings = settings
        self._refusals = refusals
        self._new_id = new_id
        self._clock = clock
        self._figures = figures
        self._once = Once(MAX_MISSING_TOLD)
        self._admission = Admission(
            self._handlers.exists, self._has_room, settings, refusals, judge_token, self._lacks_group
        )
        self._joins = join_rate(settings)
        self._groups = self._handlers.groups.keys

    def receive(self, session: Session, client: Client, packet: Packet, message: str) -> None:
        """A CONNECT arrived, as this packet and as this text."""
        namespace, auth = packet.namespace, packet.data or {}
        key = as_uri(namespace)
        if not self._spend_join(session, client):
            self._refuse(session, key, namespace, ConnectionRefused(self._admission.refuse_join()))
            return
        connect = Connect.read(auth, len(message) - len(namespace), self._settings.max_auth)
        observes = client.is_crawler or connect.observe or key in self._groups
        # A client that takes back what it asked for, and asks again, before it hears the answer.
        replaced = self._find_unanswered(client, key, namespace, observes)
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
            self._refuse(session, key, namespace, ConnectionRefused(problem))
            return
        if replaced is not None:
            self._leaving.leave(replaced, DisconnectReason.CLIENT_LEFT)
        back = self._comebacks.find(key, connect)
        if back is None and connect.pid is not None and self._hub.others is not None:
            self._hub.others.tell_returned(key, connect.pid)
        id_ = back.absent.id if back is not None else self._new_id()
        auth_text = payload_text(message) if self._handlers.is_used else ""  # else nobody will ask for it
        connection = Connection(
            self._hub, session, key, id_, auth, auth_text, connect, observes=observes, namespace=namespace
        )
        client.enter(connection)
        self._emitter.enter(connection, returns=back is not None)
        self._comebacks.welcome(connection, back, recover=connect.recover)
        handlers = self._handlers.resolve(key)
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
        if whole_s - now > self._joins.patience_s:
            return False
        client.joins_whole_s = whole_s
        session.forgive()
        return True

    def _has_room(self, key: str) -> bool:
        """Whether there may be a page with this key, or is one."""
        most = self._settings.max_pages
        if not most or key in self._teller or key in self._groups:
            return True
        pages = self._roster.pages()
        return key in pages or max(len(pages), len(self._teller)) < most + len(self._groups)

    def _lacks_group(self, key: str) -> bool:
        """Whether a key names a group that there is not. A page may be called so, if somebody is on it."""
        return looks_like_group(key) and key not in self._groups and not any(self._counts.count(key))

    def _find_unanswered(self, client: Client, key: str, namespace: str, observes: bool) -> Connection | None:
        """The session's connection to a page, if the client can't have known of it when it sent CONNECT."""
        connection = client.connections.get(key)
        if connection is not None and connection.namespace != namespace:
            return None  # to the client these are two, and it would not hear that the first one ended
        if connection is None or not connection.is_answered:
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
            self._leaving.tell_left(connection)
            connection.socket = None
            return
        if connection.observes:
            if self._counts.knows(connection.key):
                self._answer(connection, None)
            else:
                connection.state = SocketState.COUNTED
                self._knowing.when_known(connection.key, partial(self._answer_counted, connection, None))
            return
        key = connection.key
        person = self._presence.join(connection)
        self._roster.join(key, connection, connection.visitor, visible=connection.begins_visible)
        self._figures.joins += 1
        if self._counts is self._roster:
            self._answer(connection, person)
            return
        connection.state = SocketState.COUNTED
        self._counts.when_counted(key, partial(self._answer_counted, connection, person))

    def _answer_counted(self, connection: Connection, person: Person[Connection] | None) -> None:
        """The count of the connection's page includes it on every node."""
        if connection.state is SocketState.COUNTED:
            self._answer(connection, person)

    def _answer(self, connection: Connection, person: Person[Connection] | None) -> None:
        """Tells the client that it is on its page, and the count; and the application of a new person."""
        session, key = connection.session, connection.key
        self._emitter.arrive(connection)
        session.allow(math.inf)
        connection.state, connection.answered_s = SocketState.JOINED, self._clock.now()
        update = (self._teller.observe if connection.observes else self._teller.join)(connection)
        pid = connection.ticket.pid if connection.ticket is not None else None
        packets = [encode_message(encode_connect(key, connection.id, pid))]
        if update is not None:
            packets.append(update)
        session.send_outgoing(connection.spell(Outgoing(packets)))
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
            self._leaving.leave_unjoined(connection)
            if not is_busy:
                self._refusals.add(Refusal.APPLICATION)
            assert isinstance(error, ConnectionRefused)
            self._refuse(connection.session, connection.key, connection.namespace, error)
        elif was_cancelled:
            self._leaving.tell_left(connection)
        connection.socket = None

    def _refuse(self, session: Session, key: str, namespace: str, refusal: ConnectionRefused) -> None:
        logger.debug("session %s may not join %s: %s", session.sid, key, refusal.message)
        data: dict[str, Any] = {"message": refusal.message}
        if refusal.data is not None:
            data["data"] = refusal.data
        client = client_of(session)
        if key not in client.connections and is_page_key(key):
            client.note_left(key)
        try:
            packets = encode_packet(Packet(PacketType.CONNECT_ERROR, namespace, data))
        except (TypeError, ValueError) as error:
            words = "the data of a ConnectionRefused of %r on page %s can't be sent"
            self._events.tell_unsendable(words, key, CONNECT, error)
            data = {"message": str(refusal.message).encode(errors="replace").decode()}
            packets = encode_packet(Packet(PacketType.CONNECT_ERROR, namespace, data))
        session.send_outgoing(packets)
