"""The engine in time: heartbeats, deadlines, and upgrades that may not be finished."""

from __future__ import annotations

import math
import socket
import sys
from typing import Any

import pytest

from nannin.engine import engine
from nannin.engine.descriptors import Descriptors
from nannin.engine.link import RequestRefused
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_limits import Limits
from nannin.wire.outgoing import Outgoing
from support.fakes import LIMITS, FakeLink, Hall

# Heartbeats that come sooner than a client has to answer one.
QUICK = Limits(ping_interval_s=1, ping_timeout_s=20)


@pytest.fixture
def hall() -> Hall:
    return Hall()


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
    assert hall.reasons() == [DisconnectReason.PING_TIMEOUT]
    hall.assert_empty()


def test_pings_that_are_due_together_are_sent_in_one_call(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    send = Descriptors.send

    def counted(self: Descriptors, numbers: Any, start: int, stop: int, outgoing: Outgoing) -> Any:
        sizes.append(stop - start)
        return send(self, numbers, start, stop, outgoing)

    monkeypatch.setattr(Descriptors, "send", counted)
    opened = [hall.websocket() for _ in range(30)]
    hall.clock.advance(0.1)
    opened += [hall.websocket() for _ in range(20)]
    hall.clock.advance(25.2)
    assert sizes == [30, 20]
    for session, link in opened:
        assert link.packets[1:] == ["2"]
        session.receive(link, "3")
    hall.clock.advance(25.2)
    assert sizes == [30, 20, 50]


def test_those_that_are_due_within_a_quarter_of_a_second_are_pinged_together(hall: Hall) -> None:
    opened = []
    for _ in range(10):
        opened.append(hall.websocket())
        hall.clock.advance(0.02)
    hall.clock.advance(24.81)
    assert [link.packets[1:] for _, link in opened] == [["2"], *[[]] * 9]
    hall.clock.advance(0.23)
    assert [link.packets[1:] for _, link in opened] == [["2"], *[[]] * 9]
    hall.clock.advance(0.02)
    assert [link.packets[1:] for _, link in opened] == [["2"]] * 10


def test_a_ping_that_waited_for_others_gives_no_more_time_to_answer(hall: Hall) -> None:
    hall.websocket()
    hall.clock.advance(0.1)
    hall.websocket()
    hall.clock.advance(44.95)
    assert hall.reasons() == [DisconnectReason.PING_TIMEOUT]
    hall.clock.advance(0.07)
    assert hall.reasons() == [DisconnectReason.PING_TIMEOUT] * 2


def test_pings_that_wait_are_nobodys_after_the_end(hall: Hall) -> None:
    opened = []
    for _ in range(2):
        opened.append(hall.websocket())
        hall.clock.advance(0.1)
    hall.clock.advance(24.92)
    hall.engine.shut_down()
    hall.clock.advance(1)
    _, link = hall.websocket()
    hall.clock.advance(25.25)
    assert [link.packets[1:] for _, link in opened] == [["2"], []]
    assert link.packets[1:] == ["2"]


def test_more_pings_than_fit_into_one_turn_are_sent_in_the_next(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PINGS_AT_ONCE", 2)
    opened = [hall.websocket() for _ in range(5)]
    hall.clock.advance(25)
    assert [link.packets[1:] for _, link in opened] == [["2"]] * 5


def test_a_session_that_ends_before_its_ping_is_sent_gets_none(hall: Hall) -> None:
    first, _ = hall.websocket()
    session, link = hall.websocket()
    hall.clock.advance(10)
    first.allow(15)  # so it ends in the wake-up in which the other one is due
    hall.app.on_close = lambda ended, reason: session.close()
    hall.clock.advance(15)
    assert hall.reasons() == [DisconnectReason.CONNECT_TIMEOUT, DisconnectReason.FORCED_CLOSE]
    assert (link.packets[1:], link.close_code) == ([], 1000)


def test_a_ping_goes_by_the_socket_and_what_that_does_not_take_by_the_link(hall: Hall) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        link = FakeLink()
        link.descriptor = ours.fileno()
        hall.engine.open_by_websocket(link)
        hall.clock.advance(25)
        assert theirs.recv(100) == b"\x81\x012"
        assert link.packets[1:] == []


def test_a_client_that_never_polls_is_gone_at_the_same_time(hall: Hall) -> None:
    hall.polling()
    hall.clock.advance(44.9)
    assert not hall.app.closed
    hall.clock.advance(0.1)
    assert hall.reasons() == [DisconnectReason.PING_TIMEOUT]
    hall.assert_empty()


def test_a_pong_is_good_for_another_interval(hall: Hall) -> None:
    session, link = hall.websocket()
    for pings in range(1, 10):
        hall.clock.advance(25)
        assert link.packets[1:] == ["2"] * pings
        session.receive(link, "3")
    assert not hall.app.closed
    assert hall.clock.pending == 1


def test_pings_keep_their_interval_where_a_client_has_longer_to_answer() -> None:
    """The pong makes the next deadline come sooner: it was the pong's, and is the next ping's."""
    hall = Hall(QUICK)
    session, link = hall.websocket()
    for pings in range(1, 10):
        hall.clock.advance(1)
        assert link.packets[1:] == ["2"] * pings
        session.receive(link, "3")


@pytest.mark.parametrize("body", [b"3", b"3\x1e4hello", b"4hello\x1e3"])
def test_pings_over_polling_keep_their_interval_where_a_client_has_longer_to_answer(body: bytes) -> None:
    hall = Hall(QUICK)
    session = hall.polling()
    for _ in range(9):
        poll = hall.poll(session)
        hall.clock.advance(1)
        assert poll.packets == ["2"]
        session.receive_post()
        session.receive_payload(body)


def test_a_ping_answers_the_poll_that_waits(hall: Hall) -> None:
    poll = hall.poll(hall.polling())
    hall.clock.advance(25)
    assert poll.packets == ["2"]


def test_pongs_that_wait_unread_behind_a_held_up_loop_are_in_time(hall: Hall) -> None:
    session, link = hall.websocket()
    hall.clock.advance(25)
    hall.clock.spend(30)
    hall.clock.turn()  # the late alarm; what the kernel holds is read next
    session.receive(link, "3")
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
    assert (hall.reasons(), link.close_code) == ([DisconnectReason.CONNECT_TIMEOUT], 1000)
    hall.assert_empty()


def test_and_takes_that_back(hall: Hall) -> None:
    session, _ = hall.websocket()
    session.allow(3)
    session.allow(math.inf)
    hall.clock.advance(20)
    assert not hall.app.closed


def test_a_websocket_that_does_not_drain_in_time_is_closed(hall: Hall) -> None:
    session, link = hall.websocket()
    session.block(link)
    hall.clock.advance(LIMITS.drain_timeout_s)
    assert (hall.reasons(), link.close_code) == ([DisconnectReason.SLOW_CLIENT], 1008)
    hall.assert_empty()


def test_one_that_drains_in_time_lives_on(hall: Hall) -> None:
    session, link = hall.websocket()
    session.block(link)
    hall.clock.advance(LIMITS.drain_timeout_s / 2)
    session.drain(link)
    hall.clock.advance(LIMITS.drain_timeout_s)
    assert not hall.app.closed


# Upgrades


def test_an_upgrade_keeps_the_session_and_what_waits_for_it(hall: Hall) -> None:
    session, link = hall.polling(), FakeLink()
    poll = hall.poll(session)
    session.receive_candidate(link)
    session.receive(link, "2probe")
    assert (link.packets, poll.packets) == (["3probe"], ["6"])
    session.send("a")
    session.receive(link, "5")
    session.send("b")
    hall.clock.settle()
    assert link.packets == ["3probe", "4a", "4b"]
    assert not hall.app.closed


def test_after_an_upgrade_polling_is_over(hall: Hall) -> None:
    session, link = hall.polling(), FakeLink()
    session.receive_candidate(link)
    for packet in ("2probe", "5"):
        session.receive(link, packet)
    with pytest.raises(RequestRefused):
        hall.poll(session)
    with pytest.raises(RequestRefused):
        session.receive_post()
    assert not hall.app.closed


def test_a_second_websocket_is_refused_and_the_first_lives_on(hall: Hall) -> None:
    session, link = hall.websocket()
    second = FakeLink()
    with pytest.raises(RequestRefused):
        session.receive_candidate(second)
    session.receive(second, "4from the second")
    session.lose(second, clean=True)
    session.send("a")
    assert (link.packets[1:], hall.app.messages, hall.app.closed) == (["4a"], [], [])


def test_an_oversize_message_on_a_websocket_that_is_not_the_sessions_does_not_end_it(hall: Hall) -> None:
    session, _ = hall.websocket()
    second = FakeLink()
    with pytest.raises(RequestRefused):
        session.receive_candidate(second)
    session.receive(second, "4" + "x" * LIMITS.max_payload_bytes)
    assert not hall.app.closed


def test_an_oversize_message_is_told_of_with_the_setting(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        session, link = hall.websocket()
        session.receive(link, "4" + "x" * LIMITS.max_payload_bytes)
    assert [record.message.rpartition(", ")[2] for record in caplog.records] == ["raise max_payload"]


def test_an_oversize_message_ends_the_session(hall: Hall) -> None:
    session, link = hall.websocket()
    session.receive(link, "4" + "x" * (LIMITS.max_payload_bytes - 1))
    assert not hall.app.closed
    session.receive(link, "4" + "x" * LIMITS.max_payload_bytes)
    assert hall.reasons() == [DisconnectReason.TOO_LARGE]


@pytest.mark.parametrize("packets", [[], ["2probe"]])
def test_an_upgrade_that_is_never_finished_is_given_up_and_polling_goes_on(
    hall: Hall, packets: list[str]
) -> None:
    session, candidate = hall.polling(), FakeLink()
    session.receive_candidate(candidate)
    for packet in packets:
        session.receive(candidate, packet)
    hall.clock.advance(LIMITS.upgrade_timeout_s)
    assert candidate.close_code == 1000
    session.send("a")
    assert hall.poll(session).packets == ["4a"]


def test_a_candidate_that_is_lost_makes_room_for_the_next(hall: Hall) -> None:
    session, candidate = hall.polling(), FakeLink()
    session.receive_candidate(candidate)
    session.lose(candidate, clean=True)
    session.receive_candidate(FakeLink())
    assert not hall.app.closed


# What it costs


def test_a_heartbeat_calls_few_functions(hall: Hall) -> None:
    opened = [hall.websocket() for _ in range(100)]
    hall.clock.advance(24.9)
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    for _ in range(2):  # the second time, void entries of the first are passed over
        calls = 0
        sys.setprofile(count)
        try:
            hall.clock.advance(0.1)
            for session, link in opened:
                session.receive(link, "3")
            hall.clock.advance(24.9)
        finally:
            sys.setprofile(None)
    assert [link.packets[1:] for _, link in opened] == [["2"] * 2] * 100
    assert calls / len(opened) < 24, "it was 32"
