"""One Engine.IO session: every row of its table, its handshake, its WebSocket, and its ends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest

from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_limits import open_packet
from nannin.wire.engine_outputs import (
    Answer,
    CloseCandidate,
    CloseWebSocket,
    Deliver,
    Ended,
    Output,
    Outputs,
    Refuse,
    SendCandidate,
    SendPing,
    Switch,
)
from nannin.wire.engine_packet import CLOSE, Encoded
from nannin.wire.engine_session import EngineSession
from nannin.wire.engine_states import TABLE, Action, Event, State
from support.engine_sessions import (
    LIMITS,
    PATIENT,
    REFUSE,
    START_S,
    answer,
    ended,
    feed_packet,
    open_session,
    post,
    session_in,
)

# Every row of the table


def feed_ping_due(session: EngineSession) -> Outputs:
    """The time of a ping."""
    return session.tick(START_S + LIMITS.ping_interval_s)


def feed_pong_due(session: EngineSession) -> Outputs:
    """The time of a ping, and the end of the time for its pong."""
    session.tick(START_S + LIMITS.ping_interval_s)
    return session.tick(START_S + LIMITS.ping_interval_s + LIMITS.ping_timeout_s)


def feed_timeout(session: EngineSession) -> Outputs:
    """The application's own deadline."""
    session.set_timeout(START_S + 1)
    return session.tick(START_S + 1)


def feed_second_poll(session: EngineSession) -> Outputs:
    """A GET that waits, and another."""
    assert session.receive_poll(START_S) == []
    return session.receive_poll(START_S)


def feed_poll_lost(session: EngineSession) -> Outputs:
    """A GET that waits and is cancelled."""
    assert session.receive_poll(START_S) == []
    return session.receive_poll_lost(START_S)


def feed_end_polled(session: EngineSession) -> Outputs:
    """A GET that waits, and the server's end."""
    assert session.receive_poll(START_S) == []
    return session.finish(DisconnectReason.FORCED_CLOSE, START_S)


FEEDERS: dict[Event, Callable[[EngineSession], Outputs]] = {
    Event.POLL: lambda session: session.receive_poll(START_S),
    Event.SECOND_POLL: feed_second_poll,
    Event.POLL_LOST: feed_poll_lost,
    Event.POST: lambda session: session.receive_post(START_S),
    Event.SECOND_POST: lambda session: session.receive_post(START_S),
    Event.MESSAGE: lambda session: feed_packet(session, "4hello"),
    Event.PONG: lambda session: feed_packet(session, "3"),
    Event.NOOP: lambda session: feed_packet(session, "6"),
    Event.CLOSE: lambda session: feed_packet(session, "1"),
    Event.BAD: lambda session: session.receive_post_lost(START_S),
    Event.CANDIDATE: lambda session: session.receive_candidate(START_S),
    Event.PROBE: lambda session: session.receive_candidate_packet("2probe", START_S),
    Event.UPGRADE: lambda session: session.receive_candidate_packet("5", START_S),
    Event.STRAY: lambda session: session.receive_candidate_packet("4stray", START_S),
    Event.CANDIDATE_LOST: lambda session: session.receive_candidate_lost(START_S),
    Event.UPGRADE_DUE: lambda session: session.tick(START_S + LIMITS.upgrade_timeout_s),
    Event.TIMEOUT: feed_timeout,
    Event.WEBSOCKET_LOST: lambda session: session.receive_websocket_lost(START_S, clean=True),
    Event.PING_DUE: feed_ping_due,
    Event.PONG_DUE: feed_pong_due,
    Event.END: lambda session: session.finish(DisconnectReason.FORCED_CLOSE, START_S),
    Event.END_POLLED: feed_end_polled,
    Event.LINGER_OVER: lambda session: session.tick(START_S + LIMITS.ping_timeout_s),
}

# No GET waits in these states: it is answered or refused at once.
_WITHOUT_POLL = (State.UPGRADING, State.WEBSOCKET, State.CLOSING, State.CLOSED)
# What nothing can bring about.
IMPOSSIBLE = {
    *itertools.product(_WITHOUT_POLL, (Event.SECOND_POLL, Event.POLL_LOST, Event.END_POLLED)),
    *itertools.product((State.CLOSING, State.CLOSED), (Event.PING_DUE, Event.PONG_DUE)),
    *((state, Event.LINGER_OVER) for state in State if state is not State.CLOSING),
}

