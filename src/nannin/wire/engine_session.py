"""One Engine.IO session: open, upgrade, heartbeat, close, as the table in `engine_states` says.

The session takes what happened to it (a `receive_*` method, `push`, `finish`, `tick`) and answers with a list
of outputs for whoever holds the sockets. It never raises for what a peer did.

Source: Engine.IO protocol, 4th revision, "Protocol" and "Transports".
"""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from nannin.errors import PacketError
from nannin.wire.engine_packet import (
    CLOSE,
    NOOP,
    PING,
    PROBE_ANSWER,
    Encoded,
    Packet,
    PacketType,
    decode_packet,
    decode_payload,
)
from nannin.wire.engine_states import TABLE, Action, Event, Reason, State

# A ping counts from its deadline and not from a timer that comes late, until so much of the client's time to
# answer is gone with that: then the loop was held up, and the client still gets its whole time.
_HELD_UP = 0.75
# No more packets than this answer one GET: python-socketio's client refuses more.
_MAX_ANSWER = 16


class Output(enum.Enum):
    """What the holder of the sockets has to do; the second part of the pair says with what."""

    DELIVER = "give the message to the application"
    ANSWER = "answer the waiting GET with these packets"
    REFUSE = "refuse the request, or close the WebSocket, that is in hand"
    SEND = "send these packets over the WebSocket in force"
    SEND_CANDIDATE = "send these packets over the candidate"
    SWITCH = "the candidate is now the WebSocket in force"
    CLOSE_CANDIDATE = "close the candidate"
    CLOSE_WEBSOCKET = "close the WebSocket in force, with this code"
    ENDED = "tell the application that the session ended, and why"


Outputs = list[tuple[Output, object]]

# What a heartbeat sends: always this very object, so that whoever writes it can know it again.
PINGS: list[Encoded] = [PING]

_SID = "<sid>"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one engine's sessions have in common. Seconds, bytes, and packets in one POST."""

    ping_interval_s: float = 25.0
    ping_timeout_s: float = 20.0
    upgrade_timeout_s: float = 10.0
    drain_timeout_s: float = 10.0
    max_payload_bytes: int = 16_384
    max_packets: int = 1_000
    max_outbox_bytes: int = 65_536


@functools.lru_cache(maxsize=64)
def _handshake(limits: Limits, upgradable: bool) -> str:
    """The OPEN packet of all sessions of an engine, with a placeholder for the sid."""
    data = {
        "sid": _SID,
        "upgrades": ["websocket"] if upgradable else [],
        "pingInterval": round(limits.ping_interval_s * 1000),
        "pingTimeout": round(limits.ping_timeout_s * 1000),
        "maxPayload": limits.max_payload_bytes,
    }
    return PacketType.OPEN.value + msgspec.json.encode(data).decode()


