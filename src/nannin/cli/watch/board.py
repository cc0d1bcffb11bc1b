"""The rows of the table: each page's last count, and the numbers before it."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nannin.cli.watch.events import Update

__all__ = ["Board", "Row"]

TRAIL: Final = 16


@dataclass(frozen=True, slots=True)
class Row:
    """A page's last count, and its last numbers of visitors, the newest last."""

    update: Update
    trail: tuple[int, ...]

    @property
    def change(self) -> int:
        """How the number of visitors changed with the last update."""
        return self.trail[-1] - self.trail[-2] if len(self.trail) > 1 else 0


class Board:
    """The last count of each page. One thread writes, another reads.

    Args:
        keeps_empty: keeps pages without an audience, since they were asked for by name.
    """

    def __init__(self, *, keeps_empty: bool) -> None:
        self._keeps_empty = keeps_empty
        self._rows: dict[str, Row] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def clear(self) -> None:
        """Forgets every page: a page that emptied while the stream was lost would never be told again."""
        with self._lock:
            self._rows.clear()

    def put(self, update: Update) -> None:
        """Takes a page's new count."""
        with self._lock:
            row = self._rows.get(update.page)
            if update.connections or update.visitors or self._keeps_empty:
                trail = (*row.trail, update.visitors) if row else (update.visitors,)
                self._rows[update.page] = Row(update, trail[-TRAIL:])
            elif row:
                del self._rows[update.page]

    def top(self, size: int) -> Sequence[Row]:
        """The pages with the most visitors, at most `size` of them."""
        with self._lock:
            return heapq.nsmallest(
                size,
                self._rows.values(),
                key=lambda r: (-r.update.visitors, -r.update.connections, r.update.page),
            )
