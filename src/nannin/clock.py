"""Time and turns of the loop, as an object that tests can hold."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any, Protocol


class Cancellable(Protocol):
    """A call that can be cancelled before its time."""

    def cancel(self) -> None:
        """Cancels the call."""


class Clock(Protocol):
    """What nannin needs to know of time."""

    def now(self) -> float:
        """Monotonic seconds."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Cancellable:
        """Calls back once, `delay_s` from now."""

    def call_soon(self, callback: Callable[[], None]) -> Any:
        """Calls back at the end of this turn of the loop."""


class Alarm:
    """One timer that calls back at the earliest of the times to which it was set.

    Args:
        clock: time.
        on_time: called each time the alarm rings.
    """

    __slots__ = ("_clock", "_on_time", "_timer", "_when_s")

    def __init__(self, clock: Clock, on_time: Callable[[], None]) -> None:
        self._clock = clock
        self._on_time = on_time
        self._timer: Cancellable | None = None
        self._when_s = math.inf

    def set(self, when_s: float) -> None:
        """Rings at this time, unless it is set to an earlier one.

        Args:
            when_s: monotonic seconds; infinity is never.
        """
        if when_s < self._when_s:
            self.cancel()
            self._when_s = when_s
            self._timer = self._clock.call_later(max(0.0, when_s - self._clock.now()), self._ring)

    def cancel(self) -> None:
        """Does not ring, until it is set again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._when_s = None, math.inf

    def _ring(self) -> None:
        self._timer, self._when_s = None, math.inf
        self._on_time()


# uvloop rounds to milliseconds and counts from the start of the loop's turn, so a timer can fire early. Code
# that then re-arms it would spin. One extra millisecond prevents that.
_NEVER_EARLY_S = 0.001


class _Call:
    """A call that waits for its time on a loop, or for a loop."""

    __slots__ = ("_callback", "_clock", "_handle", "due_s")

    def __init__(self, clock: SystemClock, due_s: float | None, callback: Callable[[], None]) -> None:
        self.due_s = due_s  # None: at the end of the turn
        self._clock = clock
        self._callback = callback
        self._handle: asyncio.Handle | None = None

    def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Waits on this loop."""
        if self.due_s is None:
            self._handle = loop.call_soon(self._run)
        else:
            delay_s = max(0.0, self.due_s - time.monotonic()) + _NEVER_EARLY_S
            self._handle = loop.call_later(delay_s, self._run)

    def cancel(self) -> None:
        """Cancels the call."""
        self._clock.waiting.pop(self, None)
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._clock.waiting.pop(self, None)
        self._handle = None  # they refer to each other: both go at once, and need no garbage collection
        self._callback()


class SystemClock:
    """The clock of the running loop. Time is `time.monotonic`: uvloop's own stands still within a turn.

    It can follow another clock for a while, so that tests can move the time of a server that exists already.
    And it can move to another loop: a Live may be served by one loop after another, as each test client has
    one, and what waited on a loop that has ended would wait for ever.

    Attributes:
        waiting: the calls that wait, the earliest made first.
    """

    def __init__(self) -> None:
        self.waiting: dict[_Call, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.follow_system()

    def now(self) -> float:
        """Monotonic seconds. It is a method, so that whoever keeps it goes by what the clock follows."""
        return self._now()

    def follow(self, other: Clock) -> None:
        """Goes by another clock from now on."""
        self._now: Callable[[], float] = other.now
        self.call_later: Callable[[float, Callable[[], None]], Cancellable] = other.call_later
        self.call_soon: Callable[[Callable[[], None]], Any] = other.call_soon

    def follow_system(self, *, least_s: float = 0.0) -> None:
        """Goes by the system's time again.

        Args:
            least_s: the least that the time may be. If the clock that was followed is ahead of the system's,
                the lead stays: those who remember its times need a clock that never goes back.
        """
        lead_s = max(0.0, least_s - time.monotonic())
        self._now = (lambda: time.monotonic() + lead_s) if lead_s else time.monotonic
        self.call_later, self.call_soon = self._call_later, self._call_soon

    def move(self) -> None:
        """What waits, waits on the running loop from now on: its former loop has ended.

        What is called between two loops waits for the next.
        """
        self._loop = asyncio.get_running_loop()
        for call in self.waiting:
            call.wait(self._loop)

    def _call_later(self, delay_s: float, callback: Callable[[], None]) -> Cancellable:
        return self._wait(_Call(self, time.monotonic() + delay_s, callback))

    def _call_soon(self, callback: Callable[[], None]) -> Cancellable:
        return self._wait(_Call(self, None, callback))

    def _wait(self, call: _Call) -> _Call:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if self._loop is None or self._loop.is_running():
                raise  # another thread must not take part
        else:
            call.wait(loop)
        self.waiting[call] = None
        return call
