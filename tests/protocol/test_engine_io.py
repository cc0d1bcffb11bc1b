"""Engine.IO v4 from outside: what the protocol's sentences ask of a server, on a real process.

Source: Engine.IO protocol, 4th revision; the error bodies are the reference server's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from protocol.wire import (
    SEPARATOR,
    Closed,
    InBackground,
    Link,
    Tcp,
    WebSocket,
    get,
    polling,
    post,
    refused,
    request,
    target,
    websocket,
)
from servers import Server

INTERVAL_S, TIMEOUT_S = 0.3, 0.2
CLOCK_S = 0.02  # how far two processes' views of one moment may differ
SLACK_S = 2.0  # how late a busy machine may make an answer

ECHO = "/engine.io/"
KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}

UNKNOWN_TRANSPORT = (400, 0, "Transport unknown")
UNKNOWN_SESSION = (400, 1, "Session ID unknown")
BAD_METHOD = (400, 2, "Bad handshake method")
BAD_REQUEST = (400, 3, "Bad request")
UNKNOWN_VERSION = (400, 5, "Unsupported protocol version")

BAD_QUERIES = [
    pytest.param("", UNKNOWN_TRANSPORT, id="nothing"),
    pytest.param("EIO=4", UNKNOWN_TRANSPORT, id="no transport"),
    pytest.param("EIO=4&transport=abc", UNKNOWN_TRANSPORT, id="transport abc"),
    pytest.param("EIO=4&transport=", UNKNOWN_TRANSPORT, id="empty transport"),
    pytest.param("EIO=4&transport=__proto__", UNKNOWN_TRANSPORT, id="transport __proto__"),
    pytest.param("transport={}", UNKNOWN_VERSION, id="no EIO"),
    pytest.param("EIO=abc&transport={}", UNKNOWN_VERSION, id="EIO abc"),
    pytest.param("EIO=3&transport={}", UNKNOWN_VERSION, id="EIO 3"),
    pytest.param("EIO=44&transport={}", UNKNOWN_VERSION, id="EIO 44"),
    pytest.param("EIO=4&transport={}&sid=unknown", UNKNOWN_SESSION, id="unknown sid"),
    pytest.param("EIO=4&transport={}&sid=__proto__", UNKNOWN_SESSION, id="sid __proto__"),
    pytest.param("EIO=4&transport={}&sid=%00%ff", UNKNOWN_SESSION, id="sid of bad bytes"),
    pytest.param("EIO=4&transport={}&sid=" + "a" * 4000, UNKNOWN_SESSION, id="sid of 4,000 characters"),
]


@pytest.fixture
def sid(echo_server: Server) -> str:
    """A fresh polling session."""
    return open_session(echo_server)["sid"]  # type: ignore[no-any-return]


@pytest.fixture(params=["polling", "websocket", "upgrade"])
def link(request: pytest.FixtureRequest, echo_server: Server) -> Iterator[Link]:
    """A link over each transport in turn."""
    with Link(echo_server, request.param, ECHO) as link:
        yield link


def open_session(server: Server) -> dict[str, object]:
    handshake = json.loads(get(server, polling(ECHO)).text[1:])
    assert isinstance(handshake, dict)
    return handshake


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


# The handshake


def test_polling_handshake_has_exactly_the_protocols_keys(echo_server: Server) -> None:
    reply = get(echo_server, polling(ECHO))
    assert reply.status == 200
    assert reply.headers["content-type"].lower() == "text/plain; charset=utf-8"
    assert reply.text[0] == "0"
    handshake = json.loads(reply.text[1:])
    assert set(handshake) == KEYS
    assert handshake | {"sid": ""} == {
        "sid": "",
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1_000_000,
    }
    assert isinstance(handshake["sid"], str)
    assert len(handshake["sid"]) >= 20, "a sid is a secret: it must not be guessed"


def test_websocket_handshake_offers_no_upgrade(echo_server: Server) -> None:
    with Link(echo_server, "websocket", ECHO) as link:
        assert link.handshake == {
            "sid": link.sid,
            "upgrades": [],
            "pingInterval": 300,
            "pingTimeout": 200,
            "maxPayload": 1_000_000,
        }


def test_every_session_has_a_sid_of_its_own(echo_server: Server) -> None:
    assert len({open_session(echo_server)["sid"] for _ in range(20)}) == 20


def test_handshake_is_never_cached(echo_server: Server) -> None:
    assert "no-store" in get(echo_server, polling(ECHO)).headers["cache-control"]


# What is refused


@pytest.mark.parametrize(("query", "error"), BAD_QUERIES)
def test_polling_refuses_a_bad_query(echo_server: Server, query: str, error: tuple[int, int, str]) -> None:
    reply = get(echo_server, f"{ECHO}?{query.format('polling')}")
    assert reply.error == error
    assert reply.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(("query", "error"), BAD_QUERIES)
def test_websocket_refuses_a_bad_query(echo_server: Server, query: str, error: tuple[int, int, str]) -> None:
    assert refused(echo_server, f"{ECHO}?{query.format('websocket')}").error == error


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_handshake_is_a_get(echo_server: Server, method: str) -> None:
    assert request(echo_server, method, polling(ECHO)).error == BAD_METHOD


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_session_takes_get_and_post_only(echo_server: Server, sid: str, method: str) -> None:
    assert request(echo_server, method, polling(ECHO, sid)).error == BAD_REQUEST
    assert post(echo_server, polling(ECHO, sid), "4on").text == "ok", "the session goes on"


@pytest.mark.parametrize("with_sid", [False, True])
def test_head_is_refused_without_a_body(echo_server: Server, sid: str, with_sid: bool) -> None:
    reply = request(echo_server, "HEAD", polling(ECHO, sid if with_sid else None))
    assert (reply.status, reply.text) == (400, "")


def test_websocket_transport_without_a_websocket_is_refused(echo_server: Server) -> None:
    assert get(echo_server, websocket(ECHO)).error == BAD_REQUEST


def test_polling_transport_over_a_websocket_is_refused(echo_server: Server) -> None:
    assert refused(echo_server, polling(ECHO)).error == BAD_REQUEST


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_closed_sid_is_unknown(echo_server: Server, sid: str, method: str) -> None:
    assert post(echo_server, polling(ECHO, sid), "1").text == "ok"
    assert request(echo_server, method, polling(ECHO, sid), b"4x").error == UNKNOWN_SESSION


def test_a_refused_request_ends_no_session(echo_server: Server, sid: str) -> None:
    get(echo_server, target(ECHO, EIO="3", transport="polling", sid=sid))
    get(echo_server, target(ECHO, EIO="4", transport="abc", sid=sid))
    assert post(echo_server, polling(ECHO, sid), "4on").text == "ok"


# Messages


@pytest.mark.parametrize(
    "payload",
    [
        "4hello",
        "4",
        "4one\x1e4two\x1e4three",
        "4hello\x1ebAQIDBA==",
        "b",
        "bAQ==\x1e4€ 何人\x1ebAAD/",
        "4" + "x" * 60_000,
    ],
    ids=["text", "empty text", "several", "text and binary", "no bytes", "beyond ASCII", "60,000 characters"],
)
def test_polling_gives_back_what_was_posted(echo_server: Server, sid: str, payload: str) -> None:
    pushed = post(echo_server, polling(ECHO, sid), payload)
    assert (pushed.status, pushed.text) == (200, "ok")
    pulled = get(echo_server, polling(ECHO, sid))
    assert (pulled.status, pulled.text) == (200, payload)
    assert pulled.headers["content-type"].lower() == "text/plain; charset=utf-8"


def test_a_waiting_poll_is_answered_when_there_is_something(echo_server: Server, sid: str) -> None:
    poll = InBackground(lambda: get(echo_server, polling(ECHO, sid)))
    assert post(echo_server, polling(ECHO, sid), "4hello").text == "ok"
    assert poll.result().text == "4hello"


@pytest.mark.parametrize("message", ["4hello", "4", "4€ 何人", b"\x01\x02\x03\x04", b"", "4" + "x" * 60_000])
def test_a_message_comes_back_as_it_was(link: Link, message: str | bytes) -> None:
    link.send(message)
    assert link.receive() == message


def test_messages_keep_their_order(link: Link) -> None:
    sent: list[str | bytes] = [f"4{number}" if number % 3 else bytes([number]) for number in range(15)]
    link.send(*sent)
    assert [link.receive() for _ in sent] == sent


@pytest.mark.parametrize(
    "payload", ["abc", "", "7", "4ok\x1eabc", "4a\x1e", "b====", "bA", "0{}", "2", "2probe", "5"]
)
def test_an_unparsable_post_ends_the_session_with_400(echo_server: Server, sid: str, payload: str) -> None:
    assert post(echo_server, polling(ECHO, sid), payload).status == 400
    assert get(echo_server, polling(ECHO, sid)).error == UNKNOWN_SESSION


def test_an_unparsable_post_ends_a_waiting_poll(echo_server: Server, sid: str) -> None:
    poll = waiting_poll(echo_server, sid)
    assert post(echo_server, polling(ECHO, sid), "abc").status == 400
    assert poll.result().text == "1"


@pytest.mark.parametrize("frame", ["abc", "", "7", "0{}", "2", "2probe", "5"])
def test_an_unparsable_frame_ends_the_websocket(echo_server: Server, frame: str) -> None:
    socket = WebSocket(echo_server, websocket(ECHO))
    socket.receive()
    socket.send(frame)
    assert socket.receive_end() not in (None, 1006), "the server says why it closes"


# One GET and one POST at a time


def waiting_poll(server: Server, sid: str) -> InBackground:
    """A GET that the server holds: an echo that travels through another poll shows that it is there."""
    poll = InBackground(lambda: get(server, polling(ECHO, sid)))
    time.sleep(0.05)  # nothing outside the server shows that a GET has begun to wait
    return poll


def test_a_second_get_ends_the_session(echo_server: Server, sid: str) -> None:
    first = waiting_poll(echo_server, sid)
    second = get(echo_server, polling(ECHO, sid))
    assert second.status == 400
    assert (first.result().status, first.result().text) == (200, "1")
    assert get(echo_server, polling(ECHO, sid)).error == UNKNOWN_SESSION


def test_a_second_post_ends_the_session(echo_server: Server, sid: str) -> None:
    with Tcp(echo_server) as slow:
        slow.send(
            f"POST {polling(ECHO, sid)} HTTP/1.1\r\nHost: {echo_server.host}\r\nContent-Length: 6\r\n\r\n4h"
        )
        time.sleep(0.05)  # nothing outside the server shows that half a POST has arrived
        assert post(echo_server, polling(ECHO, sid), "4hello").status == 400
    assert get(echo_server, polling(ECHO, sid)).error == UNKNOWN_SESSION


def test_a_cancelled_get_ends_the_session(echo_server: Server, sid: str) -> None:
    with Tcp(echo_server) as tcp:
        tcp.send(f"GET {polling(ECHO, sid)} HTTP/1.1\r\nHost: {echo_server.host}\r\n\r\n")
        time.sleep(0.05)  # as above
    assert get(echo_server, polling(ECHO, sid)).status == 400
    assert get(echo_server, polling(ECHO, sid)).error == UNKNOWN_SESSION


def test_get_and_post_may_run_side_by_side(echo_server: Server, sid: str) -> None:
    poll = waiting_poll(echo_server, sid)
    assert post(echo_server, polling(ECHO, sid), "4beside").text == "ok"
    assert poll.result().text == "4beside"


# The heartbeat


def test_polling_is_pinged_at_the_interval(echo_server: Server) -> None:
    started = time.monotonic()
    sid = str(open_session(echo_server)["sid"])
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
    sid = str(open_session(echo_server)["sid"])
    time.sleep(INTERVAL_S + TIMEOUT_S)
    assert get(echo_server, polling(ECHO, sid)).status == 400, "no slack behind the deadline"


def test_an_unanswered_ping_ends_a_waiting_poll(echo_server: Server) -> None:
    started = time.monotonic()
    sid = str(open_session(echo_server)["sid"])
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
    poll = waiting_poll(echo_server, sid)
    closing = post(echo_server, polling(ECHO, sid), "1")
    assert (closing.status, closing.text) == (200, "ok")
    assert (poll.result().status, poll.result().text) == (200, "6")
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
    poll = waiting_poll(echo_server, sid)
    candidate = probe(echo_server, sid)
    assert poll.result().text == "6"
    candidate.send("5")
    assert_echoes(candidate)
    candidate.close()


def test_nothing_stray_follows_an_upgrade(echo_server: Server, sid: str) -> None:
    candidate = probe(echo_server, sid)
    candidate.send("5")
    received = []
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
