"""Connections to Redis or Valkey: one for calls, and one that only listens.

redis-py's clients connect again by themselves where a connection was lost. A node has to know of that, since
what it was told meanwhile is gone. So it uses redis-py's connections as they are, each of them once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from nannin.errors import SettingsError
from nannin.nodes.redis_calls import SCRIPTS, Command

__all__ = ["CONNECT_S", "LOST", "REPLY_S", "RedisAddress", "RedisConnection"]

# How long to wait for a connection, and for the replies to one write: who joins may wait as long.
CONNECT_S: Final = 5.0
REPLY_S: Final = 2.0
# What says that Redis is not to be reached as it should be.
LOST: Final = (RedisError, OSError, EOFError)
SCHEMES: Final = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")


class RedisConnection:
    """One connection, until it is lost.

    Args:
        connection: that of redis-py.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    async def load(self) -> None:
        """Makes Redis know the scripts."""
        loads: list[Command] = [("SCRIPT", "LOAD", script.text) for script in SCRIPTS.values()]
        await self.ask(loads)

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Sends commands with one write.

        Returns:
            The reply to each.

        Raises:
            RedisError: the connection is lost, or Redis refuses one of them.
        """
        async with asyncio.timeout(REPLY_S):
            await self.send(commands)
            replies = [await self._read() for _ in commands]
        for reply in replies:
            if isinstance(reply, RedisError):
                raise reply
        return replies

    async def send(self, commands: Sequence[Command]) -> None:
        """Sends commands, to which no reply is awaited here."""
        packed = self._connection.pack_commands(commands)
        await self._connection.send_packed_command(packed, check_health=False)

    async def listen(self) -> Any:
        """Waits for what comes next, for as long as it takes."""
        return await self._connection.read_response()

    async def close(self) -> None:
        """Closes it, if it is still open."""
        await self._connection.disconnect(nowait=True)

    async def _read(self) -> Any:
        try:
            return await self._connection.read_response()
        except ResponseError as error:
            return error  # the replies to the other commands follow


class RedisAddress:
    """Where Redis is.

    Args:
        url: `redis://`, `rediss://` (TLS), `unix://`, or `redis+sentinel://host:port,host:port/name`.

    Raises:
        SettingsError: it is no such address.
    """

    def __init__(self, url: str) -> None:
        scheme = url.partition("://")[0]
        if scheme not in SCHEMES:
            known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
            raise SettingsError(f"expected an address of Redis that begins with one of {known}, not {url!r}")
        self._sentinels: list[tuple[str, int]] = []
        self._master = ""
        try:
            if scheme.endswith("+sentinel"):
                self._read_sentinels(url)
            else:
                self._options: dict[str, Any] = dict(parse_url(url))
        except ValueError as error:
            raise SettingsError(f"not an address of Redis: {error}") from error
        self._kind: type[AbstractConnection] = self._options.pop("connection_class", Connection)

    async def connect(self, *, listens: bool = False) -> RedisConnection:
        """Opens a connection, to the master where there are Sentinels.

        Args:
            listens: whether it waits for what it is told, for as long as that takes.
        """
        reply_s = None if listens else REPLY_S
        if not self._sentinels:
            return await _open(self._kind, self._options, reply_s)
        host, port = await self._find_master()
        opened = await _open(self._kind, {**self._options, "host": host, "port": port}, reply_s)
        [[role, *_]] = await opened.ask([("ROLE",)])
        if role != b"master":
            await opened.close()
            raise RedisConnectionError(f"Redis at {host}:{port} is not the master any more")
        return opened

    async def _find_master(self) -> tuple[str, int]:
        """Asks one Sentinel after the other."""
        reason: Exception = RedisConnectionError("no Sentinel was asked")
        for host, port in self._sentinels:
            options = {**self._sentinel_options, "host": host, "port": port}
            try:
                sentinel = await _open(self._kind, options, REPLY_S)
                try:
                    [found] = await sentinel.ask([("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._master)])
                finally:
                    await sentinel.close()
            except LOST as error:
                reason = error
                continue
            if found is not None:
                return found[0].decode(), int(found[1])
            reason = RedisConnectionError(f"the Sentinel at {host}:{port} knows no master {self._master!r}")
        raise RedisConnectionError(f"no Sentinel names the master: {reason}")

    def _read_sentinels(self, url: str) -> None:
        """Takes the address apart: `redis+sentinel://user:password@host:port,host:port/name/db?options`.

        The user and password are those of Redis; the Sentinels' own are the options `sentinel_username` and
        `sentinel_password`.
        """
        parts = urlsplit(url)
        secret, _, hosts = parts.netloc.rpartition("@")
        name, _, db = parts.path.strip("/").partition("/")
        self._sentinels = [address(host) for host in hosts.split(",")]
        if not name:
            raise ValueError("the path of a Sentinel's address must be the name of the master")
        plain = f"{parts.scheme.partition('+')[0]}://{secret}@host/{db}?{parts.query}"
        self._options = dict(parse_url(plain if secret else plain.replace("@", "", 1)))
        self._master = unquote(name)
        shared = {key: value for key, value in self._options.items() if key.startswith("ssl_")}
        for key in [key for key in self._options if key.startswith("sentinel_")]:
            shared[key.removeprefix("sentinel_")] = self._options.pop(key)
        self._sentinel_options = shared


async def _open(
    kind: type[AbstractConnection], options: Mapping[str, Any], reply_s: float | None
) -> RedisConnection:
    connection = kind(**_options(options, reply_s))
    try:
        async with asyncio.timeout(CONNECT_S):
            await connection.connect()  # type: ignore[no-untyped-call]
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return RedisConnection(connection)


def address(text: str) -> tuple[str, int]:
    """A Sentinel's host and port, 26379 where it has none."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(f"expected host:port, not {text!r}")
    return parts.hostname, parts.port or 26379


def _options(options: Mapping[str, Any], reply_s: float | None) -> dict[str, Any]:
    """Every time limit is ours, and nothing is tried again or sent that we did not ask for."""
    return {
        "socket_connect_timeout": CONNECT_S,
        **options,
        "socket_timeout": reply_s,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "driver_info": None,
        "decode_responses": False,
    }
