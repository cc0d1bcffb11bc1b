"""The engine: its table of sessions, and what it tells the application."""

from __future__ import annotations

import logging

import pytest

from nannin.engine.handshake import Handshake
from nannin.engine.link import RequestRefused
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_request import Refusal
from nannin.wire.outgoing import Outgoing
from support.fakes import LIMITS, FakeLink, Hall


@pytest.fixture
def hall() -> Hall:
    return Hall()


# Opening


def test_a_session_over_polling_begins_with_its_handshake(hall: Hall) -> None:
    session, handshake = hall.engine.open_by_poll()
    assert handshake == (
        '0{"sid":"sid-0","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16384}'
    )
    assert hall.app.opened == [session]


def test_a_session_over_websocket_is_sent_its_handshake_and_offered_no_upgrade(hall: Hall) -> None:
    _, link = hall.websocket()
    assert link.packets == [
        '0{"sid":"sid-0","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16384}'
    ]


def test_what_the_application_sends_as_it_opens_follows_the_handshake(hall: Hall) -> None:
    hall.app.on_open = lambda session: session.send("welcome")
    _, link = hall.websocket()
    assert link.packets[1:] == ["4welcome"]
    poll = hall.poll(hall.polling())
    assert poll.packets == ["4welcome"]


def test_a_session_keeps_the_handshake_that_opened_it(hall: Hall) -> None:
    handshake = Handshake({"client": ("192.0.2.1", 5)})
    polling, _ = hall.engine.open_by_poll(handshake)
    websocket = hall.engine.open_by_websocket(FakeLink(), handshake)
    assert polling.handshake is websocket.handshake is handshake
    assert hall.polling().handshake is None


def test_a_session_is_found_by_its_sid(hall: Hall) -> None:
    session = hall.polling()
    assert hall.engine.find("sid-0") is session


@pytest.mark.parametrize("sid", ["", "sid-1", "__proto__"])
def test_an_unknown_sid_is_refused(hall: Hall, sid: str) -> None:
    hall.polling()
    with pytest.raises(RequestRefused) as refused:
        hall.engine.find(sid)
    assert refused.value.refusal is Refusal.SESSION_UNKNOWN


# Messages


def test_messages_arrive_in_order_and_as_they_are(hall: Hall) -> None:
    hall.post(hall.polling(), "4a", b"b", "4")
    session, link = hall.websocket()
    for packet in ("4a", b"b"):
        session.receive(link, packet)
    assert hall.app.messages == ["a", b"b", "", "a", b"b"]


def test_a_waiting_poll_is_answered_with_all_that_is_sent_in_a_turn(hall: Hall) -> None:
    session = hall.polling()
    poll = hall.poll(session)
    session.send("a")
    session.send(b"b")
    assert poll.packets is None
    hall.clock.turn()
    assert poll.packets == ["4a", b"b"]


def test_what_is_sent_between_polls_waits_for_the_next(hall: Hall) -> None:
    session = hall.polling()
    session.send("a")
    hall.clock.settle()
    assert hall.poll(session).packets == ["4a"]


def test_of_what_is_newest_only_the_newest_waits(hall: Hall) -> None:
    session = hall.polling()
    for number in "123":
        session.send_newest("count", Outgoing([f"4{number}"]))
    session.send_newest("other", Outgoing(["4x"]))
    assert hall.poll(session).packets == ["43", "4x"]


def test_what_is_newest_can_be_taken_back(hall: Hall) -> None:
    session = hall.polling()
    session.send_newest("count", Outgoing(["41"]))
    session.forget_newest("count")
    assert hall.poll(session).packets is None
    session, link = hall.websocket()
    link.blocked = True
    session.send_newest("count", Outgoing(["41"]))
    session.forget_newest("count")
    link.drain()
    assert len(link.packets) == 1


def test_what_waits_for_a_client_that_does_not_poll_is_bounded(hall: Hall) -> None:
    session = hall.polling()
    session.send("z")
    hall.clock.advance(5)
    for _ in range(3):
        session.send("x" * 900)
    hall.clock.settle()
    assert hall.reasons() == [DisconnectReason.SLOW_CLIENT]
    session.send("y" * 10_000)
    assert hall.poll(session).packets == ["4z"] + ["4" + "x" * 900] * 2 + ["1"]
    hall.assert_empty()


# Requests that do not fit


def test_a_second_poll_at_once_ends_the_session_and_answers_the_first(hall: Hall) -> None:
    session = hall.polling()
    first = hall.poll(session)
    with pytest.raises(RequestRefused) as refused:
        hall.poll(session)
    assert refused.value.refusal is Refusal.BAD_REQUEST
    assert first.packets == ["1"]
    assert hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]
    hall.assert_empty()


def test_a_second_post_at_once_ends_the_session(hall: Hall) -> None:
    session = hall.polling()
    session.receive_post()
    with pytest.raises(RequestRefused):
        session.receive_post()
    assert hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]
    hall.assert_empty()


