"""One ordered queue of deadlines and one timer, for any number of sessions."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from nannin.clock import Cancellable, Clock

# Seconds by which a wake-up may be late. A later one means that the loop was held up, and pongs may wait
# unread.
_HELD_UP_S = 0.1
# How many entries of ended sessions are not worth a clean-up.
_SLACK = 64


class Timed(Protocol):
    """Something that has deadlines.

    Attributes:
        queued_s: a note of the queue's: when it will look at this one next.
    """

    queued_s: float

    def next_deadline(self) -> float:
        """When it is due, in monotonic seconds; infinite where it never is."""


TimedT = TypeVar("TimedT", bound=Timed)


class Deadlines(Generic[TimedT]):
    """Calls back with whatever is due, in the order of the deadlines.

    A deadline that moves to a later time costs nothing: the queue looks at the session at the old time, and
    queues the new one then. So each session has one entry, rarely two.

    Args:
        clock: time.
        on_due: called with what is due, which is queued again afterwards for its next deadline.
        apart_s: the least time between two wake-ups, in seconds. A deadline that follows closely on others
            may be late by so much. It is then kept together with all that are due by that time.
    """

    def __init__(self, clock: Clock, on_due: Callable[[TimedT, float], None], apart_s: float = 0.01) -> None:
        self._clock = clock
        self._on_due = on_due
        self._apart_s = apart_s
        self._not_before_s = -math.inf
        self._queue: list[tuple[float, int, TimedT]] = []
        self._order = itertools.count()
        self._wake_s = math.inf
        self._alarm: Cancellable | None = None

    def __len__(self) -> int:
        """How many entries are queued."""
        return len(self._queue)

    def schedule(self, timed: TimedT) -> None:
        """Queues the next deadline, unless the queue will look at this one earlier anyway."""
        deadline = timed.next_deadline()
        if deadline < timed.queued_s:
            timed.queued_s = deadline
            heapq.heappush(self._queue, (deadline, next(self._order), timed))
            self._set_alarm()

    def keep(self, living: Iterable[TimedT], count: int) -> None:
        """Drops entries that are of no use once they outnumber the live sessions. Cancels the timer when none
        is left.

        Of no use are those of ended sessions, and those of a live one that is queued for an earlier time: it
        has one of them after each heartbeat if it may take longer to answer than until the next. If these
        stayed, a crowd that leaves at once could find the queue as long again after each clean-up.

        Args:
            living: all live sessions.
            count: how many live sessions there are.
        """
        if count and len(self._queue) <= 2 * count + _SLACK:
            return
        ids = {id(timed) for timed in living}
        queue, self._queue = self._queue, []
        for entry in queue:
            if entry[0] == entry[2].queued_s and id(entry[2]) in ids:
                ids.remove(id(entry[2]))
                self._queue.append(entry)
        heapq.heapify(self._queue)
        if not self._queue:
            self.clear()

    def clear(self) -> None:
        """Forgets all entries, and cancels the timer."""
        self._queue.clear()
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._wake_s = None, math.inf

    def _set_alarm(self) -> None:
        when = self._queue[0][0] if self._queue else math.inf
        if when < self._wake_s:
            if self._alarm is not None:
                self._alarm.cancel()
            now = self._clock.now()
            self._wake_s = max(now, when, self._not_before_s)
            self._alarm = self._clock.call_later(self._wake_s - now, self._wake)

    def _wake(self) -> None:
        now = self._clock.now()
        if now - self._wake_s > _HELD_UP_S:
            # Pongs that came in time may still wait in the kernel: let the loop read before any session ends.
            self._wake_s = now
            self._alarm = self._clock.call_later(0, self._wake)
            return
        self._not_before_s = now + self._apart_s
        self._alarm, self._wake_s = None, -math.inf  # no alarm is set before all that is due is done
        while self._queue and self._queue[0][0] <= now:
            when, _, timed = heapq.heappop(self._queue)
            if when == timed.queued_s:
                timed.queued_s = math.inf
                deadline = timed.next_deadline()
                if deadline <= now:  # it has not moved to later
                    self._on_due(timed, now)
                    deadline = timed.next_deadline()
                if deadline < timed.queued_s:
                    timed.queued_s = deadline
                    heapq.heappush(self._queue, (deadline, next(self._order), timed))
        self._wake_s = math.inf
        self._set_alarm()
