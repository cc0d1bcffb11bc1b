"""Nodes over a Redis whose master goes, with Sentinels that name another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from nannin.audience.roster import Count
from support.redis_nodes import RedisNode, several
from support.redis_servers import KINDS, Cluster, RedisServer, Sentinel, replicated
from support.waiting import wait_until

pytestmark = pytest.mark.anyio

# One of the keys of the slot.
KEY = "test:{0}:nodes"


@pytest.fixture
def pair() -> Iterator[tuple[RedisServer, RedisServer, Sentinel]]:
    """A master, its replica, and the Sentinel."""
    with ExitStack() as stack:
        master, replica = stack.enter_context(replicated("redis"))
        with replica.client() as client:
            stack.callback(client.close)
        sentinel = Sentinel(master, "count")
        stack.callback(sentinel.stop)
        yield master, replica, sentinel


async def hear_at_once(nodes: list[RedisNode]) -> None:
    """Nobody is deaf until its beats are missed."""
    began = time.monotonic()
    nodes[-1].join("/heard", "ann")
    nodes[0].join("/heard", "ann")
    await wait_until(lambda: nodes[-1].count("/heard") == Count(2, 1, 1))
    assert time.monotonic() - began < 3.0


async def agree(nodes: list[RedisNode], count: Count) -> None:
    await wait_until(lambda: all(node.is_exact(count) for node in nodes))


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
        await wait_until(lambda: all(node.share.stale for node in nodes))
        nodes[1].join("/")
        assert nodes[1].count() == Count(8, 6, 6)
        await agree(nodes, Count(8, 6, 6))


@pytest.fixture(params=KINDS)
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    cluster = Cluster(request.param, KEY)
    yield cluster
    cluster.stop()


async def test_nodes_find_the_master_of_their_slot_and_its_successor(cluster: Cluster) -> None:
    async with several(cluster.url, 3) as nodes:
        for node in nodes:
            node.join("/", "ann")
            node.join("/何人")
        await agree(nodes, Count(3, 1, 1))
        cluster.master.kill()
        await wait_until(lambda: all(node.share.stale for node in nodes))
        nodes[0].join("/", "bob")
        await agree(nodes, Count(4, 2, 2))
        await hear_at_once(nodes)
        assert nodes[1].count("/何人") == Count(3, 3, 3)


async def test_nodes_follow_a_slot_that_moves(cluster: Cluster) -> None:
    async with several(cluster.url, 3) as nodes:
        for node in nodes:
            node.join("/", "ann")
        await agree(nodes, Count(3, 1, 1))
        other = next(server for server in cluster.servers[:3] if server is not cluster.master)
        cluster.move(KEY, other)
        nodes[0].join("/", "bob")
        await agree(nodes, Count(4, 2, 2))
        await hear_at_once(nodes)
        with other.client() as client:
            assert client.exists(KEY)
