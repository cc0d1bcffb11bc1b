"""When a page may be told of its changed count: at once after a quiet time, then as it can afford."""

from __future__ import annotations

import enum
import heapq
import itertools
import math

# Seconds over which the load of all pages together is weighed.
_LOAD_WINDOW_S = 1.0


class Phase(enum.Enum):
    """Where a page is between two updates."""

    __hash__ = object.__hash__  # Enum's own is written in Python, and members key tables

    QUIET = "nothing has changed since the last update"
    DUE = "the count has changed, and the update waits for its time"
    TELLING = "the update is being told"
    TELLING_AND_CHANGED = "the update is being told, and the count has changed again meanwhile"


# Before Python 3.12, to look a member up in its class takes longer than a call.
_QUIET, _DUE, _TELLING, _AGAIN = Phase

# What each event makes of each phase; a page enters the queue whenever it becomes DUE.
CHANGED = {_QUIET: _DUE, _DUE: _DUE, _TELLING: _AGAIN, _AGAIN: _AGAIN}
TAKEN = {_DUE: _TELLING}
# A page that was forgotten in the middle of an update and is back may be in any phase when that update ends.
FINISHED = {_QUIET: _QUIET, _DUE: _DUE, _TELLING: _QUIET, _AGAIN: _DUE}


class _Beat:
    __slots__ = ("not_before_s", "phase")

    def __init__(self) -> None:
        self.phase = Phase.QUIET
        self.not_before_s = -math.inf


class Pace:
    """Decides which pages are due for an update, and when.

    A page that has been quiet is due at once. Then it waits: so long that its telling takes at most `share`
    of the time, longer by as much as all pages together take more than that; never over `max_interval_s`.
    What changes in between is merged, and the last change is always told.

    Args:
        share: how much of the loop's time telling may take, above 0 and at most 1.
        min_interval_s: the least time between two updates of a page.
        max_interval_s: the most.
    """

    def __init__(self, *, share: float, min_interval_s: float, max_interval_s: float) -> None:
        self._share = share
        self._min_interval_s = min_interval_s
        self._max_interval_s = max_interval_s
        self._beats: dict[str, _Beat] = {}
        self._queue: list[tuple[float, int, str, _Beat]] = []
        self._order = itertools.count()
        self._spent_s = 0.0  # on telling, within the window; older seconds fade
        self._spent_at_s = -math.inf

    def change(self, page: str) -> bool:
        """The page's count changed; returns whether the page has become due by that, at once or later."""
        beat = self._beats.get(page)
        if beat is None:
            beat = self._beats[page] = _Beat()
        if beat.phase is _DUE:
            return False
        self._enter(page, beat, CHANGED[beat.phase])
        return beat.phase is _DUE

    def next_deadline(self) -> float:
        """When the next page is due, in monotonic seconds: minus infinity for at once, infinity for never."""
        while self._queue and self._is_stale(self._queue[0]):
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else math.inf

    def due(self, now: float, most: float = math.inf) -> list[str]:
        """Takes the pages that are to be told now, or so many of them, the one that has waited longest first.

        Each of them must be reported by `finished` once it has been told.
        """
        pages: list[str] = []
        while len(pages) < most and self.next_deadline() <= now and self._queue:
            page, beat = heapq.heappop(self._queue)[2:]
            beat.phase = TAKEN[beat.phase]
            pages.append(page)
        return pages

    def finished(self, page: str, took_s: float, now: float) -> None:
        """A page has been told.

        Args:
            page: which.
            took_s: how long the loop was busy with it, in seconds.
            now: when that ended, in monotonic seconds.
        """
        faded = math.exp((self._spent_at_s - now) / _LOAD_WINDOW_S)
        self._spent_s = self._spent_s * faded + took_s
        self._spent_at_s = now
        beat = self._beats.get(page)
        if beat is None:
            return
        crowding = max(1.0, self._spent_s / _LOAD_WINDOW_S / self._share)
        interval_s = took_s / self._share * crowding
        interval_s = min(max(interval_s, self._min_interval_s), self._max_interval_s)
        beat.not_before_s = now + interval_s
        self._enter(page, beat, FINISHED[beat.phase])

    def skipped(self, page: str) -> None:
        """Nothing was told of a page that was due: its next change is told as soon as that one."""
        beat = self._beats.get(page)
        if beat is not None:
            self._enter(page, beat, FINISHED[beat.phase])

    def forget(self, page: str) -> None:
        """Nobody is on the page any more."""
        self._beats.pop(page, None)

    def _enter(self, page: str, beat: _Beat, phase: Phase) -> None:
        if phase is _DUE and beat.phase is not _DUE:
            heapq.heappush(self._queue, (beat.not_before_s, next(self._order), page, beat))
        beat.phase = phase

    def _is_stale(self, entry: tuple[float, int, str, _Beat]) -> bool:
        """Whether the entry's page was forgotten since, or a new page has the same name now."""
        return self._beats.get(entry[2]) is not entry[3]
