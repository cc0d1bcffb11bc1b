"""Turns a connection away before anything is read from it; its client learns why, and when to come back.

Who decides that is the process, which knows how many connections it may have.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import ClassVar, Final, Protocol

# Seconds after which a client may ask again. They are random, so that not all of a crowd come back at once.
MIN_RETRY_S: Final = 2
MAX_RETRY_S: Final = 10

_ANSWER: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: %d\r\nconnection: close\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n\r\nThe server is full.\r\n"
)


def say_full() -> bytes:
    """The answer of a server that is full."""
    return _ANSWER % random.randint(MIN_RETRY_S, MAX_RETRY_S)  # noqa: S311 - it spreads, and hides nothing


class Door(Protocol):
    """Whoever judges connections before anything is read from them."""

    def admits(self, transport: asyncio.Transport) -> bool:
        """Whether this new connection may stay; if not, it is `TurnedAway`."""


class GivesWay:
    """A connection that can be closed in favour of another client while nothing is going on."""

    __slots__ = ()

    def idle_since_s(self) -> float | None:
        """Since when no request of it is being answered, in the loop's time; None while one is."""
        raise NotImplementedError

    def give_way(self) -> None:
        """Closes it."""
        raise NotImplementedError


class TurnedAway(asyncio.Protocol):
    """One connection that gets a 503 and is closed.

    A close at once would reset the connection if the client's request has arrived or is on its way, and the
    client would lose the answer. So our side is closed first, and what the client still sends is dropped.

    Args:
        transport: the connection; this becomes its protocol.
        on_end: called with this once the connection is over.

    Attributes:
        linger_s: how long the client has to close its side.
        may_be_cut: whether its client has sent something, most likely its request. A close before that would
            reset the connection when the request comes.
    """

    linger_s: ClassVar[float] = 1.0

    def __init__(
        self, transport: asyncio.Transport, on_end: Callable[[TurnedAway], object] = lambda connection: None
    ) -> None:
        transport.set_protocol(self)
        self._transport = transport
        self._on_end = on_end
        self.may_be_cut = False
        self._alarm = asyncio.get_running_loop().call_later(self.linger_s, transport.abort)
        transport.write(say_full())
        if transport.can_write_eof():
            with contextlib.suppress(OSError):  # the client has gone already
                transport.write_eof()
        else:  # TLS has a farewell of its own
            transport.close()

    def data_received(self, data: bytes) -> None:
        """What the client sends is dropped."""
        self.may_be_cut = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._alarm.cancel()
        self._on_end(self)

    def cut(self) -> None:
        """Ends it before its time, once all is written."""
        self.may_be_cut = False
        self._transport.close()
