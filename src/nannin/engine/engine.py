"""The Engine.IO server: the table of sessions and their deadlines, for any application.

It knows nothing of HTTP or WebSocket: transports open sessions here, or find them by their sid, and hand each
session what arrived for it.
"""

from __future__ import annotations

import logging
import math
import weakref
from array import array
from collections.abc import Callable
from functools import partial

from nannin.access.addresses import FREE, Addresses, Seat
from nannin.access.budgets import NO_LIMIT, Rate
from nannin.access.refusals import Refusal as RefusalReason
from nannin.access.refusals import Refusals
from nannin.clock import Clock
from nannin.engine.deadlines import Deadlines
from nannin.engine.descriptors import Descriptors
from nannin.engine.handshake import Handshake
from nannin.engine.ids import new_id
from nannin.engine.link import Link, RequestRefused
from nannin.engine.served_session import ServedSession
from nannin.engine.session import Application
from nannin.mistakes import Mistakes
from nannin.once import Once
from nannin.settings import Settings
from nannin.wire.engine_limits import Limits
from nannin.wire.engine_packet import PING
from nannin.wire.engine_request import Refusal
from nannin.wire.outgoing import Outgoing

logger = logging.getLogger("nannin.engine")

# Maximum causes of which the log says once that a client was refused.
_MAX_TOLD = 64
# What part of the ping interval lies between two batches of pings: 0.25 s of 25. A ping that is sent by
# itself, and its pong, find the caches cold and cost nearly twice as much as among others.
_APART = 0.01
# What part of its time to answer a client may lose by that.
_LOST = 0.05
_PING = Outgoing([PING])  # one frame for all heartbeats
# Maximum pings that are sent in one turn of the loop.
_PINGS_AT_ONCE = 1_000


