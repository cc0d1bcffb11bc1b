"""When a page may be told of its changed count: at once after a quiet time, then as it can afford."""

from __future__ import annotations

import heapq
import itertools
import math

# Over so many seconds the load of all pages together is weighed.
_LOAD_WINDOW_S = 1.0


class _Beat:
    __slots__ = ("changed", "not_before_s", "queued", "telling")

    def __init__(self) -> None:
        self.changed = False
        self.telling = False
        self.queued = False
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

    def change(self, page: str) -> None:
        """The page's count changed."""
        beat = self._beats.get(page)
        if beat is None:
            beat = self._beats[page] = _Beat()
        beat.changed = True
        self._enqueue(page, beat)

    def next_deadline(self) -> float:
        """When the next page is due, in monotonic seconds: minus infinity for at once, infinity for never."""
        while self._queue and self._is_stale(self._queue[0]):
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else math.inf

    def due(self, now: float) -> list[str]:
        """Takes the pages that are to be told now, the longest due first; each must be `told` afterwards."""
        pages = []
        while self.next_deadline() <= now and self._queue:
            page, beat = heapq.heappop(self._queue)[2:]
            beat.queued, beat.changed, beat.telling = False, False, True
            pages.append(page)
        return pages

    def told(self, page: str, took_s: float, now: float) -> None:
        """A page has been told.

        Args:
            page: which.
            took_s: how long the loop was busy with it.
            now: when that ended.
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
        beat.telling = False
        beat.not_before_s = now + interval_s
        if beat.changed:
            self._enqueue(page, beat)

    def forget(self, page: str) -> None:
        """Nobody is on the page any more."""
        self._beats.pop(page, None)

    def _enqueue(self, page: str, beat: _Beat) -> None:
        if not beat.queued and not beat.telling:
            beat.queued = True
            heapq.heappush(self._queue, (beat.not_before_s, next(self._order), page, beat))

    def _is_stale(self, entry: tuple[float, int, str, _Beat]) -> bool:
        """Whether the entry's page was forgotten since, or is another now of the same name."""
        return self._beats.get(entry[2]) is not entry[3]
