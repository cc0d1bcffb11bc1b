"""One Engine.IO session, its clock in the tests' hands: each row of its table, and any order of inputs."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from nannin.wire.engine_packet import CLOSE, NOOP, PING, Encoded
from nannin.wire.engine_session import EngineSession, Limits, Output, Outputs
from nannin.wire.engine_states import TABLE, Action, Event, Reason, State

LIMITS = Limits(
    ping_interval_s=25.0,
    ping_timeout_s=20.0,
    upgrade_timeout_s=10.0,
    max_payload_bytes=1_000_000,
    max_packets=16,
    max_outbox_bytes=1_000,
)
START_S = 100.0

REFUSE = (Output.REFUSE, None)
SWITCH = (Output.SWITCH, None)
CLOSE_CANDIDATE = (Output.CLOSE_CANDIDATE, None)
PROBE_ANSWERED = (Output.SEND_CANDIDATE, ["3probe"])


def ended(reason: Reason) -> tuple[Output, Reason]:
    """The output that tells the application of the session's end."""
    return (Output.ENDED, reason)


def answer(*packets: Encoded) -> tuple[Output, list[Encoded]]:
    """The output that answers the waiting GET."""
    return (Output.ANSWER, list(packets))


def send(*packets: Encoded) -> tuple[Output, list[Encoded]]:
    """The output that sends over the WebSocket in force."""
    return (Output.SEND, list(packets))


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
        assert session.finish(Reason.FORCED_CLOSE, START_S) == [ended(Reason.FORCED_CLOSE)]
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


# Every row of the table

# With these no upgrade is due before a ping is.
PATIENT = dataclasses.replace(LIMITS, upgrade_timeout_s=1_000.0)


def feed_packet(session: EngineSession, packet: str, now: float = START_S) -> Outputs:
    """A packet over the transport in force."""
    if session.state in (State.WEBSOCKET, State.CLOSED):
        return session.receive_websocket(packet, now)
    return session.receive_payload(packet.encode(), now)


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
    Event.WEBSOCKET_LOST: lambda session: session.receive_websocket_lost(START_S),
    Event.PING_DUE: feed_ping_due,
    Event.PONG_DUE: feed_pong_due,
    Event.END: lambda session: session.finish(Reason.FORCED_CLOSE, START_S),
}

# No GET waits in these states: it is answered or refused at once.
_WITHOUT_POLL = (State.UPGRADING, State.WEBSOCKET, State.CLOSING, State.CLOSED)
# What nothing can bring about.
IMPOSSIBLE = {
    *itertools.product(_WITHOUT_POLL, (Event.SECOND_POLL, Event.POLL_LOST)),
    *itertools.product((State.CLOSING, State.CLOSED), (Event.PING_DUE,)),
}

KINDS: dict[Action, list[Output]] = {
    Action.IGNORE: [],
    Action.REFUSE: [Output.REFUSE],
    Action.ANSWER: [],
    Action.ANSWER_AT_ONCE: [Output.ANSWER],
    Action.ANSWER_LAST: [Output.ANSWER],
    Action.BEGIN_POST: [],
    Action.DELIVER: [Output.DELIVER],
    Action.PING_LATER: [],
    Action.PING_NOW: [],
    Action.TAKE_CANDIDATE: [],
    Action.ANSWER_PROBE: [Output.SEND_CANDIDATE],
    Action.SWITCH: [Output.SWITCH],
    Action.DROP_CANDIDATE: [Output.CLOSE_CANDIDATE],
    Action.FORGET_CANDIDATE: [],
    Action.END: [Output.ENDED],
    Action.END_BY_CLIENT: [Output.ENDED],
    Action.END_AND_REFUSE: [Output.REFUSE, Output.ENDED],
}


def expected_kinds(state: State, event: Event, action: Action) -> list[Output]:
    """What a session that has nothing to send puts out for one row of the table."""
    kinds = KINDS[action]
    if action is Action.PING_NOW and state is State.WEBSOCKET:
        return [Output.SEND]
    if Output.ENDED in kinds and event in (Event.SECOND_POLL, Event.POLL_LOST):
        kinds = [Output.ANSWER, *kinds]
    if Output.ENDED in kinds and state is State.WEBSOCKET:
        kinds = [Output.CLOSE_WEBSOCKET, *kinds]
    if Output.ENDED in kinds and state in (State.PROBING, State.UPGRADING):
        kinds = [Output.CLOSE_CANDIDATE, *kinds]
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
    assert [output for output, _ in outputs] == expected_kinds(state, event, action)


