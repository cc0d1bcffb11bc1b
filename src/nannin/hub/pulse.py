"""How late the loop is: what a timer that rings four times a second says of it, while somebody wants to know.

`lag.py` names who holds the loop up. Here is how long everybody waits, whoever the cause may be.
"""

from __future__ import annotations

from typing import Final

from nannin.clock import Alarm, Clock
from nannin.hub.figures import Histogram

__all__ = ["BOUNDS_S", "EVERY_S", "PATIENCE_S", "Pulse"]

# Seconds between two measurements.
EVERY_S: Final = 0.25
# Seconds without a question after which nothing is measured any more.
PATIENCE_S: Final = 600.0
# The upper bounds of the spans that the lateness is sorted into, in seconds. The timers themselves are up to
# 2 ms late.
BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Pulse:
    """Measures how late the loop comes to what is due.

    Args:
        clock: time.

    Attributes:
        lateness: how many seconds too late it was, each time.
    """

    def __init__(self, clock: Clock) -> None:
        self.lateness = Histogram(BOUNDS_S)
        self._clock = clock
        self._alarm = Alarm(clock, self._beat)
        self._due_s: float | None = None  # None while nothing is measured
        self._until_s = 0.0

    def want(self) -> None:
        """Somebody asks for it: goes on, or begins."""
        now = self._clock.now()
        self._until_s = now + PATIENCE_S
        if self._due_s is None:
            self._wait(now)

    def stop(self) -> None:
        """Measures no more, until somebody asks again."""
        self._alarm.cancel()
        self._due_s = None

    def _wait(self, now: float) -> None:
        self._due_s = now + EVERY_S
        self._alarm.set(self._due_s)

    def _beat(self) -> None:
        now = self._clock.now()
        assert self._due_s is not None
        self.lateness.add(max(0.0, now - self._due_s))
        if now < self._until_s:
            self._wait(now)
        else:
            self._due_s = None
