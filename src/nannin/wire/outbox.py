"""What waits for a client that reads slowly: only the newest of each count, and a bounded number of bytes.

Every kind of link holds what waits in a place of its own (a transport's buffer, a deque, a `PollOutbox`); the
first two classes are the two rules that all of them share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

from nannin.wire.engine_packet import Encoded, size_bytes

T = TypeVar("T")

# Seconds within which a client that polls is sure to have asked for what waits, if it reads at all.
_CHANCE_S = 5.0


class Newest(Generic[T]):
    """What waits under each key: only the newest, in the order in which the keys began to wait."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[str, T] = {}

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def put(self, key: str, value: T) -> None:
        """Lets a value wait; it takes the place of an older one with the same key."""
        self._waiting[key] = value

    def forget(self, key: str) -> None:
        """Takes back what waits under this key, if anything does."""
        self._waiting.pop(key, None)

    def take(self) -> T:
        """Removes and returns the value whose key has waited longest.

        Raises:
            StopIteration: nothing waits.
        """
        return self._waiting.pop(next(iter(self._waiting)))


class Backlog:
    """Judges whether too much piles up for one client that doesn't read.

    What is sent in one go never counts by itself, be it one large message or a thousand small ones: the
    client had no chance to read any of it. A go is one turn of the loop: code that calls `add` has to call
    `settle` at the end of that turn. The first go after nothing waited never counts at all. What later goes
    add counts from their end on, until it has left.

    Args:
        max_bytes: how much may pile up.
    """

    __slots__ = ("_counted_bytes", "_fresh_bytes", "_is_first", "_max_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._counted_bytes = 0  # of the goes that are over, but the first
        self._fresh_bytes = 0  # of this go
        self._is_first = True

    @property
    def is_fresh(self) -> bool:
        """Whether something was added in this go, so that `settle` is due at its end."""
        return self._fresh_bytes > 0

    def add(self, added_bytes: int, waiting_bytes: int) -> bool:
        """Takes note of something that is about to wait, or has just begun to.

        Args:
            added_bytes: its size.
            waiting_bytes: the size of everything that waits before it, whether it counts or not.

        Returns:
            False if more than the limit has piled up: the client is too slow, and nothing was noted.
        """
        if waiting_bytes <= 0:
            self._counted_bytes, self._fresh_bytes, self._is_first = 0, 0, True
        else:
            # What was added last leaves last, and what counts was added before this go.
            self._counted_bytes = min(self._counted_bytes, max(0, waiting_bytes - self._fresh_bytes))
            if self._counted_bytes > self._max_bytes:
                return False
        self._fresh_bytes += added_bytes
        return True

    def settle(self) -> None:
        """The go is over: what was added in it counts from now on, unless it was the first."""
        if not self._is_first:
            self._counted_bytes += self._fresh_bytes
        self._fresh_bytes, self._is_first = 0, False


class PollOutbox:
    """What waits for a client's next poll: packets in their order, and after them the newest of each key.

    Args:
        max_bytes: how much may pile up.
    """

    __slots__ = ("_backlog", "_newest", "_packets", "_size_bytes", "_waits_since_s")

    def __init__(self, max_bytes: int) -> None:
        self._packets: list[Encoded] = []
        self._size_bytes = 0
        self._backlog = Backlog(max_bytes)
        self._newest: Newest[Sequence[Encoded]] = Newest()
        self._waits_since_s = math.inf

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._packets or self._newest)

    def push(self, packets: Sequence[Encoded], now: float) -> bool:
        """Lets packets wait; False if too much had piled up, and nothing was kept.

        What is sent before a client could poll is not its fault.
        """
        if not self._packets:
            self._waits_since_s = now
        elif now - self._waits_since_s >= _CHANCE_S:
            self._backlog.settle()
        added_bytes = sum(map(size_bytes, packets))
        if not self._backlog.add(added_bytes, self._size_bytes):
            return False
        self._packets += packets
        self._size_bytes += added_bytes
        return True

    def put_newest(self, key: str, packets: Sequence[Encoded]) -> None:
        """Lets packets wait, of which only the newest under their key matter."""
        self._newest.put(key, packets)

    def forget_newest(self, key: str) -> None:
        """Takes back what waits under this key."""
        self._newest.forget(key)

    def settle(self, now: float) -> None:
        """The client has polled: what it could not take yet counts from now on."""
        if self._packets:
            self._backlog.settle()
            self._waits_since_s = now

    def take(self, most: int | None = None) -> list[Encoded]:
        """Takes the first packets, or all; where they were the last, also the newest of each key."""
        taken, self._packets = self._packets[:most], self._packets[len(self._packets[:most]) :]
        self._size_bytes -= sum(map(size_bytes, taken))
        while self._newest and not self._packets:
            taken += self._newest.take()
        return taken