# Handshake


def test_the_handshake_over_polling_has_exactly_the_keys_of_the_protocol() -> None:
    packet = open_session().handshake()
    assert packet[0] == "0"
    assert json.loads(packet[1:]) == {
        "sid": "abc",
        "upgrades": ["websocket"],
        "pingInterval": 25_000,
        "pingTimeout": 20_000,
        "maxPayload": 1_000_000,
    }


def test_the_handshake_over_websocket_offers_no_upgrade() -> None:
    assert json.loads(open_session(State.WEBSOCKET).handshake()[1:])["upgrades"] == []


def test_the_handshake_tells_fractions_of_a_second_in_whole_milliseconds() -> None:
    limits = Limits(ping_interval_s=0.3, ping_timeout_s=0.2)
    handshake = open_session(limits=limits).handshake()
    assert '"pingInterval":300,"pingTimeout":200,' in handshake


# Polling


def test_a_get_waits_until_there_is_something_to_send() -> None:
    session = open_session()
    assert session.receive_poll(START_S) == []
    assert session.push(["4hello", b"\x01"], START_S) == []
    assert session.flush() == [answer("4hello", b"\x01")]


def test_a_get_is_answered_at_once_with_all_that_waited_for_it() -> None:
    session = open_session()
    session.push(["4a"], START_S)
    session.push(["4b"], START_S)
    assert session.flush() == []
    assert session.receive_poll(START_S) == [answer("4a", "4b")]


def test_what_was_sent_is_not_sent_again() -> None:
    session = open_session()
    session.push(["4a"], START_S)
    session.receive_poll(START_S)
    assert session.receive_poll(START_S) == []
    assert session.flush() == []


def test_a_second_get_ends_the_session_and_answers_the_first() -> None:
    session = open_session()
    session.receive_poll(START_S)
    assert session.receive_poll(START_S) == [answer(CLOSE), REFUSE, ended(Reason.TRANSPORT_ERROR)]
    assert session.state is State.CLOSED


def test_a_second_post_ends_the_session() -> None:
    session = open_session()
    session.receive_post(START_S)
    assert session.receive_post(START_S) == [REFUSE, ended(Reason.TRANSPORT_ERROR)]


def test_the_body_of_a_post_whose_session_ended_meanwhile_is_refused() -> None:
    session = open_session()
    session.receive_post(START_S)
    session.receive_post(START_S)
    assert session.receive_payload(b"4late", START_S) == [REFUSE]


def test_one_post_after_the_other_is_fine() -> None:
    session = open_session()
    assert post(session, b"4a") == [(Output.DELIVER, "a")]
    assert post(session, b"4b") == [(Output.DELIVER, "b")]


def test_a_get_and_a_post_at_once_are_fine() -> None:
    session = open_session()
    session.receive_poll(START_S)
    assert post(session, b"4a") == [(Output.DELIVER, "a")]
    assert session.state is State.POLLING


def test_a_payload_is_delivered_in_its_order() -> None:
    outputs = post(open_session(), b"4a\x1ebAQ==\x1e3\x1e6\x1e4b")
    assert outputs == [(Output.DELIVER, "a"), (Output.DELIVER, b"\x01"), (Output.DELIVER, "b")]


@pytest.mark.parametrize(
    "body", [b"", b"abc", b"4\xff", b"bA", b"\x1e" * 1_000_000, b"4\x1e" * 16 + b"4", b"4a\x1e", b"\xd9\xa4a"]
)
def test_an_unparsable_post_ends_the_session(body: bytes) -> None:
    assert post(open_session(), body) == [ended(Reason.PARSE_ERROR), REFUSE]


@pytest.mark.parametrize("packet", [b"0", b"2", b"2probe", b"5"])
def test_a_packet_that_no_client_may_post_ends_the_session(packet: bytes) -> None:
    session = open_session()
    assert post(session, packet) == [ended(Reason.PARSE_ERROR), REFUSE]
    assert session.state is State.CLOSED


def test_what_follows_a_bad_packet_is_not_delivered() -> None:
    outputs = post(open_session(), b"4a\x1e5\x1e4b")
    assert outputs == [(Output.DELIVER, "a"), ended(Reason.PARSE_ERROR), REFUSE]


def test_what_follows_a_close_packet_is_not_delivered() -> None:
    outputs = post(open_session(), b"4a\x1e1\x1e4b")
    assert outputs == [(Output.DELIVER, "a"), ended(Reason.TRANSPORT_CLOSE)]


