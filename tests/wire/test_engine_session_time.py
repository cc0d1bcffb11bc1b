"""One Engine.IO session in time: heartbeats, deadlines, and clients that read slowly."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_limits import Limits
from nannin.wire.engine_outputs import Answer, CloseWebSocket, Ended
from nannin.wire.engine_packet import PING, Encoded
from nannin.wire.engine_session import EngineSession
from nannin.wire.engine_states import State
from support.engine_sessions import (
    ALIVE,
    LIMITS,
    PATIENT,
    START_S,
    answer,
    ended,
    feed_packet,
    open_session,
    post,
    send,
    session_in,
)

# Heartbeat


@pytest.mark.parametrize("state", ALIVE, ids=lambda state: state.name)
def test_a_silent_session_is_gone_at_interval_plus_timeout_and_not_before(state: State) -> None:
    session = session_in(state, PATIENT)
    due, gone = START_S + 25, START_S + 25 + 20
    assert session.tick(due - 0.001) == []
    session.tick(due)
    assert session.next_deadline() == gone
    assert session.tick(gone - 0.001) == []
    assert ended(DisconnectReason.PING_TIMEOUT) in session.tick(gone)
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


def test_a_session_awaits_a_pong_from_its_ping_to_the_answer() -> None:
    session = open_session(State.WEBSOCKET)
    assert not session.awaits_pong
    session.tick(START_S + 25)
    assert session.awaits_pong
    session.receive_websocket("3", START_S + 27)
    assert not session.awaits_pong


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
    assert ended(DisconnectReason.CONNECT_TIMEOUT) in session.tick(START_S + 1)
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
    session.push(["4first"], START_S)
    pushed = 0
    while session.push(["4" + "x" * 99], START_S + 5) == []:
        pushed += 1
        assert pushed * 100 <= LIMITS.max_outbox_bytes + 100
    assert session.state is State.CLOSING
    assert pushed * 100 >= LIMITS.max_outbox_bytes


def test_a_slow_client_is_named_as_such() -> None:
    session = open_session()
    session.push(["4first"], START_S)
    session.push(["4" + "x" * 2_000], START_S + 5)
    assert session.push(["4y"], START_S + 5) == [ended(DisconnectReason.SLOW_CLIENT)]


def test_what_is_sent_before_a_client_could_poll_does_not_make_it_slow() -> None:
    session = open_session()
    sent = ["4" + "x" * 999 for _ in range(100)]
    for packet in sent:
        assert session.push([packet], START_S + 1) == []
    received: list[Encoded] = []
    while outputs := session.receive_poll(START_S + 2):
        (output,) = outputs
        assert isinstance(output, Answer)
        received += output.packets
    assert received == sent


def test_what_is_added_while_a_client_polls_and_reads_too_slowly_makes_it_slow() -> None:
    session = open_session()
    session.push(["4x"] * 100, START_S)
    session.receive_poll(START_S)
    assert session.push(["4" + "x" * 2_000], START_S) == []
    session.receive_poll(START_S)
    assert session.push(["4y"], START_S) == [ended(DisconnectReason.SLOW_CLIENT)]


def test_a_client_that_polls_is_never_slow() -> None:
    session = open_session()
    for _ in range(100):
        assert session.push(["4" + "x" * 99], START_S) == []
        assert len(session.receive_poll(START_S)) == 1
    assert session.state is State.POLLING


def test_a_ping_to_a_slow_client_ends_it_as_well() -> None:
    session = open_session()
    session.push(["4first"], START_S)
    session.push(["4" + "x" * 2_000], START_S + 5)
    assert session.tick(START_S + 25) == [ended(DisconnectReason.SLOW_CLIENT)]


def test_a_websocket_that_does_not_drain_in_time_is_slow() -> None:
    session = open_session(State.WEBSOCKET)
    session.receive_blocked(START_S)
    due = START_S + LIMITS.drain_timeout_s
    assert session.next_deadline() == due
    assert session.tick(due - 0.001) == []
    assert session.tick(due) == [CloseWebSocket(1008), ended(DisconnectReason.SLOW_CLIENT)]


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
    session.push_newest("/", ["41"])
    assert session.flush() == [answer("41")]


def test_the_newest_comes_behind_what_must_not_be_lost() -> None:
    session = open_session()
    session.push_newest("/", ["41"])
    session.push(["4first"], START_S)
    assert session.receive_poll(START_S) == [answer("4first", "41")]


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
        session.push_newest("/", [f"4{number}" + "x" * 100])
    assert session.state is State.POLLING


# What a session over WebSocket does without outputs


def over_websocket() -> EngineSession:
    return EngineSession("sid", State.WEBSOCKET, LIMITS, START_S)


def test_a_ping_that_alone_is_due_is_taken_and_its_pong_expected() -> None:
    session, due = over_websocket(), START_S + LIMITS.ping_interval_s
    assert session.take_ping(due - 0.001) is None
    assert session.take_ping(due + 0.2) == due + LIMITS.ping_timeout_s
    assert session.take_ping(due + 0.2) is None, "it has been sent"
    assert session.next_deadline() == due + LIMITS.ping_timeout_s
    assert session.receive_pong(due + 1) == due + 1 + LIMITS.ping_interval_s
    assert session.next_deadline() == due + 1 + LIMITS.ping_interval_s


def test_a_ping_that_is_taken_by_a_loop_that_was_held_up_gives_the_client_its_whole_time() -> None:
    session, late = over_websocket(), START_S + LIMITS.ping_interval_s + LIMITS.ping_timeout_s
    assert session.take_ping(late) == late + LIMITS.ping_timeout_s


def test_a_ping_is_not_taken_where_something_else_is_due() -> None:
    session, due = over_websocket(), START_S + LIMITS.ping_interval_s
    session.set_timeout(due)
    assert session.take_ping(due) is None
    assert session.tick(due)[-1] == Ended(DisconnectReason.CONNECT_TIMEOUT)
    assert session.take_ping(due + 100) is None


def test_what_is_due_before_the_pong_is_the_next_deadline_of_a_ping() -> None:
    session, due = over_websocket(), START_S + LIMITS.ping_interval_s
    session.set_timeout(due + 1)
    assert session.take_ping(due) == due + 1


def test_a_ping_over_polling_is_not_taken_nor_its_pong() -> None:
    session = open_session()
    assert session.take_ping(START_S + LIMITS.ping_interval_s) is None
    session.tick(START_S + LIMITS.ping_interval_s)
    assert session.receive_pong(START_S + LIMITS.ping_interval_s) is None


def test_a_pong_that_nobody_asked_for_is_not_taken() -> None:
    assert over_websocket().receive_pong(START_S) is None


def test_a_ping_may_be_late_but_the_end_of_a_silent_session_is_not() -> None:
    session = EngineSession("sid", State.WEBSOCKET, LIMITS, START_S + 0.1)
    due = START_S + 0.1 + LIMITS.ping_interval_s
    assert session.next_deadline() == due
    assert session.next_deadline(0.25) == START_S + LIMITS.ping_interval_s + 0.25
    assert session.take_ping(START_S + LIMITS.ping_interval_s + 0.25)
    assert session.next_deadline(0.25) == due + LIMITS.ping_timeout_s


@given(st.floats(1.0, 1e7), st.floats(0.001, 1.0))
def test_pings_are_due_at_multiples_and_never_early(now: float, every_s: float) -> None:
    session = EngineSession("sid", State.WEBSOCKET, LIMITS, now)
    due, late = session.next_deadline(), session.next_deadline(every_s)
    assert due <= late < due + every_s * 1.001
    assert session.take_ping(late)