class EngineSession:
    """One session: a link to one client.

    Args:
        sid: its id.
        state: POLLING or WEBSOCKET, by the transport it opened with.
        limits: the intervals and sizes in force.
        now: the time, in monotonic seconds.
    """

    __slots__ = (
        "_awaits_pong",
        "_drain_s",
        "_ended",
        "_heartbeat_s",
        "_limits",
        "_newest",
        "_outbox",
        "_outbox_bytes",
        "_polled",
        "_posting",
        "_timeout_s",
        "_upgrade_s",
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
        self._awaits_pong = False
        self._polled = False
        self._posting = False
        self._ended = False
        self._outbox: list[Encoded] = []
        self._outbox_bytes = 0
        self._newest: dict[str, Sequence[Encoded]] | None = None

    # What comes in

    def open_packet(self) -> str:
        """The OPEN packet, with which the server answers the first request."""
        return _handshake(self._limits, self.state is State.POLLING).replace(_SID, self.sid, 1)

    def receive_poll(self, now: float) -> Outputs:
        """A GET arrived. It waits unless an ANSWER or a REFUSE comes back."""
        return self._take(Event.SECOND_POLL if self._polled else Event.POLL, now, Reason.TRANSPORT_ERROR)

    def receive_poll_lost(self, now: float) -> Outputs:
        """The client cancelled the GET that waited."""
        return self._take(Event.POLL_LOST, now, Reason.TRANSPORT_CLOSE) if self._polled else []

    def receive_post(self, now: float) -> Outputs:
        """A POST's head arrived; `receive_payload` or `receive_post_lost` follows unless it is refused."""
        return self._take(Event.SECOND_POST if self._posting else Event.POST, now, Reason.TRANSPORT_ERROR)

    def receive_post_lost(self, now: float) -> Outputs:
        """The POST broke off, or was too large: packets are lost, so the session ends."""
        self._posting = False
        return self._take(Event.BAD, now, Reason.TRANSPORT_ERROR)

    def receive_payload(self, body: bytes, now: float) -> Outputs:
        """A POST's body. A REFUSE among the outputs means that it was malformed."""
        self._posting = False
        if self.state is State.CLOSED:
            return [(Output.REFUSE, None)]
        try:
            packets = decode_payload(body, max_packets=self._limits.max_packets)
        except PacketError:
            return [*self._take(Event.BAD, now, Reason.PARSE_ERROR), (Output.REFUSE, None)]
        outputs: Outputs = []
        for packet in packets:
            event = _EVENTS.get(packet.type, Event.BAD)
            outputs += self._take(event, now, _REASONS.get(event), packet)
            if event is Event.BAD:
                outputs.append((Output.REFUSE, None))
        return outputs

    def receive_websocket(self, encoded: Encoded, now: float) -> Outputs:
        """A message of the WebSocket in force."""
        try:
            packet = decode_packet(encoded)
        except PacketError:
            return self._take(Event.BAD, now, Reason.PARSE_ERROR)
        event = _EVENTS.get(packet.type, Event.BAD)
        return self._take(event, now, _REASONS.get(event), packet)

    def receive_websocket_lost(self, now: float, *, clean: bool) -> Outputs:
        """The WebSocket in force is gone; it ended cleanly where the client sent a close frame."""
        reason = Reason.TRANSPORT_CLOSE if clean else Reason.TRANSPORT_ERROR
        return self._take(Event.WEBSOCKET_LOST, now, reason)

    def receive_candidate(self, now: float) -> Outputs:
        """A WebSocket with this sid arrived; with a REFUSE it is to be closed, else it is the candidate."""
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

    def receive_blocked(self, now: float) -> None:
        """The client reads too slowly: what was written to its WebSocket has not drained."""
        self._drain_s = math.inf if self._ended else now + self._limits.drain_timeout_s

    def receive_drained(self) -> None:
        """All that was written to the WebSocket has drained."""
        self._drain_s = math.inf

    def push(self, packets: Sequence[Encoded], now: float) -> Outputs:
        """Sends packets: at once over WebSocket, else they wait for `flush` or the next poll."""
        if self.state is State.WEBSOCKET:
            return [(Output.SEND, packets)]
        if self._ended:
            return []
        if self._outbox_bytes > self._limits.max_outbox_bytes:
            return self.finish(Reason.SLOW_CLIENT, now)
        self._outbox += packets
        self._outbox_bytes += sum(map(len, packets))
        return []

    def push_newest(self, key: str, packets: Sequence[Encoded]) -> Outputs:
        """Sends packets of which only the newest matter: what waits under the same key is replaced."""
        if self.state is State.WEBSOCKET:
            return [(Output.SEND, packets)]
        if not self._ended:
            if self._newest is None:
                self._newest = {}
            self._newest[key] = packets
        return []

    def forget_newest(self, key: str) -> None:
        """Takes back what waits under this key."""
        if self._newest is not None:
            self._newest.pop(key, None)

    def flush(self) -> Outputs:
        """Answers the waiting GET with what has gathered, if there is a GET and anything for it."""
        if not (self._polled and (self._outbox or self._newest)):
            return []
        return self._answer(self._take_outbox(_MAX_ANSWER))

    def finish(self, reason: Reason, now: float) -> Outputs:
        """Ends the session from the server's side; a polling client still gets what waits for it."""
        return self._take(Event.END, now, reason)

    # Time

    def next_deadline(self) -> float:
        """When `tick` is due, in monotonic seconds; infinite where it never is."""
        return min(self._heartbeat_s, self._upgrade_s, self._timeout_s, self._drain_s)

    def set_timeout(self, when: float) -> None:
        """Ends the session at this time unless it is set anew; infinity clears it."""
        self._timeout_s = math.inf if self._ended else when

    def tick(self, now: float) -> Outputs:
        """Does what is due: a ping, the end of a silent session or of an upgrade that never finished."""
        outputs: Outputs = []
        if now >= self._upgrade_s:
            outputs += self._take(Event.UPGRADE_DUE, now)
        if now >= self._drain_s:
            outputs += self._take(Event.TIMEOUT, now, Reason.SLOW_CLIENT)
        if now >= self._timeout_s:
            outputs += self._take(Event.TIMEOUT, now, Reason.CONNECT_TIMEOUT)
        if now >= self._heartbeat_s and not self._awaits_pong:
            # A loop that was held up sends its ping late, and the client still has its whole time.
            late = now - self._heartbeat_s > _HELD_UP * self._limits.ping_timeout_s
            outputs += self._take(Event.PING_DUE, now if late else self._heartbeat_s)
        if now >= self._heartbeat_s:
            outputs += self._take(Event.PONG_DUE, now, Reason.PING_TIMEOUT)
        return outputs

    # The table's actions

    def _take(
        self, event: Event, now: float, reason: Reason | None = None, packet: Packet | None = None
    ) -> Outputs:
        before = self.state
        self.state, action = TABLE[before, event]
        outputs = self._act(action, now, reason, packet, before)
        if self.state is State.CLOSED:
            self._heartbeat_s = self._upgrade_s = self._timeout_s = self._drain_s = math.inf
            self._take_outbox()
        return outputs

    def _act(
        self, action: Action, now: float, reason: Reason | None, packet: Packet | None, before: State
    ) -> Outputs:
        match action:
            case Action.DELIVER:
                assert packet is not None
                return [(Output.DELIVER, packet.data)]
            case Action.PING_LATER:
                self._receive_pong(now)
                return []
            case Action.PING_NOW:
                return self._send_ping(now)
            case Action.IGNORE:
                return []
            case Action.REFUSE:
                return [(Output.REFUSE, None)]
            case Action.BEGIN_POST:
                self._posting = True
                return []
            case Action.ANSWER:
                self._polled = True
                return self.flush()
            case Action.ANSWER_AT_ONCE:
                return self._answer(self._take_outbox(_MAX_ANSWER) or [NOOP])
            case Action.ANSWER_LAST:
                return self._answer([*self._take_outbox(), CLOSE])
            case Action.TAKE_CANDIDATE:
                self._upgrade_s = now + self._limits.upgrade_timeout_s
                return []
            case Action.ANSWER_PROBE:
                outputs: Outputs = [(Output.SEND_CANDIDATE, [PROBE_ANSWER])]
                # The client waits for its poll to end before it sends its upgrade packet.
                return outputs + (self._answer([NOOP]) if self._polled else [])
            case Action.SWITCH:
                self._upgrade_s = math.inf
                waiting = self._take_outbox()
                switched: Outputs = [(Output.SWITCH, None)]
                return [*switched, (Output.SEND, waiting)] if waiting else switched
            case Action.DROP_CANDIDATE | Action.FORGET_CANDIDATE:
                self._upgrade_s = math.inf
                return [(Output.CLOSE_CANDIDATE, None)] if action is Action.DROP_CANDIDATE else []
            case _:  # END, END_BY_CLIENT, END_AND_REFUSE
                assert reason is not None
                return self._end(action, reason, before, now)

    def _end(self, action: Action, reason: Reason, before: State, now: float) -> Outputs:
        outputs: Outputs = []
        if before is State.WEBSOCKET:
            outputs.append((Output.CLOSE_WEBSOCKET, reason.close_code))
        if before in (State.PROBING, State.UPGRADING):
            outputs.append((Output.CLOSE_CANDIDATE, None))
        if self._polled:
            # A client that closed by itself expects its poll to end with a noop (source: the protocol's test
            # suite, "forcefully closes the session"); so does one that is to come back, since python-socketio
            # takes a close packet as final. Every other end is told with a close packet.
            if action is Action.END_BY_CLIENT:
                last: list[Encoded] = [NOOP]
            elif reason is Reason.SHUTTING_DOWN:
                last = self._take_outbox() or [NOOP]
            else:
                last = [*self._take_outbox(), CLOSE]
            outputs += self._answer(last)
            self.state = State.CLOSED
        elif self.state is State.CLOSING:
            self._awaits_pong = True
            self._heartbeat_s = now + self._limits.ping_timeout_s
            self._upgrade_s = self._timeout_s = self._drain_s = math.inf
        if action is Action.END_AND_REFUSE:
            outputs.append((Output.REFUSE, None))
        self._ended = True
        outputs.append((Output.ENDED, reason))
        return outputs

    def _answer(self, packets: list[Encoded]) -> Outputs:
        self._polled = False
        return [(Output.ANSWER, packets)]

    def _take_outbox(self, most: int | None = None) -> list[Encoded]:
        """Takes what waits, or the first of it."""
        taken, self._outbox = self._outbox[:most], self._outbox[len(self._outbox[:most]) :]
        self._outbox_bytes -= sum(map(len, taken))
        if self._newest is not None and not self._outbox:
            for packets in self._newest.values():
                taken += packets
            self._newest = None
        return taken

    def _send_ping(self, now: float) -> Outputs:
        self._awaits_pong = True
        self._heartbeat_s = now + self._limits.ping_timeout_s
        return [*self.push(PINGS, now), *self.flush()]

    def _receive_pong(self, now: float) -> None:
        # A pong that nobody asked for is ignored: a flood of them must not move a deadline.
        if self._awaits_pong:
            self._awaits_pong = False
            self._heartbeat_s = now + self._limits.ping_interval_s


_EVENTS = {
    PacketType.MESSAGE: Event.MESSAGE,
    PacketType.PONG: Event.PONG,
    PacketType.NOOP: Event.NOOP,
    PacketType.CLOSE: Event.CLOSE,
}
_REASONS = {Event.CLOSE: Reason.TRANSPORT_CLOSE, Event.BAD: Reason.PARSE_ERROR}
