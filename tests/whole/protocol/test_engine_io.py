"""Engine.IO v4 from outside: what the protocol's sentences ask of a server, on a real process.

Source: Engine.IO protocol, 4th revision; the error bodies are the reference server's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.raw_links import Link
from support.raw_wire import (
    Tcp,
    WaitingGet,
    WebSocket,
    get,
    polling,
    post,
    refused,
    request,
    target,
    websocket,
)
from support.servers import Server

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


@pytest.fixture(params=["polling", "websocket", "upgrade"])
def link(request: pytest.FixtureRequest, echo_server: Server) -> Iterator[Link]:
    """A link over each transport in turn."""
    with Link(echo_server, request.param, ECHO) as link:
        yield link


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
    assert len({get(echo_server, polling(ECHO)).text for _ in range(20)}) == 20


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
    poll = WaitingGet(echo_server, polling(ECHO, sid))
    assert post(echo_server, polling(ECHO, sid), "4hello").text == "ok"
    assert poll.reply().text == "4hello"


@pytest.mark.parametrize("message", ["4hello", "4", "4€ 何人", b"\x01\x02\x03\x04", b"", "4" + "x" * 60_000])
def test_a_message_comes_back_as_it_was(link: Link, message: str | bytes) -> None:
    link.send(message)
    assert link.receive() == message


def test_messages_keep_their_order(link: Link) -> None:
    sent: list[str | bytes] = [f"4{number}" if number % 3 else bytes([number]) for number in range(15)]
    link.send(*sent)
    assert [link.receive() for _ in sent] == sent


@pytest.mark.parametrize("payload", ["abc", "", "7", "4ok\x1eabc", "4a\x1e", "b====", "bA", "2", "2probe"])
def test_an_unparsable_post_ends_the_session_with_400(echo_server: Server, sid: str, payload: str) -> None:
    assert post(echo_server, polling(ECHO, sid), payload).status == 400
    assert get(echo_server, polling(ECHO, sid)).error == UNKNOWN_SESSION


def test_an_unparsable_post_ends_a_waiting_poll(echo_server: Server, sid: str) -> None:
    poll = WaitingGet(echo_server, polling(ECHO, sid))
    assert post(echo_server, polling(ECHO, sid), "abc").status == 400
    assert poll.reply().text == "1"


@pytest.mark.parametrize("frame", ["abc", "", "7", "2", "2probe"])
def test_an_unparsable_frame_ends_the_websocket(echo_server: Server, frame: str) -> None:
    socket = WebSocket(echo_server, websocket(ECHO))
    socket.receive()
    socket.send(frame)
    assert socket.receive_end() not in (None, 1006), "the server says why it closes"


# One GET and one POST at a time


def test_a_second_get_ends_the_session(echo_server: Server, sid: str) -> None:
    first = WaitingGet(echo_server, polling(ECHO, sid))
    second = get(echo_server, polling(ECHO, sid))
    assert second.status == 400
    ended = first.reply()
    assert (ended.status, ended.text) == (200, "1")
    assert get(echo_server, polling(ECHO, sid)).error == UNKNOWN_SESSION


def test_a_second_post_ends_the_session(echo_server: Server, sid: str) -> None:
    with Tcp(echo_server) as slow:
        slow.send(
            f"POST {polling(ECHO, sid)} HTTP/1.1\r\nHost: {echo_server.host}\r\nContent-Length: 6\r\n\r\n4h"
        )
        assert post(echo_server, polling(ECHO, sid), "4hello").status == 400
    assert get(echo_server, polling(ECHO, sid)).error == UNKNOWN_SESSION


def test_a_cancelled_get_ends_the_session(echo_server: Server, sid: str) -> None:
    WaitingGet(echo_server, polling(ECHO, sid)).cancel()
    assert get(echo_server, polling(ECHO, sid)).status == 400
    assert get(echo_server, polling(ECHO, sid)).error == UNKNOWN_SESSION


def test_get_and_post_may_run_side_by_side(echo_server: Server, sid: str) -> None:
    poll = WaitingGet(echo_server, polling(ECHO, sid))
    assert post(echo_server, polling(ECHO, sid), "4beside").text == "ok"
    assert poll.reply().text == "4beside"
