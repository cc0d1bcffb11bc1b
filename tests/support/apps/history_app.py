"""nannin with a history whose time passes twenty times as quickly: a minute takes three seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from nannin import Live
from nannin.clock import Alarm
from nannin.history import writer

TIMES = 20


class QuickClock:
    """All processes have the same time."""

    def now(self) -> float:
        return time.monotonic() * TIMES

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_s / TIMES + 0.001, callback)

    def call_soon(self, callback: Callable[[], None]) -> asyncio.Handle:
        return asyncio.get_running_loop().call_soon(callback)


def quick_unix_s() -> float:
    return time.time() + (TIMES - 1) * time.monotonic()


writer.LOOK_EVERY_S /= TIMES  # type: ignore[misc]
live = Live(history=True)
history, clock = live.assembly.history, QuickClock()
assert history is not None
history._clock, history._now, history._unix_s = clock, clock.now, quick_unix_s
history._alarm = Alarm(clock, history._look)
