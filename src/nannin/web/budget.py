"""Limits what costly answers may take of the server's time, however often anybody asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.exceptions import HTTPException

T = TypeVar("T")

# The share of the loop's time that the answers of one CostBudget may take together.
SHARE = 0.05
# Answers that take no longer than this are made for each request: a request by itself costs a third of that.
FREE_S = 0.001
RETRY_AFTER = {"retry-after": "1"}


class CostBudget(Generic[T]):
    """Makes costly answers, and keeps each for a time that follows its cost: 50 ms are spent once a second.

    Args:
        now: monotonic seconds.
        share: the share of the time that making answers may take.
        free_s: an answer that took no longer counts as free.
    """

    def __init__(self, now: Callable[[], float], *, share: float = SHARE, free_s: float = FREE_S) -> None:
        self._now = now
        self._share = share
        self._free_s = free_s
        self._kept: dict[str, T] = {}
        self._until_s = float("-inf")

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Returns what `make` makes, or what it made for this key a moment ago.

        Raises:
            HTTPException: 503 if nothing is kept for this key and it is too early to make it.
        """
        if self._now() < self._until_s:
            if key in self._kept:
                return self._kept[key]
            raise HTTPException(
                503, "too many requests for a costly answer; try again in a second", RETRY_AFTER
            )
        # Everything that is kept was made before the last pause: too old for anybody.
        self._kept.clear()
        value = self._kept[key] = self.spend(make)
        return value

    def spend(self, make: Callable[[], T]) -> T:
        """Returns what `make` makes, and counts what it cost."""
        started_s = self._now()
        value = make()
        ended_s = self._now()
        if ended_s - started_s > self._free_s:
            self._until_s = max(self._until_s, ended_s) + (ended_s - started_s) / self._share
        return value
