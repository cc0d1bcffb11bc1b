"""What waits for a client that reads slowly: only the newest of each count, and a bounded number of bytes.

Every kind of link holds what waits in a place of its own (a transport's buffer, a deque, a list for the next
poll); these are the two rules that all of them share.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


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
    """Judges whether too much piles up for one client.

    The limit counts what is added while something waits already. What is sent in one go (one message, however
    large, or all that is sent before `settle`) never counts by itself, because the client had no chance to
    read any of it.

    Args:
        max_bytes: how much may pile up.
    """

    __slots__ = ("_counted_bytes", "_max_bytes", "_settled")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._counted_bytes = 0
        self._settled = False

    def add(self, size_bytes: int, waiting_bytes: int) -> bool:
        """Counts something that is about to wait, or has just begun to.

        Args:
            size_bytes: its size.
            waiting_bytes: the size of everything that waits before it, whether it counts or not.

        Returns:
            False if more than the limit had piled up before: the client is too slow.
        """
        if waiting_bytes <= 0:
            self._counted_bytes, self._settled = 0, False
        elif self._settled:
            # What counts was added last, so it is also what leaves last.
            self._counted_bytes = min(self._counted_bytes, waiting_bytes)
            if self._counted_bytes > self._max_bytes:
                return False
            self._counted_bytes += size_bytes
        return True

    def settle(self) -> None:
        """The client has had a chance to read: what is added from now on counts, until nothing waits."""
        self._settled = True
