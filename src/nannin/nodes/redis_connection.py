"""Connections to Redis or Valkey: one for calls, and one that only listens.

redis-py's clients connect again by themselves where a connection was lost. A node has to know of that, since
what it was told meanwhile is gone. So it uses redis-py's connections as they are, each of them once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from nannin.nodes.redis_calls import SCRIPTS, Command

__all__ = [
    "CONNECT_S",
    "LOST",
    "REPLY_S",
    "Deaf",
    "RedisConnection",
    "open_connection",
    "pause_s",
    "reason_of",
]

# How long to wait for a connection, and for the replies to one write: who joins may wait as long.
CONNECT_S: Final = 5.0
REPLY_S: Final = 2.0
# The longest wait between two attempts to reach Redis, in seconds.
_LONGEST_PAUSE_S: Final = 3.0
# What says that Redis is not to be reached as it should be.
LOST: Final = (RedisError, OSError, EOFError)


class Deaf(OSError):
    """What is asked may be answered, but nothing is told."""


def pause_s(failed: int, chance: float) -> float:
    """How long to wait before Redis is looked for again, in seconds.

    Args:
        failed: how often it was looked for in vain.
        chance: from 0 to 1; all who lose Redis lose it at the same moment.
    """
    return chance * min(_LONGEST_PAUSE_S, 0.25 * 2.0 ** min(failed, 5))


def reason_of(error: BaseException) -> str:
    """Why Redis is lost, for the log."""
    return f"{type(error).__name__}: {error}".rstrip(": ")


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


async def open_connection(kind: type[AbstractConnection], options: Mapping[str, Any]) -> RedisConnection:
    """Opens a connection of redis-py with these options.

    Args:
        kind: plain, with TLS, or to a Unix socket.
        options: as `parse_url` reads them.

    Raises:
        RedisError: it can't be opened.
    """
    connection = kind(**_options(options))
    try:
        async with asyncio.timeout(CONNECT_S):
            await connection.connect()  # type: ignore[no-untyped-call]
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return RedisConnection(connection)


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Every time limit is ours, and nothing is tried again or sent that we did not ask for."""
    return {
        "socket_connect_timeout": CONNECT_S,
        **options,
        # asyncio.timeout keeps ours. redis-py's, kept by wait_for, may swallow that a task is cancelled.
        "socket_timeout": None,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "driver_info": None,
        "decode_responses": False,
    }
