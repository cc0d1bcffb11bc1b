"""Connections that come and go leave nothing for the garbage collector, which a server hardly ever runs."""

from __future__ import annotations

import asyncio
import gc

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from nannin import DirectWebSocket, Live
from nannin.engine.arrival import Arrival
from support.peers import attached

OURS = ("nannin", "uvicorn", "httptools")


async def test_a_join_over_websocket_leaves_no_circle_of_references() -> None:
    config = uvicorn.Config(
        Live(), port=0, http=Arrival, ws=DirectWebSocket, log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"

    async def join() -> None:
        async with connect(url, compression=None) as link:
            await link.send('40{"visitor":"ann"}')
            while not str(await link.recv()).startswith("40"):
                pass
            assert found() == []

    await join()  # whatever is made only once
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(5):
            await join()
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
