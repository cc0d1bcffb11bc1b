"""One Engine.IO session that goes over from polling to a WebSocket, or tries to."""

from __future__ import annotations

import pytest

from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_outputs import Deliver
from nannin.wire.engine_packet import NOOP, Encoded
from nannin.wire.engine_states import State
from support.engine_sessions import (
    CLOSE_CANDIDATE,
    LIMITS,
    PROBE_ANSWERED,
    REFUSE,
    START_S,
    SWITCH,
    answer,
    ended,
    open_session,
    post,
    send,
    session_in,
)


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


def test_after_an_upgrade_gets_and_posts_are_refused_and_the_session_lives_on() -> None:
    session = session_in(State.WEBSOCKET)
    assert session.receive_poll(START_S) == [REFUSE]
    assert session.receive_post(START_S) == [REFUSE]
    assert session.state is State.WEBSOCKET


def test_a_post_that_began_before_the_switch_is_still_delivered() -> None:
    session = session_in(State.WEBSOCKET, posting=True)
    assert session.receive_payload(b"4a", START_S) == [Deliver("a")]


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


def test_an_upgrade_packet_without_a_probe_is_taken() -> None:
    session = session_in(State.PROBING)
    assert session.receive_candidate_packet("5", START_S) == [SWITCH]
    assert session.state is State.WEBSOCKET


def test_an_upgrade_packet_without_a_probe_ends_the_waiting_poll_with_a_noop() -> None:
    session = session_in(State.PROBING)
    session.receive_poll(START_S)
    session.push(["4a"], START_S)
    assert session.receive_candidate_packet("5", START_S) == [SWITCH, answer(NOOP), send("4a")]


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
    assert post(session, b"1") == [CLOSE_CANDIDATE, ended(DisconnectReason.TRANSPORT_CLOSE)]
