"""Nodes over a Redis whose master goes, with Sentinels that name another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from nannin.audience.roster import Count
from support.redis_nodes import RedisNode, several, until
from support.redis_servers import RedisServer, Sentinel, free_port, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def pair() -> Iterator[tuple[RedisServer, RedisServer, Sentinel]]:
    """A master, its replica, and the Sentinel."""
    with ExitStack() as stack:
        master = stack.enter_context(serving("redis", port=free_port()))
        options = ("--replicaof", f"127.0.0.1 {master.port}", "--repl-diskless-sync-delay", "0")
        replica = stack.enter_context(serving("redis", *options, port=free_port()))
        with replica.client() as client:
            stack.callback(client.close)
        sentinel = Sentinel(master, "count")
        stack.callback(sentinel.stop)
        yield master, replica, sentinel


async def agree(nodes: list[RedisNode], count: Count) -> None:
    await until(lambda: all(node.is_exact(count) for node in nodes))


async def test_nodes_follow_the_master(pair: tuple[RedisServer, RedisServer, Sentinel]) -> None:
    master, replica, sentinel = pair
    url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/{sentinel.name}"
    async with several(url, 3) as nodes:
        for node in nodes:
            node.join("/", "ann")
            node.join("/")
        await agree(nodes, Count(6, 4, 4))
        replica.pause()  # what is written now is lost with the master
        nodes[0].join("/", "lost")
        await agree(nodes, Count(7, 5, 5))
        master.kill()
        replica.go_on()
        await until(lambda: all(node.share.stale for node in nodes))
        nodes[1].join("/")
        assert nodes[1].count() == Count(8, 6, 6)
        await agree(nodes, Count(8, 6, 6))
