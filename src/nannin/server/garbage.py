"""How the garbage collector is run: seldom, and so that it never holds up everybody for long.

Python walks through all objects to find those that only refer to each other. Connections refer to nothing in
a circle, so nearly all of that is in vain: with Python's defaults a join cost 436 us (of 10,000), and without
most of it 289 us. But a walk that is put off is long: one through 5 million objects took 0.6 s, in which
nobody was served.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

# How many new objects make a young collection, how many of those an older one, and of those again a full one.
THRESHOLDS: Final = (20_000, 5, 1)
# Seconds that a walk through all objects may take to be made in every full collection.
SHORT_S: Final = 0.06
# Seconds between two walks through all objects where one takes longer.
WHOLE_EVERY_S: Final = 600.0


class Garbage:
    """Sets what survives a full collection aside, so that the next one walks only through what is new.

    Circles of objects that were set aside are found every 10 minutes, or in each full collection while a walk
    through everything is short.

    Args:
        collector: Python's module `gc`.
        now: the time, in monotonic seconds.
    """

    def __init__(self, collector: ModuleType = gc, now: Callable[[], float] = time.perf_counter) -> None:
        self._gc = collector
        self._now = now
        self._began_s = self._whole_at_s = now()
        self._aside_s = 0.0  # what a walk through everything that is aside takes

    def relax(self) -> None:
        """From now on the collector runs like this. To be called once everything is loaded."""
        self._begin_whole()
        self._gc.collect()
        self._set_aside()
        self._gc.set_threshold(*THRESHOLDS)
        self._gc.callbacks.append(self.watch)

    def watch(self, phase: str, info: Mapping[str, Any]) -> None:
        """A collection begins or has ended, as `gc.callbacks` tells."""
        if info["generation"] < len(THRESHOLDS) - 1:
            return
        if phase == "stop":
            self._set_aside()
            return
        self._began_s = self._now()
        if self._aside_s < SHORT_S or self._began_s - self._whole_at_s >= WHOLE_EVERY_S:
            self._gc.unfreeze()
            self._begin_whole()

    def _begin_whole(self) -> None:
        self._began_s = self._whole_at_s = self._now()
        self._aside_s = 0.0

    def _set_aside(self) -> None:
        self._gc.freeze()
        self._aside_s += self._now() - self._began_s
