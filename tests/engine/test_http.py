"""LimitedHttp by itself, on a fake transport."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.http import MAX_HEAD_BYTES, LimitedHttp
from support.peers import FakeTransport, turn

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Impatient(LimitedHttp):
    """Waits for a head as long as a test likes to."""

    head_timeout_s = 0.01


def connect(kind: type[LimitedHttp] = LimitedHttp) -> tuple[LimitedHttp, FakeTransport]:
    config = Config(answer, ws="none", lifespan="off", log_config=None)
    config.load()
    protocol, transport = kind(config, ServerState(), {}), FakeTransport()
    protocol.connection_made(transport)
    return protocol, transport


async def wait_until_closed(transport: FakeTransport) -> None:
    async with asyncio.timeout(5):
        while transport.closed is None:
            await asyncio.sleep(0.001)


async def test_a_head_within_the_limits_is_answered() -> None:
    protocol, transport = connect()
    headers = b"".join(b"X-%d: %s\r\n" % (n, b"v" * 500) for n in range(LimitedHttp.max_headers - 1))
    for _ in range(3):
        protocol.data_received(REQUEST + headers + b"\r\n")
        await turn()
    assert b"".join(transport.written).count(b"HTTP/1.1 200") == 3
    assert transport.closed is None
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * LimitedHttp.max_line_bytes,
        REQUEST + b"X: " + b"v" * LimitedHttp.max_line_bytes + b"\r\n\r\n",
        REQUEST + b"".join(b"X-%d: v\r\n" % n for n in range(LimitedHttp.max_headers)) + b"\r\n",
        REQUEST + b"X: " + b"v" * MAX_HEAD_BYTES,
    ],
    ids=["URL", "header", "many headers", "endless header"],
)
async def test_an_overlong_head_is_a_431(head: bytes) -> None:
    protocol, transport = connect()
    for start in range(0, len(head), 4_096):
        protocol.data_received(head[start : start + 4_096])
        if transport.closed:
            break
    assert b"".join(transport.written).startswith(b"HTTP/1.1 431 ")
    assert transport.closed == "close"
    protocol.connection_lost(None)


async def test_what_is_no_http_is_a_400() -> None:
    protocol, transport = connect()
    protocol.data_received(b"HELLO hello\r\n\r\n")
    assert b"".join(transport.written).startswith(b"HTTP/1.1 400 ")
    assert b"ASCII" not in b"".join(transport.written)
    protocol.connection_lost(None)


@pytest.mark.parametrize("before", [b"", REQUEST + b"\r\n"])
async def test_a_url_that_is_not_ascii_is_a_400_that_says_so(before: bytes) -> None:
    protocol, transport = connect()
    if before:
        protocol.data_received(before)
        await turn()
    protocol.data_received("GET /api/count?page=/人 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answers = b"".join(transport.written)
    head, _, body = answers[answers.index(b"HTTP/1.1 400 ") :].partition(b"\r\n\r\n")
    assert body.endswith(b"Percent-encode them, such as %E4%BA%BA for U+4EBA.\n")
    assert f"content-length: {len(body)}".encode() in head
    protocol.connection_lost(None)


@pytest.mark.parametrize("first", [b"", b"GET / HT", REQUEST])
async def test_a_head_that_is_not_whole_in_time_is_a_408(first: bytes) -> None:
    protocol, transport = connect(Impatient)
    if first:
        protocol.data_received(first)
    await wait_until_closed(transport)
    assert b"".join(transport.written).startswith(b"HTTP/1.1 408 ")
    protocol.connection_lost(None)


async def test_the_next_head_of_a_connection_has_its_own_time() -> None:
    protocol, transport = connect(Impatient)
    protocol.data_received(REQUEST + b"\r\n")
    await turn()
    assert b"".join(transport.written).startswith(b"HTTP/1.1 200 ")
    transport.written.clear()
    protocol.data_received(REQUEST)
    await wait_until_closed(transport)
    assert b"".join(transport.written).startswith(b"HTTP/1.1 408 ")
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHOST:\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
)
async def test_a_request_that_names_no_host_or_two_gets_a_400_that_says_so(head: bytes) -> None:
    protocol, transport = connect()
    protocol.data_received(head)
    await turn()
    written = b"".join(transport.written)
    assert written.startswith(b"HTTP/1.1 400 ")
    assert b"expected one Host header" in written
    assert transport.closed is not None
    protocol.connection_lost(None)


async def test_http_1_0_needs_no_host() -> None:
    protocol, transport = connect()
    protocol.data_received(b"GET / HTTP/1.0\r\n\r\n")
    await turn()
    assert b"".join(transport.written).startswith(b"HTTP/1.1 200")
    protocol.connection_lost(None)


async def test_a_target_that_names_a_server_is_judged_by_that_and_not_by_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scopes: list[Any] = []

    async def note(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await answer(scope, receive, send)

    protocol, transport = connect()
    monkeypatch.setattr(protocol, "app", note)
    protocol.data_received(b"GET http://evil.example/a?b HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\r\n")
    await turn()
    assert b"".join(transport.written).startswith(b"HTTP/1.1 200")
    assert scopes[0]["headers"] == [(b"host", b"evil.example"), (b"x", b"y")]
    assert (scopes[0]["raw_path"], scopes[0]["query_string"]) == (b"/a", b"b")
    protocol.connection_lost(None)


@pytest.mark.parametrize("target", [b"http:///a", b"http://a b/"])
async def test_a_target_that_names_no_server_is_refused(target: bytes) -> None:
    protocol, transport = connect()
    protocol.data_received(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await turn()
    assert b"".join(transport.written).startswith(b"HTTP/1.1 400")
    protocol.connection_lost(None)


async def test_a_connection_is_idle_from_its_start_or_its_last_answer_on() -> None:
    loop = asyncio.get_running_loop()
    before_s = loop.time()
    protocol, transport = connect()
    since_s = protocol.idle_since_s()
    assert since_s is not None
    assert before_s - 1e-6 <= since_s <= loop.time()
    protocol.data_received(REQUEST)  # half a head is idle too
    assert protocol.idle_since_s() == since_s
    await asyncio.sleep(0.01)
    protocol.data_received(b"\r\n")
    assert protocol.idle_since_s() is None
    before_s = loop.time()
    await turn()
    since_s = protocol.idle_since_s()
    assert since_s is not None
    assert before_s - 1e-6 <= since_s <= loop.time()
    protocol.give_way()
    assert transport.closed == "close"
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    "sent",
    [
        b"no HTTP\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        REQUEST + b"X: " + b"v" * MAX_HEAD_BYTES,
        REQUEST,
        REQUEST + b"Content-Length: 9\r\n\r\n",
    ],
    ids=["no HTTP", "no host", "endless header", "half a head", "half a body"],
)
async def test_what_is_refused_before_an_application_has_it_is_tallied(sent: bytes) -> None:
    class SlowBody(Impatient):
        body_timeout_s = 0.01

    before = AT_THE_DOOR.tally[Refusal.HTTP]
    protocol, transport = connect(SlowBody)
    protocol.data_received(sent)
    await wait_until_closed(transport)
    assert AT_THE_DOOR.tally[Refusal.HTTP] == before + 1
    protocol.connection_lost(None)
