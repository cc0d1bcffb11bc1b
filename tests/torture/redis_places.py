"""Where the Redis of a site is: alone, with a replica and a Sentinel, or in a cluster."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

from support.cutting import Cutter, cutter
from support.redis_servers import Cluster, RedisServer, Sentinel, replicated, serving
from support.servers import free_port

NODES = "nannin:{0}:nodes"


@dataclasses.dataclass
class RedisPlace:
    """Where it is.

    Args:
        redis: the server that has the data now.
        urls: by which each server of the site reaches it.
        links: of each of these to it, if they lead through something that can fail.
        replica: what takes the place of a master that fails.
        cluster: of which they are.
    """

    redis: RedisServer
    urls: Sequence[str]
    links: Sequence[Cutter] = ()
    replica: RedisServer | None = None
    cluster: Cluster | None = None


OpenPlace = Callable[[contextlib.ExitStack, int], RedisPlace]


def alone(stack: contextlib.ExitStack, number: int) -> RedisPlace:
    """One server of Redis, and for so many others a link to it that can fail."""
    redis = stack.enter_context(serving("redis", port=free_port()))
    links = [stack.enter_context(cutter(redis)) for _ in range(number)]
    return RedisPlace(redis, [f"redis://{link.address}" for link in links], links)


def watched(stack: contextlib.ExitStack, number: int) -> RedisPlace:
    """A master and its replica, and a Sentinel that watches them."""
    master, replica = stack.enter_context(replicated("redis"))
    sentinel = Sentinel(master, "count")
    stack.callback(sentinel.stop)
    url = f"redis+sentinel://127.0.0.1:{sentinel.port}/{sentinel.name}"
    return RedisPlace(master, [url] * number, replica=replica)


def clustered(stack: contextlib.ExitStack, number: int) -> RedisPlace:
    """Three masters, and a replica of the one that has the keys of nannin."""
    cluster = Cluster("redis", NODES)
    stack.callback(cluster.stop)
    return RedisPlace(cluster.master, [cluster.url] * number, replica=cluster.replica, cluster=cluster)
