"""The Engine.IO server: the table of sessions and their deadlines, for any application.

It knows nothing of HTTP or WebSocket: transports hand it what arrived, and lend it a `Link` to write to a
WebSocket and a `Poll` to answer a waiting GET.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any, Protocol, cast

from nannin.clock import Clock
from nannin.engine.deadlines import Deadlines
from nannin.engine.handshake import Handshake
from nannin.wire.engine_packet import Encoded, encode_message
from nannin.wire.engine_request import Refusal
from nannin.wire.engine_session import PINGS, EngineSession, Limits, Output, Outputs
from nannin.wire.engine_states import Reason, State
from nannin.wire.outgoing import Outgoing

logger = logging.getLogger("nannin.engine")


_PINGS = Outgoing(PINGS)  # one frame for all heartbeats


class Application(Protocol):
    """What an Engine.IO server serves: three plain calls, which must not block."""

    def open(self, session: Session) -> None:
        """A session is open; it may be sent to from now on."""

    def message(self, session: Session, data: str | bytes) -> None:
        """A message arrived."""

    def close(self, session: Session, reason: str) -> None:
        """The session ended, once and for good; `reason` is one of `Reason`."""


class Link(Protocol):
    """The server's end of one WebSocket."""

    @property
    def blocked(self) -> bool:
        """Whether something that was written still waits here."""

    def write(self, outgoing: Outgoing) -> None:
        """Sends each packet as a message of its own, in order, without blocking."""

    def write_newest(self, key: str, outgoing: Outgoing) -> None:
        """As `write`; while the client can't take more, only the newest of each key waits."""

    def forget_newest(self, key: str) -> None:
        """Takes back what waits under this key."""

    def close(self, code: int) -> None:
        """Closes the WebSocket behind what was written."""


class Poll(Protocol):
    """A GET that waits for its answer."""

    def answer(self, packets: list[Encoded]) -> None:
        """Answers the GET with these packets."""


class RequestRefused(Exception):
    """The request in hand is refused; `refusal` says how to answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value[1])
        self.refusal = refusal


class Session(EngineSession):
    """One client's link, as the application sees it.

    Attributes:
        sid: its id.
        data: the application's own, None at first.
        handshake: the request that opened it; whoever needs it no more may put None there, and save memory.
    """

    __slots__ = (
        "__weakref__",
        "_engine",
        "candidate",
        "data",
        "ended",
        "handshake",
        "link",
        "poll",
        "queued_s",
    )

    def __init__(
        self, engine: Engine, sid: str, state: State, now: float, handshake: Handshake | None
    ) -> None:
        super().__init__(sid, state, engine.limits, now)
        self._engine = engine
        self.handshake = handshake
        self.link: Link | None = None
        self.candidate: Link | None = None
        self.poll: Poll | None = None
        self.data: Any = None
        self.ended = False
        self.queued_s = math.inf

    def send(self, data: str | bytes) -> None:
        """Sends one message. It never blocks; after the session's end it does nothing."""
        self.send_outgoing(Outgoing([encode_message(data)]))

    def send_outgoing(self, outgoing: Outgoing) -> None:
        """Sends messages that are encoded already."""
        if self.link is not None:
            self.link.write(outgoing)
        else:
            self._engine.send_by_poll(self, outgoing)

    def send_newest(self, key: str, outgoing: Outgoing) -> None:
        """Sends messages of which only the newest under this key matter; a slow client gets no other."""
        if self.link is not None:
            self.link.write_newest(key, outgoing)
        else:
            self._engine.send_newest_by_poll(self, key, outgoing)

    def forget_newest(self, key: str) -> None:
        """Takes back what still waits under this key."""
        if self.link is not None:
            self.link.forget_newest(key)
        super().forget_newest(key)

    @property
    def is_writable(self) -> bool:
        """Whether what is sent now leaves now: the WebSocket takes it, or a poll waits for it."""
        return not self.link.blocked if self.link is not None else self.poll is not None

    def close(self, reason: Reason = Reason.FORCED_CLOSE) -> None:
        """Ends the session from this side."""
        self._engine.end(self, reason)

    def allow(self, seconds: float) -> None:
        """Ends the session in so many seconds unless it is called again; infinity takes that back."""
        self._engine.allow(self, seconds)

    # The receiver of a direct WebSocket

    def receive(self, link: Link, message: str | bytes) -> None:
        """A message of one of its WebSockets."""
        self._engine.receive_websocket(self, link, message)

    def lose(self, link: Link, *, clean: bool) -> None:
        """One of its WebSockets is gone."""
        self._engine.receive_websocket_lost(self, link, clean=clean)

    def block(self, link: Link) -> None:
        """One of its WebSockets takes no more."""
        self._engine.receive_blocked(self)

    def drain(self, link: Link) -> None:
        """It takes more again."""
        self.receive_drained()

    def overflow(self, link: Link) -> None:
        """More waits for the client than may."""
        self._engine.overflow(self)