@pytest.mark.parametrize("body", [b"", b"4a\x1e", b"\x1e\x1e", b"bA", b"9", b"\xff", "٤a".encode()])
def test_a_malformed_post_ends_its_session_and_no_other(hall: Hall, body: bytes) -> None:
    session, other = hall.polling(), hall.polling()
    session.receive_post()
    with pytest.raises(RequestRefused):
        session.receive_payload(body)
    assert hall.app.closed == [(session, DisconnectReason.PARSE_ERROR)]
    assert list(hall.engine.sessions.values()) == [other]


@pytest.mark.parametrize("packet", ["", "2", "9", "x"])
def test_a_malformed_message_ends_its_session_and_no_other(hall: Hall, packet: str) -> None:
    (session, link), (other, _) = hall.websocket(), hall.websocket()
    session.receive(link, packet)
    assert hall.app.closed == [(session, DisconnectReason.PARSE_ERROR)]
    assert link.close_code == 1002
    assert list(hall.engine.sessions.values()) == [other]


def test_a_post_that_breaks_off_ends_the_session(hall: Hall) -> None:
    session = hall.polling()
    session.receive_post()
    session.receive_post_lost()
    assert hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]


def test_a_poll_that_is_cancelled_ends_the_session(hall: Hall) -> None:
    session = hall.polling()
    session.receive_poll_lost(hall.poll(session))
    assert hall.reasons() == [DisconnectReason.TRANSPORT_CLOSE]
    hall.assert_empty()


def test_the_loss_of_a_poll_that_was_answered_is_nobodys_loss(hall: Hall) -> None:
    session = hall.polling()
    poll = hall.poll(session)
    session.send("a")
    hall.clock.settle()
    session.receive_poll_lost(poll)
    assert not hall.app.closed


# Ends


@pytest.mark.parametrize(
    ("clean", "reason"), [(True, DisconnectReason.TRANSPORT_CLOSE), (False, DisconnectReason.TRANSPORT_ERROR)]
)
def test_a_websocket_that_is_gone_ends_the_session(hall: Hall, clean: bool, reason: DisconnectReason) -> None:
    session, link = hall.websocket()
    session.lose(link, clean=clean)
    assert hall.app.closed == [(session, reason)]
    hall.assert_empty()


def test_a_session_hears_of_the_end_of_its_direct_websocket(hall: Hall) -> None:
    (one, one_link), (other, other_link) = hall.websocket(), hall.websocket()
    one.lose(one_link, clean=True)
    other.lose(other_link, clean=False)
    assert hall.reasons() == [DisconnectReason.TRANSPORT_CLOSE, DisconnectReason.TRANSPORT_ERROR]


def test_a_close_packet_during_a_poll_answers_it_with_a_noop(hall: Hall) -> None:
    session = hall.polling()
    poll = hall.poll(session)
    hall.post(session, "1")
    assert poll.packets == ["6"]
    assert hall.reasons() == [DisconnectReason.TRANSPORT_CLOSE]
    hall.assert_empty()


def test_a_close_packet_over_websocket_closes_it(hall: Hall) -> None:
    session, link = hall.websocket()
    session.receive(link, "1")
    assert (link.close_code, hall.reasons()) == (1000, [DisconnectReason.TRANSPORT_CLOSE])
    hall.assert_empty()


def test_the_application_ends_a_session_over_websocket(hall: Hall) -> None:
    session, link = hall.websocket()
    session.close()
    assert (link.close_code, hall.reasons()) == (1000, [DisconnectReason.FORCED_CLOSE])
    hall.assert_empty()


def test_a_session_that_ends_between_polls_tells_its_last_words_at_the_next(hall: Hall) -> None:
    session = hall.polling()
    session.send("goodbye")
    session.close()
    assert hall.reasons() == [DisconnectReason.FORCED_CLOSE]
    assert hall.poll(session).packets == ["4goodbye", "1"]
    hall.assert_empty()


def test_a_session_whose_last_words_nobody_fetches_is_forgotten(hall: Hall) -> None:
    hall.polling().close()
    hall.clock.advance(LIMITS.ping_timeout_s)
    hall.assert_empty()


def test_an_end_is_told_once_whatever_follows(hall: Hall) -> None:
    session, link = hall.websocket()
    session.close()
    session.close()
    session.lose(link, clean=True)
    hall.clock.advance(100)
    assert hall.reasons() == [DisconnectReason.FORCED_CLOSE]


def test_what_is_sent_after_the_end_goes_nowhere(hall: Hall) -> None:
    session, link = hall.websocket()
    session.close()
    session.send("a")
    session.send_newest("count", Outgoing(["41"]))
    assert len(link.packets) == 1
    hall.assert_empty()


def test_messages_behind_the_one_at_which_the_application_ended_it_are_dropped(hall: Hall) -> None:
    hall.app.on_message = lambda session, _: session.close()
    hall.post(hall.polling(), "4a", "4b")
    assert hall.app.messages == ["a"]


