"""The rows that wait to be written: newer ones take the place of older ones, and their number is bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from nannin.audience.tally_rows import Period, Row

__all__ = ["Batch", "Waiting"]

# Some 40 MB: the hours and days of 20,000 pages, of all nodes and of this one, and the minutes of 1,000 for a
# quarter of an hour.
MAX_ROWS: Final = 100_000
# How many dropped minutes to remember, so that what is put later of the same minute is dropped as well.
_DROPPED_MINUTES: Final = 16


class Kind(NamedTuple):
    """What the rows of one group have in common.

    Attributes:
        writer: who has tallied them.
        is_own: whether they are of this node's joins only, and not of all that is counted.
        period: how long they are.
        start_s: when that begins, in unix seconds.
    """

    writer: int
    is_own: bool
    period: Period
    start_s: int


class Batch(NamedTuple):
    """Rows that are written at once."""

    kind: Kind
    rows: list[Row]


class Waiting:
    """Rows in the order in which they were put.

    If there are too many, the oldest minute is dropped: all rows of it, so that it is a gap for every page.
    Its hours and days are rows of their own, and don't suffer by that.

    Args:
        most: how many rows may wait.

    Attributes:
        dropped: how many were dropped so far.
    """

    def __init__(self, most: int = MAX_ROWS) -> None:
        self.dropped = 0
        self._most = most
        self._size = 0
        self._groups: dict[Kind, dict[tuple[str, int], Row]] = {}
        self._dropped_minutes: deque[Kind] = deque(maxlen=_DROPPED_MINUTES)

    def __len__(self) -> int:
        return self._size

    def put(self, rows: Iterable[Row], writer: int, *, is_own: bool = False) -> None:
        """Puts rows in the place of those with the same key, at the end.

        The rows that say what the recorder has seen come after those of its pages: if the writing breaks off
        between them, a time is a gap rather than one in which nobody was there.
        """
        kind: Kind | None = None
        group: dict[tuple[str, int], Row] = {}
        is_dropped = False
        for row in rows:
            if kind is None or kind.start_s != row.start_s or kind.period is not row.period:
                kind = Kind(writer, is_own, row.period, row.start_s)
                is_dropped = kind in self._dropped_minutes
                group = {} if is_dropped else self._groups.setdefault(kind, {})
            if is_dropped:
                self.dropped += 1
                continue
            key = row.page, row.since_ms
            self._size += group.pop(key, None) is None
            group[key] = row
        while self._size > self._most:
            self._drop()

    def take(self, most: int) -> Batch | None:
        """The rows to be written next; None where none wait."""
        for kind, group in self._groups.items():
            if len(group) <= most:
                del self._groups[kind]
                self._size -= len(group)
                return Batch(kind, list(group.values()))
            rows = [group.pop(key) for key in list(group)[:most]]
            self._size -= most
            return Batch(kind, rows)
        return None

    def put_back(self, batch: Batch) -> None:
        """The rows could not be written: they wait again, before all others, unless newer ones do."""
        group = self._groups.pop(batch.kind, {})
        older = {key: row for row in batch.rows if (key := (row.page, row.since_ms)) not in group}
        self._size += len(older)
        self._groups = {batch.kind: {**older, **group}, **self._groups}
        while self._size > self._most:
            self._drop()

    def forget_totals(self) -> None:
        """Another node writes what is counted: only this node's own joins still wait."""
        self._groups = {kind: group for kind, group in self._groups.items() if kind.is_own}
        self._size = sum(map(len, self._groups.values()))

    def forget_own(self) -> None:
        """This node's joins are not asked for."""
        self._groups = {kind: group for kind, group in self._groups.items() if not kind.is_own}
        self._size = sum(map(len, self._groups.values()))

    def _drop(self) -> None:
        """Drops a period that is over, the shortest and the oldest first; else one that goes on."""
        newest: dict[Period, int] = {}
        for kind in self._groups:
            newest[kind.period] = max(kind.start_s, newest.get(kind.period, 0))
        kind = min(self._groups, key=lambda kind: (kind.start_s == newest[kind.period], *kind[2:]))
        group = self._groups.pop(kind)
        if kind.period is Period.MINUTE:
            self._dropped_minutes.append(kind)
        self._size -= len(group)
        self.dropped += len(group)
