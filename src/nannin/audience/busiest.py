"""Which pages had the most people in a minute, found in two passes that can be made in steps."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from nannin.audience.tally_rows import Row

__all__ = ["Busiest"]


class Busiest:
    """Chooses the rows with the most people. All rows have to be weighed before any is chosen.

    Args:
        most: how many are chosen. Of those that are as busy as the last of them, the first are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._weights: list[int] = []  # a heap of the greatest
        self._equals: int | None = None  # how many of the least of these are still to be chosen

    def weigh(self, rows: Iterable[Row]) -> None:
        """Looks at rows for the first time."""
        weights, most = self._weights, self._most
        for row in rows:
            if len(weights) < most:
                heapq.heappush(weights, _weight(row))
            elif most:
                heapq.heappushpop(weights, _weight(row))

    def choose(self, rows: Iterable[Row]) -> list[Row]:
        """Those of them that are among the busiest."""
        if not self._weights:
            return []
        least, chosen = self._weights[0], []
        if self._equals is None:
            self._equals = self._weights.count(least)
        for row in rows:
            weight = _weight(row)
            if weight == least and self._equals:
                self._equals -= 1
                chosen.append(row)
            elif weight > least:
                chosen.append(row)
        return chosen


def _weight(row: Row) -> int:
    """The people on a page times the time, or of one that only joins are known of, those."""
    return row.connections.total_ms or row.joins
