"""Connections go from one server to another: no byte is lost or doubled, no descriptor is left."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from nannin.engine import handover
from nannin.engine.turned_away import TurnedAway
from support.houses import Caller, House, Socket, opening, request, street
from support.peers import FakeTransport


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(params=[False, True], ids=["plain", "TLS"])
def is_tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def members(house: House) -> list[str]:
    return [type(connection).__name__ for connection in house.state.connections]


async def test_a_request_is_answered_where_its_session_is_as_if_it_had_come_there(is_tls: bool) -> None:
    async with street(is_tls) as (here, there, caller):
        caller.send(request(1, b"hello"))
        answer = await caller.hear()
        assert (answer["house"], answer["method"], answer["bytes"]) == (1, "POST", 5)
        assert answer["client"] == caller.address
        assert answer["server"] == ["127.0.0.1", here.port]
        assert answer["scheme"] == ("https" if is_tls else "http")
        await asyncio.sleep(0.01)
        assert members(here) == (["Relay"] if is_tls else []), "only a relayed one counts here as well"
        assert members(there) == ["SetHttp"]


async def test_a_request_for_here_stays_here(is_tls: bool) -> None:
    async with street(is_tls) as (here, there, caller):
        caller.send(request(0) + request(None))
        assert [(await caller.hear())["house"] for _ in range(2)] == [0, 0]
        assert (here.taken, there.taken) == (0, 0)


@pytest.mark.parametrize("first", [b"", request(0)], ids=["first", "later"])
@pytest.mark.parametrize("chunks", [0, 3])
async def test_wherever_a_request_is_cut_it_arrives_whole(is_tls: bool, first: bytes, chunks: int) -> None:
    body = b"ab\r\n\r\ncd\r\n"
    whole = request(1, body, chunks=chunks)
    async with street(is_tls) as (here, _, _):
        for cut in range(1, len(whole), 1 if not is_tls else 5):
            caller = await Caller.call(here)
            if first:
                caller.send(first)
                assert (await caller.hear())["house"] == 0
            caller.send(whole[:cut])
            await asyncio.sleep(0.001)
            caller.send(whole[cut:])
            answer = await caller.hear()
            assert (answer["house"], answer["bytes"]) == (1, len(body)), cut
            await caller.close()


async def test_a_connection_that_is_kept_alive_goes_wherever_its_requests_do(is_tls: bool) -> None:
    async with street(is_tls) as (here, there, caller):
        for number in range(12):
            house = number // 2 % 2
            caller.send(request(house, os.urandom(9_000) if number % 3 else None, number=number))
            answer = await caller.hear()
            assert (answer["house"], answer["query"].rpartition("=")[2]) == (house, str(number))
            assert answer["client"] == caller.address
        assert (here.taken, there.taken) == (2, 3)


@pytest.mark.parametrize("size", [1, 7, 100, 1_000_000])
async def test_requests_sent_without_waiting_are_answered_in_order(is_tls: bool, size: int) -> None:
    bodies = [None, b"x", b"\r\n\r\n" * 9, None, b"y" * 3_000, None]
    houses = [0, 1, 1, 0, 1, 0, 0, 1, 0, 1]
    requests = b"".join(
        request(house, bodies[number % 6], number=number, chunks=number % 2 * 50)
        for number, house in enumerate(houses)
    )
    async with street(is_tls) as (_, _, caller):
        for at in range(0, len(requests), size):
            caller.send(requests[at : at + size])
            if size > 1 or at % 50 == 0:
                await asyncio.sleep(0)
        for number, house in enumerate(houses):
            answer = await caller.hear()
            assert (answer["house"], answer["query"].rpartition("=")[2]) == (house, str(number))
            assert answer["bytes"] == len(bodies[number % 6] or b"")


async def test_requests_that_wait_send_a_connection_to_and_fro_only_so_often(is_tls: bool) -> None:
    async with street(is_tls) as (here, there, caller):
        caller.send(b"".join(request(number % 2, number=number) for number in range(100)))
        answers = [await caller.hear() for _ in range(100)]
        assert [answer["query"].rpartition("=")[2] for answer in answers] == [str(n) for n in range(100)]
        houses = [answer["house"] for answer in answers]
        assert houses[:33] == [number % 2 for number in range(33)]
        assert set(houses[33:]) == {0}, "the rest is answered where it is"
        assert here.taken + there.taken == 32
        for house in (1, 0):  # once nothing waits, it goes where its requests do
            caller.send(request(house))
            assert (await caller.hear())["house"] == house


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_is_asked_and_however_it_is_cut_every_request_is_answered_once(
    is_tls: bool, seed: int
) -> None:
    chance = random.Random(seed)
    asked = []
    data = b""
    for number in range(chance.randrange(1, 20)):
        body = chance.choice([None, b"", b"x", b"\r\n\r\n", chance.randbytes(chance.randrange(40_000))])
        asked.append((chance.randrange(2), len(body or b""), str(number)))
        data += request(asked[-1][0], body, number=number, chunks=chance.choice([0, 0, 1_000]))
        data += chance.choice([b"", b"", b"\r\n"])
    async with street(is_tls) as (_, there, caller):
        there.answer_bytes = chance.choice([0, 100_000])

        async def send() -> None:
            at = 0
            while at < len(data):
                size = chance.choice([1, 3, 50, 1_000, 100_000])
                caller.send(data[at : at + size])
                at += size
                await asyncio.sleep(chance.choice([0, 0, 0.001]))

        sending = asyncio.create_task(send())
        for one in asked:
            answer = await caller.hear()
            assert (answer["house"], answer["bytes"], answer["query"].rpartition("=")[2]) == one
        await sending


async def test_answers_that_wait_for_the_client_go_out_before_its_connection_leaves(is_tls: bool) -> None:
    async with street(is_tls) as (here, there, caller):
        here.answer_bytes = there.answer_bytes = 8_000_000
        caller.send(request(0, b"a") + request(1, b"bb"))
        await asyncio.sleep(0.05)
        first, second = await caller.hear(), await caller.hear()
        assert [(one["house"], one["bytes"]) for one in (first, second)] == [(0, 1), (1, 2)]


async def test_much_goes_both_ways_and_nobody_is_overrun(is_tls: bool) -> None:
    body = os.urandom(3_000_000)
    async with street(is_tls) as (_, there, caller):
        there.answer_bytes = 3_000_000
        caller.send(request(1, body))
        answer = await caller.hear()
        caller.send(request(1, body, number=1))
        again = await caller.hear()
        assert (answer["bytes"], again["bytes"]) == (len(body), len(body))
        assert answer["hash"] == again["hash"]


@pytest.mark.parametrize("before", [b"", request(0), request(1)], ids=["first", "after ours", "after theirs"])
async def test_a_websocket_goes_where_its_session_is(is_tls: bool, before: bytes) -> None:
    async with street(is_tls) as (_, there, caller):
        if before:
            caller.send(before)
            await caller.hear()
        caller.send(opening(1))
        socket = Socket(caller)
        await socket.open()
        about = await socket.hear()
        assert b'"house": 1' in about
        assert (b'"wss"' if is_tls else b'"ws"') in about
        assert str(caller.address[1]).encode() in about
        for size in (1, 125, 70_000, 400_000):
            data = os.urandom(size)
            socket.send(data)
            assert await socket.hear() == data
        assert members(there) == ["DirectWebSocket"]
        await caller.close()
        async with asyncio.timeout(5):
            while not there.closed:
                await asyncio.sleep(0.001)


async def test_a_websocket_that_moved_can_be_written_to_by_its_descriptor(is_tls: bool) -> None:
    async with street(is_tls) as (_, there, caller):
        caller.send(opening(1))
        socket = Socket(caller)
        await socket.open()
        await socket.hear()
        [connection] = there.state.connections
        os.write(connection.descriptor, b"\x82\x02hi")  # type: ignore[union-attr]
        assert await socket.hear() == b"hi"


async def test_an_opening_handshake_in_pieces_after_other_requests_goes_there_too(is_tls: bool) -> None:
    async with street(is_tls) as (_, _, caller):
        caller.send(request(0))
        await caller.hear()
        for byte in opening(1):
            caller.send(bytes([byte]))
            await asyncio.sleep(0)
        socket = Socket(caller)
        await socket.open()
        assert b'"house": 1' in await socket.hear()


async def test_a_new_session_goes_where_there_are_fewer_and_stays_there(is_tls: bool) -> None:
    async with street(is_tls) as (here, there, caller):
        here.prefers_other = there.prefers_other = True
        caller.send(request(None))
        assert (await caller.hear())["house"] == 1
        assert (here.taken, there.taken) == (0, 1)


async def test_a_new_websocket_in_pieces_is_not_sent_back(is_tls: bool) -> None:
    async with street(is_tls) as (here, there, caller):
        here.prefers_other = there.prefers_other = True
        data = opening(None)
        caller.send(data[:-9])
        await asyncio.sleep(0.02)
        caller.send(data[-9:])
        socket = Socket(caller)
        await socket.open()
        assert b'"house": 1' in await socket.hear()
        assert (here.taken, there.taken) == (0, 1)


@pytest.mark.parametrize("first", [b"", request(0)], ids=["first", "later"])
async def test_what_the_other_one_can_not_take_is_answered_here(is_tls: bool, first: bytes) -> None:
    async with street(is_tls) as (here, there, caller):
        here.refuses = True
        if first:
            caller.send(first)
            await caller.hear()
        caller.send(request(1, b"hello"))
        answer = await caller.hear()
        assert (answer["house"], answer["bytes"], there.taken) == (0, 5, 0)


async def test_a_neighbour_that_is_not_there_gets_nothing(is_tls: bool) -> None:
    async with street(is_tls) as (here, _, caller):
        here.other = None
        caller.send(request(1))
        assert (await caller.hear())["house"] == 0


@pytest.mark.parametrize("name", ["dup", "Relay"])
async def test_without_a_free_descriptor_a_first_request_is_answered_here(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise OSError(24, "Too many open files")

    async with street(name == "Relay") as (_, there, caller):
        with monkeypatch.context() as patched:
            patched.setattr(*((os, "dup") if name == "dup" else (handover, "Relay")), fail)
            caller.send(request(1))
            assert (await caller.hear())["house"] == 0
            caller.send(request(1))
            assert await asyncio.wait_for(caller.reader.read(), 5) == b"", "later ones have to be asked again"
        assert there.taken == 0


async def test_one_that_finds_no_room_there_is_turned_away(is_tls: bool) -> None:
    class Full:
        def admits(self, transport: asyncio.Transport) -> bool:
            TurnedAway(transport)
            return False

    async with street(is_tls) as (_, there, caller):
        there.door = Full()
        caller.send(request(1))
        answer = await asyncio.wait_for(caller.reader.read(), 5)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.endswith(b"The server is full.\r\n")


async def test_a_client_that_has_gone_leaves_nothing(is_tls: bool) -> None:
    async with street(is_tls) as (here, there, _):
        for _ in range(20):
            caller = await Caller.call(here)
            caller.send(request(1))
            caller.writer.transport.abort()
        assert there.taken < 21


async def test_a_connection_that_has_ended_on_its_way_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = socket.socketpair()

    async def fail(*args: Any) -> None:
        raise OSError(22, "Invalid argument")

    loop = SimpleNamespace(connect_accepted_socket=fail)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    await handover.take_up(far.detach(), b"", None, lambda: House(0).make())
    monkeypatch.undo()
    assert near.recv(1) == b""
    near.close()


async def test_a_worker_that_is_cut_off_closes_what_it_was_taking_up() -> None:
    near, far = socket.socketpair()
    task = asyncio.create_task(handover.take_up(far.detach(), b"", None, House(0).make))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    near.settimeout(5)
    assert await asyncio.to_thread(near.recv, 1) == b""
    near.close()


@pytest.mark.parametrize(
    ("peer", "own", "ends"),
    [
        (("192.0.2.1", 5), ("203.0.113.9", 443), (("192.0.2.1", 5), ("203.0.113.9", 443))),
        (("2001:db8::1", 5, 0, 0), ("::1", 443, 0, 0), (("2001:db8::1", 5), ("::1", 443))),
        ("", "/run/nannin.sock", (None, ("/run/nannin.sock", None))),
        (None, None, (None, None)),
    ],
)
def test_addresses_travel_as_an_asgi_scope_has_them(peer: Any, own: Any, ends: Any) -> None:
    transport = FakeTransport()
    transport.info = {"peername": peer, "sockname": own}
    assert handover._ends_of(transport) == ends
