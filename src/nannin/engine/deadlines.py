"""One ordered queue of deadlines and one timer, for any number of sessions."""

from __future__ import annotations

import bisect
import heapq
import math
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from nannin.clock import Cancellable, Clock

# Seconds by which a wake-up may be late. A later one means that the loop was held up, and pongs may wait
# unread.
_HELD_UP_S = 0.1
# How many entries of ended sessions are not worth a clean-up.
_SLACK = 64
# How long a drawer's stretch of time is, in seconds: to open one wakes the process, and what is due within it
# is put in order one by one.
_DRAWER_S = 0.25


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

    Most entries are looked at in vain, since their deadline has moved. So they lie in drawers, each for a
    stretch of time, in no order. A drawer is opened when its time begins: only who is still due in this
    stretch is put in order, and the others go to later drawers, without a wake-up for each.

    Args:
        clock: time.
        on_due: called with what was queued for a time that has come, and that time: does what is due, if
            anything still is, and returns the next deadline.
        apart_s: the least time between two calls of what is due, in seconds. A deadline that follows closely
            on others may be late by so much. It is then kept together with all that are due by that time.
    """

    def __init__(self, clock: Clock, on_due: Callable[[TimedT, float], float], apart_s: float = 0.01) -> None:
        self._clock = clock
        self._on_due = on_due
        self._apart_s = apart_s
        self._not_before_s = -math.inf
        # Those in open drawers, in order, the next one last; with what is compared below 0.
        self._near: list[tuple[float, int, TimedT]] = []
        self._order = 0
        self._drawers: dict[int, list[TimedT]] = {}
        self._numbers: list[int] = []  # a heap of the drawers' numbers
        self._open = -1  # the number of the last drawer that was opened
        self._size = 0
        self._wake_s = math.inf
        self._alarm: Cancellable | None = None

    def __len__(self) -> int:
        """How many entries are queued."""
        return self._size

    def schedule(self, timed: TimedT) -> None:
        """Queues the next deadline, unless the queue will look at this one earlier anyway."""
        deadline = timed.next_deadline()
        if deadline < timed.queued_s:
            self._put(timed, deadline)
            self._set_alarm()

    def move(self, timed: TimedT, deadline: float) -> None:
        """Queues its next deadline, which may be later than the one that is queued: that one is void then.

        It saves a look at this one at the earlier time, when all that it has to do with is cold in memory.
        """
        if deadline != timed.queued_s:
            self._put(timed, deadline)
            if deadline < self._wake_s:
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
        if count and self._size <= 2 * count + _SLACK:
            return
        self._near.clear()
        self._drawers.clear()
        self._numbers.clear()
        self._size = 0
        for timed in living:
            if timed.queued_s < math.inf:
                self._put(timed, timed.queued_s)
        if not self._size:
            self.clear()

    def clear(self) -> None:
        """Forgets all entries, and cancels the timer."""
        self._near.clear()
        self._drawers.clear()
        self._numbers.clear()
        self._size = 0
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._wake_s = None, math.inf

    def _put(self, timed: TimedT, deadline: float) -> None:
        timed.queued_s = deadline
        if deadline == math.inf:
            return
        self._size += 1
        number = int(deadline // _DRAWER_S)
        if number <= self._open:
            self._order += 1
            bisect.insort(self._near, (-deadline, -self._order, timed))
        elif (drawer := self._drawers.get(number)) is not None:
            drawer.append(timed)
        else:
            self._drawers[number] = [timed]
            heapq.heappush(self._numbers, number)

    def _open_drawers(self, now: float) -> None:
        """Puts those in order who are due soon, if a drawer's time has come."""
        while self._numbers and self._numbers[0] * _DRAWER_S <= now:
            self._open = heapq.heappop(self._numbers)
            drawer, end_s = self._drawers.pop(self._open), (self._open + 1) * _DRAWER_S
            self._size -= len(drawer)
            for timed in drawer:
                if timed.queued_s >= end_s:
                    continue  # another entry of the same session is for later
                deadline = timed.queued_s if timed.queued_s <= now else timed.next_deadline()
                if deadline < end_s:
                    timed.queued_s = deadline
                    self._order += 1
                    self._near.append((-deadline, -self._order, timed))
                    self._size += 1
                else:
                    self._put(timed, deadline)
            self._near.sort()

    def _next_s(self) -> float:
        """When there is something to do next."""
        near_s = max(-self._near[-1][0], self._not_before_s) if self._near else math.inf
        return min(near_s, self._numbers[0] * _DRAWER_S) if self._numbers else near_s

    def _set_alarm(self) -> None:
        when = self._next_s()
        if when < self._wake_s:
            if self._alarm is not None:
                self._alarm.cancel()
            now = self._clock.now()
            self._wake_s = max(now, when)
            self._alarm = self._clock.call_later(self._wake_s - now, self._wake)

    def _wake(self) -> None:
        now = self._clock.now()
        if now - self._wake_s > _HELD_UP_S:
            # Pongs that came in time may still wait in the kernel: let the loop read before any session ends.
            self._wake_s = now
            self._alarm = self._clock.call_later(0, self._wake)
            return
        self._alarm, self._wake_s = None, -math.inf  # no alarm is set before all that is due is done
        self._open_drawers(now)
        if now >= self._not_before_s:
            self._call_due(now)
        self._wake_s = math.inf
        self._set_alarm()

    def _call_due(self, now: float) -> None:
        near, on_due = self._near, self._on_due
        while near and near[-1][0] >= -now:
            self._not_before_s = now + self._apart_s
            when, _, timed = near.pop()
            self._size -= 1
            if -when == timed.queued_s:
                timed.queued_s = math.inf
                deadline = on_due(timed, now)
                if deadline < timed.queued_s:
                    self._put(timed, deadline)