KINDS: dict[Action, list[type[Output]]] = {
    Action.IGNORE: [],
    Action.REFUSE: [Refuse],
    Action.ANSWER: [],
    Action.ANSWER_AT_ONCE: [Answer],
    Action.ANSWER_LAST: [Answer],
    Action.BEGIN_POST: [],
    Action.DELIVER: [Deliver],
    Action.PING_LATER: [],
    Action.PING_NOW: [],
    Action.TAKE_CANDIDATE: [],
    Action.ANSWER_PROBE: [SendCandidate],
    Action.SWITCH: [Switch],
    Action.DROP_CANDIDATE: [CloseCandidate],
    Action.FORGET_CANDIDATE: [],
    Action.FORGET_REST: [],
    Action.END: [Ended],
    Action.END_LOST: [Ended],
    Action.END_BY_CLIENT: [Ended],
    Action.END_AND_REFUSE: [Refuse, Ended],
}


def expected_kinds(state: State, event: Event, action: Action) -> list[type[Output]]:
    """What a session that has nothing to send puts out for one row of the table."""
    kinds = KINDS[action]
    if action is Action.PING_NOW and state is State.WEBSOCKET:
        return [SendPing]
    if Ended in kinds and event in (Event.SECOND_POLL, Event.POLL_LOST, Event.END_POLLED):
        kinds = [Answer, *kinds]
    if Ended in kinds and state is State.WEBSOCKET and action is not Action.END_LOST:
        kinds = [CloseWebSocket, *kinds]
    if Ended in kinds and state in (State.PROBING, State.UPGRADING):
        kinds = [CloseCandidate, *kinds]
    return kinds


def test_every_event_can_be_fed() -> None:
    assert set(FEEDERS) == set(Event)


@pytest.mark.parametrize(
    ("state", "event"),
    [row for row in itertools.product(State, Event) if row not in IMPOSSIBLE],
    ids=lambda value: value.name,
)
def test_every_row_of_the_table_is_followed(state: State, event: Event) -> None:
    limits = LIMITS if event is Event.UPGRADE_DUE else PATIENT
    session = session_in(state, limits, posting=event is Event.SECOND_POST)
    after, action = TABLE[state, event]
    outputs = FEEDERS[event](session)
    assert session.state is after
    assert [type(output) for output in outputs] == expected_kinds(state, event, action)


# Handshake


def test_a_session_that_opened_with_a_poll_offers_an_upgrade_and_one_over_websocket_does_not() -> None:
    for state in (State.POLLING, State.WEBSOCKET):
        packet = open_session(state).open_packet()
        assert packet == open_packet(LIMITS, "abc", upgradable=state is State.POLLING)


# WebSocket


def test_what_is_sent_over_the_websocket_is_not_pushed() -> None:
    session = open_session(State.WEBSOCKET)
    with pytest.raises(AssertionError):
        session.push(["4a"], START_S)
    with pytest.raises(AssertionError):
        session.push_newest("/", ["41"])
    assert session.flush() == []


@pytest.mark.parametrize(
    ("encoded", "message"), [("4hello", "hello"), (b"\x01", b"\x01"), ("4", ""), (b"", b"")]
)
def test_messages_of_the_websocket_are_delivered(encoded: Encoded, message: Encoded) -> None:
    session = open_session(State.WEBSOCKET)
    assert session.receive_websocket(encoded, START_S) == [Deliver(message)]


@pytest.mark.parametrize("encoded", ["", "abc", "7", "2", "2probe", "\u0664a", "\ud800"])
def test_a_malformed_packet_over_websocket_ends_the_session(encoded: str) -> None:
    session = open_session(State.WEBSOCKET)
    outputs = session.receive_websocket(encoded, START_S)
    assert outputs == [CloseWebSocket(1002), ended(DisconnectReason.PARSE_ERROR)]


