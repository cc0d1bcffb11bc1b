"""A clock turned by hand, with a loop that turns when a test says so."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

# A loop that has not come to rest after so many turns never will.
_MAX_TURNS = 100_000


class FakeCall:
    """A call that waits for its time."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None

    def run(self) -> None:
        callback, self.callback = self.callback, None
        if callback is not None:
            callback()


class FakeClock:
    """Time that stands still until a test moves it, and a loop that turns when a test says so."""

    def __init__(self, now_s: float = 1_000.0) -> None:
        self._now_s = now_s
        self._soon: list[FakeCall] = []
        self._later: list[tuple[float, int, FakeCall]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> FakeCall:
        assert delay_s >= 0
        call = FakeCall(callback)
        heapq.heappush(self._later, (self._now_s + delay_s, next(self._order), call))
        return call

    def call_soon(self, callback: Callable[[], None]) -> FakeCall:
        call = FakeCall(callback)
        self._soon.append(call)
        return call

    # By hand

    @property
    def pending(self) -> int:
        """How many calls wait, now or for later."""
        return len(self._waiting_soon()) + sum(call.callback is not None for _, _, call in self._later)

    def next_alarm_s(self) -> float | None:
        """When the next timer is due, if there is one."""
        while self._later and self._later[0][2].callback is None:
            heapq.heappop(self._later)
        return self._later[0][0] if self._later else None

    def spend(self, seconds: float) -> None:
        """Time passes while the loop is busy: nothing is called."""
        self._now_s += seconds

    def turn(self) -> None:
        """One turn of the loop: what was asked for before it, and the timers that are due."""
        calls, self._soon = self._soon, []
        while (due_s := self.next_alarm_s()) is not None and due_s <= self._now_s:
            calls.append(heapq.heappop(self._later)[2])
        for call in calls:
            call.run()

    def settle(self) -> None:
        """Turns the loop until nothing is left to do at this time."""
        for _ in range(_MAX_TURNS):
            due_s = self.next_alarm_s()
            if not self._waiting_soon() and (due_s is None or due_s > self._now_s):
                return
            self.turn()
        raise AssertionError("the loop never comes to rest")

    def advance(self, seconds: float) -> None:
        """Lets time pass and the loop turn, each timer at its own time."""
        until_s = self._now_s + seconds
        self.settle()
        while (due_s := self.next_alarm_s()) is not None and due_s <= until_s:
            self._now_s = max(self._now_s, due_s)
            self.settle()
        self._now_s = max(self._now_s, until_s)

    def _waiting_soon(self) -> list[FakeCall]:
        return [call for call in self._soon if call.callback is not None]
