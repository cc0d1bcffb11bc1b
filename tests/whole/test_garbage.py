"""Connections that come and go leave nothing for the garbage collector, which a server hardly ever runs."""

from __future__ import annotations

import asyncio
import gc

import uvicorn
from websockets.asyncio.client import connect

from nannin import DirectWebSocket, Live
from nannin.engine.arrival import Arrival

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


def found() -> list[str]:
    """What a collection would have to free of ours."""
    gc.collect()
    kinds = [type(each) for each in gc.garbage]
    return [kind.__qualname__ for kind in kinds if kind.__module__.split(".")[0] in OURS]
