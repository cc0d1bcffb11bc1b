"""Clients of redis-py for programs that only publish: they connect again by themselves."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.asyncio.connection import parse_url as parse_async
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import ConnectionError as Unconnected
from redis.retry import Retry
from redis.sentinel import Sentinel

from nannin.nodes.redis_address import RedisAddress

__all__ = ["make_client"]

# How long Redis may take, in seconds.
_PATIENCE_S: Final = 5.0


def make_client(url: str, *, is_async: bool) -> Any:
    """A client of Redis, of the master that Sentinels name, or of one member of a cluster.

    What it publishes is tried once more on a new connection, as an old one may have died unseen. What timed
    out is not, since it may have arrived.

    Args:
        url: as for a server.
        is_async: whether its methods are to be awaited.

    Raises:
        SettingsError: it is no such address.
    """
    address = RedisAddress(url)  # looks at all of it
    retry: Any = (AsyncRetry if is_async else Retry)(NoBackoff(), 1, supported_errors=(Unconnected,))
    limits: dict[str, Any] = {"socket_timeout": _PATIENCE_S, "socket_connect_timeout": _PATIENCE_S}
    parts = urlsplit(url)
    scheme, _, several = parts.scheme.partition("+")
    secret, at, hosts = parts.netloc.rpartition("@")
    if several != "sentinel":
        if several:  # any member of a cluster tells all others
            url = f"{scheme}://{secret}{at}{hosts.partition(',')[0]}?{parts.query}"
        client: Any = redis.asyncio.Redis if is_async else redis.Redis
        return client.from_url(url, **limits, retry=retry)
    db = parts.path.strip("/").partition("/")[2]
    read: Any = parse_async if is_async else parse_url
    options = {**read(f"{scheme}://{secret}{at}host/{db}?{parts.query}"), **limits, "ssl": scheme == "rediss"}
    for key in ("host", "connection_class"):
        options.pop(key, None)
    own = {key: options.pop(key) for key in [*options] if key.startswith("sentinel_")}
    shared = {key: value for key, value in options.items() if key.startswith("ssl")}
    asking = {**shared, **limits, **{key.removeprefix("sentinel_"): value for key, value in own.items()}}
    sentinel: Any = AsyncSentinel if is_async else Sentinel
    named = sentinel(address.hosts, sentinel_kwargs=asking, **options)
    return named.master_for(address.master, retry=retry)
