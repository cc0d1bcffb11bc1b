"""Nodes over a real Redis or Valkey, whatever happens to both, against a list of who is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

import pytest
import redis

from nannin.audience.groups import Groups
from nannin.audience.roster import Count, Given, VisitorName
from support.redis_nodes import RedisNode
from support.redis_servers import KINDS, RedisServer, serving
from support.waiting import wait_until

pytestmark = pytest.mark.anyio

PAGES = ["/", "/何人"]
GROUP = "/*"
VISITORS: list[VisitorName | None] = [None, "ann", "bob", Given("ann"), "eve"]
BEAT_S, LEASE_S = 0.2, 1.0


class Town:
    """Three nodes, and who is where."""

    def __init__(self, server: RedisServer, random: Random) -> None:
        self.server = server
        self.random = random
        self.nodes = [self.start() for _ in range(3)]
        self.here: list[dict[int, tuple[str, VisitorName | None]]] = [{} for _ in self.nodes]

    def start(self) -> RedisNode:
        return RedisNode(self.server.url, lease_s=LEASE_S, beat_s=BEAT_S, groups=Groups(GROUP))

    def change(self, number: int) -> None:
        """Somebody comes, or leaves."""
        node, here = self.nodes[number], self.here[number]
        if not here or self.random.random() < 0.6:
            page, visitor = self.random.choice(PAGES), self.random.choice(VISITORS)
            here[node.join(page, visitor)] = (page, visitor)
        else:
            connection = self.random.choice(list(here))
            node.leave(here.pop(connection)[0], connection)

    async def disturb(self, number: int) -> None:
        """Something goes wrong."""
        match self.random.choice(["cut", "kill", "save", "pause", "flush", "delete", "die", "listen"]):
            case "cut":
                with self.server.client() as client, contextlib.suppress(redis.RedisError):
                    kind = self.random.choice(["normal", "pubsub"])
                    client.execute_command("CLIENT", "KILL", "TYPE", kind)
            case "kill":
                self.server.kill()
                await asyncio.sleep(self.random.random() / 2)
                self.server.start()
            case "save":
                with self.server.client() as client:
                    client.save()
            case "pause":
                self.server.pause()
                await asyncio.sleep(3.0 * self.random.random())
                self.server.go_on()
            case "flush":
                with self.server.client() as client:
                    client.flushall()
            case "delete":
                with self.server.client() as client:
                    client.delete("test:{0}:nodes")
            case "die":
                self.nodes[number].backplane.cut()
                await self.nodes[number].backplane.wait_closed()
                self.nodes[number], self.here[number] = self.start(), {}
            case _:
                page = self.random.choice([None, *PAGES, GROUP])
                self.nodes[number].share.listen(page, self.random.random() < 0.5)

    def truth(self, page: str) -> Count:
        visitors = [visitor for here in self.here for at, visitor in here.values() if page in (at, GROUP)]
        people = len({visitor for visitor in visitors if visitor is not None}) + visitors.count(None)
        return Count(len(visitors), people, people)

    def is_right(self) -> bool:
        return all(
            node.is_exact(self.truth(page), page) or not (node.share.stale or node.roster.is_held(page))
            for node in self.nodes
            for page in (*PAGES, GROUP)
        )


@contextlib.asynccontextmanager
async def beating(town: Town) -> AsyncIterator[None]:
    """All nodes beat often, as long as the block lasts."""

    async def beat() -> None:
        while True:
            for node in town.nodes:
                node.beat()
            await asyncio.sleep(BEAT_S)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        for node in town.nodes:
            await node.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
async def test_every_number_is_right_once_all_is_well_again(kind: str, seed: int) -> None:
    random = Random(seed)
    with serving(kind) as server:
        town = Town(server, random)
        async with beating(town):
            for _ in range(120):
                if random.random() < 0.85:
                    town.change(random.randrange(3))
                else:
                    await town.disturb(random.randrange(3))
                await asyncio.sleep(0.02 * random.random())
            await wait_until(town.is_right)
