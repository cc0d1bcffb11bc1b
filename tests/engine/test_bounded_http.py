"""BoundedHttp by itself, on a fake transport: bodies, pipelines, and answers that nobody reads."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from nannin.engine import bounded_http
from nannin.engine.bounded_http import (
    HALF_CLOSED_S,
    MAX_HELD_BYTES,
    MAX_IDLE_BYTES,
    MAX_WAITING,
    SHARE_PARTS,
    BoundedHttp,
)
from nannin.engine.direct import DirectWebSocket
from support.peers import FakeTransport, turn

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A share is so many parts, however slow this machine is just now."""
    monkeypatch.setattr(bounded_http, "SHARE_S", math.inf)


App = Callable[[Any, Any, Any], Awaitable[None]]


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Desk:
    """An app that notes its requests, and answers each when the test says so."""

    def __init__(self, *, reads: bool = False, size: int = 2) -> None:
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []
        self._reads = reads
        self._size = size
        self._turns = asyncio.Semaphore(0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        body, more = b"", self._reads
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        await self._turns.acquire()
        headers = [(b"content-length", str(self._size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"k" * self._size})

    def answer_next(self) -> None:
        self._turns.release()


class Taker(asyncio.Protocol):
    """Takes an upgraded connection over, and notes what it is given."""

    def __init__(self, taken: list[bytes]) -> None:
        self._taken = taken

    def data_received(self, data: bytes) -> None:
        self._taken.append(data)


class Impatient(BoundedHttp):
    """Waits as long as a test likes to."""

    body_timeout_s = 0.02
    unread_timeout_s = 0.02


class LessImpatient(BoundedHttp):
    """Waits longer than a busy machine stops for, and shorter than its client reads."""

    unread_timeout_s = 0.25


def connect(
    app: App = answer, kind: type[BoundedHttp] = BoundedHttp, **options: Any
) -> tuple[BoundedHttp, FakeTransport]:
    config = Config(app, ws="none", lifespan="off", log_config=None, **options)
    config.load()
    protocol, transport = kind(config, ServerState(), {}), FakeTransport()
    transport.set_write_buffer_limits(65_536, 0)
    transport.protocol = protocol
    protocol.connection_made(transport)
    return protocol, transport


def answers(transport: FakeTransport) -> int:
    return b"".join(transport.written).count(b"HTTP/1.1 200")


async def closed(transport: FakeTransport) -> str:
    async with asyncio.timeout(5):
        while transport.closed is None:
            await asyncio.sleep(0.001)
    return transport.closed


# Pipelines


async def test_requests_in_a_pipeline_are_all_answered_in_order() -> None:
    desk = Desk()
    protocol, transport = connect(desk)
    many = 3 * MAX_WAITING
    protocol.data_received(b"".join(GET.replace(b"/ ", b"/%d " % number) for number in range(many)))
    for _ in range(many):
        desk.answer_next()
        await turn()
    assert [scope["path"] for scope in desk.scopes] == [f"/{number}" for number in range(many)]
    assert answers(transport) == many
    protocol.connection_lost(None)


async def test_a_few_requests_wait_for_the_answers_before_them_and_the_others_are_not_read() -> None:
    desk = Desk()
    protocol, transport = connect(desk)
    protocol.data_received(GET * 1_000)
    await turn()
    assert len(desk.scopes) == 1
    assert len(protocol.pipeline) == MAX_WAITING
    assert not transport.reading
    desk.answer_next()
    await turn()
    assert len(desk.scopes) == 2
    assert len(protocol.pipeline) == MAX_WAITING
    assert not transport.reading
    protocol.connection_lost(None)
    assert not protocol.pipeline


async def test_a_body_with_an_empty_line_in_it_arrives_whole() -> None:
    desk = Desk(reads=True)
    protocol, _ = connect(desk)
    body = b"a\r\n\r\nb\r\n\r\n"
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await turn()
    assert desk.bodies == [body]
    protocol.connection_lost(None)


async def test_a_body_of_empty_lines_is_read_in_shares_and_whole() -> None:
    desk = Desk(reads=True)
    protocol, transport = connect(desk)
    body = b"\r\n" * 10_000
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert not transport.reading, "others have their turn first"
    turns = 0
    while not desk.bodies:
        await asyncio.sleep(0)
        turns += 1
    assert turns > len(body) / 4 / SHARE_PARTS
    assert desk.bodies == [body]
    assert transport.reading
    protocol.connection_lost(None)


async def test_a_connection_that_ends_in_its_share_is_read_no_further() -> None:
    desk = Desk(reads=True)
    protocol, _ = connect(desk)
    protocol.data_received(CHUNKED + b"ffff\r\n" + b"\r\n" * 1_000)
    protocol.connection_lost(None)
    await turn()
    assert desk.bodies == [b""], "it hears of the end"


async def test_an_app_that_wants_more_gets_it_once_what_came_is_handed_on() -> None:
    desk = Desk(reads=True)
    protocol, transport = connect(desk)
    body = b"paragraph\r\n\r\n" * 15_000
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (4 * len(body)))
    for _ in range(4):
        while not transport.reading:
            await asyncio.sleep(0)
        protocol.data_received(body)
    while not desk.bodies:
        await asyncio.sleep(0)
    assert desk.bodies == [4 * body]
    assert transport.closed is None
    protocol.connection_lost(None)


async def test_who_piles_up_requests_without_end_is_cut_off() -> None:
    protocol, transport = connect(Desk())
    for _ in range(MAX_HELD_BYTES // (len(GET) * 1_000) + 2):
        protocol.data_received(GET * 1_000)
    assert transport.closed == "abort"
    protocol.connection_lost(None)


async def test_what_waits_in_a_pipeline_goes_with_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    protocol, transport = connect(desk)
    protocol.data_received(GET * 3)
    await turn()
    transport.closed = "lost"
    protocol.connection_lost(None)
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            desk.answer_next()
            await turn()
    assert not caplog.records
    assert len(desk.scopes) == 1


# Bodies, and what comes with them


async def test_a_trailer_is_not_a_header() -> None:
    desk = Desk(reads=True)
    protocol, _ = connect(desk)
    protocol.data_received(CHUNKED + b"1\r\na\r\n0\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
    await turn()
    assert desk.bodies == [b"a"]
    assert b"x-forwarded-for" not in dict(desk.scopes[0]["headers"])
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"0\r\n", b"X-Trailer: " + b"a" * 1_000 + b"\r\n"),
        (b"0\r\nX-Trailer: ", b"a" * 1_000),
        (b"1;", b"a" * 1_000),
    ],
    ids=["trailers", "one trailer", "extension"],
)
async def test_what_is_no_body_has_a_limit(start: bytes, part: bytes) -> None:
    protocol, transport = connect(Desk(reads=True))
    protocol.data_received(CHUNKED + start)
    await turn()
    sent = 0
    while transport.closed is None:
        protocol.data_received(part)
        sent += len(part)
        assert sent <= 2 * MAX_IDLE_BYTES
    assert b"".join(transport.written).startswith(b"HTTP/1.1 400 ")
    protocol.connection_lost(None)


