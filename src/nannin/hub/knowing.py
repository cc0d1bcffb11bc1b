"""Knows the counts of pages that nobody here is on: it has other nodes tell them, and waits for that."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from nannin.audience.roster import Count, Counts
from nannin.clock import Alarm, Clock
from nannin.hub.teller import Teller

# Seconds for which this node is told of a page that somebody has asked for, in case that it is asked again.
KEPT_S: Final = 30.0
# Maximum such pages: a reader can make names up.
MAX_KEPT: Final = 1_000
# Seconds that a reader waits for an answer; then it gets what is known here.
PATIENCE_S: Final = 2.0


class Knowing:
    """Lets whoever asks for a page's count wait until this node knows it. On one node it always does.

    Args:
        counts: how many are on each page.
        teller: keeps this node told of a page that somebody watches.
        clock: time.
    """

    def __init__(self, counts: Counts, teller: Teller, clock: Clock) -> None:
        self._counts = counts
        self._teller = teller
        self._clock = clock
        self._kept: OrderedDict[str | None, float] = OrderedDict()  # each with its end, the next to end first
        self._alarm = Alarm(clock, self._expire)

    def when_known(self, page: str | None, then: Callable[[], None]) -> None:
        """Calls `then` once the page's count is known here.

        Args:
            page: its key; None: the counts of all pages.
            then: what has waited.
        """
        self._keep(page)
        self._counts.when_counted(page, then)

    async def know(self, pages: Iterable[str | None]) -> None:
        """Returns once the counts of these pages are known, or after a while without an answer."""
        unknown = [page for page in pages if not self._counts.knows(page) or page in self._kept]
        waiting: list[asyncio.Future[None]] = []
        for page in unknown:
            known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.when_known(page, partial(_set, known))
            waiting.append(known)
        if waiting:
            await asyncio.wait(waiting, timeout=PATIENCE_S)

    def hear(self, page: str, count: Count) -> None:
        """A page that is kept has changed: nothing has to be done."""

    def _keep(self, page: str | None) -> None:
        if page in self._kept:
            self._kept.move_to_end(page)
        else:
            self._teller.watch(self, page)
        self._kept[page] = self._clock.now() + KEPT_S
        if len(self._kept) > MAX_KEPT:
            self._teller.unwatch(self, self._kept.popitem(last=False)[0])
        self._alarm.set(next(iter(self._kept.values())))

    def _expire(self) -> None:
        now = self._clock.now()
        while self._kept:
            page, until_s = next(iter(self._kept.items()))
            if until_s > now:
                self._alarm.set(until_s)
                return
            del self._kept[page]
            self._teller.unwatch(self, page)


def _set(known: asyncio.Future[None]) -> None:
    if not known.done():
        known.set_result(None)