def test_a_post_that_breaks_off_ends_the_session() -> None:
    session = open_session()
    session.receive_post(START_S)
    assert session.receive_post_lost(START_S) == [ended(Reason.TRANSPORT_ERROR)]


def test_a_cancelled_get_ends_the_session() -> None:
    session = open_session()
    session.receive_poll(START_S)
    assert ended(Reason.TRANSPORT_CLOSE) in session.receive_poll_lost(START_S)
    assert session.state is State.CLOSED


def test_a_get_that_was_answered_can_not_be_lost() -> None:
    session = open_session()
    session.push(["4a"], START_S)
    session.receive_poll(START_S)
    assert session.receive_poll_lost(START_S) == []
    assert session.state is State.POLLING


def test_a_close_packet_posted_during_a_poll_answers_it_with_a_noop_first() -> None:
    session = open_session()
    session.receive_poll(START_S)
    assert post(session, b"1") == [answer(NOOP), ended(Reason.TRANSPORT_CLOSE)]


# Ends from the server's side


def test_an_end_during_a_poll_answers_it_with_what_waits_and_a_close_packet() -> None:
    session = open_session()
    session.receive_poll(START_S)
    session.push(["41"], START_S)
    assert session.finish(Reason.FORCED_CLOSE, START_S) == [answer("41", CLOSE), ended(Reason.FORCED_CLOSE)]
    assert session.state is State.CLOSED


def test_an_end_between_polls_leaves_the_last_packets_for_one_more() -> None:
    session = open_session()
    session.push(["41"], START_S)
    assert session.finish(Reason.FORCED_CLOSE, START_S) == [ended(Reason.FORCED_CLOSE)]
    assert session.receive_poll(START_S) == [answer("41", CLOSE)]
    assert session.receive_poll(START_S) == [REFUSE]


def test_the_last_packets_do_not_wait_for_longer_than_a_pong() -> None:
    session = open_session()
    session.push(["41"], START_S)
    session.finish(Reason.FORCED_CLOSE, START_S + 5)
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
    assert session.push_newest("count", ["4late"]) == []
    assert session.receive_poll(START_S) == [answer(CLOSE)]


def test_an_end_comes_once() -> None:
    session = session_in(State.CLOSING)
    assert session.finish(Reason.SHUTTING_DOWN, START_S) == []


@pytest.mark.parametrize("reason", Reason)
def test_an_end_over_websocket_closes_it_with_the_reasons_code(reason: Reason) -> None:
    session = session_in(State.WEBSOCKET)
    outputs = session.finish(reason, START_S)
    assert outputs == [(Output.CLOSE_WEBSOCKET, reason.close_code), ended(reason)]


# WebSocket


def test_messages_go_over_the_websocket_at_once() -> None:
    session = open_session(State.WEBSOCKET)
    assert session.push(["4a", b"\x01"], START_S) == [send("4a", b"\x01")]
    assert session.flush() == []


@pytest.mark.parametrize(
    ("encoded", "message"), [("4hello", "hello"), (b"\x01", b"\x01"), ("4", ""), (b"", b"")]
)
def test_messages_of_the_websocket_are_delivered(encoded: Encoded, message: Encoded) -> None:
    session = open_session(State.WEBSOCKET)
    assert session.receive_websocket(encoded, START_S) == [(Output.DELIVER, message)]


@pytest.mark.parametrize("encoded", ["", "abc", "7", "0", "2", "2probe", "5", "\u0664a", "\ud800"])
def test_a_malformed_packet_over_websocket_ends_the_session(encoded: str) -> None:
    session = open_session(State.WEBSOCKET)
    outputs = session.receive_websocket(encoded, START_S)
    assert outputs == [(Output.CLOSE_WEBSOCKET, 1002), ended(Reason.PARSE_ERROR)]


def test_a_close_packet_over_websocket_ends_the_session() -> None:
    session = open_session(State.WEBSOCKET)
    outputs = session.receive_websocket("1", START_S)
    assert outputs == [(Output.CLOSE_WEBSOCKET, 1000), ended(Reason.TRANSPORT_CLOSE)]


def test_a_lost_websocket_ends_the_session() -> None:
    session = open_session(State.WEBSOCKET)
    assert ended(Reason.TRANSPORT_CLOSE) in session.receive_websocket_lost(START_S)
    assert session.state is State.CLOSED