@pytest.mark.parametrize("encoded", ["0{}", "5", "6"])
def test_a_packet_of_the_websocket_that_means_nothing_here_is_ignored(encoded: str) -> None:
    session = open_session(State.WEBSOCKET)
    assert session.receive_websocket(encoded, START_S) == []
    assert session.state is State.WEBSOCKET


def test_a_binary_message_may_come_over_the_websocket_in_base64() -> None:
    assert open_session(State.WEBSOCKET).receive_websocket("bAQI=", START_S) == [Deliver(b"\x01\x02")]


def test_a_close_packet_over_websocket_ends_the_session() -> None:
    session = open_session(State.WEBSOCKET)
    outputs = session.receive_websocket("1", START_S)
    assert outputs == [CloseWebSocket(1000), ended(DisconnectReason.TRANSPORT_CLOSE)]


@pytest.mark.parametrize(
    ("clean", "reason"), [(True, DisconnectReason.TRANSPORT_CLOSE), (False, DisconnectReason.TRANSPORT_ERROR)]
)
def test_a_websocket_that_is_gone_ends_the_session(clean: bool, reason: DisconnectReason) -> None:
    session = open_session(State.WEBSOCKET)
    assert ended(reason) in session.receive_websocket_lost(START_S, clean=clean)
    assert session.state is State.CLOSED


def test_a_session_that_is_closed_takes_nothing_from_its_websocket() -> None:
    session = open_session(State.WEBSOCKET)
    session.finish(DisconnectReason.FORCED_CLOSE, START_S)
    assert session.receive_websocket("4late", START_S) == []
    assert session.receive_websocket("", START_S) == []
    assert session.receive_websocket_lost(START_S, clean=True) == []
    assert session.push(["4late"], START_S) == []


# Ends from the server's side


def test_an_end_during_a_poll_answers_it_with_what_waits_and_a_close_packet() -> None:
    session = open_session()
    session.receive_poll(START_S)
    session.push(["41"], START_S)
    assert session.finish(DisconnectReason.FORCED_CLOSE, START_S) == [
        answer("41", CLOSE),
        ended(DisconnectReason.FORCED_CLOSE),
    ]
    assert session.state is State.CLOSED


def test_an_end_between_polls_leaves_the_last_packets_for_one_more() -> None:
    session = open_session()
    session.push(["41"], START_S)
    assert session.finish(DisconnectReason.FORCED_CLOSE, START_S) == [ended(DisconnectReason.FORCED_CLOSE)]
    assert session.receive_poll(START_S) == [answer("41", CLOSE)]
    assert session.receive_poll(START_S) == [REFUSE]


def test_the_last_packets_do_not_wait_for_longer_than_a_pong() -> None:
    session = open_session()
    session.push(["41"], START_S)
    session.finish(DisconnectReason.FORCED_CLOSE, START_S + 5)
    assert session.next_deadline() == START_S + 5 + LIMITS.ping_timeout_s
    assert session.tick(START_S + 5 + LIMITS.ping_timeout_s) == []
    assert session.state is State.CLOSED
    assert session.next_deadline() == math.inf


def test_a_session_that_is_ending_takes_a_post_and_delivers_nothing() -> None:
    session = session_in(State.CLOSING)
    assert post(session, b"4a\x1e4b") == []


def test_a_close_packet_makes_an_end_complete() -> None:
    session = session_in(State.CLOSING)
    assert post(session, b"1") == []
    assert session.state is State.CLOSED


def test_nothing_is_pushed_to_a_session_that_is_ending() -> None:
    session = session_in(State.CLOSING)
    assert session.push(["4late"], START_S) == []
    session.push_newest("count", ["4late"])
    assert session.receive_poll(START_S) == [answer(CLOSE)]


def test_an_end_comes_once() -> None:
    session = session_in(State.CLOSING)
    assert session.finish(DisconnectReason.SHUTTING_DOWN, START_S) == []


@pytest.mark.parametrize("reason", DisconnectReason)
def test_an_end_over_websocket_closes_it_with_the_reasons_code(reason: DisconnectReason) -> None:
    session = session_in(State.WEBSOCKET)
    outputs = session.finish(reason, START_S)
    assert outputs == [CloseWebSocket(reason.close_code), ended(reason)]
