"""Connections that come and go leave nothing for the garbage collector, which a server hardly ever runs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from nannin import ConnectionRefused, DirectWebSocket, Live, NotConnected, Socket
from nannin.engine.arrival import Arrival
from support.peers import attached

OURS = ("nannin", "uvicorn", "httptools")


# Each is said and heard by one client, as often as it likes.
Visit = Callable[[str], Awaitable[None]]


async def converse(address: str, *packets: str, until: str) -> None:
    """A WebSocket that says some packets and hears one that starts like this."""
    async with connect(f"ws://{address}/socket.io/?EIO=4&transport=websocket", compression=None) as link:
        for packet in packets:
            await link.send(packet)
        while not str(await link.recv()).startswith(until):
            pass


async def poll(address: str, *packets: str) -> None:
    """A session over polling that says some packets, polls for the answer, and closes."""
    path = f"http://{address}/socket.io/?EIO=4&transport=polling"
    async with httpx.AsyncClient() as http:
        sid = json.loads((await http.get(path)).text[1:])["sid"]
        for packet in (*packets, "1"):
            await http.post(f"{path}&sid={sid}", content=packet)
            if packet != "1":
                await http.get(f"{path}&sid={sid}")


async def ask(address: str, target: str, method: str = "GET") -> None:
    async with httpx.AsyncClient() as http:
        await http.request(method, f"http://{address}{target}")


async def raw(address: str, data: bytes) -> None:
    """Sends bytes, and reads to the end."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    writer.write_eof()
    await reader.read()
    writer.close()


async def follow(address: str) -> None:
    """A stream of events, left in the middle."""
    async with httpx.AsyncClient() as http, http.stream("GET", f"http://{address}/api/stream?page=/x") as got:
        async for line in got.aiter_lines():
            if line.startswith("data"):
                return


VISITS: dict[str, Visit] = {
    "a join": lambda address: converse(address, '40{"visitor":"ann"}', until="40"),
    "a refused connect": lambda address: converse(address, "40/refused,", until="44"),
    "a connect to no page": lambda address: converse(address, "40/missing,", until="44"),
    "an event with an ack": lambda address: converse(address, "40/room,", '42/room,1["say","x"]', until="43"),
    "an async event": lambda address: converse(address, "40/room,", '42/room,1["later","x"]', until="43"),
    "a wrong event": lambda address: converse(address, "40/room,", '42/room,1["say"]', until="43"),
    "a call": lambda address: converse(address, "40/room,", '42/room,["call"]', until="42/room,"),
    "a call to all": lambda address: converse(address, "40/room,", '42/room,["call all"]', until="42/room,"),
    "a handler that raises": lambda address: converse(
        address, "40/room,", '42/room,["fail"]', '42/room,1["say","x"]', until="43"
    ),
    "middleware": lambda address: converse(address, "40/around,", until="40/around,"),
    "a comeback": lambda address: converse(
        address, '40/room,{"recover":true}', '42/room,1["say","x"]', until="43"
    ),
    "a leave while its connect handler runs": lambda address: converse(
        address, "40/slow,", "41/slow,", "40/room,", until="40/room,"
    ),
    "a bad handshake": lambda address: raw(address, b"GET /socket.io/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    "polling": lambda address: poll(address, "40", "40/refused,"),
    "a missing file": lambda address: ask(address, "/nothing/here"),
    "a count": lambda address: ask(address, "/api/count"),
    "a bad query": lambda address: ask(address, "/api/pages?limit=x"),
    "a method": lambda address: ask(address, "/api/count", "DELETE"),
    "a stream": follow,
    "not HTTP": lambda address: raw(address, b"junk\r\n\r\n"),
    "half a head": lambda address: raw(address, b"GET / HTT"),
    "a pipeline": lambda address: raw(address, 3 * b"GET /api/count HTTP/1.1\r\nHost: x\r\n\r\n"),
}


def make_live() -> Live:
    live = Live(ping_interval=1000)
    room = live.page("/room")

    @live.page("/refused").on("connect")
    async def refuse(socket: Socket) -> None:
        await asyncio.sleep(0)
        raise ConnectionRefused("no")

    @room.on("say")
    def say(socket: Socket, text: str) -> str:
        socket.data["seen"] = text
        return text

    @room.on("later")
    async def later(socket: Socket, text: str) -> str:
        await asyncio.sleep(0)
        return text

    @room.on("fail")
    async def fail(socket: Socket) -> None:
        raise ValueError

    @live.page("/slow").on("connect")
    async def wait(socket: Socket) -> None:
        await asyncio.sleep(0.01)

    @live.page("/around").use
    async def around(socket: Socket, event: str, args: tuple[Any, ...], call_next: Any) -> Any:
        return await call_next()

    @live.page("/around").on("say")
    def say_around(socket: Socket) -> None: ...

    @room.on("call all")
    async def call_all(socket: Socket) -> None:
        await socket.page.call("question")

    @room.on("call")
    async def call(socket: Socket) -> None:
        with contextlib.suppress(NotConnected):
            await socket.call("question")

    return live


@pytest.mark.parametrize("name", VISITS)
async def test_what_clients_can_repeat_leaves_no_circle_of_references(name: str) -> None:
    config = uvicorn.Config(
        make_live(), port=0, http=Arrival, ws=DirectWebSocket, log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    address = f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    async def visit() -> None:
        await VISITS[name](address)
        while server.server_state.connections:  # until the server has seen its client go
            await asyncio.sleep(0.001)

    await visit()  # whatever is made only once
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(2):
            await visit()
        assert found() == []
    finally:
        gc.set_debug(0)
        gc.enable()
        gc.garbage.clear()
        server.should_exit = True
        await task


LARGE = Frame(Opcode.TEXT, b"x" * 200_000)
ENDS = {
    "a frame that is cut": [LARGE.serialize(mask=True)[:-1]],
    "a frame in pieces": [LARGE.serialize(mask=True)[:100_000], LARGE.serialize(mask=True)[100_000:]],
    "fragments": [Frame(Opcode.TEXT, b"x", False).serialize(mask=True)],
    "pings and a close frame": [Frame(Opcode.PING, b"x").serialize(mask=True), b"\x88\x80\0\0\0\0"],
    "a bad frame": [b"\xf1\x80\0\0\0\0"],
    "too large a frame": [b"\x81\xff" + bytes([1]) * 8],
}


@pytest.mark.parametrize("name", ENDS)
async def test_a_websocket_leaves_no_circle_of_references_however_it_ends(name: str) -> None:
    async def end() -> None:
        peer, recorder = await attached(max_message_bytes=1_000_000)
        for data in ENDS[name]:
            peer.socket.data_received(data)
            await asyncio.sleep(0)
        peer.socket.connection_lost(None)
        peer.transport.protocol = None
        assert recorder.told

    await end()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await end()
        assert found("nannin") == []
    finally:
        gc.set_debug(0)
        gc.enable()
        gc.garbage.clear()


def found(*packages: str) -> list[str]:
    """What a collection would have to free of these packages; of ours, if none is named."""
    gc.collect()
    kinds = [type(each) for each in gc.garbage]
    return [kind.__qualname__ for kind in kinds if kind.__module__.split(".")[0] in (packages or OURS)]
