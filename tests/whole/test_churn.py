"""Churn over real sockets: hundreds of clients come, upgrade and leave in every way, and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from nannin import DirectWebSocket, Live
from support.waiting import wait_until

CLIENTS = 200
PING_INTERVAL_S = 0.7
PING_TIMEOUT_S = 0.7
ARRIVAL_S = 2.0
STAY_S = 0.6
GRACE_S, GRACE_LOST_S = 0.2, 0.4
PATIENCE_S = 20.0
SEED = 8124

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"


def timers_of_ours() -> list[Any]:
    """The timers of the loop that call something of nannin."""
    scheduled = getattr(asyncio.get_running_loop(), "_scheduled")  # noqa: B009 - asyncio has no public way
    callbacks = [getattr(handle, "_callback", None) for handle in scheduled if not handle.cancelled()]
    return [each for each in callbacks if str(getattr(each, "__module__", "")).startswith("nannin")]


@contextlib.asynccontextmanager
async def served(live: Live, ws: Any) -> AsyncIterator[str]:
    """Serves the app in this loop; gives its address without the scheme."""
    config = uvicorn.Config(
        live,
        port=0,
        ws=ws,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await wait_until(lambda: server.started or task.done())
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def read_to_end(link: ClientConnection) -> None:
    """Answers nothing any more; the server has to end it."""
    async for _ in link:
        pass


class Guest:
    """One client with a life of its own."""

    def __init__(self, address: str, http: httpx.AsyncClient, chance: random.Random) -> None:
        self.address = address
        self.http = http
        self.chance = chance
        # Some are nobody known; the others share a few visitors, who so leave and return all the time.
        visitor = chance.randrange(30)
        self.connect_packet = f'40{{"visitor":"visitor {visitor}"}}' if visitor < 20 else "40"

    async def live(self) -> None:
        """Comes, stays a while and goes; that the server ends it first is no error."""
        await asyncio.sleep(self.chance.uniform(0, ARRIVAL_S))
        ways: list[Callable[[], Awaitable[None]]] = [
            self.live_over_websocket,
            self.live_over_polling,
            self.live_with_upgrade,
        ]
        with contextlib.suppress(ConnectionClosed, InvalidStatus):
            await self.chance.choice(ways)()

    # WebSocket

    def open_websocket(self, sid: str = "") -> connect:
        address = f"ws://{self.address}{WEBSOCKET}" + (f"&sid={sid}" if sid else "")
        return connect(address, ping_interval=None, close_timeout=1, compression=None)

    async def live_over_websocket(self) -> None:
        link = await self.open_websocket()
        await link.recv()
        await link.send(self.connect_packet)
        await self.stay_and_leave(link)

    async def stay_and_leave(self, link: ClientConnection) -> None:
        """Answers pings for a while; then one of the ways to end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.chance.uniform(0, STAY_S)):
                while True:
                    if await link.recv() == "2":
                        await link.send("3")
        match self.chance.choice(["close", "abort", "deaf", "disconnect", "packet", "silence", "junk"]):
            case "close":
                await link.close()
            case "abort":
                link.transport.abort()
            case "deaf":
                link.transport.pause_reading()
                await asyncio.sleep(PING_INTERVAL_S + PING_TIMEOUT_S)
                link.transport.abort()
            case "disconnect":
                await link.send("41")
                await link.close()
            case "packet":
                await link.send("1")
                await read_to_end(link)
            case "silence":
                await read_to_end(link)
            case "junk":
                await link.send("junk")
                await read_to_end(link)

    # Polling

    async def open_polling(self) -> str:
        opened = await self.http.get(POLLING)
        assert opened.status_code == 200
        sid = opened.text.split('"')[3]
        await self.http.post(f"{POLLING}&sid={sid}", content=self.connect_packet)
        return sid

    async def poll(self, url: str) -> bool:
        """Polls once and answers a ping; returns whether the session lives on."""
        got = await self.http.get(url)
        if got.status_code != 200 or "1" in got.text.split("\x1e"):
            return False
        if "2" in got.text.split("\x1e"):
            return (await self.http.post(url, content="3")).status_code == 200
        return True

    async def live_over_polling(self) -> None:
        url = f"{POLLING}&sid={await self.open_polling()}"

        async def keep_polling() -> None:
            while await self.poll(url):
                pass

        with contextlib.suppress(TimeoutError):
            # At the end it goes away in the middle of whatever request is under way.
            async with asyncio.timeout(self.chance.uniform(0, STAY_S)):
                await keep_polling()
        match self.chance.choice(["vanish", "disconnect", "packet", "junk", "two polls"]):
            case "disconnect":
                await self.http.post(url, content="41")
            case "packet":
                await self.http.post(url, content="1")
            case "junk":
                await self.http.post(url, content="junk")
            case "two polls":
                await asyncio.gather(self.http.get(url), self.http.get(url))

    # Both

    async def live_with_upgrade(self) -> None:
        sid = await self.open_polling()
        url = f"{POLLING}&sid={sid}"
        polled = asyncio.create_task(self.http.get(url))
        link = await self.open_websocket(sid)
        how = self.chance.choice(["finish", "finish", "abort", "stray", "close first"])
        if how == "close first":
            await self.http.post(url, content="1")
        await link.send("2probe")
        with contextlib.suppress(ConnectionClosed):
            await link.recv()
        await polled
        match how:
            case "finish":
                await link.send("5")
                await self.stay_and_leave(link)
            case "abort":
                link.transport.abort()
                await self.poll(url)
            case _:
                await link.send("4stray")
                await read_to_end(link)


@pytest.mark.parametrize("ws", [DirectWebSocket, "websockets-sansio"], ids=["direct", "asgi"])
def test_when_all_have_gone_nothing_is_left(ws: Any) -> None:
    async def main() -> None:
        live = Live(
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            connect_timeout=1.0,
            upgrade_timeout=1.0,
            grace=GRACE_S,
            grace_lost=GRACE_LOST_S,
        )
        async with served(live, ws) as address:
            baseline = asyncio.all_tasks()
            chance = random.Random(SEED)
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
            async with httpx.AsyncClient(
                base_url=f"http://{address}", limits=limits, timeout=PATIENCE_S
            ) as http:
                guests = [Guest(address, http, random.Random(chance.random())) for _ in range(CLIENTS)]
                peak = 0

                async def watch() -> None:
                    nonlocal peak
                    while True:
                        for page in live.pages():
                            count = page.count
                            assert 0 <= count.visible <= count.visitors <= count.connections <= CLIENTS
                            assert count.visitors > 0
                            peak = max(peak, count.connections)
                        await asyncio.sleep(0.005)

                watching = asyncio.create_task(watch())
                async with asyncio.timeout(PATIENCE_S):
                    await asyncio.gather(*(guest.live() for guest in guests))
                watching.cancel()
                await asyncio.wait([watching])
                assert watching.cancelled()
            assert peak > CLIENTS / 20, "that was no churn"
            await wait_until(lambda: not live.engine.sessions)
            await wait_until(lambda: not live.pages())
            await wait_until(lambda: not asyncio.all_tasks() - baseline)
            await wait_until(lambda: not timers_of_ours())

    asyncio.run(main())
