"""Several workers show one number: to clients and observers of every worker, and when one of them dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from support.raw_client import get
from support.servers import Server, children
from support.waiting import wait_until
from whole.test_workers import workers

PATIENCE_S = 20.0


class Tab:
    """One client of the sample's page, and the numbers that it heard."""

    def __init__(self, link: ClientConnection) -> None:
        self.link = link
        self.heard: list[int] = []
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in self.link:
                if message == "2":
                    await self.link.send("3")
                elif isinstance(message, str) and message.startswith("42"):
                    self.heard.append(json.loads(message[2:])[1])

    @property
    def number(self) -> int | None:
        return self.heard[-1] if self.heard else None

    async def close(self) -> None:
        self.reading.cancel()
        await self.link.close()


async def open_tab(server: Server, **auth: str) -> Tab:
    url = f"ws://{server.host}:{server.port}/socket.io/?EIO=4&transport=websocket"
    link = await websockets.connect(url, open_timeout=PATIENCE_S)  # its worker may just be starting
    await link.send("40" + json.dumps(auth))
    tab = Tab(link)
    await wait_until(lambda: tab.number is not None)
    return tab


@contextlib.asynccontextmanager
async def tabs(server: Server, number: int) -> AsyncIterator[list[Tab]]:
    opened = [await open_tab(server) for _ in range(number)]
    try:
        yield opened
    finally:
        await asyncio.gather(*(tab.close() for tab in opened))


def counts(server: Server) -> set[int]:
    """What the API says, asked often enough that every worker answers."""
    return {json.loads(get(f"{server.url}/api/count"))["visitors"] for _ in range(12)}


async def test_each_joiner_has_the_number_of_all_workers_at_once_and_all_others_follow() -> None:
    with workers(3) as server:
        async with tabs(server, 12) as opened:
            assert [tab.heard[0] for tab in opened] == list(range(1, 13))
            await wait_until(lambda: {tab.number for tab in opened} == {12})
            assert await asyncio.to_thread(counts, server) == {12}
            for tab in opened[:5]:
                await tab.close()
            await wait_until(lambda: {tab.number for tab in opened[5:]} == {7})
        async with asyncio.timeout(PATIENCE_S):
            while await asyncio.to_thread(counts, server) != {0}:
                await asyncio.sleep(0.05)


async def test_whoever_was_on_a_worker_that_is_killed_is_counted_no_more() -> None:
    with workers(2) as server:
        async with tabs(server, 10) as opened:
            victim = children(server)[0]
            os.kill(victim, signal.SIGKILL)
            await wait_until(lambda: any(tab.reading.done() for tab in opened))

            def left() -> list[Tab]:  # some may not have noticed yet that theirs is gone
                return [tab for tab in opened if not tab.reading.done()]

            await wait_until(lambda: all(tab.number == len(left()) for tab in left()))
            late = await open_tab(server)
            assert late.number == len(left()) + 1
            await late.close()


@pytest.mark.parametrize("visitors", [1, 3])
async def test_a_visitor_with_tabs_on_several_workers_is_one_visitor(visitors: int) -> None:
    with workers(3) as server:
        opened = [await open_tab(server, visitor=f"visitor-{number % visitors}") for number in range(9)]
        await wait_until(lambda: {tab.number for tab in opened} == {visitors})
        assert [tab.heard[0] for tab in opened] == [min(number + 1, visitors) for number in range(9)]
        await asyncio.gather(*(tab.close() for tab in opened))
