"""Where Redis or Valkey is: one server, the master that Sentinels name, or the master of a cluster's slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError

from nannin.errors import SettingsError
from nannin.nodes.redis_connection import LOST, RedisConnection, open_connection

__all__ = ["RedisAddress"]

_SEVERAL: Final = ("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
SCHEMES: Final = ("redis", "rediss", "unix", *_SEVERAL)
_SENTINEL_PORT: Final = 26379
_PORT: Final = 6379

_Host = tuple[str, int]


class RedisAddress:
    """Where Redis is.

    Args:
        url: `redis://`, `rediss://` (TLS), `unix://`, `redis+sentinel://host:port,host:port/name`, or
            `redis+cluster://host:port,host:port`. Several hosts are asked one after the other. What stands
            behind a `?` is for redis-py, such as `ssl_ca_certs=PATH`; and `sentinel_username` and
            `sentinel_password` are what Sentinels want to see.

    Raises:
        SettingsError: it is no such address.

    Attributes:
        is_cluster: whether it is that of a cluster, where channels are those of a slot.
        hosts: the Sentinels, or members of the cluster, as far as they are known.
        master: the name that the Sentinels have for it; "" without them.
        is_default_user: whether it names no user, whose rights may be few.
    """

    def __init__(self, url: str) -> None:
        scheme = url.partition("://")[0]
        if scheme not in SCHEMES:
            known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
            raise SettingsError(f"expected an address of Redis that begins with one of {known}")
        scheme, _, self._by = scheme.partition("+")
        self.is_cluster = self._by == "cluster"
        self.hosts: list[_Host] = []
        self.master = ""
        try:
            if self._by:
                self._read_several(url, scheme)
            else:
                self._options: dict[str, Any] = dict(parse_url(url))
        except ValueError as error:
            raise SettingsError(f"not an address of Redis: {error}") from None
        self.is_default_user = self._options.get("username") in (None, "default")
        self._kind: type[AbstractConnection] = self._options.pop("connection_class", Connection)

    async def connect(self, key: str) -> RedisConnection:
        """Opens a connection to the server that has a key.

        Args:
            key: it matters in a cluster.

        Raises:
            RedisError: it can't be opened.
        """
        if not self._by:
            return await open_connection(self._kind, self._options)
        host, port = await self._find(key)
        opened = await open_connection(self._kind, {**self._options, "host": host, "port": port})
        [[role, *_]] = await opened.ask([("ROLE",)])
        if role != b"master":
            await opened.close()
            raise RedisConnectionError(f"Redis at {host}:{port} is not the master any more")
        return opened

    async def _find(self, key: str) -> _Host:
        """Asks one host after the other where the master is."""
        reason: object = "no host was named"
        for host, port in list(self.hosts):
            options = {**self._asking, "host": host, "port": port}
            try:
                asked = await open_connection(self._kind, options)
                try:
                    if self.is_cluster:
                        found = await self._ask_cluster(asked, host, key)
                    else:
                        found = await self._ask_sentinel(asked)
                finally:
                    await asked.close()
            except LOST as error:
                reason = error
                continue
            if found is not None:
                return found
            reason = f"{host}:{port} does not know it"
        raise RedisConnectionError(f"nobody names the master: {reason}")

    async def _ask_sentinel(self, sentinel: RedisConnection) -> _Host | None:
        [found] = await sentinel.ask([("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.master)])
        return (found[0].decode(), int(found[1])) if found is not None else None

    async def _ask_cluster(self, member: RedisConnection, host: str, key: str) -> _Host | None:
        """Asks a member of the cluster who has a key's slot, and remembers all members."""
        [rows] = await member.ask([("CLUSTER", "SLOTS")])
        slot = key_slot(key.encode())
        masters = [(start, end, _host_of(first, host)) for start, end, first, *_ in rows]
        members = [_host_of(one, host) for _, _, *ones in rows for one in ones]
        self.hosts = list(dict.fromkeys([*members, *self.hosts]))
        return next((found for start, end, found in masters if start <= slot <= end), None)

    def _read_several(self, url: str, scheme: str) -> None:
        """Takes an address of several hosts apart. The user and password in it are those of Redis itself."""
        parts = urlsplit(url)
        secret, _, hosts = parts.netloc.rpartition("@")
        name, _, db = parts.path.strip("/").partition("/")
        default = _PORT if self.is_cluster else _SENTINEL_PORT
        self.hosts = [_read_host(host, default) for host in hosts.split(",")]
        self.master = unquote(name)
        if self.is_cluster and name:
            raise ValueError("a cluster has one database only, so nothing may stand after the hosts")
        if not self.is_cluster and not name:
            raise ValueError(
                "the name of the master must stand after the Sentinels: redis+sentinel://host/name"
            )
        at = f"{secret}@" if secret else ""
        self._options = dict(parse_url(f"{scheme}://{at}host/{db}?{parts.query}"))
        own = {key: self._options.pop(key) for key in [*self._options] if key.startswith("sentinel_")}
        self._asking = self._options if self.is_cluster else _for_sentinels(self._options, own)


def _for_sentinels(options: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Sentinels have TLS where Redis has it, and their own user and password."""
    shared = {key: value for key, value in options.items() if key.startswith("ssl_")}
    return {**shared, **{key.removeprefix("sentinel_"): value for key, value in own.items()}}


def _host_of(member: Sequence[Any], asked: str) -> _Host:
    """A member's host, which is that of the asked one where it doesn't know its own."""
    host = member[0].decode() if member[0] is not None else ""
    return host if host not in ("", "?") else asked, member[1]


def _read_host(text: str, default: int) -> _Host:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(f"expected host:port, not {text!r}")
    return parts.hostname, parts.port or default
