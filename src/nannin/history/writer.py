"""The one thread that touches the disk or the database of history: it writes rows, and answers questions."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol, TypeVar

from nannin.audience.tally_rows import Row
from nannin.errors import HistoryAway, HistoryError
from nannin.history.leader import Lead
from nannin.history.waiting import Waiting

__all__ = ["Keeper", "Writer"]

logger = logging.getLogger("nannin.history")

ResultT = TypeVar("ResultT")
AnyStore = Any  # the store of whoever asks: its methods are theirs to know

# How many rows one transaction writes: some 20 ms on a usual disk.
BATCH_ROWS: Final = 2_000
# Seconds between two looks for the lock, and between two tries to write after one that failed.
LOOK_EVERY_S: Final = 5.0
# Seconds between two looks for rows that have been kept for long enough.
EXPIRE_EVERY_S: Final = 3_600.0
# How many questions may wait. Whoever comes then is told so: the disk is slow.
MAX_ASKED: Final = 100
# Seconds that the end of the application waits for the last rows, and then the end of the process.
CLOSE_S: Final = 0.4
END_S: Final = 3.0
# Seconds that the end of this thread waits for another node that ends and has the lead: what that one has not
# seen, as it is younger, or has ended a moment earlier, is written by this one.
LEAD_S: Final = 1.0
_LOOK_AGAIN_S: Final = 0.02


class Keeper(Protocol):
    """What the writer needs of the store."""

    def write(self, rows: Sequence[Row], writer: int) -> None:
        """Writes rows, all or none."""

    def write_joins(self, rows: Sequence[Row], writer: int) -> None:
        """Writes the joins of one of several nodes."""

    def covered_until_ms(self, since_ms: int) -> int:
        """Up to when writers have written all since then."""

    def expire(self, now_s: int) -> object:
        """Deletes what has been kept for long enough."""

    def close(self) -> None:
        """Lets go of the database."""


class Writer:
    """Writes what waits, while it has the lead; and answers questions, also where another node writes.

    Nothing here waits for the disk but its own thread. What can't be written waits, and newer rows take the
    place of older ones.

    Args:
        open_store: opens the store, in the thread and at its start.
        lead: the lock of the one who writes what is counted.
        where: names the place, for the log.
        on_lead: called in the thread when the lead was taken, with a way to ask up to when history is
            covered from a moment on; and with None when the lead was lost to another.
        lets_others_lead: whether others may be there already, who know more than one that has just started.
        unix_s: the time of day.
    """

    def __init__(
        self,
        open_store: Callable[[], Keeper],
        lead: Lead,
        where: str,
        on_lead: Callable[[Callable[[int], int] | None], None],
        *,
        lets_others_lead: bool = False,
        unix_s: Callable[[], float] = time.time,
    ) -> None:
        self.is_leader = False
        self._open_store = open_store
        self._lead = lead
        self._where = where
        self._on_lead = on_lead
        self._unix_s = unix_s
        self._store: Keeper | None = None
        self._waiting = Waiting()
        self._behind_since_s: float | None = None  # since when something waits
        self._asked: deque[tuple[Callable[[Any], Any], Future[Any]]] = deque()
        self._flushes: list[Future[None]] = []
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._has_news = False
        self._try_at_s = 0.0
        self._look_at_s = time.monotonic() + 2 * LOOK_EVERY_S if lets_others_lead else 0.0
        self._expire_at_s = 0.0
        self._told_failed = self._told_dropped = self._told_foreign = self._told_lead = False
        self.ended: Future[None] = Future()

    # On the loop

    @property
    def dropped(self) -> int:
        """How many rows were dropped so far, since too many waited."""
        return self._waiting.dropped

    @property
    def lag_s(self) -> float:
        """For how many seconds the oldest row has waited; 0 where none waits."""
        since_s = self._behind_since_s
        return 0.0 if since_s is None else max(0.0, time.monotonic() - since_s)

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._run, name="nannin history", daemon=True)
        self._thread.start()
        atexit.register(self._wait_at_exit)

    def put(self, rows: Iterable[Row], writer: int, *, is_own: bool = False) -> None:
        """Has rows written soon; see `Waiting.put`."""
        with self._condition:
            self._waiting.put(rows, writer, is_own=is_own)
            if self._behind_since_s is None and len(self._waiting):
                self._behind_since_s = time.monotonic()
            self._has_news = True
            self._condition.notify()

    def ask(self, function: Callable[[AnyStore], ResultT]) -> Future[ResultT]:
        """Has a function called with the store, in the thread.

        Raises:
            HistoryAway: too many wait already, or the writer has ended.
        """
        future: Future[ResultT] = Future()
        with self._condition:
            if self._is_closing or self._thread is None:
                raise _stopping()
            if len(self._asked) >= MAX_ASKED:
                raise HistoryAway("history can't be read now: its disk or database is slow, try again later")
            self._asked.append((function, future))
            self._condition.notify()
        return future

    def flush(self) -> Future[None]:
        """Has all written that waits now; done when that was tried."""
        future: Future[None] = Future()
        with self._condition:
            if self._is_closing or self._thread is None:
                future.set_result(None)
                return future
            self._flushes.append(future)
            self._try_at_s = 0.0
            self._condition.notify()
        return future

    def close(self) -> None:
        """Writes what waits, lets go of everything and ends; `ended` says when."""
        with self._condition:
            if self._is_closing:
                return
            self._is_closing = True
            self._condition.notify()
        if self._thread is None:
            self.ended.set_result(None)

    async def wait_closed(self) -> None:
        """After `close`: returns once all is written, or after a moment. The process ends later than that."""
        ended = asyncio.wrap_future(self.ended)
        await asyncio.wait([ended], timeout=CLOSE_S)

    def _wait_at_exit(self) -> None:
        """The process ends; a host may not have told us."""
        self.close()
        if self._thread is not None:
            self._thread.join(END_S)

    # In the thread

    def _run(self) -> None:
        try:
            while not self._is_closing:
                self._look_for_lead()
                if self._store is None:
                    self._open_early()
                self._answer()
                self._write()
                self._expire()
                self._wait()
            self._end()
        finally:
            atexit.unregister(self._wait_at_exit)
            for _, future in self._asked:
                if future.set_running_or_notify_cancel():
                    future.set_exception(_stopping())
            self.ended.set_result(None)

    def _wait(self) -> None:
        with self._condition:
            if self._asked or self._is_closing or self._flushes:
                return
            now = time.monotonic()
            if self._has_news and now >= self._try_at_s and len(self._waiting):
                return
            due_s = LOOK_EVERY_S
            if len(self._waiting) and self._try_at_s > now:
                due_s = min(due_s, self._try_at_s - now)
            self._condition.wait(due_s)

    def _look_for_lead(self, *, to_end: bool = False) -> bool:
        """Takes the lead if it is free; returns whether that could be seen."""
        now = time.monotonic()
        if self.is_leader or now < self._look_at_s:
            return True
        self._look_at_s = now + LOOK_EVERY_S
        try:
            if self._lead.take(to_end=to_end):
                self._on_lead(self._covered_until_ms)
                self.is_leader = True
        except Exception as error:  # noqa: BLE001 - the edge: whatever a disk or a database says must not end it
            # The one who had the lead comes first, since it may have more to write.
            self._look_at_s = now + 3 * LOOK_EVERY_S
            self._lead.release()
            if not self._told_lead:
                self._told_lead = True
                logger.warning(
                    "it can't be seen whether another process writes the history: %s", _words(error)
                )
            return False
        self._told_lead = False
        if self._lead.is_foreign and not self._told_foreign:
            self._told_foreign = True
            logger.warning(
                "another server keeps its history in %s: nothing is kept of this one, "
                "which needs a --data-dir of its own",
                self._where,
            )
        if self._lead.is_foreign:
            with self._condition:
                self._waiting.forget_own()
        return True

    def _covered_until_ms(self, since_ms: int) -> int:
        return self._opened().covered_until_ms(since_ms)

    def _opened(self) -> Keeper:
        if self._store is None:
            self._store = self._open_store()
        return self._store

    def _open_early(self) -> None:
        """Opens the store before it is needed; what is wrong with it is known by that, too."""
        if time.monotonic() < self._try_at_s:
            return
        try:
            self._opened()
        except Exception as error:  # noqa: BLE001 - as above
            self._tell(error)
            self._try_at_s = time.monotonic() + LOOK_EVERY_S

    def _answer(self) -> None:
        """Answers the questions that have been asked so far."""
        for _ in range(len(self._asked)):
            function, future = self._asked.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function(self._opened()))
            except Exception as error:  # noqa: BLE001 - it is for whoever asked
                future.set_exception(error)

    def _write(self) -> None:
        """Writes a batch after the other, with questions between them, until one fails or none waits."""
        with self._condition:
            self._has_news = False
            flushes, self._flushes = self._flushes, []
        now = time.monotonic()
        while now >= self._try_at_s or self._is_closing:
            with self._condition:
                batch = self._waiting.take(BATCH_ROWS)
            if batch is None:
                break
            try:
                self._write_batch(batch.rows, batch.kind.writer, is_own=batch.kind.is_own)
            except Exception as error:  # noqa: BLE001 - as above
                with self._condition:
                    self._waiting.put_back(batch)
                self._tell(error)
                self._try_at_s = time.monotonic() + LOOK_EVERY_S
                break
            if not self._is_closing:
                self._answer()
            now = time.monotonic()
        self._settle()
        for future in flushes:
            if future.set_running_or_notify_cancel():
                future.set_result(None)

    def _write_batch(self, rows: list[Row], writer: int, *, is_own: bool) -> None:
        if is_own:
            self._opened().write_joins(rows, writer)
        elif self._still_leads():
            self._opened().write(rows, writer)
        else:
            with self._condition:
                self._waiting.forget_totals()

    def _still_leads(self) -> bool:
        """Whether this node may write: after a link was lost, another may have taken the lock."""
        if self.is_leader and not self._lead.holds() and not self._lead.take():
            self.is_leader = False
            self._on_lead(None)
        return self.is_leader

    def _settle(self) -> None:
        """Nothing waits any more: what was wrong is over."""
        with self._condition:
            if len(self._waiting):
                return
            since_s, self._behind_since_s = self._behind_since_s, None
        if self._told_failed and since_s is not None:
            self._told_failed = False
            late_s = time.monotonic() - since_s
            logger.warning(
                "history is written again, after %.0f s; %d rows were dropped so far", late_s, self.dropped
            )

    def _tell(self, error: Exception) -> None:
        """Tells the log once what is wrong, until it is over."""
        if not self._told_failed:
            self._told_failed = True
            logger.warning("history can't be written, and is kept in memory for now: %s", _words(error))
            logger.debug("it was this", exc_info=error)
        if self.dropped and not self._told_dropped:
            self._told_dropped = True
            logger.warning("too many rows of history wait to be written: the oldest are dropped, as gaps")

    def _expire(self) -> None:
        now = time.monotonic()
        if not self.is_leader or self._store is None or now < self._expire_at_s:
            return
        self._expire_at_s = now + EXPIRE_EVERY_S
        try:
            self._store.expire(int(self._unix_s()))
        except Exception as error:  # noqa: BLE001 - as above
            self._tell(error)

    def _end(self) -> None:
        self._write()
        self._look_to_end()
        with contextlib.suppress(Exception):
            if self.is_leader:
                self._on_lead(self._covered_until_ms)  # what the loop had no more time for
        self._write()
        with contextlib.suppress(Exception):
            if self._store is not None:
                self._store.close()
        with contextlib.suppress(Exception):
            self._lead.release()

    def _look_to_end(self) -> None:
        """Has the lead, if it can be had in time, for what no other has written."""
        give_up_at_s = time.monotonic() + LEAD_S
        with contextlib.suppress(Exception):
            if self.is_leader:
                self._lead.take(to_end=True)
        while not self.is_leader and time.monotonic() < give_up_at_s:
            self._look_at_s = 0.0
            if not self._look_for_lead(to_end=True) or not self._lead.is_ending:
                return
            time.sleep(_LOOK_AGAIN_S)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, HistoryError) else f"{type(error).__name__}: {error}"


def _stopping() -> HistoryAway:
    return HistoryAway("history can't be read: the server stops")
