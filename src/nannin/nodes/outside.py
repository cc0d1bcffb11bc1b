"""Hears over Redis what other programs want: Celery tasks, scripts, other servers.

Every node hears all of it on a connection of its own, and does it with its own clients. So a program that
floods its channel delays no count.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from redis.exceptions import ResponseError

from nannin.nodes.orders import (
    Malformed,
    Order,
    own_channel,
    read_broadcast,
    read_order,
    read_python,
    read_request,
)
from nannin.nodes.redis_address import RedisAddress
from nannin.nodes.redis_calls import Command
from nannin.nodes.redis_connection import LOST, Deaf, RedisConnection, pause_s, reason_of

__all__ = ["Outside"]

logger = logging.getLogger("nannin.nodes")

# How often Redis is asked for a sign of life, in seconds; a connection without one until the next is dead.
_SIGN_EVERY_S: Final = 10.0


class Outside:
    """Hears other programs, for as long as it is not closed.

    Args:
        address: where Redis is.
        prefix: what the channel of nannin's own emitters begins with.
        names: of others: the `channel` of python-socketio, the `key` of `@socket.io/redis-emitter`.
        on_order: called with each order.
        on_refused: called for each message that is none, with the reason.
        random: a number from 0 to 1, so that not all nodes do the same at once.
    """

    def __init__(
        self,
        address: RedisAddress,
        prefix: str,
        names: Sequence[str],
        on_order: Callable[[Order], None],
        on_refused: Callable[[str], None],
        random: Callable[[], float],
    ) -> None:
        self._address = address
        self._own = own_channel(prefix)
        self._names = names
        self._on_order = on_order
        self._on_refused = on_refused
        self._random = random
        self._complained = ""
        self._is_heard = False
        self.is_listening = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        """Hears no more."""
        if not self._task.get_loop().is_closed():
            self._task.cancel()

    async def wait_closed(self) -> None:
        """After `close`: waits until the connection is closed."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        """Looks for Redis again and again. What is published while it is away is lost."""
        failed = 0
        while True:
            try:
                await self._serve()
            except LOST as error:
                failed = 1 if self.is_listening.is_set() else failed + 1
                # Not a warning: where Redis is away, the census has warned of it already.
                self._complain(logging.INFO, reason_of(error))
            except Exception:
                failed += 1
                logger.exception("hearing other programs failed, and is tried again")
            self.is_listening.clear()
            await asyncio.sleep(pause_s(failed, self._random()))

    async def _serve(self) -> None:
        connection = await self._address.connect(self._own)
        watching = asyncio.create_task(self._watch(connection))
        hearing = asyncio.create_task(self._hear(connection))
        try:
            await connection.send(self._subscriptions())
            await asyncio.wait([watching, hearing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (watching, hearing):
                task.cancel()
            results = await asyncio.gather(watching, hearing, return_exceptions=True)
            await connection.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _subscriptions(self) -> list[Command]:
        """One command for each channel, as Redis may allow some of them only."""
        channels: list[Command] = [("SUBSCRIBE", name) for name in self._names]
        patterns = [f"{name}{rest}" for name in self._names for rest in ("#*", "-request#*")]
        return [*channels, *(("PSUBSCRIBE", pattern) for pattern in patterns), ("SUBSCRIBE", self._own)]

    async def _watch(self, connection: RedisConnection) -> None:
        """Finds out that the connection is dead though nothing says so."""
        while True:
            self._is_heard = False
            await asyncio.sleep(_SIGN_EVERY_S / 2)
            await connection.send([("SUBSCRIBE", self._own)])  # as a PING, for which a right may be missing
            await asyncio.sleep(_SIGN_EVERY_S / 2)
            if not self._is_heard:
                raise Deaf("nothing was heard on the subscription")

    async def _hear(self, connection: RedisConnection) -> None:
        while True:
            try:
                kind, *rest = await connection.listen()
            except ResponseError as error:
                self._is_heard = True
                self._complain(logging.WARNING, f"Redis does not let this server hear some programs: {error}")
                continue
            self._is_heard = True
            match kind, rest:
                case b"message", [channel, data]:
                    self._take(channel.decode(errors="replace"), data)
                    await asyncio.sleep(0)  # others have their turn, however much has come
                case b"pmessage", [_, channel, data]:
                    self._take(channel.decode(errors="replace"), data)
                    await asyncio.sleep(0)
                case b"subscribe", [channel, _] if channel.decode() == self._own:
                    self._complained = ""
                    self.is_listening.set()
                case _:
                    pass  # another subscription

    def _take(self, channel: str, data: bytes) -> None:
        """Takes one message."""
        try:
            order = self._read(channel, data)
        except Malformed as error:
            self._on_refused(str(error))
            return
        if order is not None:
            self._on_order(order)

    def _read(self, channel: str, data: bytes) -> Order | None:
        if channel == self._own:
            return read_order(data)
        name, sign, page = channel.partition("#")
        if not sign:
            return read_python(data)
        if name in self._names:
            return read_broadcast(data)
        return read_request(page.removesuffix("#"), data)

    def _complain(self, level: int, reason: str) -> None:
        """Tells the log why other programs may not be heard, once for each reason."""
        if reason != self._complained:
            self._complained = reason
            logger.log(level, "events of other programs may be missed: %s", reason)