def test_a_session_that_is_closed_takes_nothing_from_its_websocket() -> None:
    session = open_session(State.WEBSOCKET)
    session.finish(Reason.FORCED_CLOSE, START_S)
    assert session.receive_websocket("4late", START_S) == []
    assert session.receive_websocket("", START_S) == []
    assert session.receive_websocket_lost(START_S) == []
    assert session.push(["4late"], START_S) == []


# Upgrade


def test_an_upgrade_with_a_waiting_poll_ends_it_with_a_noop() -> None:
    session = open_session()
    session.receive_poll(START_S)
    assert session.receive_candidate(START_S) == []
    assert session.receive_candidate_packet("2probe", START_S) == [PROBE_ANSWERED, answer(NOOP)]
    assert session.receive_candidate_packet("5", START_S) == [SWITCH]
    assert session.state is State.WEBSOCKET


def test_an_upgrade_without_a_waiting_poll_sends_no_noop() -> None:
    session = open_session()
    session.receive_candidate(START_S)
    assert session.receive_candidate_packet("2probe", START_S) == [PROBE_ANSWERED]
    assert session.receive_candidate_packet("5", START_S) == [SWITCH]


def test_a_get_between_probe_and_upgrade_is_answered_at_once() -> None:
    session = session_in(State.UPGRADING)
    assert session.receive_poll(START_S) == [answer(NOOP)]
    session.push(["4a"], START_S)
    assert session.receive_poll(START_S) == [answer("4a")]


def test_what_waited_goes_over_the_websocket_right_after_the_switch() -> None:
    session = session_in(State.UPGRADING)
    session.push(["4a", "4b"], START_S)
    assert session.receive_candidate_packet("5", START_S) == [SWITCH, send("4a", "4b")]
    assert session.push(["4c"], START_S) == [send("4c")]


def test_after_an_upgrade_gets_and_posts_are_refused_and_the_session_lives_on() -> None:
    session = session_in(State.WEBSOCKET)
    assert session.receive_poll(START_S) == [REFUSE]
    assert session.receive_post(START_S) == [REFUSE]
    assert session.state is State.WEBSOCKET


def test_a_post_that_began_before_the_switch_is_still_delivered() -> None:
    session = session_in(State.WEBSOCKET, posting=True)
    assert session.receive_payload(b"4a", START_S) == [(Output.DELIVER, "a")]


def test_a_second_post_after_the_switch_is_refused() -> None:
    session = session_in(State.WEBSOCKET, posting=True)
    assert session.receive_post(START_S) == [REFUSE]


@pytest.mark.parametrize(
    "state", [State.PROBING, State.UPGRADING, State.WEBSOCKET, State.CLOSING, State.CLOSED]
)
def test_a_second_candidate_is_refused_and_changes_nothing(state: State) -> None:
    session = session_in(state)
    assert session.receive_candidate(START_S) == [REFUSE]
    assert session.state is state


@pytest.mark.parametrize(
    "stray", ["4hello", "1", "3probe", "2", "2probe!", "5 ", "", "\ud800", b"2probe", b"5", b""]
)
@pytest.mark.parametrize("state", [State.PROBING, State.UPGRADING])
def test_a_stray_packet_drops_the_candidate_and_polling_goes_on(state: State, stray: Encoded) -> None:
    session = session_in(state)
    assert session.receive_candidate_packet(stray, START_S) == [CLOSE_CANDIDATE]
    assert session.state is State.POLLING


def test_an_upgrade_packet_without_a_probe_drops_the_candidate() -> None:
    session = session_in(State.PROBING)
    assert session.receive_candidate_packet("5", START_S) == [CLOSE_CANDIDATE]


def test_a_second_probe_drops_the_candidate() -> None:
    session = session_in(State.UPGRADING)
    assert session.receive_candidate_packet("2probe", START_S) == [CLOSE_CANDIDATE]


@pytest.mark.parametrize("state", [State.PROBING, State.UPGRADING])
def test_an_upgrade_that_never_finishes_falls_back_to_polling(state: State) -> None:
    session = session_in(state)
    due = START_S + LIMITS.upgrade_timeout_s
    assert session.next_deadline() == due
    assert session.tick(due - 0.001) == []
    assert session.tick(due) == [CLOSE_CANDIDATE]
    assert session.state is State.POLLING
    assert session.next_deadline() == START_S + LIMITS.ping_interval_s


@pytest.mark.parametrize("state", [State.PROBING, State.UPGRADING])
def test_a_lost_candidate_leaves_the_session_polling(state: State) -> None:
    session = session_in(state)
    assert session.receive_candidate_lost(START_S) == []
    assert session.state is State.POLLING
    assert session.next_deadline() == START_S + LIMITS.ping_interval_s