class Engine:
    """Serves one application to any number of sessions.

    Args:
        application: what is told of opens, messages and closes.
        limits: intervals and sizes.
        new_sid: makes an id that nobody can guess.
        clock: time, and turns of the loop.
    """

    def __init__(
        self, application: Application, limits: Limits, *, new_sid: Callable[[], str], clock: Clock
    ) -> None:
        self.application = application
        self.limits = limits
        self.sessions: dict[str, Session] = {}
        self._new_sid = new_sid
        self._clock = clock
        self._deadlines: Deadlines[Session] = Deadlines(clock, self._tick)
        self._to_flush: list[Session] = []

    # What transports hand in

    def open_by_poll(self, handshake: Handshake | None = None) -> tuple[Session, str]:
        """Opens a session over polling: the session, and the packet that answers the GET."""
        session = self._open(State.POLLING, handshake)
        packet = session.open_packet()
        self._tell_open(session)
        return session, packet

    def open_by_websocket(self, link: Link, handshake: Handshake | None = None) -> Session:
        """Opens a session over a WebSocket, which is sent the OPEN packet."""
        session = self._open(State.WEBSOCKET, handshake)
        session.link = link
        link.write(Outgoing([session.open_packet()]))
        self._tell_open(session)
        return session

    def find(self, sid: str) -> Session:
        """The live session with this id.

        Raises:
            RequestRefused: there is none, or none any more.
        """
        session = self.sessions.get(sid)
        if session is None:
            raise RequestRefused(Refusal.SESSION_UNKNOWN)
        return session

    def receive_poll(self, session: Session, poll: Poll) -> None:
        """A GET of the session; `poll` is answered now or later.

        Raises:
            RequestRefused: it is the second at once, or the session polls no more.
        """
        now = self._clock.now()
        if now >= session.next_deadline():  # the alarm may be a moment behind the clock
            self._perform(session, session.tick(now))
        outputs = session.receive_poll(now)
        if (Output.REFUSE, None) not in outputs:
            session.poll = poll
        self._perform(session, outputs)

    def receive_poll_lost(self, session: Session, poll: Poll) -> None:
        """The client went away from this GET."""
        if session.poll is poll:
            self._perform(session, session.receive_poll_lost(self._clock.now()))

    def receive_post(self, session: Session) -> None:
        """A POST of the session begins; its body or its loss follows.

        Raises:
            RequestRefused: it is the second at once, or the session polls no more.
        """
        self._perform(session, session.receive_post(self._clock.now()))

    def receive_payload(self, session: Session, body: bytes) -> None:
        """The body of the session's POST.

        Raises:
            RequestRefused: it is malformed.
        """
        self._perform(session, session.receive_payload(body, self._clock.now()))

    def receive_post_lost(self, session: Session) -> None:
        """The session's POST broke off or was too large."""
        self._perform(session, session.receive_post_lost(self._clock.now()))

    def receive_websocket(self, session: Session, link: Link, encoded: Encoded) -> None:
        """A message of one of the session's WebSockets: the one in force, or the candidate."""
        now = self._clock.now()
        if len(encoded) > self.limits.max_payload_bytes:  # a server with larger limits let it through
            if link in (session.link, session.candidate):
                self.end(session, Reason.PARSE_ERROR)
        elif link is session.link:
            self._perform(session, session.receive_websocket(encoded, now))
        elif link is session.candidate:
            self._perform(session, session.receive_candidate_packet(encoded, now))

    def receive_candidate(self, session: Session, link: Link) -> None:
        """A WebSocket with the session's sid, to which the session may upgrade.

        Raises:
            RequestRefused: the session has one already.
        """
        outputs = session.receive_candidate(self._clock.now())
        if not outputs:
            session.candidate = link
        self._perform(session, outputs)

    def receive_blocked(self, session: Session) -> None:
        """The WebSocket in force takes no more; it has to drain in time."""
        session.receive_blocked(self._clock.now())
        self._deadlines.schedule(session)

    def receive_websocket_lost(self, session: Session, link: Link, *, clean: bool) -> None:
        """One of the session's WebSockets is gone; cleanly, if the client closed it."""
        now = self._clock.now()
        if link is session.link:
            self._perform(session, session.receive_websocket_lost(now, clean=clean))
        elif link is session.candidate:
            session.candidate = None
            self._perform(session, session.receive_candidate_lost(now))

    # What the application asks for, through its session

    def send_by_poll(self, session: Session, outgoing: Outgoing) -> None:
        """Puts packets where the session's next poll finds them."""
        outputs = session.push(outgoing.packets, self._clock.now())
        if outputs:  # too much waits
            self._clock.call_soon(lambda: self._perform(session, outputs))
        self._flush_soon(session)

    def send_newest_by_poll(self, session: Session, key: str, outgoing: Outgoing) -> None:
        """Puts packets where the session's next poll finds them, in the place of older ones of this key."""
        self._perform(session, session.push_newest(key, outgoing.packets))
        self._flush_soon(session)

    def overflow(self, session: Session) -> None:
        """Ends a slow client, in a turn of its own: its leave may make the application send to all again."""
        self._clock.call_soon(lambda: self.end(session, Reason.SLOW_CLIENT))

    def end(self, session: Session, reason: Reason) -> None:
        """Ends a session."""
        self._perform(session, session.finish(reason, self._clock.now()))

    def allow(self, session: Session, seconds: float) -> None:
        """Ends a session in so many seconds; infinity takes that back."""
        session.set_timeout(self._clock.now() + seconds)
        self._deadlines.schedule(session)

    def shut_down(self) -> None:
        """Ends every session, so that its client comes back by itself to whoever serves next."""
        for session in list(self.sessions.values()):
            self.end(session, Reason.SHUTTING_DOWN)
        self.sessions.clear()
        self._deadlines.clear()

    # Inside

    def _open(self, state: State, handshake: Handshake | None) -> Session:
        session = Session(self, self._new_sid(), state, self._clock.now(), handshake)
        self.sessions[session.sid] = session
        return session

    def _tell_open(self, session: Session) -> None:
        try:
            self.application.open(session)
        except Exception:
            logger.exception("the application's open() raised; the session is closed")
            self.end(session, Reason.FORCED_CLOSE)
        # Not before: a deadline that the application sets is most often the first.
        self._deadlines.schedule(session)

    def _perform(self, session: Session, outputs: Outputs) -> None:
        refused = False
        for output, value in outputs:
            match output:
                case Output.DELIVER:
                    self._deliver(session, cast("str | bytes", value))
                case Output.SEND:
                    assert session.link is not None
                    session.link.write(_PINGS if value is PINGS else Outgoing(cast("list[Encoded]", value)))
                case Output.ANSWER:
                    poll, session.poll = session.poll, None
                    assert poll is not None
                    poll.answer(cast("list[Encoded]", value))
                case Output.REFUSE:
                    refused = True
                case Output.SEND_CANDIDATE:
                    assert session.candidate is not None
                    session.candidate.write(Outgoing(cast("list[Encoded]", value)))
                case Output.SWITCH:
                    session.link, session.candidate = session.candidate, None
                case Output.CLOSE_CANDIDATE:
                    candidate, session.candidate = session.candidate, None
                    if candidate is not None:
                        candidate.close(1000)
                case Output.CLOSE_WEBSOCKET:
                    link, session.link = session.link, None
                    if link is not None:
                        link.close(cast(int, value))
                case Output.ENDED:
                    self._tell_close(session, cast(Reason, value))
        if session.state is State.CLOSED:
            if self.sessions.pop(session.sid, None) is not None:
                self._deadlines.keep(self.sessions.values(), len(self.sessions))
        else:
            self._deadlines.schedule(session)
        if refused:
            raise RequestRefused(Refusal.BAD_REQUEST)

    def _deliver(self, session: Session, data: str | bytes) -> None:
        if session.ended:  # an earlier message of the same payload made the application end it
            return
        try:
            self.application.message(session, data)
        except Exception:
            logger.exception("the application's message() raised")

    def _tell_close(self, session: Session, reason: Reason) -> None:
        session.ended = True
        try:
            self.application.close(session, reason)
        except Exception:
            logger.exception("the application's close() raised")

    def _flush_soon(self, session: Session) -> None:
        if session.poll is not None:
            # Answered at the end of the turn: what an application sends at once travels together.
            if not self._to_flush:
                self._clock.call_soon(self._flush)
            self._to_flush.append(session)

    def _flush(self) -> None:
        waiting, self._to_flush = self._to_flush, []
        for session in waiting:
            self._perform(session, session.flush())

    def _tick(self, session: Session, now: float) -> None:
        self._perform(session, session.tick(now))
