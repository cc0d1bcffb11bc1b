"""The engine: its table of sessions, what it tells the application, and what it does in time."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable

import pytest

from fakes import FakeClock, FakeLink, FakePoll
from nannin.engine import Engine, RequestRefused, Session, shut_down_all
from nannin.wire.engine_packet import encode_payload
from nannin.wire.engine_request import Refusal
from nannin.wire.engine_session import Limits
from nannin.wire.engine_states import Reason
from nannin.wire.outgoing import Outgoing

LIMITS = Limits(ping_interval_s=25, ping_timeout_s=20, upgrade_timeout_s=10, max_outbox_bytes=1_000)


def nothing(*_: object) -> None:
    """What an application does by default."""


class App:
    """An application that remembers what it is told; each call may do more."""

    def __init__(self) -> None:
        self.opened: list[Session] = []
        self.messages: list[str | bytes] = []
        self.closed: list[tuple[Session, str]] = []
        self.on_open: Callable[[Session], None] = nothing
        self.on_message: Callable[[Session, str | bytes], None] = nothing
        self.on_close: Callable[[Session, str], None] = nothing

    def open(self, session: Session) -> None:
        self.opened.append(session)
        self.on_open(session)

    def message(self, session: Session, data: str | bytes) -> None:
        self.messages.append(data)
        self.on_message(session, data)

    def close(self, session: Session, reason: str) -> None:
        self.closed.append((session, reason))
        self.on_close(session, reason)


class Hall:
    """An engine with such an application on a fake clock."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.app, self.clock = App(), FakeClock()
        sids = map("sid-{}".format, itertools.count())
        self.engine = Engine(self.app, limits, new_sid=lambda: next(sids), clock=self.clock)

    def websocket(self) -> tuple[Session, FakeLink]:
        link = FakeLink()
        return self.engine.open_by_websocket(link), link

    def polling(self) -> Session:
        return self.engine.open_by_poll()[0]

    def poll(self, session: Session) -> FakePoll:
        poll = FakePoll()
        self.engine.receive_poll(session, poll)
        return poll

    def post(self, session: Session, *packets: str | bytes) -> None:
        self.engine.receive_post(session)
        self.engine.receive_payload(session, encode_payload(packets))

    def reasons(self) -> list[str]:
        return [reason for _, reason in self.app.closed]

    def assert_empty(self) -> None:
        self.clock.settle()
        assert not self.engine.sessions
        assert self.clock.pending == 0


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
        hall.engine.receive_websocket(session, link, packet)
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
    for _ in range(3):
        session.send("x" * 900)
    assert hall.reasons() == [Reason.SLOW_CLIENT]
    session.send("y" * 10_000)
    assert hall.poll(session).packets == ["4" + "x" * 900] * 2 + ["1"]
    hall.assert_empty()


# Requests that do not fit


def test_a_second_poll_at_once_ends_the_session_and_answers_the_first(hall: Hall) -> None:
    session = hall.polling()
    first = hall.poll(session)
    with pytest.raises(RequestRefused) as refused:
        hall.poll(session)
    assert refused.value.refusal is Refusal.BAD_REQUEST
    assert first.packets == ["1"]
    assert hall.reasons() == [Reason.TRANSPORT_ERROR]
    hall.assert_empty()


def test_a_second_post_at_once_ends_the_session(hall: Hall) -> None:
    session = hall.polling()
    hall.engine.receive_post(session)
    with pytest.raises(RequestRefused):
        hall.engine.receive_post(session)
    assert hall.reasons() == [Reason.TRANSPORT_ERROR]
    hall.assert_empty()


@pytest.mark.parametrize("body", [b"", b"4a\x1e", b"\x1e\x1e", b"bA", b"9", b"\xff", "٤a".encode()])
def test_a_malformed_post_ends_its_session_and_no_other(hall: Hall, body: bytes) -> None:
    session, other = hall.polling(), hall.polling()
    hall.engine.receive_post(session)
    with pytest.raises(RequestRefused):
        hall.engine.receive_payload(session, body)
    assert hall.app.closed == [(session, Reason.PARSE_ERROR)]
    assert list(hall.engine.sessions.values()) == [other]


@pytest.mark.parametrize("packet", ["", "0", "2", "5", "9", "x"])
def test_a_malformed_message_ends_its_session_and_no_other(hall: Hall, packet: str) -> None:
    (session, link), (other, _) = hall.websocket(), hall.websocket()
    hall.engine.receive_websocket(session, link, packet)
    assert hall.app.closed == [(session, Reason.PARSE_ERROR)]
    assert link.close_code == 1002
    assert list(hall.engine.sessions.values()) == [other]


