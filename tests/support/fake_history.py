"""A store of history in memory, whose disk can fail or hang, and a lock that several share."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

from nannin.audience.tally_rows import MINUTE_MS, RECORDER, Period, Row

# How long a test waits for another thread.
PATIENCE_S = 10.0


class FakeStore:
    """Keeps what is written.

    Attributes:
        rows: what is counted, by page, period, start_s, writer and since_ms.
        joins: the same of nodes' own joins.
        batches: how many rows each call had.
        error: what each call raises.
        gate: while it is not set, each call waits.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[str, Period, int, int, int], Row] = {}
        self.joins: dict[tuple[str, Period, int, int, int], Row] = {}
        self.batches: list[int] = []
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.opened = self.closed = self.expired = 0
        self.lock_holder: FakeLead | None = None

    def open(self) -> FakeStore:
        self._do()
        self.opened += 1
        return self

    def write(self, rows: Sequence[Row], writer: int) -> None:
        self._do()
        self.batches.append(len(rows))
        for row in rows:
            assert row.since_ms < row.until_ms
            self.rows[(*row[:3], writer, row.since_ms)] = row

    def write_joins(self, rows: Sequence[Row], writer: int) -> None:
        self._do()
        for row in rows:
            self.joins[(*row[:3], writer, row.since_ms)] = row

    def covered_until_ms(self, since_ms: int) -> int:
        self._do()
        for row in self.of(RECORDER, Period.MINUTE):
            if row.since_ms <= since_ms:
                since_ms = max(since_ms, row.until_ms)
        return since_ms

    def expire(self, now_s: int) -> None:
        self._do()
        self.expired += 1

    def close(self) -> None:
        self.closed += 1

    def of(self, page: str, period: Period) -> list[Row]:
        """The rows of a page, by time."""
        rows = (row for row in list(self.rows.values()) if row.page == page and row.period is period)
        return sorted(rows, key=lambda row: row.since_ms)

    def all_joins(self, page: str, period: Period) -> int:
        """The joins of all nodes."""
        return sum(row.joins for row in self.joins.values() if row.page == page and row.period is period)

    def _do(self) -> None:
        assert self.gate.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error


class FakeLead:
    """One of those that share the lock of a store."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self.is_foreign = self.is_ending = self._ends = False

    def take(self, *, to_end: bool = False) -> bool:
        if self._store.lock_holder is None:
            self._store.lock_holder = self
        holder = self._store.lock_holder
        self.is_ending = holder is not self and holder._ends
        self._ends = to_end and holder is self
        return holder is self

    def holds(self) -> bool:
        return self._store.lock_holder is self

    def release(self) -> None:
        if self.holds():
            self._store.lock_holder = None


def merged(rows: Sequence[Row]) -> list[Row]:
    """The rows of one page and period that count: the longest, and those that overlap none that counts."""
    chosen: list[Row] = []
    for row in sorted(rows, key=lambda row: (row.since_ms - row.until_ms, row.since_ms)):
        if all(row.until_ms <= other.since_ms or other.until_ms <= row.since_ms for other in chosen):
            chosen.append(row)
    return sorted(chosen, key=lambda row: row.since_ms)


def covered_ms(rows: Sequence[Row]) -> int:
    """How much time these rows are about."""
    return sum(row.until_ms - row.since_ms for row in rows)


async def until(condition: Callable[[], bool]) -> None:
    """Returns once another thread has made it true."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_at, "it never came true"
        await asyncio.sleep(0.001)


def minute_of(at_ms: int) -> int:
    """The beginning of the minute that a moment is in, in unix seconds."""
    return at_ms // MINUTE_MS * 60
