"""Limits what costly answers may take of the server's time, however often anybody asks for them, and how long
one of them may keep the loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Generic, TypeVar

from starlette.exceptions import HTTPException

T = TypeVar("T")
V = TypeVar("V")

# What makes an answer step by step, and returns it at the end: each yield is a turn for others.
Steps = Generator[None, None, T]

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
        self._working: asyncio.Event | None = None  # until whoever is alone has left

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Returns what `make` makes, or what it made for this key a moment ago.

        Raises:
            HTTPException: 503 if nothing is kept for this key and it is too early to make it.
        """
        if not self._is_kept(key):
            self._kept[key] = self.spend(make)
        return self._kept[key]

    def spend(self, make: Callable[[], V]) -> V:
        """Returns what `make` makes, and counts what it cost."""
        started_s = self._now()
        value = make()
        self._count(self._now() - started_s)
        return value

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """One answer is made in turns at a time: whoever comes meanwhile waits, and may find it kept."""
        while self._working is not None:
            await self._working.wait()
        done = self._working = asyncio.Event()
        try:
            yield
        finally:
            self._working = None
            done.set()

    async def get_in_turns(self, key: str, make: Callable[[], Steps[T]]) -> T:
        """As `get`, for whoever is `alone`: others have their turn between two steps."""
        if not self._is_kept(key):
            self._kept[key] = await self.spend_in_turns(make())
        return self._kept[key]

    async def get_awaited(
        self, key: str, make: Callable[[], Steps[V]], finish: Callable[[V], Awaitable[T]]
    ) -> T:
        """As `get_in_turns`: what `make` makes costs, and waiting for the rest does not."""
        if not self._is_kept(key):
            self._kept[key] = await finish(await self.spend_in_turns(make()))
        return self._kept[key]

    async def spend_in_turns(self, steps: Steps[V]) -> V:
        """As `spend`, for whoever is `alone`: others have their turn between two steps."""
        cost_s = 0.0
        while True:
            started_s = self._now()
            try:
                next(steps)
            except StopIteration as end:
                self._count(cost_s + self._now() - started_s)
                value: V = end.value
                return value
            cost_s += self._now() - started_s
            await asyncio.sleep(0)

    def _is_kept(self, key: str) -> bool:
        """Whether there is an answer; if not, it is time to make one."""
        if self._now() < self._until_s:
            if key in self._kept:
                return True
            raise HTTPException(
                503, "too many requests for a costly answer; try again in a second", RETRY_AFTER
            )
        # Everything that is kept was made before the last pause: too old for anybody.
        self._kept.clear()
        return False

    def _count(self, cost_s: float) -> None:
        if cost_s > self._free_s:
            self._until_s = max(self._until_s, self._now()) + cost_s / self._share