def test_a_post_that_breaks_off_ends_the_session(hall: Hall) -> None:
    session = hall.polling()
    hall.engine.receive_post(session)
    hall.engine.receive_post_lost(session)
    assert hall.reasons() == [Reason.TRANSPORT_ERROR]


def test_a_poll_that_is_cancelled_ends_the_session(hall: Hall) -> None:
    session = hall.polling()
    hall.engine.receive_poll_lost(session, hall.poll(session))
    assert hall.reasons() == [Reason.TRANSPORT_CLOSE]
    hall.assert_empty()


def test_the_loss_of_a_poll_that_was_answered_is_nobodys_loss(hall: Hall) -> None:
    session = hall.polling()
    poll = hall.poll(session)
    session.send("a")
    hall.clock.settle()
    hall.engine.receive_poll_lost(session, poll)
    assert not hall.app.closed


# Ends


def test_a_websocket_that_is_lost_ends_the_session(hall: Hall) -> None:
    session, link = hall.websocket()
    hall.engine.receive_websocket_lost(session, link)
    assert hall.app.closed == [(session, Reason.TRANSPORT_CLOSE)]
    hall.assert_empty()


def test_a_close_packet_during_a_poll_answers_it_with_a_noop(hall: Hall) -> None:
    session = hall.polling()
    poll = hall.poll(session)
    hall.post(session, "1")
    assert poll.packets == ["6"]
    assert hall.reasons() == [Reason.TRANSPORT_CLOSE]
    hall.assert_empty()


def test_a_close_packet_over_websocket_closes_it(hall: Hall) -> None:
    session, link = hall.websocket()
    hall.engine.receive_websocket(session, link, "1")
    assert (link.close_code, hall.reasons()) == (1000, [Reason.TRANSPORT_CLOSE])
    hall.assert_empty()


def test_the_application_ends_a_session_over_websocket(hall: Hall) -> None:
    session, link = hall.websocket()
    session.close()
    assert (link.close_code, hall.reasons()) == (1000, [Reason.FORCED_CLOSE])
    hall.assert_empty()


def test_a_session_that_ends_between_polls_tells_its_last_words_at_the_next(hall: Hall) -> None:
    session = hall.polling()
    session.send("goodbye")
    session.close()
    assert hall.reasons() == [Reason.FORCED_CLOSE]
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
    hall.engine.receive_websocket_lost(session, link)
    hall.clock.advance(100)
    assert hall.reasons() == [Reason.FORCED_CLOSE]


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
    assert hall.reasons() == [Reason.SHUTTING_DOWN] * 3
    assert link.close_code == 1012
    assert polled.packets == ["1"]
    with pytest.raises(RequestRefused):
        hall.engine.find(between_polls.sid)
    hall.assert_empty()


def test_a_shut_down_during_an_upgrade_closes_the_candidate(hall: Hall) -> None:
    session, candidate = hall.polling(), FakeLink()
    hall.engine.receive_candidate(session, candidate)
    hall.engine.shut_down()
    assert candidate.close_code is not None
    hall.assert_empty()


def test_all_engines_of_a_process_can_be_shut_down(hall: Hall) -> None:
    other = Hall()
    hall.websocket()
    other.websocket()
    shut_down_all()
    hall.assert_empty()
    other.assert_empty()


# Time


def test_a_silent_session_is_gone_at_ping_interval_plus_ping_timeout(hall: Hall) -> None:
    _, link = hall.websocket()
    hall.clock.advance(24.9)
    assert len(link.packets) == 1
    hall.clock.advance(0.1)
    assert link.packets[1:] == ["2"]
    hall.clock.advance(19.9)
    assert not hall.app.closed
    hall.clock.advance(0.1)
    assert hall.reasons() == [Reason.PING_TIMEOUT]
    hall.assert_empty()


def test_a_client_that_never_polls_is_gone_at_the_same_time(hall: Hall) -> None:
    hall.polling()
    hall.clock.advance(44.9)
    assert not hall.app.closed
    hall.clock.advance(0.1)
    assert hall.reasons() == [Reason.PING_TIMEOUT]
    hall.assert_empty()


def test_a_pong_is_good_for_another_interval(hall: Hall) -> None:
    session, link = hall.websocket()
    for pings in range(1, 10):
        hall.clock.advance(25)
        assert link.packets[1:] == ["2"] * pings
        hall.engine.receive_websocket(session, link, "3")
    assert not hall.app.closed
    assert hall.clock.pending == 1


def test_a_ping_answers_the_poll_that_waits(hall: Hall) -> None:
    poll = hall.poll(hall.polling())
    hall.clock.advance(25)
    assert poll.packets == ["2"]


