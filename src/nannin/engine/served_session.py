"""The session that the engine serves: it performs what its state machine puts out.

An application holds it as a `Session`. It has the state machine, takes what the transports receive, and
performs what the state machine puts out. What is sent while a WebSocket is in force skips the state machine
and is written to the link at once; what waits for a poll is the state machine's to keep. What the session
needs of the engine is a `Host`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

from nannin.access.addresses import FREE, Seat
from nannin.engine.handshake import Handshake
from nannin.engine.host import Host
from nannin.engine.link import Link, Poll, RequestRefused
from nannin.engine.session import Session
from nannin.engine.too_large import tell_too_large
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_outputs import (
    Answer,
    CloseCandidate,
    CloseWebSocket,
    Deliver,
    Ended,
    Output,
    Refuse,
    Send,
    SendCandidate,
    SendPing,
    Switch,
)
from nannin.wire.engine_packet import CLOSE, PONG, Encoded, count_packets, size_bytes
from nannin.wire.engine_request import Refusal
from nannin.wire.engine_session import EngineSession
from nannin.wire.engine_states import State
from nannin.wire.outgoing import Outgoing

# Looked up once, and not for each output: before Python 3.12 that takes longer than a call.
_CLOSED = State.CLOSED


class ServedSession(Session):
    """A session that an engine serves: it follows its state machine, and performs what that puts out.

    The state machine is an object of its own, so that nobody who holds a session can feed it and lose its
    outputs. That costs 48 bytes a session: 690 instead of 642 for one over WebSocket, as tracemalloc counts
    them.

    Args:
        host: the engine.
        sid: its id.
        handshake: the request that opened it.
        link: the WebSocket that it opened with; None if it opened with a GET.
        seat: what it takes of the connections that its address may have.

    Attributes:
        candidate: the WebSocket to which the session may upgrade.
        poll: the GET that waits.
        queued_s: a note of the deadlines' queue: when it will look at this session next.
    """

    __slots__ = (
        "_core",
        "_host",
        "_is_held",
        "_on_reading",
        "_whole_s",
        "candidate",
        "poll",
        "queued_s",
        "seat",
    )

    def __init__(
        self,
        host: Host[ServedSession],
        sid: str,
        handshake: Handshake | None,
        link: Link | None,
        seat: Seat = FREE,
    ) -> None:
        super().__init__(sid, host.descriptors.take_number(), handshake, link)
        self._host = host
        self.seat = seat
        state = State.POLLING if link is None else State.WEBSOCKET
        self._core = EngineSession(sid, state, host.limits, host.clock.now())
        self.candidate: Link | None = None
        self.poll: Poll | None = None
        self.queued_s = math.inf
        self._is_held = False  # by `read_on`
        self._whole_s = 0.0  # when the budget of messages is whole again
        self._on_reading: Callable[[], None] | None = None
        self._route()

    @property
    def is_upgrading(self) -> bool:
        """Whether a WebSocket is open beside the polls."""
        return self.candidate is not None

    def open_packet(self) -> str:
        """The packet with which the server answers the request that opened the session."""
        return self._core.open_packet()

    # What the application asks for, as `Session` says it

    def close(self, reason: DisconnectReason = DisconnectReason.FORCED_CLOSE) -> None:
        self._perform(self._core.finish(reason, self._host.clock.now()))

    def dismiss(self) -> bool:
        """Ends the session since the server stops, so that its client comes back to whoever serves next.

        Returns:
            Whether its client has to be told so with its next poll, since none waits now.
        """
        if self.poll is not None and self.poll.comes_back:
            self._perform(self._core.push([CLOSE], self._host.clock.now()))
        self.close(DisconnectReason.SHUTTING_DOWN)
        return self._core.state is State.CLOSING

    @property
    def is_writable(self) -> bool:
        return not self.link.blocked if self.link is not None else self.poll is not None

    def send_outgoing(self, outgoing: Outgoing) -> None:
        if self.link is not None:
            self.link.write(outgoing)
            return
        outputs = self._core.push(outgoing.packets, self._host.clock.now())
        if outputs:
            # Too much waits. The session ends in a turn of its own, since its leave may make the application
            # send to everybody again.
            self._host.clock.call_soon(lambda: self._perform(outputs))
        self._flush_soon()

    def send_newest(self, key: str, outgoing: Outgoing) -> None:
        if self.link is not None:
            self.link.write_newest(key, outgoing)
            return
        self._core.push_newest(key, outgoing.packets)
        self._flush_soon()

    def forget_newest(self, key: str) -> None:
        if self.link is not None:
            self.link.forget_newest(key)
        self._core.forget_newest(key)

    @property
    def reads(self) -> bool:
        return not self._is_held or self._core.awaits_pong or self.ended

    def read_on(self, on: bool) -> None:
        self._is_held = not on
        self._apply_reading()

    def allow(self, seconds: float) -> None:
        if seconds == math.inf:  # a later deadline is found when the earlier one is looked at
            self._core.set_timeout(math.inf)
            return
        self._core.set_timeout(self._host.clock.now() + seconds)
        self._host.schedule(self)

    def forgive(self) -> None:
        self._whole_s -= self._host.rate.cost_s

    # What comes in by polling

    def wait_to_read(self, on_reading: Callable[[], None]) -> None:
        """Calls back once, when what a POST has brought may be received: when `reads` is true."""
        self._on_reading = on_reading
        self._apply_reading()

    def receive_poll(self, poll: Poll) -> None:
        """A GET; `poll` is answered now or later.

        Raises:
            RequestRefused: another GET waits, or the session polls no more.
        """
        now = self._host.clock.now()
        if now >= self._core.next_deadline():  # the alarm may be a moment behind the clock
            self._perform(self._core.tick(now))
        outputs = self._core.receive_poll(now)
        if Refuse() not in outputs:
            self.poll = poll
        self._perform_request(outputs)

    def receive_poll_lost(self, poll: Poll) -> None:
        """The client went away from this GET."""
        if self.poll is poll:
            self._perform(self._core.receive_poll_lost(self._host.clock.now()))

    def receive_post(self) -> None:
        """A POST begins; `receive_payload` or `receive_post_lost` follows.

        Raises:
            RequestRefused: another POST is being read, or the session polls no more.
        """
        self._perform_request(self._core.receive_post(self._host.clock.now()))

    def receive_payload(self, body: bytes, *, is_last: bool = True) -> None:
        """The body of the POST, or a part of it.

        Raises:
            RequestRefused: it is malformed, there are too many messages, or the session ended meanwhile.
        """
        awaited = self._core.awaits_pong
        outputs = self._core.receive_payload(body, self._host.clock.now(), is_last=is_last)
        others = count_packets(body) - sum(isinstance(output, Deliver) for output in outputs)
        if awaited and not self._core.awaits_pong:
            others -= 1  # it is what we asked for
        self._perform_packets(outputs)
        if others:
            self._spend(others)
        if self._whole_s == math.inf:
            raise RequestRefused(Refusal.TOO_MANY_REQUESTS)

    def receive_post_lost(self) -> None:
        """The POST broke off, or was too large."""
        self._perform(self._core.receive_post_lost(self._host.clock.now()))

    # What comes in by WebSocket: the session is the receiver of its links

    def receive_candidate(self, link: Link) -> None:
        """A WebSocket with the session's sid, to which the session may upgrade.

        Raises:
            RequestRefused: the session has a WebSocket already, or has ended, or there were too many.
        """
        if not self._spend(1):
            raise RequestRefused(Refusal.TOO_MANY_REQUESTS)
        outputs = self._core.receive_candidate(self._host.clock.now())
        if not outputs:
            self.candidate = link
        self._perform_request(outputs)

    def _perform_request(self, outputs: list[Output]) -> None:
        try:
            self._perform(outputs)
        except RequestRefused:
            self._host.refuse_request()
            raise

    def receive(self, link: Link, message: Encoded) -> None:
        """A message of one of its WebSockets: the one in force, or the candidate."""
        if link is not self.link and link is not self.candidate:
            return
        now, max_bytes = self._host.clock.now(), self._host.limits.max_payload_bytes
        if message == PONG and link is self.link:
            deadline = self._core.receive_pong(now, self._host.pings_every_s)
            if deadline is not None:
                self._host.move(self, deadline)
                if self._is_held:
                    self._apply_reading()
                return
        if size_bytes(message) > max_bytes:  # a server with larger limits let it through
            tell_too_large(max_bytes, "max_payload")
            self.close(DisconnectReason.TOO_LARGE)
        elif link is self.link:
            outputs = self._core.receive_websocket(message, now)
            if not outputs and not self._spend(1):
                return
            if len(outputs) == 1 and isinstance(outputs[0], Deliver):
                self._deliver(outputs[0].data)  # which moves no deadline
            else:
                self._perform_packets(outputs)
        elif self._spend(1):
            self._perform(self._core.receive_candidate_packet(message, now))

    def receive_others(self, link: Link, count: int) -> None:
        """Pings and pongs arrived. They say nothing to a session, but cost time as messages do."""
        self._spend(count)

    def refuse(self, link: Link, reason: DisconnectReason) -> None:
        """The client broke a rule of WebSocket: the link is gone, and with it the session that it carried."""
        if link is self.link:
            self.link = None
            self._route()
            self.close(reason)
        else:
            self.lose(link, clean=False)

    def lose(self, link: Link, *, clean: bool) -> None:
        """One of its WebSockets is gone; cleanly, if the client closed it."""
        now = self._host.clock.now()
        if link is self.link:
            self.link = None
            self._route()
            self._perform(self._core.receive_websocket_lost(now, clean=clean))
        elif link is self.candidate:
            self.candidate = None
            self._perform(self._core.receive_candidate_lost(now))

    def block(self, link: Link) -> None:
        """One of its WebSockets takes no more; it has to drain in time."""
        if link is self.link:
            self._route()
        self._core.receive_blocked(self._host.clock.now())
        self._host.schedule(self)

    def drain(self, link: Link) -> None:
        """It takes more again."""
        if link is self.link:
            self._route()
        self._core.receive_drained()

    def stop(self, link: Link) -> None:
        """It is being closed by itself: nothing may be written to it any more."""
        if link is self.link:
            self._host.descriptors.set(self.number, -1)

    def overflow(self, link: Link) -> None:
        """More waits for the client than may. It ends in a turn of its own, as in `send_outgoing`."""
        self._host.clock.call_soon(lambda: self.close(DisconnectReason.SLOW_CLIENT))

    # What the engine sees to

    def next_deadline(self) -> float:
        """When `tick` is due, in monotonic seconds; infinite where it never is."""
        return self._core.next_deadline(self._host.pings_every_s)

    def tick(self, now: float) -> float:
        """Does what is due, if anything is, and returns the next deadline."""
        deadline = self._core.take_ping(now)
        if deadline is None:
            self._perform(self._core.tick(now), schedules=False)
            return self.next_deadline()
        self._host.ping_soon(self)
        if self._is_held:
            self._apply_reading()
        return deadline

    def flush(self) -> None:
        """Answers the waiting GET with what has gathered."""
        self._perform(self._core.flush())

    # Inside

    def _route(self) -> None:
        """Sees to it that whoever sends to many finds the socket that can be written to at once, if any."""
        link = self.link
        descriptor = -1 if link is None or link.blocked else link.descriptor
        self._host.descriptors.set(self.number, descriptor)

    def _apply_reading(self) -> None:
        reads = self.reads
        if self.link is not None:
            self.link.read_on(reads)
        if reads and self._on_reading is not None:
            on_reading, self._on_reading = self._on_reading, None
            on_reading()

    def _perform_packets(self, outputs: Sequence[Output]) -> None:
        """Performs what a client's packets led to. The log says once if they were not Engine.IO."""
        if self._core.state is State.CLOSED and Ended(DisconnectReason.PARSE_ERROR) in outputs:
            self._host.warn_once(
                "packet",
                "a client sent a packet that is not of Engine.IO 4, which ended its session; "
                "a client of Socket.IO 3 or 4 does not do so",
            )
        self._perform(outputs)

    def _flush_soon(self) -> None:
        if self.poll is not None:
            self._host.flush_soon(self)

    def _perform(self, outputs: Iterable[Output], *, schedules: bool = True) -> None:
        """Does what the state machine says.

        Args:
            outputs: what it says.
            schedules: whether a deadline may be sooner now.

        Raises:
            RequestRefused: at last, after everything else is done, since the request that is refused may have
                ended the session as well.
        """
        refused = False
        for output in outputs:
            match output:
                case Deliver(data=data):
                    self._deliver(data)
                case Send(packets=packets):
                    self._write(self.link, Outgoing(packets))
                case SendPing():
                    self._host.ping_soon(self)
                case Answer(packets=packets):
                    poll, self.poll = self.poll, None
                    assert poll is not None
                    poll.answer(packets)
                case Refuse():
                    refused = True
                case SendCandidate(packets=packets):
                    self._write(self.candidate, Outgoing(packets))
                case Switch():
                    self.link, self.candidate = self.candidate, None
                    self._route()
                case CloseCandidate():
                    candidate, self.candidate = self.candidate, None
                    if candidate is not None:
                        candidate.close(1000)
                case CloseWebSocket(code=code):
                    link, self.link = self.link, None
                    self._route()
                    if link is not None:
                        if self._is_held:
                            link.read_on(True)  # the client's close frame has to be seen
                        link.close(code)
                case Ended(reason=reason):
                    self._tell_close(reason)
                case _:
                    assert_never(output)
        if self._is_held:
            self._apply_reading()
        if self._core.state is _CLOSED:
            self._host.drop(self)
        elif schedules:
            self._host.schedule(self)
        if refused:
            raise RequestRefused(Refusal.BAD_REQUEST)

    @staticmethod
    def _write(link: Link | None, outgoing: Outgoing) -> None:
        assert link is not None
        link.write(outgoing)

    def _spend(self, number: int) -> bool:
        """Spends some of the budget of messages; where it has not enough, the session ends."""
        rate, now, whole_s = self._host.rate, self._host.clock.now(), self._whole_s
        # What `Rate` says, without its calls.
        whole_s = (whole_s if whole_s > now else now) + number * rate.cost_s
        if whole_s - now <= rate.patience_s:
            self._whole_s = whole_s
            return True
        if self._whole_s == math.inf:
            return False
        self._whole_s = math.inf
        self._host.refuse_flood()
        self.close(DisconnectReason.TOO_MANY)
        return False

    def _deliver(self, data: str | bytes) -> None:
        # An earlier message of the same payload may have made the application end it.
        if self.ended or not self._spend(1):
            return
        try:
            self._host.application.message(self, data)
        except Exception as error:  # noqa: BLE001 - the edge: one message must hurt no other
            self._host.report("the application's message() raised", error)

    def _tell_close(self, reason: DisconnectReason) -> None:
        self.ended = True
        try:
            self._host.application.close(self, reason)
        except Exception as error:  # noqa: BLE001 - as above
            self._host.report("the application's close() raised", error)
