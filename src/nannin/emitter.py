"""Sends events to the clients of servers on one Redis, from any program: a script, Celery, Django."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Never, Self, TypeVar

import msgspec

from nannin.audience.page_key import as_uri, check_page_key, is_pattern
from nannin.errors import SettingsError
from nannin.hub.encoding import encode_event
from nannin.hub.targets import check_event, check_rooms
from nannin.nodes.orders import Order, own_channel
from nannin.settings import SETTINGS
from nannin.wire.plain import BINARY_TYPES, to_plain

__all__ = ["AsyncEmitter", "Emitter", "RemoteTarget"]

# What a call gives back: a number, or what has to be awaited for it.
SentT = TypeVar("SentT")

_encode = msgspec.msgpack.Encoder().encode


class RemoteTarget(Generic[SentT]):
    """Some of the clients on one page, on all servers. Each method that narrows it down returns a new one.

    Every method that sends gives the number of server processes that heard it, whether or not they have such
    clients: 0 says that no server is listening, at this Redis and with this prefix. (A cluster tells only of
    those at one of its members.) With `AsyncEmitter` it has to be awaited.
    """

    def __init__(self, publish: Callable[[bytes], SentT], order: Order) -> None:
        self._publish = publish
        self._order = order

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._order}>"

    def to(self, *names: str) -> RemoteTarget[SentT]:
        """Only those who are in one of these rooms; a socket's id is a room with that socket alone."""
        return self._narrow(to=[*(self._order.to or []), *check_rooms(names)])

    def except_(self, *names: str) -> RemoteTarget[SentT]:
        """All but those who are in one of these rooms, or have one of these ids."""
        return self._narrow(except_=[*self._order.except_, *check_rooms(names)])

    @property
    def volatile(self) -> RemoteTarget[SentT]:
        """For events that may be lost: a client that reads too slowly to take one at once does not get it."""
        return self._narrow(volatile=True)

    def emit(self, event: str, *args: Any, **options: Never) -> SentT:
        """Sends an event.

        Args:
            event: its name; none of the protocol's own, such as "connect".
            args: anything that JSON has a form for, and bytes anywhere inside.
            options: none; the error of one says what to write instead.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
            redis.RedisError: Redis can't be reached.
        """
        check_event(event, options)
        encode_event(self._order.page, event, args)  # says what can't be sent, and where it is
        plain = msgspec.to_builtins(args, builtin_types=BINARY_TYPES, str_keys=True, enc_hook=to_plain)
        return self._send(event=event, args=list(plain))

    def sockets_join(self, *rooms: str) -> SentT:
        """Puts all those sockets into rooms.

        Raises:
            redis.RedisError: Redis can't be reached.
        """
        return self._send(join=check_rooms(rooms))

    def sockets_leave(self, *rooms: str) -> SentT:
        """Takes all those sockets out of rooms.

        Raises:
            redis.RedisError: Redis can't be reached.
        """
        return self._send(leave=check_rooms(rooms))

    def disconnect_sockets(self, close: bool = False) -> SentT:
        """Takes all those clients off the page; they do not come back by themselves.

        Args:
            close: end their whole sessions, with all pages that they are on.

        Raises:
            redis.RedisError: Redis can't be reached.
        """
        return self._send(disconnect=True, close=bool(close))

    def _narrow(self, **changes: Any) -> RemoteTarget[SentT]:
        return RemoteTarget(self._publish, msgspec.structs.replace(self._order, **changes))

    def _send(self, **changes: Any) -> SentT:
        return self._publish(_encode(msgspec.structs.replace(self._order, **changes)))


class _Emitting(RemoteTarget[SentT]):
    """Everybody on the page `/`, and the way to other pages."""

    def __init__(self, redis_url: str, prefix: str, *, is_async: bool) -> None:
        super().__init__(self._publish_there, Order())
        try:
            from nannin.nodes.redis_client import make_client  # it loads redis-py, which not everybody has
        except ImportError as error:
            if (error.name or "").partition(".")[0] != "redis":
                raise
            raise SettingsError('this needs redis-py: install it with pip install "nannin[redis]"') from None
        self._channel = own_channel(prefix)
        self._redis = make_client(redis_url, is_async=is_async)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._channel}>"

    def page(self, key: str) -> RemoteTarget[SentT]:
        """Everybody on a page.

        Args:
            key: the page's key, such as `/news/1`.

        Raises:
            ValueError: it is not the key of one page.
        """
        check_page_key(as_uri(key))
        if is_pattern(key):
            raise ValueError(f"{key!r} is many pages: send to one of them, by its key")
        return RemoteTarget(self._publish_there, Order(key))

    def _publish_there(self, message: bytes) -> SentT:
        sent: SentT = self._redis.publish(self._channel, message)
        return sent


class Emitter(_Emitting[int]):
    """Sends to the clients of every nannin server on a Redis. It may be used in any thread, and after a fork.

    ```python
    emitter = Emitter("redis://127.0.0.1:6379/0")
    emitter.page("/news/1").emit("headline", "It rains.")
    ```

    Used by itself it means everybody on the page `/`. It connects when it first sends.

    Args:
        redis_url: the servers' `redis`.
        prefix: the servers' `redis_prefix`.

    Raises:
        SettingsError: it is not an address of Redis, or what speaks to Redis is not installed.
    """

    def __init__(self, redis_url: str, *, prefix: str = SETTINGS["redis_prefix"].default) -> None:
        super().__init__(redis_url, prefix, is_async=False)

    def close(self) -> None:
        """Closes its connections."""
        self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncEmitter(_Emitting[Awaitable[int]]):
    """As `Emitter`, for asyncio: what sends is to be awaited. It belongs to the loop on which it first sends.

    ```python
    async with AsyncEmitter("redis://127.0.0.1:6379/0") as emitter:
        await emitter.page("/news/1").emit("headline", "It rains.")
    ```

    Args:
        redis_url: the servers' `redis`.
        prefix: the servers' `redis_prefix`.

    Raises:
        SettingsError: it is not an address of Redis, or what speaks to Redis is not installed.
    """

    def __init__(self, redis_url: str, *, prefix: str = SETTINGS["redis_prefix"].default) -> None:
        super().__init__(redis_url, prefix, is_async=True)

    async def close(self) -> None:
        """Closes its connections."""
        await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