async def test_a_body_in_the_smallest_chunks_is_read() -> None:
    desk = Desk(reads=True)
    protocol, transport = connect(desk)
    protocol.data_received(CHUNKED)
    for _ in range(20_000):
        protocol.data_received(b"2\r\nab\r\n")
    protocol.data_received(b"0\r\n\r\n")
    await turn()
    assert [len(body) for body in desk.bodies] == [40_000]
    assert transport.closed is None
    protocol.connection_lost(None)


async def test_a_body_that_goes_on_after_its_answer_is_cut_off() -> None:
    protocol, transport = connect(answer)
    protocol.data_received(CHUNKED)
    await turn()
    assert answers(transport) == 1
    sent = 0
    while transport.closed is None:
        protocol.data_received(b"400\r\n" + b"a" * 1_024 + b"\r\n")
        sent += 1_024
        assert sent <= 2 * MAX_IDLE_BYTES
    protocol.connection_lost(None)


async def test_a_short_body_after_its_answer_leaves_the_connection_as_it_is() -> None:
    protocol, transport = connect(answer)
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
    await turn()
    protocol.data_received(b"a" * 100)
    protocol.data_received(GET)
    await turn()
    assert answers(transport) == 2
    assert transport.closed is None
    protocol.connection_lost(None)


async def test_a_body_that_comes_too_slowly_is_a_408() -> None:
    protocol, transport = connect(Desk(reads=True), Impatient)
    protocol.data_received(CHUNKED + b"1\r\na\r\n")
    assert await closed(transport) == "close"
    assert b"".join(transport.written).startswith(b"HTTP/1.1 408 ")
    protocol.connection_lost(None)


async def test_a_body_that_comes_at_the_least_pace_may_take_long() -> None:
    protocol, transport = connect(Desk(reads=True), Impatient)
    protocol.data_received(CHUNKED)
    for _ in range(50):
        protocol.data_received(b"400\r\n" + b"a" * 1_024 + b"\r\n")
        await asyncio.sleep(0.002)
    assert transport.closed is None
    protocol.connection_lost(None)


