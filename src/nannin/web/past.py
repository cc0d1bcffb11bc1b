"""Reads the history for the web: one reader at a time, and the public for a share of the time only, so that
recording goes on whoever asks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from starlette.exceptions import HTTPException

from nannin.clock import Clock
from nannin.errors import HistoryError
from nannin.history.points import Step
from nannin.web.budget import RETRY_AFTER
from nannin.web.history_source import HistorySource, HistoryStore

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

T = TypeVar("T")

logger = logging.getLogger("nannin.history")

# The share of the history's time that reading for the public may take.
PUBLIC_SHARE: Final = 0.2
# For how long an answer holds, and how many bytes of answers are kept: for a page whose readers all ask for
# its last hour.
KEPT_S: Final = 2.0
KEPT_BYTES: Final = 4_194_304
# How many readers may wait for their turn.
MAX_WAITING: Final = 64
_OFF: Final = "this server keeps no history: the setting history says where it would be kept"
# How many seconds apart the log says why the history can't be read, where it can and can't in turn.
TOLD_EVERY_S: Final = 60.0
# Why it can't is for the log and for those who may read lists: a database names its address and itself.
_AWAY: Final = "the history can't be read now; try again in a second"
_TOO_MANY: Final = "too many readers of the history; try again in a second"


class Turns:
    """Lets those who take the time of a thread have their turn, one at a time.

    Args:
        clock: time.
        share: the share of the time that they may take together.
    """

    def __init__(self, clock: Clock, share: float) -> None:
        self._clock = clock
        self._share = share
        self._free_at_s = float("-inf")
        self._waiting = 0
        self._working: asyncio.Event | None = None  # until whoever has the turn has left

    @contextlib.asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Waits for a turn.

        Raises:
            HTTPException: 503 if too many wait already.
        """
        if self._waiting >= MAX_WAITING:
            raise HTTPException(503, _TOO_MANY, RETRY_AFTER)
        self._waiting += 1
        try:
            while self._working is not None:
                await self._working.wait()
            done = self._working = asyncio.Event()
        finally:
            self._waiting -= 1
        try:
            await self._pause()
            yield
        finally:
            self._working = None
            done.set()

    def spend(self, cost_s: float) -> None:
        """Whoever has the turn has taken so much of the thread's time."""
        self._free_at_s = self._clock.now() + cost_s * (1 / self._share - 1)

    async def _pause(self) -> None:
        delay_s = self._free_at_s - self._clock.now()
        if delay_s > 0:
            due = asyncio.Event()
            alarm = self._clock.call_later(delay_s, due.set)
            try:
                await due.wait()
            finally:
                alarm.cancel()


class Kept:
    """Answers that were made a moment ago, as long as there is room for them.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._answers: dict[Hashable, tuple[float, bytes]] = {}  # the oldest first
        self._bytes = 0

    def get(self, key: Hashable) -> bytes | None:
        """The answer, if it still holds."""
        made_s, answer = self._answers.get(key, (float("-inf"), None))
        return answer if self._now() - made_s < KEPT_S else None

    def put(self, key: Hashable, answer: bytes) -> None:
        """Keeps an answer from now on, and lets go of what no longer holds or has no room."""
        if (former := self._answers.pop(key, None)) is not None:
            self._bytes -= len(former[1])
        self._answers[key] = self._now(), answer
        self._bytes += len(answer)
        while self._answers:
            oldest = next(iter(self._answers))
            made_s, answer = self._answers[oldest]
            if self._bytes <= KEPT_BYTES and self._now() - made_s < KEPT_S:
                break
            del self._answers[oldest]
            self._bytes -= len(answer)


class Past:
    """The history, as far as this server keeps one.

    Args:
        source: reads it; None where none is kept.
        clock: time.
        unix_s: the time of day.
        timezone: the name of the owner's time zone: days are days there.
        kept_s: for how many seconds each step is kept, if not for ever.
    """

    def __init__(
        self,
        source: HistorySource | None,
        clock: Clock,
        unix_s: Callable[[], float] = time.time,
        timezone: str | None = None,
        kept_s: Mapping[Step, int] | None = None,
    ) -> None:
        self._source = source
        self._now = clock.now
        self.unix_s = unix_s
        self.kept_s: Mapping[Step, int] = kept_s or {}
        self._timezone = timezone
        self._owners: ZoneInfo | None = None
        self._kept = Kept(clock.now)
        self._is_away = False
        self._told_s = float("-inf")
        # What is being made, until it is: whoever asks for the same waits for it, and takes no place.
        self._making: dict[tuple[Hashable, bool], asyncio.Event] = {}
        self._public, self._trusted = Turns(clock, PUBLIC_SHARE), Turns(clock, 1)

    @property
    def is_kept(self) -> bool:
        """Whether this server keeps a history."""
        return self._source is not None

    def zone(self, name: str = "") -> ZoneInfo:
        """The time zone of this name, or the owner's.

        Raises:
            ValueError: there is none of this name; in a sentence.
        """
        from nannin.history.zones import (  # some 5 ms, which a server without history need not take
            machine,
            named,
        )

        if name:
            return named(name)
        if self._owners is None:
            self._owners = named(self._timezone) if self._timezone else machine()
        return self._owners

    async def answer(
        self, key: Hashable, make: Callable[[HistoryStore], bytes], *, is_trusted: bool = False
    ) -> bytes:
        """What is made of the history, or was for the same key a moment ago.

        Args:
            key: names the answer.
            make: makes it, in the history's thread.
            is_trusted: whether only those ask for it who may read lists. They are told why it can't be read.

        Raises:
            HTTPException: 404 if no history is kept; 503 if it can't be read, or too many ask.
        """
        while (answer := self._kept.get(key)) is None:
            if (made := self._making.get((key, is_trusted))) is not None:
                await made.wait()
                continue
            made = self._making[key, is_trusted] = asyncio.Event()
            try:
                async with self._turns(is_trusted).take():
                    answer = await self._ask(make, is_trusted)
                self._kept.put(key, answer)
                return answer
            finally:
                del self._making[key, is_trusted]
                made.set()
        return answer

    async def read(self, make: Callable[[HistoryStore], T]) -> T:
        """What is made of the history, for those who may read lists.

        Args:
            make: makes it, in the history's thread.

        Raises:
            HTTPException: 404 if no history is kept; 503 if it can't be read, or too many ask.
        """
        async with self._trusted.take():
            return await self._ask(make, is_trusted=True)

    async def _ask(self, make: Callable[[HistoryStore], T], is_trusted: bool) -> T:
        if self._source is None:
            raise HTTPException(404, _OFF)

        costs_s: list[float] = []

        def measure(store: HistoryStore) -> T:
            began_s = self._now()
            try:
                return make(store)
            finally:
                costs_s.append(self._now() - began_s)

        try:
            answer = await self._source.ask(measure)
        except HistoryError as error:
            self._tell(error)
            words = f"{_AWAY}. The reason: {error}" if is_trusted else _AWAY
            raise HTTPException(503, words, RETRY_AFTER) from None
        else:
            self._is_away = False
            return answer
        finally:
            self._turns(is_trusted).spend(sum(costs_s))

    def _tell(self, error: HistoryError) -> None:
        """Says to the log why the history can't be read, once until it can be."""
        now_s = self._now()
        if not self._is_away and now_s - self._told_s >= TOLD_EVERY_S:
            self._told_s = now_s
            logger.warning("history can't be read: %s", error)
        self._is_away = True

    def _turns(self, is_trusted: bool) -> Turns:
        return self._trusted if is_trusted else self._public
