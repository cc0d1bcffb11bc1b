"""Servers on one Redis show one number, whether each is one process or several workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal

from support.raw_client import get
from support.redis_servers import serving
from support.servers import Server, nannin
from whole.test_workers import children
from whole.test_workers_counts import open_tab, tabs, until


def count(server: Server, page: str = "/") -> int:
    visitors: int = json.loads(get(f"{server.url}/api/count?page={page}"))["visitors"]
    return visitors


async def test_two_servers_of_which_one_has_workers_have_one_number() -> None:
    with (
        serving("redis") as redis,
        nannin("--redis", redis.url) as one,
        nannin("--redis", redis.url, "--workers", "2") as two,
        nannin("--redis", redis.url) as reader,
    ):
        async with tabs(one, 3) as here, tabs(two, 4) as there:
            assert [tab.heard[0] for tab in [*here, *there]] == list(range(1, 8))
            await until(lambda: {tab.number for tab in [*here, *there]} == {7})
            for server in (one, two, reader):
                assert await asyncio.to_thread(count, server) == 7
            assert await asyncio.to_thread(count, reader, "/other") == 0
            listed = json.loads(await asyncio.to_thread(get, f"{reader.url}/api/pages"))
            assert [(row["page"], row["visitors"]) for row in listed["pages"]] == [("/", 7)]
            for tab in there:
                await tab.close()
            await until(lambda: {tab.number for tab in here} == {3})


async def test_a_server_that_ends_in_order_leaves_at_once() -> None:
    with serving("redis") as redis, nannin("--redis", redis.url) as one:
        with nannin("--redis", redis.url) as two:
            here, _ = await open_tab(one), await open_tab(two, visitor="ann")
            await until(lambda: here.number == 2)
        await until(lambda: here.number == 1)
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


async def test_a_worker_that_is_killed_is_missed_by_nobody_for_long() -> None:
    with (
        serving("redis") as redis,
        nannin("--redis", redis.url) as one,
        nannin("--redis", redis.url, "--workers", "2") as two,
    ):
        here, there = await open_tab(one), await open_tab(two)
        await until(lambda: here.number == 2)
        for child in children(two):
            os.kill(child, signal.SIGKILL)
        await until(lambda: there.reading.done())
        async with asyncio.timeout(40):
            while here.number != 1:
                await asyncio.sleep(0.1)
        await here.close()