def test_a_dropped_candidate_says_no_more() -> None:
    session = open_session()
    assert session.receive_candidate_packet("2probe", START_S) == []
    assert session.receive_candidate_packet("5", START_S) == []
    assert session.receive_candidate_lost(START_S) == []
    assert session.state is State.POLLING


def test_after_a_candidate_that_failed_another_may_come() -> None:
    session = session_in(State.UPGRADING)
    session.receive_candidate_lost(START_S)
    session.receive_candidate(START_S)
    session.receive_candidate_packet("2probe", START_S)
    assert session.receive_candidate_packet("5", START_S) == [SWITCH]


@pytest.mark.parametrize("state", [State.PROBING, State.UPGRADING])
def test_a_close_packet_during_an_upgrade_closes_the_candidate_too(state: State) -> None:
    session = session_in(state)
    assert post(session, b"1") == [CLOSE_CANDIDATE, ended(Reason.TRANSPORT_CLOSE)]


# Heartbeat


@pytest.mark.parametrize("state", ALIVE, ids=lambda state: state.name)
def test_a_silent_session_is_gone_at_interval_plus_timeout_and_not_before(state: State) -> None:
    session = session_in(state, PATIENT)
    due, gone = START_S + 25, START_S + 25 + 20
    assert session.tick(due - 0.001) == []
    session.tick(due)
    assert session.next_deadline() == gone
    assert session.tick(gone - 0.001) == []
    assert ended(Reason.PING_TIMEOUT) in session.tick(gone)
    assert session.state is State.CLOSED
    assert session.next_deadline() == math.inf


def test_the_first_ping_is_due_one_interval_after_the_handshake() -> None:
    assert open_session().next_deadline() == START_S + LIMITS.ping_interval_s


def test_a_ping_answers_the_waiting_get() -> None:
    session = open_session()
    session.receive_poll(START_S)
    assert session.tick(START_S + 25) == [answer(PING)]


def test_a_ping_waits_for_the_next_get() -> None:
    session = open_session()
    assert session.tick(START_S + 25) == []
    assert session.receive_poll(START_S + 26) == [answer(PING)]


def test_a_ping_goes_over_the_websocket() -> None:
    assert open_session(State.WEBSOCKET).tick(START_S + 25) == [send(PING)]


def test_a_ping_is_sent_once() -> None:
    session = open_session(State.WEBSOCKET)
    session.tick(START_S + 25)
    assert session.tick(START_S + 26) == []


def test_a_pong_puts_the_next_ping_one_interval_later() -> None:
    session = open_session(State.WEBSOCKET)
    session.tick(START_S + 25)
    assert session.receive_websocket("3", START_S + 27) == []
    assert session.next_deadline() == START_S + 27 + 25


def test_a_pong_may_be_posted() -> None:
    session = open_session()
    session.tick(START_S + 25)
    assert post(session, b"3", START_S + 27) == []
    assert session.next_deadline() == START_S + 27 + 25


def test_a_client_that_answers_every_ping_stays() -> None:
    session, now = open_session(State.WEBSOCKET), START_S
    for _ in range(100):
        now = session.next_deadline()
        assert session.tick(now) == [send(PING)]
        now += LIMITS.ping_timeout_s - 0.001
        assert session.tick(now) == []
        session.receive_websocket("3", now)
    assert session.state is State.WEBSOCKET


@pytest.mark.parametrize("state", [State.POLLING, State.WEBSOCKET])
def test_pongs_that_nobody_asked_for_move_no_deadline(state: State) -> None:
    session = session_in(state)
    for second in range(20):
        feed_packet(session, "3", START_S + second)
    assert session.next_deadline() == START_S + 25


def test_a_second_pong_to_one_ping_moves_no_deadline() -> None:
    session = open_session(State.WEBSOCKET)
    session.tick(START_S + 25)
    session.receive_websocket("3", START_S + 26)
    session.receive_websocket("3", START_S + 40)
    assert session.next_deadline() == START_S + 26 + 25


def test_messages_are_no_pongs() -> None:
    session = open_session(State.WEBSOCKET)
    session.tick(START_S + 25)
    session.receive_websocket("4hello", START_S + 30)
    assert session.next_deadline() == START_S + 45


def test_a_timer_that_fires_a_moment_late_moves_no_deadline() -> None:
    session = open_session(State.WEBSOCKET)
    session.tick(START_S + 25.01)
    assert session.next_deadline() == START_S + 45


