"""The life of an Engine.IO session from outside: its heartbeat, its end, its upgrade.

Source: Engine.IO protocol, 4th revision, "Heartbeat" and "Upgrade".
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from support.raw_links import Link
from support.raw_wire import (
    SEPARATOR,
    Closed,
    WaitingGet,
    WebSocket,
    get,
    polling,
    post,
    request,
    websocket,
)
from support.servers import Server

INTERVAL_S, TIMEOUT_S = 0.3, 0.2
CLOCK_S = 0.02  # how far two processes' views of one moment may differ
SLACK_S = 2.0  # how late a busy machine may make an answer

ECHO = "/engine.io/"


@pytest.fixture(params=["polling", "websocket", "upgrade"])
def link(request: pytest.FixtureRequest, echo_server: Server) -> Iterator[Link]:
    """A link over each transport in turn."""
    with Link(echo_server, request.param, ECHO) as link:
        yield link


def open_session(server: Server) -> str:
    return str(json.loads(get(server, polling(ECHO)).text[1:])["sid"])


def probe(server: Server, sid: str) -> WebSocket:
    """A WebSocket whose probe is answered, and no more."""
    candidate = WebSocket(server, websocket(ECHO, sid))
    candidate.send("2probe")
    assert candidate.receive() == "3probe"
    return candidate


def assert_echoes(link: Link | WebSocket, message: str = "4are you there?") -> None:
    link.send(message)
    received = link.receive()
    while received == "2":
        received = link.receive()
    assert received == message


# The heartbeat


def test_polling_is_pinged_at_the_interval(echo_server: Server) -> None:
    started = time.monotonic()
    sid = open_session(echo_server)
    for _ in range(3):
        assert get(echo_server, polling(ECHO, sid)).text == "2"
        waited = time.monotonic() - started
        assert INTERVAL_S - CLOCK_S <= waited < INTERVAL_S + SLACK_S
        started = time.monotonic()
        assert post(echo_server, polling(ECHO, sid), "3").text == "ok"


def test_websocket_is_pinged_at_the_interval(echo_server: Server) -> None:
    started = time.monotonic()
    socket = WebSocket(echo_server, websocket(ECHO))
    socket.receive()
    for _ in range(3):
        assert socket.receive() == "2"
        assert INTERVAL_S - CLOCK_S <= time.monotonic() - started < INTERVAL_S + SLACK_S
        started = time.monotonic()
        socket.send("3")
    socket.close()


def test_an_unanswered_ping_ends_polling_in_time(echo_server: Server) -> None:
    sid = open_session(echo_server)
    time.sleep(INTERVAL_S + TIMEOUT_S)
    assert get(echo_server, polling(ECHO, sid)).status == 400, "no slack behind the deadline"


def test_an_unanswered_ping_ends_a_waiting_poll(echo_server: Server) -> None:
    started = time.monotonic()
    sid = open_session(echo_server)
    assert get(echo_server, polling(ECHO, sid)).text == "2"
    reply = get(echo_server, polling(ECHO, sid))
    assert reply.text == "1"
    lived = time.monotonic() - started
    assert INTERVAL_S + TIMEOUT_S - CLOCK_S <= lived < INTERVAL_S + TIMEOUT_S + SLACK_S


def test_an_unanswered_ping_ends_the_websocket(echo_server: Server) -> None:
    started = time.monotonic()
    socket = WebSocket(echo_server, websocket(ECHO))
    socket.receive_end()
    lived = time.monotonic() - started
    assert INTERVAL_S + TIMEOUT_S - CLOCK_S <= lived < INTERVAL_S + TIMEOUT_S + SLACK_S


def test_messages_are_no_pong(echo_server: Server) -> None:
    with Link(echo_server, "websocket", ECHO, answers_pings=False) as link:
        while not link.ended.wait(0.02):
            link.try_send("4I talk, but I do not answer")
            assert len(link.pending()) < 1000, "the session lives on"


def test_pongs_that_nobody_asked_for_are_harmless(link: Link) -> None:
    link.send(*["3"] * 10)
    assert_echoes(link)


def test_a_link_that_answers_lives_on(link: Link) -> None:
    link.ended.wait(2.5 * (INTERVAL_S + TIMEOUT_S))
    assert_echoes(link)


# The end


def test_close_during_a_poll_answers_that_poll_with_a_noop(echo_server: Server, sid: str) -> None:
    poll = WaitingGet(echo_server, polling(ECHO, sid))
    closing = post(echo_server, polling(ECHO, sid), "1")
    assert (closing.status, closing.text) == (200, "ok")
    ended = poll.reply()
    assert (ended.status, ended.text) == (200, "6")
    assert get(echo_server, polling(ECHO, sid)).status == 400


def test_close_over_websocket_closes_it(echo_server: Server) -> None:
    socket = WebSocket(echo_server, websocket(ECHO))
    socket.receive()
    started = time.monotonic()
    socket.send("1")
    socket.receive_end()
    assert time.monotonic() - started < INTERVAL_S, "at once, and not by a missed pong"


def test_messages_in_front_of_a_close_are_taken(echo_server: Server, sid: str) -> None:
    reply = post(echo_server, polling(ECHO, sid), SEPARATOR.join(["4last words", "1"]))
    assert reply.text == "ok"
    assert get(echo_server, polling(ECHO, sid)).status == 400


# The upgrade


def test_upgrade_with_probe_and_noop(echo_server: Server, sid: str) -> None:
    candidate = probe(echo_server, sid)
    poll = get(echo_server, polling(ECHO, sid))
    assert (poll.status, poll.text) == (200, "6")
    candidate.send("5")
    assert_echoes(candidate)
    candidate.close()


def test_probe_answers_a_waiting_poll_with_a_noop(echo_server: Server, sid: str) -> None:
    poll = WaitingGet(echo_server, polling(ECHO, sid))
    candidate = probe(echo_server, sid)
    assert poll.reply().text == "6"
    candidate.send("5")
    assert_echoes(candidate)
    candidate.close()


def test_nothing_stray_follows_an_upgrade(echo_server: Server, sid: str) -> None:
    candidate = probe(echo_server, sid)
    candidate.send("5")
    received: list[str | bytes] = []
    while len(received) < 3:
        packet = candidate.receive()
        received.append(packet)
        candidate.send("3")
    assert received == ["2", "2", "2"], "pings alone: no open packet, no noop"
    candidate.close()


def test_what_waited_for_a_poll_comes_over_the_websocket(echo_server: Server, sid: str) -> None:
    candidate = WebSocket(echo_server, websocket(ECHO, sid))
    assert post(echo_server, polling(ECHO, sid), "4one\x1ebAg==\x1e4three").text == "ok"
    candidate.send("2probe")
    assert candidate.receive() == "3probe"
    candidate.send("5")
    assert [candidate.receive() for _ in range(3)] == ["4one", b"\x02", "4three"]
    candidate.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_requests_after_an_upgrade_get_400(echo_server: Server, sid: str, method: str) -> None:
    candidate = probe(echo_server, sid)
    candidate.send("5")
    assert_echoes(candidate)
    assert request(echo_server, method, polling(ECHO, sid), b"4x").status == 400
    assert_echoes(candidate)
    candidate.close()


def test_a_get_right_behind_the_upgrade_packet_gets_400(echo_server: Server, sid: str) -> None:
    candidate = probe(echo_server, sid)
    candidate.send("5")
    assert get(echo_server, polling(ECHO, sid)).status == 400
    assert_echoes(candidate)
    candidate.close()


@pytest.mark.parametrize("transport", ["websocket", "upgrade"])
def test_a_second_websocket_is_accepted_then_closed_at_once(echo_server: Server, transport: str) -> None:
    with Link(echo_server, transport, ECHO) as link:
        if transport == "upgrade":
            assert_echoes(link)
        second = WebSocket(echo_server, websocket(ECHO, link.sid))
        started = time.monotonic()
        with pytest.raises(Closed):
            second.receive()
        assert time.monotonic() - started < 1.0
        assert_echoes(link)


def test_a_second_probing_websocket_leaves_the_first_alone(echo_server: Server, sid: str) -> None:
    candidate = probe(echo_server, sid)
    with pytest.raises(Closed):
        WebSocket(echo_server, websocket(ECHO, sid)).receive()
    candidate.send("5")
    assert_echoes(candidate)
    candidate.close()


def test_an_upgrade_that_breaks_off_leaves_polling_alone(echo_server: Server, sid: str) -> None:
    probe(echo_server, sid).close()
    assert post(echo_server, polling(ECHO, sid), "4still polling").text == "ok"
    assert get(echo_server, polling(ECHO, sid)).text in ("4still polling", "6\x1e4still polling")
