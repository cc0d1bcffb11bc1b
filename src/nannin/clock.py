"""Time and turns of the loop, as an object that tests can hold."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any, Protocol


class Cancellable(Protocol):
    """A call that can be taken back."""

    def cancel(self) -> None:
        """Takes it back."""


class Clock(Protocol):
    """What nannin asks of time."""

    def now(self) -> float:
        """Monotonic seconds."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Cancellable:
        """Calls back once, `delay_s` from now."""

    def call_soon(self, callback: Callable[[], None]) -> Any:
        """Calls back at the end of this turn of the loop."""


class Alarm:
    """One timer that calls back at the earliest of the times it was set to.

    Args:
        clock: time.
        on_time: called once for each time that it rings.
    """

    __slots__ = ("_clock", "_on_time", "_timer", "_when_s")

    def __init__(self, clock: Clock, on_time: Callable[[], None]) -> None:
        self._clock = clock
        self._on_time = on_time
        self._timer: Cancellable | None = None
        self._when_s = math.inf

    def set(self, when_s: float) -> None:
        """Rings at this time, in monotonic seconds, unless it rings earlier anyway; infinity is never."""
        if when_s < self._when_s:
            self.cancel()
            self._when_s = when_s
            self._timer = self._clock.call_later(max(0.0, when_s - self._clock.now()), self._ring)

    def cancel(self) -> None:
        """Does not ring."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._when_s = None, math.inf

    def _ring(self) -> None:
        self._timer, self._when_s = None, math.inf
        self._on_time()


# uvloop's timers have whole milliseconds and count from the start of a turn, so that they may come early; who
# then sets them anew spins. A millisecond more, and none is early.
_NEVER_EARLY_S = 0.001


class SystemClock:
    """The clock of the running loop. Time is `time.monotonic`: uvloop's own stands still within a turn."""

    now = staticmethod(time.monotonic)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Cancellable:
        """Calls back once, `delay_s` from now."""
        return asyncio.get_running_loop().call_later(delay_s + _NEVER_EARLY_S, callback)

    def call_soon(self, callback: Callable[[], None]) -> Any:
        """Calls back at the end of this turn of the loop."""
        return asyncio.get_running_loop().call_soon(callback)
