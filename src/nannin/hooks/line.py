"""What waits for one hook's destination, and when it is tried next. Pure: time and chance are arguments."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from nannin.hooks.destinations import Outcome
from nannin.hooks.notices import Notice

__all__ = ["GIVE_UP_S", "MOST_WAITING", "Line"]

# Seconds after which a notice is given up.
GIVE_UP_S: Final = 86_400.0
# Maximum notices that wait for one destination; the oldest gives way.
MOST_WAITING: Final = 1_000
# Seconds to the second attempt, which double with each further failure, and the most that they become.
_FIRST_S: Final = 5.0
_MOST_S: Final = 3_600.0


class Line:
    """The notices for one destination, the oldest first.

    One is under way at a time. After a failure the destination, and not only the notice, is left alone for a
    while: it is as likely to fail the next. Where it refuses a notice, the next one's turn comes first.

    Args:
        most: maximum notices.

    Attributes:
        is_gone: whether the destination wants no more.
        failures: how many attempts have failed in a row.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self.is_gone = False
        self.failures = 0
        self._most = most
        self._waiting: deque[tuple[Notice, float]] = deque()  # with the time of its end
        self._under_way: tuple[Notice, float] | None = None
        self._next_s = -math.inf

    def __len__(self) -> int:
        """How many wait or are under way."""
        return len(self._waiting) + (self._under_way is not None)

    def add(self, notice: Notice, now: float, age_s: float = 0.0) -> list[Notice]:
        """A notice waits from now on.

        Args:
            notice: what.
            now: the time, in monotonic seconds.
            age_s: for how long it has waited already, in a process before this one.

        Returns:
            What waits no more because of that: the notice itself, or the oldest.
        """
        if self.is_gone:
            return [notice]
        self._waiting.append((notice, now + GIVE_UP_S - max(0.0, age_s)))
        return [self._waiting.popleft()[0]] if len(self) > self._most and len(self._waiting) > 1 else []

    def expire(self, now: float) -> list[Notice]:
        """Returns those whose day is over; they wait no more."""
        over = [notice for notice, end_s in self._waiting if end_s <= now]
        if over:
            self._waiting = deque(entry for entry in self._waiting if entry[1] > now)
        return over

    def next_s(self) -> float:
        """When there is something to do; infinity: not before something changes."""
        if not self._waiting:
            return math.inf
        first_end_s = min(end_s for _, end_s in self._waiting)
        return min(first_end_s, math.inf if self._under_way is not None else self._next_s)

    def take(self, now: float) -> Notice | None:
        """The notice whose turn it is; it is under way until `done`."""
        if self._under_way is not None or not self._waiting or now < self._next_s:
            return None
        self._under_way = self._waiting.popleft()
        return self._under_way[0]

    def done(self, outcome: Outcome, now: float, chance: float) -> list[Notice]:
        """The attempt has ended.

        Args:
            outcome: how.
            now: the time, in monotonic seconds.
            chance: a random number from 0 to 1, so that not all who failed together try again together.

        Returns:
            Those that wait no more: what has arrived, or all, where the destination wants no more.
        """
        assert self._under_way is not None
        entry, self._under_way = self._under_way, None
        if outcome.is_done:
            self.failures, self._next_s = 0, -math.inf
            return [entry[0]]
        self.failures += 1
        if outcome.is_gone:
            self.is_gone = True
            notices = [entry[0], *(notice for notice, _ in self._waiting)]
            self._waiting.clear()
            return notices
        if outcome.is_refused:
            self._waiting.append(entry)
        else:
            self._waiting.appendleft(entry)
        wait_s = backoff_s(self.failures, chance)
        self._next_s = now + max(wait_s, min(outcome.wait_s or 0.0, GIVE_UP_S))
        return []


def backoff_s(failures: int, chance: float) -> float:
    """The seconds to the next attempt: from half to the whole of a time that doubles with each failure."""
    whole_s = min(_MOST_S, _FIRST_S * 2.0 ** min(failures - 1, 32))
    return whole_s * (0.5 + chance / 2)
