"""Connections that break and come back while much is sent to all: nobody gets what was meant for another.

The system gives the descriptor of a socket that was closed to the next one that is opened, so a server that
wrote to a descriptor after its connection is gone would write to somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import random
from collections.abc import AsyncIterator

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from nannin import DirectWebSocket, Live, Socket
from nannin.engine import descriptors
from nannin.engine.send_all import SendAll, send_all_in_python

CLIENTS, LIVES, PAGES = 40, 6, ("/a", "/b", "/c")
SEED = 8124


@pytest.fixture(params=["C", "Python"])
def send_all(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    native = importlib.import_module("nannin.engine._send_all")
    chosen: SendAll = native.send_all if request.param == "C" else send_all_in_python
    monkeypatch.setattr(descriptors, "send_all", chosen)


@contextlib.asynccontextmanager
async def served(live: Live) -> AsyncIterator[str]:
    """Serves the app in this loop; gives the address of its WebSockets."""
    config = uvicorn.Config(live, port=0, ws=DirectWebSocket, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
    finally:
        server.should_exit = True
        await task


class Guest:
    """A client that comes again and again, each time to another page, and checks all that it hears."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self.url, self.chance = url, chance
        self.heard = 0

    async def live(self) -> None:
        for _ in range(LIVES):
            page = self.chance.choice(PAGES)
            async with connect(self.url, compression=None) as link:
                await link.send(f"40{page},")
                with contextlib.suppress(TimeoutError, ConnectionClosed):
                    async with asyncio.timeout(self.chance.uniform(0.02, 0.3)):
                        await self.read(link, page)
                match self.chance.randrange(3):
                    case 0:
                        link.transport.abort()  # what it has not read resets the connection
                    case 1:
                        await link.send(f"41{page},")
                    case _:
                        await asyncio.sleep(self.chance.uniform(0, 0.1))  # reads nothing more

    async def read(self, link: ClientConnection, page: str) -> None:
        last = -1
        async for message in link:
            assert isinstance(message, str)
            if message[0] in "02" or message.startswith(f"40{page},"):
                continue
            assert message.startswith(f"42{page},"), f"{message[:40]!r} came to {page}"
            event, number, _ = json.loads(message[2 + len(page) + 1 :])
            assert event == "number"
            assert number > last
            last, self.heard = number, self.heard + 1


@pytest.mark.usefixtures("send_all")
async def test_who_comes_on_a_socket_that_was_anothers_gets_nothing_of_the_other() -> None:
    live = Live()
    for name in PAGES:
        live.page(name).on("connect")(join_the_lobby)

    async def speak() -> None:
        number = 0
        while True:
            for name in PAGES:
                page, filler = live.page(name), "x" * (20_000 if number % 10 == 0 else 10)
                (page.to("lobby") if number % 2 else page).emit("number", number, filler)
                number += 1
            await asyncio.sleep(0.01)

    async with served(live) as url:
        speaker = asyncio.create_task(speak())
        chance = random.Random(SEED)
        guests = [Guest(url, random.Random(chance.random())) for _ in range(CLIENTS)]
        await asyncio.gather(*(guest.live() for guest in guests))
        speaker.cancel()
    assert sum(guest.heard for guest in guests) > CLIENTS
    assert [live.page(name).count for name in PAGES] == [live.page("/nobody").count] * 3


def join_the_lobby(socket: Socket) -> None:
    socket.join("lobby")
