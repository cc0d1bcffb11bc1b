"""Servers on one Redis show one number, whether each is one process or several workers."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import signal
import time

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from nannin.app.sharing import LEASE_S
from support.raw_client import get
from support.redis_servers import serving
from support.servers import Server, children, nannin
from support.waiting import wait_until
from whole.test_workers_counts import open_tab, tabs


def count(server: Server, page: str = "/") -> int:
    visitors: int = json.loads(get(f"{server.url}/api/count?page={page}"))["visitors"]
    return visitors


def of_workers(server: Server, name: str) -> list[float]:
    """A metric of each worker on a server's page."""
    lines = get(f"{server.url}/metrics").decode().splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith(name + "{worker=")]


async def test_two_servers_of_which_one_has_workers_have_one_number() -> None:
    with (
        serving("redis") as redis,
        nannin("--redis", redis.url) as one,
        nannin("--redis", redis.url, "--workers", "2") as two,
        nannin("--redis", redis.url) as reader,
    ):
        async with tabs(one, 3) as here, tabs(two, 4) as there:
            assert [tab.heard[0] for tab in [*here, *there]] == list(range(1, 8))
            await wait_until(lambda: {tab.number for tab in [*here, *there]} == {7})
            for server in (one, two, reader):
                assert await asyncio.to_thread(count, server) == 7
            assert await asyncio.to_thread(count, reader, "/other") == 0
            listed = json.loads(await asyncio.to_thread(get, f"{reader.url}/api/pages"))
            assert [(row["page"], row["visitors"]) for row in listed["pages"]] == [("/", 7)]
            pages = [
                await asyncio.to_thread(of_workers, server, "nannin_connections")
                for server in (one, two, reader)
            ]
            assert [(len(page), sum(page)) for page in pages] == [(1, 3), (2, 4), (1, 0)]
            await wait_until(lambda: of_workers(two, "nannin_nodes") == [4, 4])
            for tab in there:
                await tab.close()
            await wait_until(lambda: {tab.number for tab in here} == {3})


async def test_a_server_that_ends_in_order_leaves_at_once() -> None:
    with serving("redis") as redis, nannin("--redis", redis.url) as one:
        with nannin("--redis", redis.url) as two:
            here, _ = await open_tab(one), await open_tab(two, visitor="ann")
            await wait_until(lambda: here.number == 2)
        await wait_until(lambda: here.number == 1)
        await here.close()


async def test_two_sites_on_one_redis_have_a_number_each() -> None:
    with (
        serving("redis") as redis,
        nannin("--redis", redis.url) as one,
        nannin("--redis", redis.url, "--redis-prefix", "other") as two,
    ):
        here, there = await open_tab(one), await open_tab(two)
        assert (here.number, there.number) == (1, 1)
        await here.close()
        await there.close()


@pytest.mark.parametrize("how_many", [1, 2], ids=["one of two", "all"])
async def test_whoever_was_on_a_worker_that_is_killed_is_counted_no_more(how_many: int) -> None:
    with (
        serving("redis") as redis,
        nannin("--redis", redis.url) as one,
        nannin("--redis", redis.url, "--workers", "2") as two,
    ):
        here = await open_tab(one)
        there = [await open_tab(two) for _ in range(8)]
        await wait_until(lambda: here.number == 9)
        began_s = time.monotonic()
        for child in children(two)[:how_many]:
            os.kill(child, signal.SIGKILL)

        def left() -> int:
            return sum(not tab.reading.done() for tab in there)

        await wait_until(lambda: left() < 8 and here.number == 1 + left())
        if how_many == 1:
            assert time.monotonic() - began_s < LEASE_S, "who hears nothing would have waited as long"
        await asyncio.gather(*(tab.close() for tab in [here, *there]))


class Reader:
    """A client that joins pages over one link, and the counts that it was told last."""

    def __init__(self, link: ClientConnection) -> None:
        self.link = link
        self.counts: dict[str, int] = {}
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.link:
            if message == "2":
                await self.link.send("3")
            elif isinstance(message, str) and '"audience"' in message:
                count = json.loads(message[message.index("[") :])[1]
                self.counts[count["page"]] = count["visitors"]

    async def join(self, page: str, **auth: str) -> None:
        await self.link.send(f"40{page}," + json.dumps({"updates": "audience", **auth}))
        await wait_until(lambda: page in self.counts)

    async def close(self) -> None:
        await self.link.close()
        self._reading.cancel()


async def open_reader(server: Server, under: str = "") -> Reader:
    url = f"ws://{server.host}:{server.port}{under}/socket.io/?EIO=4&transport=websocket"
    return Reader(await websockets.connect(url))


async def test_a_person_on_three_pages_through_three_servers_is_one_in_their_group() -> None:
    groups = "--groups", "/shop/*,/*", "--grace", "0", "--grace-lost", "0"
    with (
        serving("redis") as redis,
        nannin("--redis", redis.url, *groups) as one,
        nannin("--redis", redis.url, *groups, "--workers", "2") as two,
        nannin("--redis", redis.url, *groups) as three,
    ):
        watching = await open_reader(three)
        await watching.join("/shop/*")
        assert watching.counts["/shop/*"] == 0
        tabs = [await open_reader(server) for server in (one, two, three)]
        for tab, page in zip(tabs, ("/shop/a", "/shop/b", "/shop/c"), strict=True):
            await tab.join(page, visitor="ann")
        guest = await open_reader(two)
        await guest.join("/news", visitor="bob")
        await tabs[0].join("/*")
        for server in (one, two, three):
            assert await asyncio.to_thread(count, server, "/shop/*") == 1
            assert await asyncio.to_thread(count, server, "/*") == 2
        explained = json.loads(await asyncio.to_thread(get, f"{one.url}/api/explain?page=/shop/*"))
        assert (explained["count"]["connections"], explained["check"]["agrees"]) == (3, True)
        assert sorted(node["visitors"] for node in explained["nodes"] if node["connections"]) == [1, 1, 1]
        await guest.join("/shop/a", visitor="bob")
        await wait_until(lambda: watching.counts["/shop/*"] == 2)
        for tab in tabs:
            await tab.close()
        await wait_until(lambda: watching.counts["/shop/*"] == 1)
        await guest.close()
        await wait_until(lambda: watching.counts["/shop/*"] == 0)
        await watching.close()


APP_OF_TWO = """
from nannin import Live
from starlette.applications import Starlette
from starlette.routing import Mount

app = Starlette(routes=[Mount("/one", Live()), Mount("/two", Live())])
"""


async def test_two_lives_of_one_process_have_pages_of_their_own(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "of_two.py"
    file.write_text(APP_OF_TWO, encoding="utf-8")
    with (
        serving("redis") as redis,
        nannin("--redis", redis.url, "--app", f"{file}:app") as here,
        nannin("--redis", redis.url, "--app", f"{file}:app") as there,
    ):
        readers = [await open_reader(server, "/one") for server in (here, there)]
        for reader in readers:
            await reader.join("/news")
        await wait_until(lambda: all(reader.counts == {"/news": 2} for reader in readers))
        other = await open_reader(there, "/two")
        await other.join("/news")
        assert other.counts == {"/news": 1}
        for reader in (*readers, other):
            await reader.close()