def test_a_loop_that_was_held_up_keeps_its_client() -> None:
    session = open_session(State.WEBSOCKET)
    late = START_S + 25 + 20 + 60
    assert session.tick(late) == [send(PING)]
    assert session.next_deadline() == late + 20
    session.receive_websocket("3", late + 1)
    assert session.tick(late + 20) == []
    assert session.state is State.WEBSOCKET


def test_a_client_with_a_short_timeout_has_time_to_answer_a_ping_that_is_late() -> None:
    session = open_session(State.WEBSOCKET, Limits(ping_interval_s=0.1, ping_timeout_s=0.02))
    assert session.tick(START_S + 0.1 + 0.03) == [send(PING)]
    assert session.state is State.WEBSOCKET


# The application's deadline


@pytest.mark.parametrize("state", ALIVE, ids=lambda state: state.name)
def test_a_timeout_ends_the_session_at_its_time_and_not_before(state: State) -> None:
    session = session_in(state)
    session.set_timeout(START_S + 1)
    assert session.next_deadline() == START_S + 1
    assert session.tick(START_S + 0.999) == []
    assert ended(Reason.CONNECT_TIMEOUT) in session.tick(START_S + 1)
    assert session.state is State.CLOSED


def test_a_timeout_can_be_moved_and_taken_back() -> None:
    session = open_session()
    session.set_timeout(START_S + 1)
    session.set_timeout(START_S + 2)
    assert session.tick(START_S + 1) == []
    session.set_timeout(math.inf)
    assert session.tick(START_S + 2) == []
    assert session.next_deadline() == START_S + 25


@pytest.mark.parametrize("state", [State.CLOSING, State.CLOSED])
def test_a_timeout_of_a_session_that_is_over_is_not_due_for_ever(state: State) -> None:
    session = session_in(state)
    session.set_timeout(START_S + 1)
    assert session.tick(START_S + 1) == []
    assert session.next_deadline() > START_S + 1


@pytest.mark.parametrize("state", [State.CLOSING, State.CLOSED])
def test_a_session_that_is_over_need_not_drain(state: State) -> None:
    session = session_in(state)
    before = session.next_deadline()
    session.receive_blocked(START_S)
    assert session.next_deadline() == before


# Slow clients


def test_a_polling_client_that_takes_nothing_is_slow_at_the_bound() -> None:
    session = open_session()
    pushed = 0
    while session.push(["4" + "x" * 99], START_S) == []:
        pushed += 1
        assert pushed * 100 <= LIMITS.max_outbox_bytes + 100
    assert session.state is State.CLOSING
    assert pushed * 100 >= LIMITS.max_outbox_bytes


def test_a_slow_client_is_named_as_such() -> None:
    session = open_session()
    session.push(["4" + "x" * 2_000], START_S)
    assert session.push(["4y"], START_S) == [ended(Reason.SLOW_CLIENT)]


def test_a_client_that_polls_is_never_slow() -> None:
    session = open_session()
    for _ in range(100):
        assert session.push(["4" + "x" * 99], START_S) == []
        assert len(session.receive_poll(START_S)) == 1
    assert session.state is State.POLLING


def test_a_ping_to_a_slow_client_ends_it_as_well() -> None:
    session = open_session()
    session.push(["4" + "x" * 2_000], START_S)
    assert session.tick(START_S + 25) == [ended(Reason.SLOW_CLIENT)]


def test_a_websocket_that_does_not_drain_in_time_is_slow() -> None:
    session = open_session(State.WEBSOCKET)
    session.receive_blocked(START_S)
    due = START_S + LIMITS.drain_timeout_s
    assert session.next_deadline() == due
    assert session.tick(due - 0.001) == []
    assert session.tick(due) == [(Output.CLOSE_WEBSOCKET, 1008), ended(Reason.SLOW_CLIENT)]


def test_a_websocket_that_drained_is_not_slow() -> None:
    session = open_session(State.WEBSOCKET)
    session.receive_blocked(START_S)
    session.receive_drained()
    assert session.tick(START_S + LIMITS.drain_timeout_s) == []
    assert session.next_deadline() == START_S + 25


# The newest only


def test_of_what_waits_under_one_key_the_newest_is_sent() -> None:
    session = open_session()
    session.push_newest("/", ["41"])
    session.push_newest("/news", ["45"])
    session.push_newest("/", ["42"])
    assert session.receive_poll(START_S) == [answer("42", "45")]
    assert session.receive_poll(START_S) == []


