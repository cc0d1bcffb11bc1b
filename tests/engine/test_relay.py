"""A TLS connection whose plain text another server reads and writes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import Any

import pytest

from nannin.engine.neighbours import Ends
from nannin.engine.relay import Relay, Relayed
from support.houses import Socket, opening, request, street
from support.peers import FakeTransport


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


class Fake(FakeTransport):
    """Says what protocol it has."""

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self.protocol is not None
        return self.protocol

    def is_reading(self) -> bool:
        return self.reading

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 0, self.high


async def wait_until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def relay() -> tuple[Relay, Fake, socket.socket, set[Any]]:
    transport, connections = Fake(), set[Any]()
    one = Relay(transport, connections)
    assert transport.protocol is one
    assert not transport.reading, "not before the pair is there"
    await wait_until(lambda: transport.reading)
    one.far.setblocking(False)
    return one, transport, one.far, connections


async def test_bytes_go_through_in_both_directions() -> None:
    one, transport, far, connections = await relay()
    assert connections == {one}
    one.data_received(b"hello")
    await asyncio.sleep(0.01)
    assert far.recv(9) == b"hello"
    far.send(b"world")
    await wait_until(lambda: transport.written)
    assert transport.written == [b"world"]
    one.connection_lost(None)
    assert not connections
    await asyncio.sleep(0.01)
    assert far.recv(9) == b""
    far.close()


async def test_a_client_is_not_read_while_the_other_server_does_not_read() -> None:
    one, transport, far, _ = await relay()
    sent = 0
    async with asyncio.timeout(5):
        while transport.reading:
            one.data_received(b"x" * 10_000)
            sent += 10_000
            await asyncio.sleep(0)
    assert sent < 2_000_000
    got = 0
    async with asyncio.timeout(5):
        while got < sent:
            try:
                got += len(far.recv(100_000))
            except BlockingIOError:
                await asyncio.sleep(0.001)
    assert transport.reading
    far.close()
    await wait_until(lambda: transport.closed)
    one.connection_lost(None)


async def test_the_other_server_waits_while_the_client_does_not_read() -> None:
    one, transport, far, _ = await relay()
    await asyncio.sleep(0.01)  # it reads by now
    transport.full = True
    one.pause_writing()
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < 9_000_000:
            sent += far.send(b"x" * 10_000)
            await asyncio.sleep(0)
    assert sent < 9_000_000
    assert not transport.written
    transport.full = False
    one.resume_writing()
    await wait_until(lambda: sum(map(len, transport.written)) == sent)
    far.close()
    await wait_until(lambda: transport.closed)
    one.connection_lost(None)


async def test_a_client_that_reads_too_slowly_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "unread_timeout_s", 0.01)
    one, transport, far, _ = await relay()
    looks = iter([9_000, 8_000, 7_000, 6_000, *[5_999] * 9])
    monkeypatch.setattr(transport, "get_write_buffer_size", lambda: next(looks))
    one.pause_writing()
    await wait_until(lambda: transport.closed)
    assert transport.closed == "abort"
    assert len(list(looks)) == 7, "not while it read"
    one.connection_lost(None)
    far.close()


async def test_what_the_client_sent_before_its_end_arrives() -> None:
    one, _, far, _ = await relay()
    one.data_received(b"x" * 50_000)
    one.eof_received()
    one.connection_lost(None)
    far.setblocking(True)
    with far.makefile("rb") as file:
        assert len(await asyncio.to_thread(file.read)) == 50_000
    far.close()


async def test_a_client_that_goes_before_the_pair_is_there_leaves_nothing() -> None:
    transport, connections = Fake(), set[Any]()
    one = Relay(transport, connections)
    transport.closed = "lost"
    one.eof_received()
    one.pause_writing()
    one.resume_writing()
    one.data_received(b"late")
    one.connection_lost(None)
    far = one.far
    far.setblocking(True)
    assert await asyncio.to_thread(far.recv, 9) == b""
    far.close()
    assert not connections


async def test_both_sides_end_when_the_server_stops() -> None:
    async with street(True) as (here, there, caller):
        caller.send(opening(1))
        websocket = Socket(caller)
        await websocket.open()
        await websocket.hear()
        [one] = here.state.connections
        assert isinstance(one, Relay)
        one.shutdown()
        assert await asyncio.wait_for(caller.reader.read(), 5) == b""
        await wait_until(lambda: there.closed)


async def test_the_client_hears_the_end_once_all_is_through() -> None:
    async with street(True) as (_, there, caller):
        there.answer_bytes = 2_000_000
        caller.send(request(1).replace(b"Host: x", b"Host: x\r\nConnection: close"))
        assert (await caller.hear())["house"] == 1
        assert await asyncio.wait_for(caller.reader.read(), 5) == b""


async def test_the_far_end_looks_like_the_clients_connection() -> None:
    transport = Fake()
    ends = Ends(("192.0.2.1", 5), ("203.0.113.9", 443))
    relayed = Relayed(transport, ends)
    names = ("peername", "sockname", "ends", "sslcontext")
    assert [relayed.get_extra_info(name) for name in names] == [*ends, ends, True]
    assert relayed.get_extra_info("other", 3) == 3
    assert not relayed.can_write_eof()
    protocol = asyncio.Protocol()
    relayed.set_protocol(protocol)
    assert relayed.get_protocol() is transport.protocol is protocol
    relayed.pause_reading()
    assert not relayed.is_reading()
    relayed.resume_reading()
    assert relayed.is_reading()
    relayed.set_write_buffer_limits(high=9, low=0)
    assert relayed.get_write_buffer_limits() == (0, 9)
    relayed.write(b"hello")
    assert (transport.written, relayed.get_write_buffer_size()) == ([b"hello"], 0)
    assert not relayed.is_closing()
    relayed.close()
    assert (relayed.is_closing(), transport.closed) == (True, "close")
    relayed.abort()
    assert transport.closed == "abort"


async def test_a_connection_that_moves_on_again_keeps_its_addresses() -> None:
    async with street(True) as (here, there, caller):
        for house in (1, 0, 1, 0):
            caller.send(request(house))
            answer = await caller.hear()
            assert (answer["house"], answer["scheme"], answer["client"]) == (house, "https", caller.address)
            assert answer["server"] == ["127.0.0.1", here.port], json.dumps(answer)
        assert [type(one) for one in there.state.connections] == [], "one relay is enough"
