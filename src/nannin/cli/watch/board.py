"""The rows of the table: the last count of each page, and how it came to it."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nannin.cli.watch.events import Told

__all__ = ["Board", "Row", "draw_trail"]

TRAIL: Final = 16
_BARS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Row:
    """A page's last count, and its last numbers of visitors, the newest last."""

    told: Told
    trail: tuple[int, ...]

    @property
    def change(self) -> int:
        """How the number of visitors changed with the last update."""
        return self.trail[-1] - self.trail[-2] if len(self.trail) > 1 else 0


class Board:
    """The last count of each page. One thread tells, another reads.

    Args:
        keeps_empty: keeps pages that nobody is on any more, since they were asked for by name.
    """

    def __init__(self, *, keeps_empty: bool) -> None:
        self._keeps_empty = keeps_empty
        self._rows: dict[str, Row] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def clear(self) -> None:
        """Forgets everything: of a page that emptied while nobody told, nothing would be heard again."""
        with self._lock:
            self._rows.clear()

    def tell(self, told: Told) -> None:
        """Takes a page's new count."""
        with self._lock:
            row = self._rows.get(told.page)
            if told.connections or told.visitors or self._keeps_empty:
                trail = (*row.trail, told.visitors) if row else (told.visitors,)
                self._rows[told.page] = Row(told, trail[-TRAIL:])
            elif row:
                del self._rows[told.page]

    def top(self, size: int) -> Sequence[Row]:
        """The pages with the most visitors, at most so many."""
        with self._lock:
            return heapq.nsmallest(
                size, self._rows.values(), key=lambda r: (-r.told.visitors, -r.told.connections, r.told.page)
            )


def draw_trail(trail: Sequence[int]) -> str:
    """The numbers as bars, the greatest as the full one."""
    most = max(*trail, 1)
    return "".join(_BARS[-(-number * (len(_BARS) - 1) // most)] for number in trail)
