"""Time and turns of the loop, as an object that tests can hold."""

from __future__ import annotations

import asyncio
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