class Engine:
    """Serves one application to any number of sessions, and is the `Host` of each.

    Args:
        application: what is told of opens, messages and closes.
        limits: intervals and sizes.
        new_sid: makes an id that nobody can guess.
        clock: time, and turns of the loop.
        descriptors: where it notes which sessions can be written to at once, for an application that sends to
            many.
        addresses: limits connections by the client's address; None for no limit.
        refusals: tallies sessions that end since they send too many messages.
        rate: how many messages of a client may come.
        mistakes: tells the log what the application raises; None for its own.

    Attributes:
        addresses: as above.
        pings_every_s: pings leave at multiples of so many seconds.
        sessions: all sessions that are not over, by their sid.
        is_stopping: whether new sessions are to be refused, since the server stops.
        unsent: what the server raised that was to send to a WebSocket.
    """

    def __init__(
        self,
        application: Application,
        limits: Limits,
        *,
        new_sid: Callable[[], str],
        clock: Clock,
        descriptors: Descriptors | None = None,
        addresses: Addresses | None = None,
        refusals: Refusals | None = None,
        rate: Rate = NO_LIMIT,
        mistakes: Mistakes | None = None,
    ) -> None:
        self.rate = rate
        self._refusals = refusals or Refusals()
        self.addresses = addresses
        self.application = application
        self.limits = limits
        self.clock = clock
        self.descriptors = descriptors or Descriptors()
        self._once = Once(_MAX_TOLD)
        self._mistakes = mistakes or Mistakes(lambda: clock.now())
        self.unsent = Mistakes(lambda: clock.now())
        self.sessions: dict[str, ServedSession] = {}
        self.is_stopping = False
        self._new_sid = new_sid
        self._deadlines: Deadlines[ServedSession] = Deadlines(clock, ServedSession.tick)
        self._to_ping: list[ServedSession] = []
        self.pings_every_s = min(limits.ping_interval_s * _APART, limits.ping_timeout_s * _LOST)
        self._to_flush: list[ServedSession] = []
        _engines.add(self)

    def seat(self, handshake: Handshake) -> Seat:
        """A seat for a new session, which is left when the session is over.

        Raises:
            RequestRefused: its address has too many, or opens them too quickly.
        """
        if self.addresses is None:
            return FREE
        seat = self.addresses.enter(handshake.address, self.clock.now())
        if seat is None:
            raise RequestRefused(Refusal.TOO_MANY_REQUESTS)
        return seat

    def open_by_poll(
        self, handshake: Handshake | None = None, seat: Seat = FREE
    ) -> tuple[ServedSession, str]:
        """Opens a session over polling: the session, and the packet that answers the GET."""
        session = self._add(None, handshake, seat)
        packet = session.open_packet()
        self._tell_open(session)
        return session, packet

    def open_by_websocket(
        self, link: Link, handshake: Handshake | None = None, seat: Seat = FREE
    ) -> ServedSession:
        """Opens a session over a WebSocket, which is sent the OPEN packet."""
        session = self._add(link, handshake, seat)
        link.write(Outgoing([session.open_packet()]))
        self._tell_open(session)
        return session

    def find(self, sid: str) -> ServedSession:
        """The session with this id.

        Raises:
            RequestRefused: no session has this sid, or it is over.
        """
        session = self.sessions.get(sid)
        if session is None:
            raise RequestRefused(Refusal.SESSION_UNKNOWN)
        return session

    def goodbyes(self) -> list[Callable[[], None]]:
        """Opens no more sessions, until `shut_down`; returns what ends each as that would."""
        self.is_stopping = True
        return [partial(self._say_goodbye, session) for session in self.sessions.values()]

    def shut_down(self) -> None:
        """Ends every session, so that its client comes back by itself to whoever serves next."""
        self.is_stopping = False
        for session in list(self.sessions.values()):
            session.dismiss()
            self._forget(session)  # though a poll of it may still be under way
        self._deadlines.clear()
        self._to_ping.clear()

    def warn_once(self, cause: str, message: str, *args: object) -> None:
        """Tells the log why clients are refused, once for each cause and not for each client."""
        if self._once.is_first(cause):
            logger.warning(message, *args)

    def note_unsent(self, error: Exception) -> None:
        """Tells the log that a server could not send to a WebSocket: each cause in full once."""
        self.unsent.tell(logger, "the server could not send to a WebSocket, which is closed", error=error)

    # The host of its sessions

    def report(self, words: str, error: Exception) -> None:
        """Tells the log that the application raised: each cause in full once."""
        self._mistakes.tell(logger, words, error=error)

    def refuse_request(self, refusal: Refusal = Refusal.BAD_REQUEST) -> None:
        """Tallies a request that asks for a session that is gone, or for what the protocol does not allow."""
        is_gone = refusal is Refusal.SESSION_UNKNOWN
        self._refusals.add(RefusalReason.SESSION if is_gone else RefusalReason.REQUEST)

    def refuse_flood(self) -> None:
        """Tallies a client that sent too many messages, and tells the log once."""
        self._refusals.add_and_tell(
            RefusalReason.MESSAGES,
            "a client sent more than %.0f messages a minute, or %d at once, and its session ended with 1008: "
            "max_messages and max_burst allow no more",
            60 * self.rate.per_s,
            self.rate.burst,
        )

    def schedule(self, session: ServedSession) -> None:
        """Sees to it that the session's `tick` is called at its next deadline."""
        self._deadlines.schedule(session)

    def move(self, session: ServedSession, deadline: float) -> None:
        """As `schedule`, for a deadline that is known, and may be later than the one before."""
        self._deadlines.move(session, deadline)

    def flush_soon(self, session: ServedSession) -> None:
        """Sees to it that the session's `flush` is called at the end of this turn of the loop.

        What an application sends at once travels together that way.
        """
        if not self._to_flush:
            self.clock.call_soon(self._flush)
        self._to_flush.append(session)

    def ping_soon(self, session: ServedSession) -> None:
        """Sees to it that the session's WebSocket is sent a ping at the end of this turn of the loop.

        Pings that are due at once are sent in one call that way.
        """
        if not self._to_ping:
            self.clock.call_soon(self._send_pings)
        self._to_ping.append(session)

    def drop(self, session: ServedSession) -> None:
        """Forgets a session that is over."""
        if self._forget(session):
            self._deadlines.keep(self.sessions.values(), len(self.sessions))

    # Inside

    def _add(self, link: Link | None, handshake: Handshake | None, seat: Seat) -> ServedSession:
        session = ServedSession(self, self._new_sid(), handshake, link, seat)
        self.sessions[session.sid] = session
        return session

    def _say_goodbye(self, session: ServedSession) -> None:
        if not session.dismiss():
            self._forget(session)

    def _forget(self, session: ServedSession) -> bool:
        """Takes a session out of the table; False if it is not there any more."""
        if self.sessions.pop(session.sid, None) is None:
            return False
        self.descriptors.free_number(session.number)
        session.seat.leave()
        return True

    def _tell_open(self, session: ServedSession) -> None:
        try:
            self.application.open(session)
        except Exception as error:  # noqa: BLE001 - the edge: one session must hurt no other
            self.report("the application's open() raised; the session is closed", error)
            session.close()
        # Not before: a deadline that the application sets is most often the first, and queues the session.
        if session.queued_s == math.inf:
            self.schedule(session)

    def _send_pings(self) -> None:
        waiting, self._to_ping = self._to_ping[:_PINGS_AT_ONCE], self._to_ping[_PINGS_AT_ONCE:]
        sessions = [session for session in waiting if session.link is not None]
        numbers = array("i", [session.number for session in sessions])
        for index, taken_bytes in self.descriptors.send(numbers, 0, len(numbers), _PING):
            sessions[index].send_outgoing(_PING.rest(taken_bytes) if taken_bytes else _PING)
        if self._to_ping:
            self.clock.call_soon(self._send_pings)

    def _flush(self) -> None:
        waiting, self._to_flush = self._to_flush, []
        for session in waiting:
            session.flush()


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def sessions_here() -> int:
    """How many sessions this process has."""
    return sum([len(engine.sessions) for engine in _engines])


def make_engine(
    application: Application,
    settings: Settings,
    clock: Clock,
    descriptors: Descriptors | None = None,
    addresses: Addresses | None = None,
    refusals: Refusals | None = None,
    mistakes: Mistakes | None = None,
    *,
    handles_events: bool = True,
) -> Engine:
    """An engine with the intervals and sizes of these settings; `handles_events` is `make_limits`'."""
    return Engine(
        application,
        make_limits(settings, handles_events=handles_events),
        new_sid=new_id,
        clock=clock,
        descriptors=descriptors,
        addresses=addresses,
        refusals=refusals,
        mistakes=mistakes,
        rate=make_rate(settings, handles_events=handles_events),
    )


def make_rate(settings: Settings, *, handles_events: bool) -> Rate:
    """How many messages of a client may come; the arguments are `make_limits`'."""
    a_minute, burst = settings.message_rate(handles_events=handles_events)
    return Rate(a_minute / 60, burst)


def make_limits(settings: Settings, *, handles_events: bool) -> Limits:
    """The intervals and sizes of these settings.

    Args:
        settings: the settings.
        handles_events: whether the application handles what clients send, or they are only counted.
    """
    return Limits(
        ping_interval_s=settings.ping_interval,
        ping_timeout_s=settings.ping_timeout,
        upgrade_timeout_s=settings.upgrade_timeout,
        body_timeout_s=settings.body_timeout,
        max_payload_bytes=settings.max_payload_bytes(handles_events=handles_events),
        max_outbox_bytes=settings.max_outbox,
    )
