"""Nodes of a census in Redis, each with a roster and a backplane of its own, on one loop."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Collection
from random import Random
from typing import Any

from nannin.audience.groups import Groups
from nannin.audience.leases import Leases
from nannin.audience.roster import Count, Roster, VisitorName
from nannin.audience.share import Share
from nannin.clock import SystemClock
from nannin.nodes.node import Node
from nannin.nodes.redis import RedisBackplane
from nannin.nodes.redis_address import RedisAddress
from nannin.nodes.redis_calls import RedisCalls
from support.waiting import wait_until

# How long anything may take before a test fails.
PATIENCE_S = 20.0
_numbers = itertools.count(1)


class RedisNode:
    """One node.

    Args:
        url: where Redis is.
        lease_s: how long another node may stand still.
        beat_s: the time between two beats.
        groups: groups of pages.
        resettle_s: how long counts are stale after Redis has lost its data.
    """

    def __init__(
        self,
        url: str,
        *,
        lease_s: float = 15.0,
        beat_s: float = 5.0,
        groups: Groups | None = None,
        resettle_s: float = 0.5,
    ) -> None:
        self.epoch = f"epoch{next(_numbers)}"
        self.roster: Roster[int] = Roster(groups)
        leases = Leases(lease_s, beat_s)
        self.share = Share(self.roster, self.epoch, leases=leases, resettle_s=resettle_s)
        self.backplane: RedisBackplane
        address = RedisAddress(url)
        calls = RedisCalls("test", "0", lambda: "name", is_cluster=address.is_cluster)
        random = Random(self.epoch)

        def connect(ears: Node) -> RedisBackplane:
            self.backplane = RedisBackplane(address, calls, ears, random.random)
            return self.backplane

        self.node = Node(self.share, SystemClock(), connect)  # type: ignore[arg-type]
        self.roster.on_change = self.node.touch
        self.changed: list[str] = []
        self.refusals = 0
        self.messages: list[tuple[int, str, bytes]] = []
        self.node.open(self)

    def change(self, page: str) -> None:
        self.changed.append(page)

    def change_all(self) -> None:
        pass

    def entered(self, page: str, visitor: VisitorName) -> None:
        pass

    def exited(self, page: str, visitor: VisitorName) -> None:
        pass

    def returned(self, page: str, visitor: VisitorName) -> None:
        pass

    def message(self, number: int, page: str, message: bytes) -> None:
        self.messages.append((number, page, message))

    def unknown(self, calls: int) -> None:
        self.refusals += calls

    def refused(self) -> None:
        self.refusals += 1

    def live(self, nodes: Collection[int]) -> None:
        pass

    def join(self, page: str, visitor: VisitorName | None = None) -> int:
        connection = next(_numbers)
        self.roster.join(page, connection, visitor)
        return connection

    def leave(self, page: str, connection: int) -> None:
        self.roster.leave(page, connection, now=0.0)

    def count(self, page: str = "/") -> Count:
        return self.share.count(page)

    def is_exact(self, count: Count, page: str = "/") -> bool:
        """Whether it shows this count, and that it is not old."""
        return not self.share.stale and self.share.count(page) == count

    def beat(self) -> None:
        beat = self.share.beat()
        if beat is not None:
            self.backplane.send([beat])

    async def close(self) -> None:
        self.node.close()
        await self.backplane.wait_closed()


@contextlib.asynccontextmanager
async def several(url: str, count: int, **options: Any) -> AsyncIterator[list[RedisNode]]:
    """So many nodes that Redis knows, until the block ends."""
    nodes = [RedisNode(url, **options) for _ in range(count)]
    try:
        await wait_until(lambda: not any(node.share.stale for node in nodes))
        yield nodes
    finally:
        for node in nodes:
            await node.close()