def test_the_newest_answers_the_waiting_get() -> None:
    session = open_session()
    session.receive_poll(START_S)
    assert session.push_newest("/", ["41"]) == []
    assert session.flush() == [answer("41")]


def test_the_newest_comes_behind_what_must_not_be_lost() -> None:
    session = open_session()
    session.push_newest("/", ["41"])
    session.push(["4first"], START_S)
    assert session.receive_poll(START_S) == [answer("4first", "41")]


def test_the_newest_goes_over_the_websocket_at_once() -> None:
    assert open_session(State.WEBSOCKET).push_newest("/", ["41"]) == [send("41")]


def test_what_is_forgotten_is_not_sent() -> None:
    session = open_session()
    session.forget_newest("/")
    session.push_newest("/", ["41"])
    session.forget_newest("/")
    session.forget_newest("/news")
    assert session.receive_poll(START_S) == []
    assert session.flush() == []


def test_the_newest_never_makes_a_client_slow() -> None:
    session = open_session()
    for number in range(1_000):
        assert session.push_newest("/", [f"4{number}" + "x" * 100]) == []
    assert session.state is State.POLLING


# Any order of inputs

KEYS = st.sampled_from(["/", "/news"])
PACKETS = st.sampled_from(["4a", "3", "6", "1", "2", "5", "0", "", "7", b"\x01"])
BODIES = st.sampled_from(
    [b"4a", b"4a\x1e4b", b"3", b"6", b"1", b"4a\x1e1\x1e4b", b"5", b"", b"\xff", b"bAQ=="]
)


