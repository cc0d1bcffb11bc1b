"""What the tests of one Engine.IO session share."""

from __future__ import annotations

import msgspec

from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_limits import Limits
from nannin.wire.engine_outputs import (
    Answer,
    CloseCandidate,
    Ended,
    Outputs,
    Refuse,
    Send,
    SendCandidate,
    SendPing,
    Switch,
)
from nannin.wire.engine_packet import CLOSE, PING, Encoded
from nannin.wire.engine_session import EngineSession
from nannin.wire.engine_states import State

LIMITS = Limits(
    ping_interval_s=25.0,
    ping_timeout_s=20.0,
    upgrade_timeout_s=10.0,
    max_payload_bytes=1_000_000,
    max_outbox_bytes=1_000,
)
START_S = 100.0

REFUSE = Refuse()
SWITCH = Switch()
CLOSE_CANDIDATE = CloseCandidate()
PROBE_ANSWERED = SendCandidate(["3probe"])


def ended(reason: DisconnectReason) -> Ended:
    """The output that tells the application of the session's end."""
    return Ended(reason)


def answer(*packets: Encoded) -> Answer:
    """The output that answers the waiting GET."""
    return Answer(list(packets))


def send(*packets: Encoded) -> Send | SendPing:
    """The output that sends over the WebSocket in force."""
    return SendPing() if packets == (PING,) else Send(list(packets))


def open_session(state: State = State.POLLING, limits: Limits = LIMITS) -> EngineSession:
    """A session that has just been opened, at START_S."""
    return EngineSession("abc", state, limits, START_S)


def session_in(state: State, limits: Limits = LIMITS, *, posting: bool = False) -> EngineSession:
    """A session that was led to `state`, at START_S; no GET waits, and a POST is read if `posting`."""
    session = open_session(limits=limits)
    if posting:
        assert session.receive_post(START_S) == []
    if state in (State.PROBING, State.UPGRADING, State.WEBSOCKET):
        assert session.receive_candidate(START_S) == []
    if state in (State.UPGRADING, State.WEBSOCKET):
        assert session.receive_candidate_packet("2probe", START_S) == [PROBE_ANSWERED]
    if state is State.WEBSOCKET:
        assert session.receive_candidate_packet("5", START_S) == [SWITCH]
    if state in (State.CLOSING, State.CLOSED):
        assert session.finish(DisconnectReason.FORCED_CLOSE, START_S) == [
            ended(DisconnectReason.FORCED_CLOSE)
        ]
    if state is State.CLOSED:
        assert session.receive_poll(START_S) == [answer(CLOSE)]
    assert session.state is state
    return session


def post(session: EngineSession, body: bytes, now: float = START_S) -> Outputs:
    """A whole POST, from head to body."""
    assert session.receive_post(now) == []
    return session.receive_payload(body, now)


POLLING_STATES = [State.POLLING, State.PROBING, State.UPGRADING]
ALIVE = [*POLLING_STATES, State.WEBSOCKET]

# With these no upgrade is due before a ping is.
PATIENT = msgspec.structs.replace(LIMITS, upgrade_timeout_s=1_000.0)


def feed_packet(session: EngineSession, packet: str, now: float = START_S) -> Outputs:
    """A packet over the transport in force."""
    if session.state in (State.WEBSOCKET, State.CLOSED):
        return session.receive_websocket(packet, now)
    return session.receive_payload(packet.encode(), now)
