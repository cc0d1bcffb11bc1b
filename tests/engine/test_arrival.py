"""A connection's first bytes: who takes it over, and what happens if none come."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from nannin.access.refusals import Refusal, Refusals
from nannin.engine.arrival import Arrival, make_arrival
from nannin.engine.direct import DirectWebSocket
from nannin.engine.http import LimitedHttp
from nannin.engine.turned_away import TurnedAway
from nannin.settings import Settings
from support.peers import FakeTransport, turn

OPENING = (
    b"GET /x?y=1 HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def answer(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await receive()
        await receive()
    else:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class ImpatientHttp(LimitedHttp):
    head_timeout_s = 0.3


class Impatient(Arrival):
    """Waits for the first bytes as long as a test likes to."""

    http = ImpatientHttp


class Door:
    """Admits everybody, or nobody."""

    def __init__(self, is_open: bool) -> None:
        self.is_open = is_open
        self.connections: set[Any] = set()

    def admits(self, transport: asyncio.Transport) -> bool:
        [connection] = self.connections
        assert connection.idle_since_s() is None, "a newcomer does not give way to itself"
        if not self.is_open:
            TurnedAway(transport)
        return self.is_open


def connect(
    kind: type[Arrival] = Arrival, *, ws: Any = DirectWebSocket, door: Door | None = None
) -> tuple[Arrival, FakeTransport, ServerState]:
    config = Config(answer, ws=ws, lifespan="off", log_config=None)
    config.load()
    state, transport = ServerState(), FakeTransport()
    if door is not None:
        door.connections = state.connections
    arrival = kind(config, state, {}, door=door)
    transport.protocol = arrival
    arrival.connection_made(transport)
    return arrival, transport, state


async def wait_until_closed(transport: FakeTransport) -> None:
    async with asyncio.timeout(5):
        while transport.closed is None:
            await asyncio.sleep(0.001)


async def test_a_whole_opening_handshake_goes_to_the_websocket_at_once() -> None:
    arrival, transport, state = connect()
    arrival.data_received(OPENING)
    assert isinstance(transport.protocol, DirectWebSocket)
    assert len(state.connections) == 1
    await turn()
    assert b"".join(transport.written).startswith(b"HTTP/1.1 101 ")
    transport.protocol.connection_lost(None)
    await turn()
    assert not state.connections
    assert not state.tasks


@pytest.mark.parametrize("cut", [1, 20, len(OPENING) - 1])
async def test_an_opening_handshake_in_two_pieces_opens_a_websocket_as_well(cut: int) -> None:
    arrival, transport, state = connect()
    arrival.data_received(OPENING[:cut])
    assert isinstance(transport.protocol, LimitedHttp)
    transport.protocol.data_received(OPENING[cut:])
    assert isinstance(transport.protocol, DirectWebSocket)
    await turn()
    assert b"".join(transport.written).startswith(b"HTTP/1.1 101 ")
    transport.protocol.connection_lost(None)
    await turn()
    assert not state.connections


async def test_an_opening_of_http_1_0_is_told_what_a_websocket_needs() -> None:
    arrival, transport, _ = connect()
    arrival.data_received(OPENING.replace(b"HTTP/1.1", b"HTTP/1.0"))
    await turn()
    assert b"".join(transport.written).startswith(b"HTTP/1.1 400 ")
    assert b"proxy_http_version 1.1" in b"".join(transport.written)
    assert transport.protocol is not None
    transport.protocol.connection_lost(None)


async def test_any_other_request_goes_to_the_http_protocol() -> None:
    arrival, transport, state = connect()
    arrival.data_received(REQUEST)
    assert isinstance(transport.protocol, LimitedHttp)
    assert state.connections == {transport.protocol}
    await turn()
    assert b"".join(transport.written).startswith(b"HTTP/1.1 200 ")
    transport.protocol.connection_lost(None)
    assert not state.connections


async def test_a_server_with_another_websocket_protocol_gets_its_openings_from_the_http_protocol() -> None:
    arrival, transport, _ = connect(ws="none")
    arrival.data_received(OPENING)
    assert isinstance(transport.protocol, LimitedHttp)
    transport.protocol.connection_lost(None)


async def test_a_client_that_says_nothing_gets_a_408() -> None:
    arrival, transport, state = connect(Impatient)
    await wait_until_closed(transport)
    assert b"".join(transport.written).startswith(b"HTTP/1.1 408 ")
    arrival.connection_lost(None)
    assert not state.connections


async def test_the_time_for_a_head_goes_on_after_its_first_bytes() -> None:
    arrival, transport, _ = connect(Impatient)
    began_s = asyncio.get_running_loop().time()
    await asyncio.sleep(0.2)
    arrival.data_received(REQUEST[:9])
    await wait_until_closed(transport)
    took_s = asyncio.get_running_loop().time() - began_s
    assert b"".join(transport.written).startswith(b"HTTP/1.1 408 ")
    assert 0.2 < took_s < 0.5
    assert transport.protocol is not None
    transport.protocol.connection_lost(None)


@pytest.mark.parametrize("said", [0, 9])
async def test_a_stopping_server_answers_the_request_that_is_on_its_way_and_no_more(said: int) -> None:
    arrival, transport, _ = connect()
    if said:
        arrival.data_received(REQUEST[:said])
    assert isinstance(transport.protocol, Arrival | LimitedHttp)
    transport.protocol.shutdown()
    assert transport.closed is None
    transport.protocol.data_received(REQUEST[said:])
    await turn()
    assert b"".join(transport.written).startswith(b"HTTP/1.1 200 ")
    assert transport.closed == "close"
    transport.protocol.connection_lost(None)


async def test_a_stopping_server_opens_no_websocket_that_is_on_its_way() -> None:
    arrival, transport, _ = connect()
    arrival.shutdown()
    arrival.data_received(OPENING)
    await turn()
    assert transport.closed == "close"
    assert b"101" not in b"".join(transport.written)
    assert transport.protocol is not None
    transport.protocol.connection_lost(None)


async def test_who_is_not_admitted_is_told_so_and_leaves_nothing() -> None:
    arrival, transport, state = connect(door=Door(False))
    assert b"".join(transport.written).startswith(b"HTTP/1.1 503 ")
    assert isinstance(transport.protocol, TurnedAway)
    assert not state.connections
    assert sys.getrefcount(arrival) <= 2, "it needs no garbage collection"
    transport.protocol.connection_lost(None)


async def test_who_is_admitted_is_served() -> None:
    arrival, transport, _ = connect(door=Door(True))
    arrival.data_received(REQUEST)
    await turn()
    assert transport.written[0].startswith(b"HTTP/1.1 200")
    assert transport.protocol is not None
    transport.protocol.connection_lost(None)


async def test_a_connection_that_has_said_nothing_is_idle_and_gives_way() -> None:
    before_s = asyncio.get_running_loop().time()
    arrival, transport, _ = connect()
    since_s = arrival.idle_since_s()
    assert since_s is not None
    assert before_s - 1e-6 <= since_s <= asyncio.get_running_loop().time()
    arrival.give_way()
    assert transport.written[-1].startswith(b"HTTP/1.1 503 ")
    assert transport.closed == "close"
    arrival.connection_lost(None)


@pytest.mark.parametrize("first", [b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)])
async def test_a_client_that_speaks_https_to_a_port_of_http_is_told_so(
    first: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    door = Refusals()
    monkeypatch.setattr("nannin.engine.arrival.AT_THE_DOOR", door)
    for _ in range(2):
        arrival, transport, state = connect()
        arrival.data_received(first)
        assert (transport.closed, len(state.connections)) == ("close", 0)
        head, _, body = b"".join(transport.written).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert body == b"This port speaks http, not https: begin the address with http://.\r\n"
        assert f"content-length: {len(body)}".encode() in head
    assert door.tally == {Refusal.HTTP: 2}
    assert [text[:52] for text in caplog.messages] == ["a client spoke https to a port that speaks http: beg"]


async def test_the_limits_of_a_head_are_those_of_the_settings() -> None:
    kind = make_arrival(Settings(max_headers=5, max_header_bytes=300, head_timeout=0.05))
    for head in (
        b"GET / HTTP/1.1\r\nHost: x\r\n" + 5 * b"X: 1\r\n" + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + 300 * b"x" + b"\r\n\r\n",
        upgrade_of(6),
    ):
        arrival, transport, _ = connect(kind)
        arrival.data_received(head)
        assert b"".join(transport.written).startswith(b"HTTP/1.1 431")
    _, transport, _ = connect(kind)
    async with asyncio.timeout(5):
        while not transport.written:
            await asyncio.sleep(0.01)
    assert b"".join(transport.written).startswith(b"HTTP/1.1 408")


def upgrade_of(more: int) -> bytes:
    """A plain opening handshake with so many headers beside those that it needs."""
    return (
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        + more * b"X: 1\r\n"
        + b"\r\n"
    )
