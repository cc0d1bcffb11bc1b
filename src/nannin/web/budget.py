"""Answers that are costly to work out, and may be asked for by anybody: worked out only so often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.exceptions import HTTPException

T = TypeVar("T")

# Working them out may take such a part of the loop's time, over all that one Thrift is asked for.
SHARE = 0.05
# What takes no longer is worked out anew each time: a request by itself costs about a third of that.
FREE_S = 0.001
RETRY_AFTER = {"retry-after": "1"}


class Thrift(Generic[T]):
    """Keeps what was costly, for as long as its cost asks: 50 ms are worked out at most once a second.

    Args:
        now: monotonic seconds.
        share: the part of the time that it may take.
        free_s: what takes up to so long counts as nothing.
    """

    def __init__(self, now: Callable[[], float], *, share: float = SHARE, free_s: float = FREE_S) -> None:
        self._now = now
        self._share = share
        self._free_s = free_s
        self._kept: dict[str, T] = {}
        self._until_s = float("-inf")

    def get(self, key: str, make: Callable[[], T]) -> T:
        """What `make` makes, or what it made for this key a moment ago.

        Raises:
            HTTPException: 503, there is nothing kept for this key, and it is too early to make something.
        """
        if self._now() < self._until_s:
            if key in self._kept:
                return self._kept[key]
            raise HTTPException(503, "this is asked for too often; try again in a second", RETRY_AFTER)
        # What is kept is from before the last pause: too old for anybody.
        self._kept.clear()
        value = self._kept[key] = self.spend(make)
        return value

    def spend(self, make: Callable[[], T]) -> T:
        """What `make` makes, its cost counted."""
        started_s = self._now()
        value = make()
        ended_s = self._now()
        if ended_s - started_s > self._free_s:
            self._until_s = max(self._until_s, ended_s) + (ended_s - started_s) / self._share
        return value
