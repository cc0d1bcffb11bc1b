"""Keeps the history of every page: it hears each change of a count, and hands rows to the writer each minute.

Where several nodes serve, each of them follows all counts, and the one that has the lead writes them. The
others keep the last minutes, so that nothing is missing when one of them has to take over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from nannin.audience.busiest import Busiest
from nannin.audience.rollup import Bounds, Rollup
from nannin.audience.roster import Counts
from nannin.audience.tally import Line, Tally
from nannin.audience.tally_rows import MINUTE_MS, RECORDER, Period, Row, Span
from nannin.clock import Alarm, Clock
from nannin.errors import HistoryAway
from nannin.history.leader import Lead
from nannin.history.writer import Keeper, Writer

__all__ = ["History"]

logger = logging.getLogger("nannin.history")

ResultT = TypeVar("ResultT")

# Seconds by which the time of day may move against the monotonic clock before a new writer begins.
JUMP_S: Final = 2.0
# Seconds between two looks at it.
LOOK_EVERY_S: Final = 5.0
# Seconds in which the log says once that it moved: some clocks never come to rest.
TELL_JUMP_EVERY_S: Final = 3_600.0
# How many pages' minutes are ended in one turn of the loop, in some 0.5 ms.
PAGES_A_TURN: Final = 50
# How many of them are compared in one turn, to find the busiest.
WEIGHED_A_TURN: Final = 1_000
# How many pages have hours and days at once.
MOST_PAGES: Final = 20_000
# How many minutes a node that does not lead keeps, in case that the one that leads is killed with its last.
KEPT_MINUTES: Final = 5


class _Minute(NamedTuple):
    """What was tallied in one minute, or in a part of it."""

    start_s: int
    since_ms: int
    until_ms: int
    rows: list[Row]
    is_own: bool = False  # it is of this node's joins only
    is_last: bool = False  # the tally has ended with it


class History:
    """The history of one server, as one of its nodes keeps it.

    It begins with `open` and, where counts are shared, once they are known.

    Args:
        clock: time, and turns of the loop.
        unix_s: the time of day.
        counts: how many are on each page, to begin with.
        open_store: opens the store; called in a thread of its own.
        lead: the lock of the one who writes.
        where: names the place for people.
        bounds: the hour and day of a minute, by its beginning in unix seconds.
        most_pages: how many pages get a row for each minute, those with the most people.
        is_shared: whether other nodes count as well. Each then writes its own joins.

    Attributes:
        where: as above.
    """

    def __init__(
        self,
        clock: Clock,
        unix_s: Callable[[], float],
        counts: Callable[[], Counts],
        open_store: Callable[[], Keeper],
        lead: Callable[[], Lead],
        where: str,
        bounds: Callable[[int], Bounds],
        *,
        most_pages: int,
        is_shared: bool,
    ) -> None:
        self.where = where
        self._clock = clock
        self._now = clock.now  # each join asks
        self._unix_s = unix_s
        self._counts = counts
        self._open_store = open_store
        self._make_lead = lead
        self._bounds = bounds
        self._most_pages = most_pages
        self._is_shared = is_shared
        self._alarm = Alarm(clock, self._look)
        self._writer: Writer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tally: Tally | None = None  # while the counts are known
        self._own: Tally | None = None  # the joins of this node, where several serve
        self._offset_ms = 0.0  # from monotonic to unix milliseconds
        self._number = 0  # names this writer in the rows, until the clock jumps
        self._minute_ms = 0  # when the minute began that runs, or the tally did
        self._is_busy = False  # whether the next turn of the loop goes on with them
        self._minutes: deque[_Minute] = deque()  # over, and to be handed over
        self._kept: deque[_Minute] = deque(maxlen=KEPT_MINUTES)  # while another node writes
        self._is_leading = False
        self._handing: Iterator[bool] | None = None
        self._rollup = self._own_rollup = Rollup(bounds, MOST_PAGES)
        self._seen = Rollup(bounds, 1)  # of what was seen at all
        self._tell_jump_at_s = -math.inf
        self._is_closed = False

    # For those who look

    @property
    def is_leader(self) -> bool:
        """Whether this node writes what is counted."""
        return self._is_leading

    @property
    def lag_s(self) -> float:
        """For how many seconds the oldest row has waited to be written; 0 where none waits."""
        return self._writer.lag_s if self._writer is not None else 0.0

    @property
    def dropped(self) -> int:
        """How many rows were dropped, since the disk or the database was away for too long."""
        return self._writer.dropped if self._writer is not None else 0

    def numbers(self) -> Sequence[Line] | None:
        """The numbers of now, of all pages and groups; None while they aren't known here."""
        return self._tally.numbers() if self._tally is not None else None

    async def ask(self, function: Callable[[Any], ResultT]) -> ResultT:
        """Calls a function with the store, in the thread of the store, and returns what it returns.

        Raises:
            HistoryError: the history can't be read.
            HistoryAway: it can't be read now, or too many ask at once.
        """
        if self._writer is None:
            raise HistoryAway("history can't be read: the server does not run")
        return await asyncio.wrap_future(self._writer.ask(function))

    async def flush(self) -> None:
        """Returns once all that is handed over by now is written, or could not be."""
        if self._writer is not None:
            await asyncio.wrap_future(self._writer.flush())

    # What happens to it

    def open(self) -> None:
        """The running loop serves. Where counts are shared, it waits for `know`."""
        self.close()  # a former loop may have ended without a word
        self._loop = asyncio.get_running_loop()
        self._is_closed = self._is_leading = False
        self._writer = Writer(
            self._open_store,
            self._make_lead(),
            self.where,
            self._on_lead,
            lets_others_lead=self._is_shared,
        )
        self._writer.start()
        self._begin_writer()
        if not self._is_shared:
            self.know(True)
        self._set_alarm()

    def know(self, known: bool) -> None:
        """Whether every page's count is known and sure from now on. While it is not, that is a gap."""
        if self._writer is None or self._is_closed or known is (self._tally is not None):
            return
        if known:
            self._begin_tally()
        else:
            self._end_tally()
            self._begin_writer()

    def count(self, page: str, connections: int, visitors: int, joins: int) -> None:
        """A page's count has changed, where this node is the only one; so many have joined by that."""
        if (tally := self._tally) is not None:
            tally.change(page, connections, visitors, int(self._now() * 1000 + self._offset_ms), joins)

    def hear(self, page: str) -> None:
        """A page's count may have changed, which several nodes share."""
        if self._tally is not None:
            count = self._counts().count(page)
            self._tally.change(page, count.connections, count.visitors, self._now_ms())

    def join(self, page: str, connections: int, visitors: int, joins: int) -> None:
        """So many have joined a page on this node, where several serve; -1 takes one back."""
        if joins and self._own is not None:
            self._own.change(page, 0, 0, self._now_ms(), joins)

    def close(self) -> None:
        """Writes what is known up to now, and ends; `wait_closed` says when."""
        if self._writer is None or self._is_closed:
            return
        self._end_tally()
        self._is_closed = True
        self._alarm.cancel()
        self._writer.close()

    async def wait_closed(self) -> None:
        """After `close`: returns once all is written, or after some seconds."""
        if self._writer is not None and self._is_closed:
            await self._writer.wait_closed()

    # Time

    def _now_ms(self) -> int:
        return int(self._now() * 1000 + self._offset_ms)

    def _begin_writer(self) -> None:
        """Its rows are of another writer from now on, which has seen nothing yet."""
        self._offset_ms = (self._unix_s() - self._clock.now()) * 1000
        self._number = secrets.randbits(63)
        self._rollup, self._own_rollup = (Rollup(self._bounds, MOST_PAGES) for _ in range(2))
        self._seen = Rollup(self._bounds, 1)
        self._kept.clear()
        if self._is_shared:
            self._own = Tally(self._now_ms())

    def _begin_tally(self) -> None:
        """Every page has the count that is known now."""
        self._minute_ms = self._now_ms()
        self._tally = Tally(self._minute_ms)
        counts = self._counts()
        for page in counts.pages():
            count = counts.count(page)
            self._tally.begin(page, count.connections, count.visitors)

    def _end_tally(self) -> None:
        """Nothing is known after this moment, until it begins again."""
        now_ms = self._now_ms()
        tallies = [tally for tally in (self._tally, self._own) if tally is not None]
        last = [tally.close(now_ms) for tally in tallies]
        self._collect(now_ms)
        for tally, rows in zip(tallies, last, strict=True):
            start_s = now_ms // MINUTE_MS * MINUTE_MS // 1000
            if tally is self._own:
                self._minutes.append(_Minute(start_s, 0, 0, rows, is_own=True))
            elif now_ms > self._minute_ms:
                self._add(_Minute(start_s, self._minute_ms, now_ms, rows, is_last=True))
        self._tally = self._own = None
        self._hand_over_all()

    def _set_alarm(self) -> None:
        now_s = self._clock.now()
        to_minute_s = (MINUTE_MS - self._now_ms() % MINUTE_MS) / 1000
        self._alarm.set(now_s + min(LOOK_EVERY_S, to_minute_s))

    def _look(self) -> None:
        """Called every few seconds, and when a minute is over."""
        if abs((self._unix_s() - self._clock.now()) * 1000 - self._offset_ms) > JUMP_S * 1000:
            self._jump()
        self._set_alarm()
        if not self._is_busy:
            self._end_minutes()

    def _jump(self) -> None:
        """The time of day was changed: all that follows is of a new writer."""
        was_known = self._tally is not None
        self._end_tally()
        self._begin_writer()
        if was_known:
            self._begin_tally()
        if self._clock.now() >= self._tell_jump_at_s:
            self._tell_jump_at_s = self._clock.now() + TELL_JUMP_EVERY_S
            logger.warning("the system's time was changed: history goes on with the new time")

    # Minutes

    def _end_minutes(self) -> None:
        """Ends the minutes that are over, of some pages in each turn of the loop."""
        self._end_some(self._now_ms())

    def _end_some(self, until_ms: int) -> None:
        if self._is_closed:
            return
        tallies = [tally for tally in (self._tally, self._own) if tally is not None]
        ended = [tally.end_minutes(until_ms, PAGES_A_TURN) for tally in tallies]
        if all(ended):
            self._collect(until_ms)
            self._hand_over_some()
        else:
            self._go_on(partial(self._end_some, until_ms))

    def _go_on(self, step: Callable[[], None]) -> None:
        """Takes the next step in the next turn of the loop."""
        self._is_busy = True
        self._clock.call_soon(step)

    def _collect(self, now_ms: int) -> None:
        """Takes out the rows of the minutes that are over."""
        if self._tally is not None:
            while self._minute_ms // MINUTE_MS < now_ms // MINUTE_MS:
                since_ms, start_ms = self._minute_ms, self._minute_ms - self._minute_ms % MINUTE_MS
                self._minute_ms = start_ms + MINUTE_MS
                start_s = start_ms // 1000
                rows = self._tally.minutes.pop(start_s, [])
                self._add(_Minute(start_s, since_ms, self._minute_ms, rows))
        if self._own is not None:
            own, self._own.minutes = self._own.minutes, {}
            self._minutes += [_Minute(start_s, 0, 0, rows, is_own=True) for start_s, rows in own.items()]

    def _add(self, minute: _Minute) -> None:
        """A minute of all pages is over, or the part of it that is known."""
        (self._minutes if self._is_leading else self._kept).append(minute)

    def _hand_over_some(self) -> None:
        """Hands over the minutes that are over, of some pages in each turn of the loop."""
        self._is_busy = False
        if self._is_closed:
            return
        if self._handing is None and self._minutes:
            self._handing = self._hand_over(self._minutes.popleft())
        if self._handing is not None:
            if next(self._handing, None) is None:
                self._handing = None
            self._go_on(self._hand_over_some)

    def _hand_over_all(self) -> None:
        """Hands over the minutes that are over, at once."""
        for step in (self._handing or (), *map(self._hand_over, self._minutes)):
            deque(step, maxlen=0)
        self._handing = None
        self._minutes.clear()

    def _hand_over(self, minute: _Minute) -> Iterator[bool]:
        """Gives the writer the rows of a minute, and of the hours and days that it is in, step by step."""
        assert self._writer is not None
        rows, most, is_own = minute.rows, self._most_pages, minute.is_own
        rollup = self._own_rollup if is_own else self._rollup
        left_out, busiest = rollup.left_out, Busiest(most)
        for at in range(0, len(rows) if len(rows) > most else 0, WEIGHED_A_TURN):
            busiest.weigh(rows[at : at + WEIGHED_A_TURN])
            yield True
        for at in range(0, len(rows), PAGES_A_TURN):
            some = rows[at : at + PAGES_A_TURN]
            longer = [rollup.alone(row) if minute.is_last else rollup.add(row) for row in some]
            known = [pair for pair in longer if pair is not None]
            hours, days = [hour for hour, _ in known], [day for _, day in known]
            minutes = busiest.choose(some) if len(rows) > most else some
            self._writer.put([*minutes, *hours, *days], self._number, is_own=is_own)
            yield True
        if not is_own:
            self._hand_over_seen(minute, max(0, len(rows) - most), rollup.left_out - left_out)

    def _hand_over_seen(self, minute: _Minute, left_out: int, longer_left_out: int) -> None:
        """Gives the writer the rows that say what was seen at all; they come after those of the pages."""
        assert self._writer is not None
        nobody = Span(0, 0, minute.since_ms, 0)
        times = minute.start_s, minute.since_ms, minute.until_ms
        seen = Row(RECORDER, Period.MINUTE, *times, nobody, nobody, left_out)
        longer = seen._replace(joins=longer_left_out)
        both = self._seen.alone(longer) if minute.is_last else self._seen.add(longer)
        assert both is not None
        self._writer.put([seen, *both], self._number)

    # The lead

    def _on_lead(self, covered_until_ms: Callable[[int], int] | None) -> None:
        """Called in the writer's thread: this node has the lead now, or has lost it to another."""
        if covered_until_ms is None:
            self._call_on_loop(self._follow)
        elif self._is_closed:  # the loop has no part in it any more
            self._lead(self._find_covered(covered_until_ms))
            self._hand_over_all()
        else:
            until_ms = self._find_covered(covered_until_ms)
            self._call_on_loop(lambda: self._lead(until_ms))

    def _find_covered(self, covered_until_ms: Callable[[int], int]) -> int:
        """Up to when others have written all that this node has seen; 0 if it has kept nothing."""
        try:
            first = self._kept[0]
        except IndexError:  # the loop may have emptied it at this moment
            return 0
        return covered_until_ms(first.since_ms)

    def _call_on_loop(self, function: Callable[[], None]) -> None:
        def call() -> None:
            if not self._is_closed:  # else it is the thread's
                function()

        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has ended without a word
            self._loop.call_soon_threadsafe(call)

    def _lead(self, covered_until_ms: int) -> None:
        """Goes on where the one has stopped that led before: after the last minute that it wrote whole."""
        self._is_leading = True
        logger.debug("this process writes the history from now on")
        whole_until_ms = covered_until_ms // MINUTE_MS * MINUTE_MS
        if whole_until_ms > self._now_ms():  # written before the clock was set back
            whole_until_ms = 0
        self._minutes += [minute for minute in self._kept if minute.until_ms > whole_until_ms]
        self._kept.clear()
        if not self._is_busy:
            self._hand_over_some()

    def _follow(self) -> None:
        """Another node writes from now on."""
        self._is_leading = False
        logger.debug("another process writes the history from now on")
        self._kept.extend(minute for minute in self._minutes if not minute.is_own)
        self._minutes = deque(minute for minute in self._minutes if minute.is_own)
        self._rollup, self._seen = Rollup(self._bounds, MOST_PAGES), Rollup(self._bounds, 1)
