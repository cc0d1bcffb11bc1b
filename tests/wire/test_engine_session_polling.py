"""One Engine.IO session over polling: GETs, POSTs, and what is pushed between them."""

from __future__ import annotations

import pytest

from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_outputs import Deliver
from nannin.wire.engine_packet import CLOSE, NOOP
from nannin.wire.engine_states import State
from support.engine_sessions import (
    REFUSE,
    START_S,
    answer,
    ended,
    open_session,
    post,
)


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
    assert session.receive_poll(START_S) == [answer(CLOSE), REFUSE, ended(DisconnectReason.TRANSPORT_ERROR)]
    assert session.state is State.CLOSED


def test_a_second_post_ends_the_session() -> None:
    session = open_session()
    session.receive_post(START_S)
    assert session.receive_post(START_S) == [REFUSE, ended(DisconnectReason.TRANSPORT_ERROR)]


def test_the_body_of_a_post_whose_session_ended_meanwhile_is_refused() -> None:
    session = open_session()
    session.receive_post(START_S)
    session.receive_post(START_S)
    assert session.receive_payload(b"4late", START_S) == [REFUSE]


def test_one_post_after_the_other_is_fine() -> None:
    session = open_session()
    assert post(session, b"4a") == [Deliver("a")]
    assert post(session, b"4b") == [Deliver("b")]


def test_a_get_and_a_post_at_once_are_fine() -> None:
    session = open_session()
    session.receive_poll(START_S)
    assert post(session, b"4a") == [Deliver("a")]
    assert session.state is State.POLLING


def test_a_payload_is_delivered_in_its_order() -> None:
    outputs = post(open_session(), b"4a\x1ebAQ==\x1e3\x1e6\x1e4b")
    assert outputs == [Deliver("a"), Deliver(b"\x01"), Deliver("b")]


@pytest.mark.parametrize("body", [b"", b"abc", b"4\xff", b"bA", b"\x1e" * 1_000_000, b"4a\x1e", b"\xd9\xa4a"])
def test_an_unparsable_post_ends_the_session(body: bytes) -> None:
    assert post(open_session(), body) == [ended(DisconnectReason.PARSE_ERROR), REFUSE]


@pytest.mark.parametrize("packet", [b"2", b"2probe"])
def test_a_packet_that_no_client_may_post_ends_the_session(packet: bytes) -> None:
    session = open_session()
    assert post(session, packet) == [ended(DisconnectReason.PARSE_ERROR), REFUSE]
    assert session.state is State.CLOSED


@pytest.mark.parametrize("packet", [b"0{}", b"5", b"6"])
def test_a_packet_that_means_nothing_here_is_ignored(packet: bytes) -> None:
    assert post(open_session(), b"4a\x1e" + packet + b"\x1e4b") == [Deliver("a"), Deliver("b")]


def test_a_post_is_being_read_until_its_last_part() -> None:
    session = open_session()
    session.receive_post(START_S)
    assert session.receive_payload(b"4a", START_S, is_last=False) == [Deliver("a")]
    assert ended(DisconnectReason.TRANSPORT_ERROR) in session.receive_post(START_S)


def test_what_follows_a_bad_packet_is_not_delivered() -> None:
    outputs = post(open_session(), b"4a\x1e2\x1e4b")
    assert outputs == [Deliver("a"), ended(DisconnectReason.PARSE_ERROR), REFUSE]


def test_what_follows_a_close_packet_is_not_delivered() -> None:
    outputs = post(open_session(), b"4a\x1e1\x1e4b")
    assert outputs == [Deliver("a"), ended(DisconnectReason.TRANSPORT_CLOSE)]


def test_a_post_that_breaks_off_ends_the_session() -> None:
    session = open_session()
    session.receive_post(START_S)
    assert session.receive_post_lost(START_S) == [ended(DisconnectReason.TRANSPORT_ERROR)]


def test_a_cancelled_get_ends_the_session() -> None:
    session = open_session()
    session.receive_poll(START_S)
    assert ended(DisconnectReason.TRANSPORT_CLOSE) in session.receive_poll_lost(START_S)
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
    assert post(session, b"1") == [answer(NOOP), ended(DisconnectReason.TRANSPORT_CLOSE)]