class AnyOrder(RuleBasedStateMachine):
    """Feeds a session anything in any order, holds its sockets, and knows what was pushed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START_S
        self.session = open_session()
        self.waiting_gets = 0
        self.has_candidate = False
        self.ends = 0
        self.was_closed = False
        self.pushed: list[Encoded] = []
        self.sent: list[Encoded] = []
        self.newest: dict[str, int] = {}
        self.newest_sent: dict[str, int] = {}

    def perform(self, outputs: Outputs) -> None:
        """Does what the outputs say, and checks each."""
        for output, value in outputs:
            if self.was_closed:
                assert output is Output.REFUSE
            match output:
                case Output.DELIVER:
                    assert self.ends == 0
                case Output.ENDED:
                    self.ends += 1
                    assert self.ends == 1
                    assert isinstance(value, Reason)
                case Output.ANSWER:
                    assert self.waiting_gets == 1
                    self.waiting_gets = 0
                    assert isinstance(value, list)
                    assert value
                    self.take(value)
                case Output.SEND:
                    assert self.ends == 0
                    assert isinstance(value, Sequence)
                    self.take(value)
                case Output.SWITCH | Output.CLOSE_CANDIDATE:
                    assert self.has_candidate
                    self.has_candidate = False
        self.was_closed = self.session.state is State.CLOSED

    def take(self, packets: Sequence[Encoded]) -> None:
        """Notes what reached the client."""
        for packet in packets:
            if packet in (PING, NOOP, CLOSE):
                continue
            assert isinstance(packet, str)
            _, key, number = packet.split("|")
            if key:
                assert int(number) > self.newest_sent.get(key, 0)
                self.newest_sent[key] = int(number)
            else:
                self.sent.append(packet)

    @rule()
    def poll(self) -> None:
        outputs = self.session.receive_poll(self.now)
        if REFUSE in outputs:
            self.perform(outputs)
        else:
            self.waiting_gets += 1
            self.perform(outputs)

    @precondition(lambda self: self.waiting_gets)
    @rule()
    def lose_poll(self) -> None:
        self.perform(self.session.receive_poll_lost(self.now))
        assert self.waiting_gets == 0

    @rule()
    def lose_no_poll(self) -> None:
        if not self.waiting_gets:
            assert self.session.receive_poll_lost(self.now) == []

    @rule()
    def begin_post(self) -> None:
        self.perform(self.session.receive_post(self.now))

    @rule(body=BODIES | st.binary(max_size=8))
    def finish_post(self, body: bytes) -> None:
        self.perform(self.session.receive_payload(body, self.now))

    @rule()
    def lose_post(self) -> None:
        self.perform(self.session.receive_post_lost(self.now))

    @precondition(lambda self: self.session.state in (State.WEBSOCKET, State.CLOSED))
    @rule(packet=PACKETS)
    def receive_websocket(self, packet: Encoded) -> None:
        self.perform(self.session.receive_websocket(packet, self.now))

    @rule()
    def lose_websocket(self) -> None:
        self.perform(self.session.receive_websocket_lost(self.now))

    @rule()
    def offer_candidate(self) -> None:
        outputs = self.session.receive_candidate(self.now)
        assert outputs in ([], [REFUSE])
        if not outputs:
            assert not self.has_candidate
            self.has_candidate = True

    @rule(packet=st.sampled_from(["2probe", "2probe", "5", "5", "4a", "", b"5"]))
    def receive_candidate_packet(self, packet: Encoded) -> None:
        self.perform(self.session.receive_candidate_packet(packet, self.now))

    @rule()
    def lose_candidate(self) -> None:
        self.has_candidate = False
        self.perform(self.session.receive_candidate_lost(self.now))

    @rule(count=st.integers(1, 3), size=st.sampled_from([1, 1, 1, 400]))
    def push(self, count: int, size: int) -> None:
        first = len(self.pushed)
        packets: list[Encoded] = [f"4{'x' * size}||{number}" for number in range(first, first + count)]
        if self.ends == 0:
            self.pushed += packets
        self.perform(self.session.push(packets, self.now))

    @rule(key=KEYS)
    def push_newest(self, key: str) -> None:
        self.newest[key] = self.newest.get(key, 0) + 1
        self.perform(self.session.push_newest(key, [f"4|{key}|{self.newest[key]}"]))

    @rule(key=KEYS)
    def forget_newest(self, key: str) -> None:
        self.session.forget_newest(key)

    @rule()
    def flush(self) -> None:
        self.perform(self.session.flush())
        if self.waiting_gets:
            assert self.sent == self.pushed

    @rule()
    def block(self) -> None:
        self.session.receive_blocked(self.now)

    @rule()
    def drain(self) -> None:
        self.session.receive_drained()

    @rule(delay_s=st.sampled_from([0.0, 1.0, 30.0, math.inf]))
    def set_timeout(self, delay_s: float) -> None:
        self.session.set_timeout(self.now + delay_s)

    @rule(delay_s=st.sampled_from([0.0, 0.01, 1.0, 10.0, 25.0, 60.0]))
    def wait(self, delay_s: float) -> None:
        self.now += delay_s
        self.perform(self.session.tick(self.now))
        assert self.session.next_deadline() > self.now

    @rule()
    def wait_for_the_next_deadline(self) -> None:
        if self.session.next_deadline() < math.inf:
            self.now = max(self.now, self.session.next_deadline())
            self.perform(self.session.tick(self.now))
            assert self.session.next_deadline() > self.now

    @rule(reason=st.sampled_from(Reason))
    def finish(self, reason: Reason) -> None:
        self.perform(self.session.finish(reason, self.now))
        assert self.ends == 1

    @invariant()
    def it_has_ended_once_or_it_lives(self) -> None:
        assert self.ends == (self.session.state in (State.CLOSING, State.CLOSED))

    @invariant()
    def closed_is_final(self) -> None:
        assert self.was_closed == (self.session.state is State.CLOSED)

    @invariant()
    def at_most_one_get_waits_and_none_after_the_end(self) -> None:
        assert self.waiting_gets in ((0,) if self.ends else (0, 1))

    @invariant()
    def the_candidate_is_there_while_the_state_says_so(self) -> None:
        assert self.has_candidate == (self.session.state in (State.PROBING, State.UPGRADING))

    @invariant()
    def what_was_sent_is_what_was_pushed_in_order_and_once(self) -> None:
        assert self.sent == self.pushed[: len(self.sent)]
        if self.session.state is State.WEBSOCKET:
            assert self.sent == self.pushed


def test_any_order_of_inputs_keeps_the_promises() -> None:
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            deadline=None,
            max_examples=200,
            stateful_step_count=40,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_sixteen_packets_at_most_answer_one_poll() -> None:
    session = open_session(State.POLLING)
    session.push([f"4{number}" for number in range(40)], START_S)
    answers = []
    while (outputs := session.receive_poll(START_S)) != []:
        ((_, packets),) = outputs
        assert isinstance(packets, list)
        answers.append(packets)
    assert [len(packets) for packets in answers] == [16, 16, 8]
    assert [packet for packets in answers for packet in packets] == [f"4{number}" for number in range(40)]


def test_a_poll_of_a_server_that_stops_is_told_nothing_final() -> None:
    session = open_session(State.POLLING)
    session.receive_poll(START_S)
    assert (Output.ANSWER, [NOOP]) in session.finish(Reason.SHUTTING_DOWN, START_S)