async def test_a_body_that_the_app_does_not_read_is_not_the_clients_fault() -> None:
    protocol, transport = connect(Desk(), Impatient)
    protocol.data_received(CHUNKED)
    protocol.data_received(b"20000\r\n" + b"a" * 0x20000 + b"\r\n")
    assert not transport.reading
    await asyncio.sleep(0.1)
    assert transport.closed is None
    protocol.connection_lost(None)


# Answers that nobody reads


async def test_an_answer_that_nobody_reads_ends_the_connection() -> None:
    desk = Desk(size=1_000_000)
    protocol, transport = connect(desk, Impatient)
    transport.full = True
    protocol.data_received(GET)
    desk.answer_next()
    assert await closed(transport) == "abort"
    protocol.connection_lost(None)


async def test_an_answer_that_is_read_slowly_enough_is_sent_to_its_end() -> None:
    desk = Desk(size=100_000)
    protocol, transport = connect(desk, LessImpatient)
    transport.full = True
    protocol.data_received(GET)
    desk.answer_next()
    await turn()
    while len(transport.waiting) > 1_000:
        transport.waiting = transport.waiting[1_000:]
        await asyncio.sleep(0.006)  # a hundred times: for more than two looks
    transport.empty()
    await asyncio.sleep(0.3)
    assert transport.closed is None
    protocol.connection_lost(None)


async def test_a_closed_connection_waits_for_its_reader_for_a_while_only() -> None:
    protocol, transport = connect(answer, Impatient)
    transport.full = True
    protocol.data_received(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    await turn()
    assert transport.closed == "close"
    async with asyncio.timeout(5):
        while transport.closed != "abort":
            await asyncio.sleep(0.001)
    protocol.connection_lost(None)


# Connections that are idle, or half-closed


async def test_an_empty_line_now_and_then_keeps_no_connection_open() -> None:
    protocol, transport = connect(answer, timeout_keep_alive=0.05)
    protocol.data_received(GET)
    await turn()
    async with asyncio.timeout(5):
        while transport.closed is None:
            protocol.data_received(b"\r\n")
            await asyncio.sleep(0.002)
    assert answers(transport) == 1
    protocol.connection_lost(None)


async def test_a_client_that_has_closed_its_side_is_answered() -> None:
    desk = Desk()
    protocol, transport = connect(desk)
    protocol.data_received(GET)
    assert protocol.eof_received()
    desk.answer_next()
    await turn()
    assert answers(transport) == 1
    assert transport.closed == "close"
    protocol.connection_lost(None)


async def test_who_has_closed_its_side_waits_for_an_answer_for_a_moment_only() -> None:
    protocol, transport = connect(Desk())
    protocol.data_received(GET)
    began = asyncio.get_running_loop().time()
    assert protocol.eof_received()
    assert await closed(transport) == "close"
    assert asyncio.get_running_loop().time() - began >= HALF_CLOSED_S * 0.9
    protocol.connection_lost(None)


async def test_a_connection_without_a_request_is_over_when_the_client_closes_its_side() -> None:
    protocol, _ = connect()
    assert not protocol.eof_received()
    protocol.data_received(GET)
    await turn()
    assert not protocol.eof_received()
    protocol.connection_lost(None)


# Upgrades


async def test_a_websocket_behind_an_answer_that_is_not_complete_is_a_plain_request() -> None:
    desk = Desk()
    protocol, transport = connect(desk)
    protocol.ws_protocol_class = DirectWebSocket
    protocol.data_received(GET + UPGRADE)
    for _ in range(2):
        desk.answer_next()
        await turn()
    assert [scope["type"] for scope in desk.scopes] == ["http", "http"]
    assert answers(transport) == 2
    protocol.connection_lost(None)


async def test_a_websocket_after_an_answer_is_one_and_nothing_of_the_connection_is_left() -> None:
    protocol, transport = connect(timeout_keep_alive=0.02)
    taken: list[bytes] = []
    protocol.ws_protocol_class = lambda **_: Taker(taken)  # type: ignore[assignment]
    protocol.data_received(GET)
    await turn()
    protocol.data_received(UPGRADE + GET + GET)
    await asyncio.sleep(0.05)
    assert [data.partition(b" ")[0] for data in taken] == [b"GET"]
    assert transport.closed is None, "as a connection without requests would be"
    assert answers(transport) == 1


async def test_another_upgrade_is_answered_as_if_it_had_not_been_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    protocol, transport = connect()
    with caplog.at_level(logging.WARNING):
        protocol.data_received(UPGRADE.replace(b"websocket", b"h2c"))
        await turn()
    assert answers(transport) == 1
    assert not caplog.records
    protocol.connection_lost(None)
