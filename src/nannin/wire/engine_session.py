"""One Engine.IO session: open, upgrade, heartbeat, close, as the table in `engine_states` says.

The session takes what happened to it (a `receive_*` method, `push`, `finish`, `tick`) and answers with a list
of outputs for whoever holds the sockets. It never raises for what a peer did.

Source: Engine.IO protocol, 4th revision, "Protocol" and "Transports".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import assert_never

from nannin.errors import PacketError
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_limits import Limits, open_packet
from nannin.wire.engine_outputs import (
    Answer,
    CloseCandidate,
    CloseWebSocket,
    Deliver,
    Ended,
    Outputs,
    Refuse,
    Send,
    SendCandidate,
    SendPing,
    Switch,
)
from nannin.wire.engine_packet import (
    CLOSE,
    NOOP,
    PING,
    PROBE_ANSWER,
    Encoded,
    EnginePacket,
    EnginePacketType,
    decode_packet,
    decode_payload,
)
from nannin.wire.engine_states import TABLE, Action, Event, State
from nannin.wire.outbox import PollOutbox

# The part of the time to answer a ping after which the server was the slow one. The pong is due
# `ping_timeout` after the ping was due, even if the timer fired late; if it fired later than this, the time
# counts from now.
_HELD_UP = 0.75
# Two times that differ by less than this part of the time between pings are the same.
_SAME = 1e-6
# Maximum number of packets that answer one GET: python-socketio's client refuses more.
_MAX_ANSWER = 16

# What each message needs is looked up once: before Python 3.12, to look a member up in its class takes longer
# than a call.
_BAD, _CLOSED, _WEBSOCKET = Event.BAD, State.CLOSED, State.WEBSOCKET


class EngineSession:
    """One session: a link to one client.

    Args:
        sid: its id.
        state: POLLING or WEBSOCKET, by the transport it opened with.
        limits: the intervals and sizes in force.
        now: the time, in monotonic seconds.

    Attributes:
        awaits_pong: whether the client has still to answer a ping.
    """

    __slots__ = (
        "_drain_s",
        "_heartbeat_s",
        "_limits",
        "_linger_s",
        "_polled",
        "_posting",
        "_timeout_s",
        "_upgrade_s",
        "_waiting",
        "awaits_pong",
        "sid",
        "state",
    )

    def __init__(self, sid: str, state: State, limits: Limits, now: float) -> None:
        self.sid = sid
        self.state = state
        self._limits = limits
        self._heartbeat_s = now + limits.ping_interval_s
        self._upgrade_s = math.inf
        self._timeout_s = math.inf
        self._drain_s = math.inf
        self._linger_s = math.inf
        self.awaits_pong = False
        self._polled = False
        self._posting = False
        self._waiting: PollOutbox | None = None  # a client that never polls needs none

    # What comes in

    def open_packet(self) -> str:
        """The OPEN packet, with which the server answers the first request."""
        return open_packet(self._limits, self.sid, upgradable=self.state is State.POLLING)

    def receive_poll(self, now: float) -> Outputs:
        """A GET arrived. It waits unless an Answer or a Refuse comes back."""
        return self._take(
            Event.SECOND_POLL if self._polled else Event.POLL, now, DisconnectReason.TRANSPORT_ERROR
        )

    def receive_poll_lost(self, now: float) -> Outputs:
        """The client cancelled the GET that waited."""
        return self._take(Event.POLL_LOST, now, DisconnectReason.TRANSPORT_CLOSE) if self._polled else []

    def receive_post(self, now: float) -> Outputs:
        """A POST's head arrived; `receive_payload` or `receive_post_lost` follows unless it is refused."""
        return self._take(
            Event.SECOND_POST if self._posting else Event.POST, now, DisconnectReason.TRANSPORT_ERROR
        )

    def receive_post_lost(self, now: float) -> Outputs:
        """The POST broke off, or was too large: packets are lost, so the session ends."""
        self._posting = False
        return self._take(Event.BAD, now, DisconnectReason.TRANSPORT_ERROR)

    def receive_payload(self, body: bytes, now: float, *, is_last: bool = True) -> Outputs:
        """A POST's body, or a part of it. A Refuse among the outputs means that it was malformed."""
        self._posting = not is_last
        if self.state is State.CLOSED:
            return [Refuse()]
        try:
            packets = decode_payload(body)
        except PacketError:
            return [*self._take(Event.BAD, now, DisconnectReason.PARSE_ERROR), Refuse()]
        outputs: Outputs = []
        for packet in packets:
            event = _EVENTS.get(packet.type, Event.BAD)
            outputs += self._take(event, now, _REASONS.get(event), packet)
            if event is Event.BAD:
                outputs.append(Refuse())
        return outputs

    def receive_pong(self, now: float, pings_every_s: float = 0.0) -> float | None:
        """A pong of the WebSocket in force.

        It is what `receive_websocket` does with a pong, without its outputs, which are none: a client that is
        idle sends nothing else.

        Args:
            now: the time, in monotonic seconds.
            pings_every_s: as `next_deadline` has it.

        Returns:
            The next deadline; None if nobody asked for a pong, and then it is a message as others.
        """
        if not self.awaits_pong or self.state is not _WEBSOCKET:
            return None
        self.awaits_pong = False
        self._heartbeat_s = now + self._limits.ping_interval_s
        return self.next_deadline(pings_every_s)

    def receive_websocket(self, encoded: Encoded, now: float) -> Outputs:
        """A message of the WebSocket in force."""
        try:
            packet = decode_packet(encoded)
        except PacketError:
            return self._take(Event.BAD, now, DisconnectReason.PARSE_ERROR)
        event = _EVENTS.get(packet.type, _BAD)
        return self._take(event, now, _REASONS.get(event), packet)

    def receive_websocket_lost(self, now: float, *, clean: bool) -> Outputs:
        """The WebSocket in force is gone; it ended cleanly where the client sent a close frame."""
        reason = DisconnectReason.TRANSPORT_CLOSE if clean else DisconnectReason.TRANSPORT_ERROR
        return self._take(Event.WEBSOCKET_LOST, now, reason)

    def receive_candidate(self, now: float) -> Outputs:
        """A WebSocket with this sid arrived; with a Refuse it is to be closed, else it is the candidate."""
        return self._take(Event.CANDIDATE, now)

    def receive_candidate_packet(self, encoded: Encoded, now: float) -> Outputs:
        """A message of the candidate."""
        match encoded:
            case "2probe":
                event = Event.PROBE
            case "5":
                event = Event.UPGRADE
            case _:
                event = Event.STRAY
        return self._take(event, now)

    def receive_candidate_lost(self, now: float) -> Outputs:
        """The candidate is gone; polling goes on."""
        return self._take(Event.CANDIDATE_LOST, now)

    # What goes out

    @property
    def is_over(self) -> bool:
        """Whether the session has ended; its last packets may still wait for a poll."""
        return self.state in _OVER

    def receive_blocked(self, now: float) -> None:
        """The client reads too slowly: what was written to its WebSocket has not drained."""
        self._drain_s = math.inf if self.is_over else now + self._limits.drain_timeout_s

    def receive_drained(self) -> None:
        """All that was written to the WebSocket has drained."""
        self._drain_s = math.inf

    def push(self, packets: Sequence[Encoded], now: float) -> Outputs:
        """Lets packets wait for `flush` or the next poll. Over WebSocket they need no session to be sent."""
        assert self.state is not State.WEBSOCKET
        if self.is_over:
            return []
        return [] if self._outbox().push(packets, now) else self.finish(DisconnectReason.SLOW_CLIENT, now)

    def push_newest(self, key: str, packets: Sequence[Encoded]) -> None:
        """As `push`, with packets of which only the newest matter: what waits under the key is replaced."""
        assert self.state is not State.WEBSOCKET
        if not self.is_over:
            self._outbox().put_newest(key, packets)

    def forget_newest(self, key: str) -> None:
        """Takes back what waits under this key."""
        if self._waiting is not None:
            self._waiting.forget_newest(key)

    def flush(self) -> Outputs:
        """Answers the waiting GET with what has gathered, if there is a GET and anything for it."""
        if not (self._polled and self._waiting):
            return []
        return self._answer(self._take_outbox(_MAX_ANSWER))

    def finish(self, reason: DisconnectReason, now: float) -> Outputs:
        """Ends the session from the server's side; a polling client still gets what waits for it."""
        return self._take(Event.END_POLLED if self._polled else Event.END, now, reason)

    # Time

    def next_deadline(self, pings_every_s: float = 0.0) -> float:
        """When `tick` is due, in monotonic seconds; infinite where it never is.

        Args:
            pings_every_s: pings may be late, up to the next multiple of this, so that many sessions are due
                at once; 0 where they are sent on time. The end of a silent session is never late.
        """
        heartbeat_s = self._heartbeat_s
        if pings_every_s and not self.awaits_pong and heartbeat_s < math.inf:
            # A time that is a multiple already, but for the last bits, stays as it is.
            multiple = math.ceil(heartbeat_s / pings_every_s - _SAME)
            heartbeat_s = max(heartbeat_s, multiple * pings_every_s)
        return min(heartbeat_s, self._upgrade_s, self._timeout_s, self._drain_s, self._linger_s)

    def set_timeout(self, when: float) -> None:
        """Ends the session at this time unless it is set anew; infinity clears it."""
        self._timeout_s = math.inf if self.state in _OVER else when

    def take_ping(self, now: float) -> float | None:
        """The next deadline, if a ping over the WebSocket in force is due and nothing else: it is sent then.

        It is what `tick` does then, without its outputs: the only one would be a SendPing.
        """
        if self.awaits_pong or self._heartbeat_s > now or self.state is not _WEBSOCKET:
            return None
        others_s = min(self._upgrade_s, self._timeout_s, self._drain_s, self._linger_s)
        if others_s <= now:
            return None
        self._begin_to_wait(now)
        return min(self._heartbeat_s, others_s)

    def tick(self, now: float) -> Outputs:
        """Does what is due: a ping, the end of a silent session or of an upgrade that never finished."""
        outputs: Outputs = []
        if now >= self._upgrade_s:
            outputs += self._take(Event.UPGRADE_DUE, now)
        if now >= self._drain_s:
            outputs += self._take(Event.TIMEOUT, now, DisconnectReason.SLOW_CLIENT)
        if now >= self._timeout_s:
            outputs += self._take(Event.TIMEOUT, now, DisconnectReason.CONNECT_TIMEOUT)
        if now >= self._heartbeat_s and not self.awaits_pong:
            outputs += self._take(Event.PING_DUE, now)
        if now >= self._heartbeat_s:
            outputs += self._take(Event.PONG_DUE, now, DisconnectReason.PING_TIMEOUT)
        if now >= self._linger_s:
            outputs += self._take(Event.LINGER_OVER, now)
        return outputs

    # The table's actions

    def _take(
        self,
        event: Event,
        now: float,
        reason: DisconnectReason | None = None,
        packet: EnginePacket | None = None,
    ) -> Outputs:
        before = self.state
        self.state, action = TABLE[before, event]
        outputs = self._act(action, now, reason, packet, before)
        if self.state is _CLOSED:
            self._stop_clocks()
            self._take_outbox()
        return outputs

    def _act(
        self,
        action: Action,
        now: float,
        reason: DisconnectReason | None,
        packet: EnginePacket | None,
        before: State,
    ) -> Outputs:
        match action:  # the most frequent first: each look at a member takes longer than a call
            case Action.DELIVER:
                assert packet is not None
                return [Deliver(packet.data)]
            case Action.PING_LATER:
                self._receive_pong(now)
                return []
            case Action.PING_NOW:
                return self._send_ping(now)
            case Action.END_LOST | Action.END | Action.END_BY_CLIENT | Action.END_AND_REFUSE:
                assert reason is not None
                return self._end(action, reason, before, now)
            case Action.IGNORE | Action.FORGET_REST:
                return []
            case Action.REFUSE:
                return [Refuse()]
            case Action.BEGIN_POST:
                self._posting = True
                return []
            case Action.ANSWER:
                self._polled = True
                answered = self.flush()
                if self._waiting is not None:
                    self._waiting.settle(now)  # the client could poll, and can now for the rest
                return answered
            case Action.ANSWER_AT_ONCE:
                return self._answer(self._take_outbox(_MAX_ANSWER) or [NOOP])
            case Action.ANSWER_LAST:
                return self._answer([*self._take_outbox(), CLOSE])
            case Action.TAKE_CANDIDATE:
                self._upgrade_s = now + self._limits.upgrade_timeout_s
                return []
            case Action.ANSWER_PROBE:
                # The client waits for its poll to end before it sends its upgrade packet.
                return [SendCandidate([PROBE_ANSWER]), *(self._answer([NOOP]) if self._polled else [])]
            case Action.SWITCH:
                self._upgrade_s = math.inf
                outputs: Outputs = [Switch(), *(self._answer([NOOP]) if self._polled else [])]
                waiting = self._take_outbox()
                return [*outputs, Send(waiting)] if waiting else outputs
            case Action.DROP_CANDIDATE:
                self._upgrade_s = math.inf
                return [CloseCandidate()]
            case Action.FORGET_CANDIDATE:
                self._upgrade_s = math.inf
                return []
            case _:
                assert_never(action)

    def _end(self, action: Action, reason: DisconnectReason, before: State, now: float) -> Outputs:
        outputs: Outputs = []
        if before is _WEBSOCKET and action is not Action.END_LOST:
            outputs.append(CloseWebSocket(reason.close_code))
        elif before in _WITH_CANDIDATE:
            outputs.append(CloseCandidate())
        if self._polled:
            outputs += self._answer(self._last_words(action, reason))
        if self.state is State.CLOSING:
            self._stop_clocks()
            self._linger_s = now + self._limits.ping_timeout_s
        if action is Action.END_AND_REFUSE:
            outputs.append(Refuse())
        outputs.append(Ended(reason))
        return outputs

    def _last_words(self, action: Action, reason: DisconnectReason) -> list[Encoded]:
        """What answers the GET that waits at the session's end: a close packet tells the client of it.

        A client that closed by itself expects a noop instead (source: the protocol's test suite, "forcefully
        closes the session"). So does a client that is to come back: python-socketio takes a close packet as
        final.
        """
        if action is Action.END_BY_CLIENT:
            return [NOOP]
        if reason is DisconnectReason.SHUTTING_DOWN:
            return self._take_outbox() or [NOOP]
        return [*self._take_outbox(), CLOSE]

    def _stop_clocks(self) -> None:
        self._heartbeat_s = self._upgrade_s = self._timeout_s = self._drain_s = self._linger_s = math.inf

    def _answer(self, packets: list[Encoded]) -> Outputs:
        self._polled = False
        return [Answer(packets)]

    def _take_outbox(self, most: int | None = None) -> list[Encoded]:
        """Takes what waits, or the first of it."""
        return self._waiting.take(most) if self._waiting is not None else []

    def _outbox(self) -> PollOutbox:
        if self._waiting is None:
            self._waiting = PollOutbox(self._limits.max_outbox_bytes)
        return self._waiting

    def _send_ping(self, now: float) -> Outputs:
        self._begin_to_wait(now)
        return [SendPing()] if self.state is State.WEBSOCKET else [*self.push([PING], now), *self.flush()]

    def _begin_to_wait(self, now: float) -> None:
        """A ping that was due is sent: its pong has to come in time."""
        self.awaits_pong = True
        # A loop that was held up sends its ping late, and the client still has its whole time.
        timeout_s, due_s = self._limits.ping_timeout_s, self._heartbeat_s
        self._heartbeat_s = (now if now - due_s > _HELD_UP * timeout_s else due_s) + timeout_s

    def _receive_pong(self, now: float) -> None:
        # A pong that nobody asked for is ignored: a flood of them must not move a deadline.
        if self.awaits_pong:
            self.awaits_pong = False
            self._heartbeat_s = now + self._limits.ping_interval_s


_OVER = frozenset({State.CLOSING, State.CLOSED})
_WITH_CANDIDATE = frozenset({State.PROBING, State.UPGRADING})
_EVENTS = {
    EnginePacketType.MESSAGE: Event.MESSAGE,
    EnginePacketType.PONG: Event.PONG,
    EnginePacketType.NOOP: Event.NOOP,
    # The reference server ignores these two as well once the session is open.
    EnginePacketType.OPEN: Event.NOOP,
    EnginePacketType.UPGRADE: Event.NOOP,
    EnginePacketType.CLOSE: Event.CLOSE,
}
_REASONS = {Event.CLOSE: DisconnectReason.TRANSPORT_CLOSE, Event.BAD: DisconnectReason.PARSE_ERROR}