def test_a_shut_down_ends_all_and_leaves_nothing(hall: Hall) -> None:
    _, link = hall.websocket()
    polled = hall.poll(hall.polling())
    between_polls = hall.polling()
    hall.engine.shut_down()
    assert hall.reasons() == [DisconnectReason.SHUTTING_DOWN] * 3
    assert link.close_code == 1012
    assert polled.packets == ["6"]  # it polls again, and so comes back by itself
    with pytest.raises(RequestRefused):
        hall.engine.find(between_polls.sid)
    hall.assert_empty()


def test_before_a_shut_down_each_session_can_be_told_by_itself(hall: Hall) -> None:
    _, link = hall.websocket()
    between_polls = hall.polling()
    polled = hall.poll(hall.polling())
    goodbyes = hall.engine.goodbyes()
    assert hall.reasons() == []
    for goodbye in goodbyes:
        goodbye()
    assert hall.reasons() == [DisconnectReason.SHUTTING_DOWN] * 3
    assert link.close_code == 1012
    assert polled.packets == ["6"]
    assert hall.engine.find(between_polls.sid) is between_polls  # its client may poll once more
    hall.engine.shut_down()
    assert len(hall.reasons()) == 3
    hall.assert_empty()


def test_a_browser_that_polls_is_told_that_its_session_is_over_now_or_with_its_next_poll(hall: Hall) -> None:
    polled = hall.poll(hall.polling(), comes_back=True)
    told_something = hall.polling()
    polled_too = hall.poll(told_something, comes_back=True)
    told_something.send("hello")
    between_polls = hall.polling()
    between_polls.send("hello")
    for goodbye in hall.engine.goodbyes():
        goodbye()
    assert (polled.packets, polled_too.packets) == (["1"], ["4hello", "1"])
    assert hall.reasons() == [DisconnectReason.SHUTTING_DOWN] * 3
    assert list(hall.engine.sessions.values()) == [between_polls]
    assert hall.poll(between_polls, comes_back=True).packets == ["4hello", "1"]
    hall.assert_empty()


def test_one_that_does_not_poll_again_is_forgotten(hall: Hall) -> None:
    hall.polling()
    for goodbye in hall.engine.goodbyes():
        goodbye()
    assert hall.reasons() == [DisconnectReason.SHUTTING_DOWN]
    hall.clock.advance(LIMITS.ping_timeout_s)
    hall.assert_empty()


def test_a_shut_down_forgets_those_who_have_not_polled_yet(hall: Hall) -> None:
    hall.polling()
    for goodbye in hall.engine.goodbyes():
        goodbye()
    hall.engine.shut_down()
    assert hall.reasons() == [DisconnectReason.SHUTTING_DOWN]
    hall.assert_empty()
    hall.assert_empty()


def test_the_goodbye_of_a_session_that_has_ended_meanwhile_does_nothing(hall: Hall) -> None:
    session, link = hall.websocket()
    [goodbye] = hall.engine.goodbyes()
    session.lose(link, clean=True)
    goodbye()
    assert hall.reasons() == [DisconnectReason.TRANSPORT_CLOSE]


def test_an_engine_that_was_shut_down_can_serve_again(hall: Hall) -> None:
    hall.engine.goodbyes()
    assert hall.engine.is_stopping
    hall.engine.shut_down()
    assert not hall.engine.is_stopping


def test_a_shut_down_during_an_upgrade_closes_the_candidate(hall: Hall) -> None:
    session, candidate = hall.polling(), FakeLink()
    session.receive_candidate(candidate)
    hall.engine.shut_down()
    assert candidate.close_code is not None
    hall.assert_empty()


# Applications that raise


def broken(*_: object) -> None:
    raise RuntimeError("this application breaks down on purpose")


def test_an_application_that_raises_in_open_loses_that_session_only(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    other, _ = hall.websocket()
    hall.app.on_open = broken
    _, link = hall.websocket()
    assert link.close_code == 1000
    assert list(hall.engine.sessions.values()) == [other]
    assert "open() raised" in caplog.text


def test_an_application_that_raises_in_message_gets_the_next_one(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    session, link = hall.websocket()
    hall.app.on_message = broken
    for packet in ("4a", "4b"):
        session.receive(link, packet)
    assert hall.app.messages == ["a", "b"]
    assert not hall.app.closed
    assert "message() raised" in caplog.text


def test_an_application_that_raises_in_close_keeps_nobody_alive(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    hall.app.on_close = broken
    hall.websocket()
    hall.poll(hall.polling())
    hall.engine.shut_down()
    assert len(hall.app.closed) == 2
    assert "close() raised" in caplog.text
    hall.assert_empty()


def test_nothing_is_logged_when_nothing_went_wrong(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    session, link = hall.websocket()
    session.receive(link, "4a")
    session.close()
    assert not caplog.records