def test_pongs_that_wait_unread_behind_a_held_up_loop_are_in_time(hall: Hall) -> None:
    session, link = hall.websocket()
    hall.clock.advance(25)
    hall.clock.spend(30)
    hall.clock.turn()  # the late alarm; what the kernel holds is read next
    hall.engine.receive_websocket(session, link, "3")
    hall.clock.settle()
    assert not hall.app.closed


def test_a_poll_that_comes_before_its_due_alarm_does_not_miss_the_ping(hall: Hall) -> None:
    session = hall.polling()
    hall.clock.spend(25)
    assert hall.poll(session).packets == ["2"]


def test_the_application_gives_a_session_so_long(hall: Hall) -> None:
    session, link = hall.websocket()
    session.allow(3)
    hall.clock.advance(2.9)
    assert not hall.app.closed
    hall.clock.advance(0.1)
    assert (hall.reasons(), link.close_code) == ([Reason.CONNECT_TIMEOUT], 1000)
    hall.assert_empty()


def test_and_takes_that_back(hall: Hall) -> None:
    session, _ = hall.websocket()
    session.allow(3)
    session.allow(math.inf)
    hall.clock.advance(20)
    assert not hall.app.closed


def test_a_websocket_that_does_not_drain_in_time_is_closed(hall: Hall) -> None:
    session, link = hall.websocket()
    hall.engine.receive_blocked(session)
    hall.clock.advance(LIMITS.drain_timeout_s)
    assert (hall.reasons(), link.close_code) == ([Reason.SLOW_CLIENT], 1008)
    hall.assert_empty()


def test_one_that_drains_in_time_lives_on(hall: Hall) -> None:
    session, _ = hall.websocket()
    hall.engine.receive_blocked(session)
    hall.clock.advance(LIMITS.drain_timeout_s / 2)
    session.receive_drained()
    hall.clock.advance(LIMITS.drain_timeout_s)
    assert not hall.app.closed


# Upgrades


def test_an_upgrade_keeps_the_session_and_what_waits_for_it(hall: Hall) -> None:
    session, link = hall.polling(), FakeLink()
    poll = hall.poll(session)
    hall.engine.receive_candidate(session, link)
    hall.engine.receive_websocket(session, link, "2probe")
    assert (link.packets, poll.packets) == (["3probe"], ["6"])
    session.send("a")
    hall.engine.receive_websocket(session, link, "5")
    session.send("b")
    hall.clock.settle()
    assert link.packets == ["3probe", "4a", "4b"]
    assert not hall.app.closed


def test_after_an_upgrade_polling_is_over(hall: Hall) -> None:
    session, link = hall.polling(), FakeLink()
    hall.engine.receive_candidate(session, link)
    for packet in ("2probe", "5"):
        hall.engine.receive_websocket(session, link, packet)
    with pytest.raises(RequestRefused):
        hall.poll(session)
    with pytest.raises(RequestRefused):
        hall.engine.receive_post(session)
    assert not hall.app.closed


def test_a_second_websocket_is_refused_and_the_first_lives_on(hall: Hall) -> None:
    session, link = hall.websocket()
    second = FakeLink()
    with pytest.raises(RequestRefused):
        hall.engine.receive_candidate(session, second)
    hall.engine.receive_websocket(session, second, "4from the second")
    hall.engine.receive_websocket_lost(session, second)
    session.send("a")
    assert (link.packets[1:], hall.app.messages, hall.app.closed) == (["4a"], [], [])


@pytest.mark.parametrize("packets", [[], ["2probe"]])
def test_an_upgrade_that_is_never_finished_is_given_up_and_polling_goes_on(
    hall: Hall, packets: list[str]
) -> None:
    session, candidate = hall.polling(), FakeLink()
    hall.engine.receive_candidate(session, candidate)
    for packet in packets:
        hall.engine.receive_websocket(session, candidate, packet)
    hall.clock.advance(LIMITS.upgrade_timeout_s)
    assert candidate.close_code == 1000
    session.send("a")
    assert hall.poll(session).packets == ["4a"]


def test_a_candidate_that_is_lost_makes_room_for_the_next(hall: Hall) -> None:
    session, candidate = hall.polling(), FakeLink()
    hall.engine.receive_candidate(session, candidate)
    hall.engine.receive_websocket_lost(session, candidate)
    hall.engine.receive_candidate(session, FakeLink())
    assert not hall.app.closed


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
        hall.engine.receive_websocket(session, link, packet)
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
    hall.engine.receive_websocket(session, link, "4a")
    session.close()
    assert not caplog.records
