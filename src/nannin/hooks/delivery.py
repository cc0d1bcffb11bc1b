"""Delivers notices, in threads of its own: at least once, while they are kept, and for a day at most.

One thread, the clerk, has the file and decides what is tried when. A few others make the attempts, each of
which may block for as long as its timeout. All speak by queues, so that nobody waits for a lock or the disk:
least of all the loop.
"""

from __future__ import annotations

import logging
import math
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from nannin.hooks.destinations import Destination, Outcome
from nannin.hooks.kept import Kept, NotKept, Waiting
from nannin.hooks.line import Line
from nannin.hooks.notices import Notice

__all__ = ["Clerk", "Delivery"]

# How many attempts are made at the same time; each destination has one at most. A few receivers or name
# servers that don't answer take their threads for as long as their timeouts, and must leave some for others.
_AT_ONCE: Final = 16
# Seconds between two tries to get the file, which the process before this one may still have.
_TRY_AGAIN_S: Final = 1.0
# After how many tries the log is told that it can't be had.
_TELL_AFTER: Final = 10
# Maximum messages that wait for the clerk, which a disk may hold up.
_MOST_UNHEARD: Final = 10_000
# Seconds after which the clerk looks up though nothing is due.
_LONGEST_S: Final = 3_600.0
# Seconds that the end of the server waits for the clerk to put everything away.
_END_S: Final = 2.0

logger = logging.getLogger("nannin.hooks")


class _Tell(NamedTuple):
    """Notices are to be delivered, each for the hook of a name, and rules remember this from now on."""

    notices: Sequence[tuple[str, Notice]]
    states: Mapping[tuple[str, str], bytes | None]


class _Done(NamedTuple):
    """An attempt has ended."""

    hook: str
    outcome: Outcome


class _Stop(NamedTuple):
    """The server ends."""


class _Job(NamedTuple):
    """An attempt to be made."""

    destination: Destination
    notice: Notice


_Message = _Tell | _Done | _Stop


class Clerk:
    """Decides what is tried when, and keeps what waits. It belongs to one thread.

    Args:
        destinations: by the names of their hooks.
        open_kept: opens the file; None where nothing outlasts the process.
        now: the time, in monotonic seconds.
        unix_s: the time on the wall.
        chance: random numbers from 0 to 1.
        on_memory: called with what rules remembered, when the file was opened; before that with nothing, once
            it is clear that the file can't be opened, or not soon.

    Attributes:
        delivered, failed, dropped: how many notices have arrived, attempts have failed, and notices were
            given up.
        under_way: how many attempts are being made.
    """

    def __init__(
        self,
        destinations: Mapping[str, Destination],
        open_kept: Callable[[], Kept] | None,
        now: Callable[[], float] = time.monotonic,
        unix_s: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        on_memory: Callable[[Mapping[tuple[str, str], bytes]], None] = lambda memory: None,
    ) -> None:
        self.delivered = self.failed = self.dropped = 0
        self._destinations = destinations
        self._lines = {name: Line() for name in destinations}
        self._open_kept = open_kept
        self._now, self._unix_s, self._chance = now, unix_s, chance
        self._on_memory = on_memory
        self._kept: Kept | None = None
        self._unkept: dict[str, Waiting] = {}  # what waits for the file as well
        self._unkept_states: dict[tuple[str, str], bytes | None] = {}
        self._removed: list[str] = []
        self._tries = 0
        self._try_s = -math.inf  # not before
        self.under_way = 0

    def __len__(self) -> int:
        """How many notices wait."""
        return sum(map(len, self._lines.values()))

    def tell(self, hook: str, notice: Notice) -> None:
        """A notice is to be delivered."""
        if self._open_kept is not None:
            self._unkept[notice.id] = Waiting(hook, notice)
        self._add(hook, notice, 0.0)

    def remember(self, states: Mapping[tuple[str, str], bytes | None]) -> None:
        """Rules remember this from now on."""
        if self._open_kept is not None:
            self._unkept_states.update(states)

    def work(self) -> list[_Job]:
        """Does what is due; returns the attempts to be made now."""
        now = self._now()
        if self._has_to_write() and now >= self._try_s:
            self._put_away(now)
        jobs = []
        for name, line in self._lines.items():
            if over := line.expire(now):
                self._drop(name, over, "was given up after a day")
            if self.under_way < _AT_ONCE and (notice := line.take(now)) is not None:
                self.under_way += 1
                jobs.append(_Job(self._destinations[name], notice))
        return jobs

    def done(self, hook: str, outcome: Outcome) -> None:
        """An attempt has ended."""
        line, destination = self._lines[hook], self._destinations[hook]
        self.under_way -= 1
        had_failed = line.failures
        over = line.done(outcome, self._now(), self._chance())
        if outcome.is_done:
            self.delivered += 1
            if had_failed:
                logger.warning("the hook %s works again after %d attempts", destination.hook.name, had_failed)
        else:
            self.failed += 1
            # Once when it begins to fail, and then more and more rarely.
            if line.failures & (line.failures - 1) == 0:
                logger.warning(
                    "the hook %s failed, attempt %d: %s", destination.hook.name, line.failures, outcome.words
                )
            if over:
                self.dropped += len(over)
                logger.warning("the hook %s is off until the next start: its receiver is gone", hook)
        self._forget(over)

    def next_s(self) -> float:
        """When `work` has something to do; infinity: not before something is said."""
        due = [max(self._try_s, self._now()) if self._has_to_write() else math.inf]
        if self.under_way < _AT_ONCE:
            due += [line.next_s() for line in self._lines.values()]
        return min(due)

    def close(self) -> None:
        """Puts everything away, as far as that is possible."""
        self._put_away(self._now())
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        elif number := len(self):
            logger.warning("%d notices of hooks were not delivered, and are lost", number)

    def _add(self, hook: str, notice: Notice, age_s: float) -> None:
        line = self._lines.get(hook)
        if line is None:
            self._forget([notice])  # the hook was taken out of the settings
            return
        if over := line.add(notice, self._now(), age_s):
            why = "was dropped: its receiver is gone" if line.is_gone else "gave way: too many wait"
            self._drop(hook, over, why)

    def _drop(self, hook: str, notices: list[Notice], why: str) -> None:
        self.dropped += len(notices)
        for notice in notices[:1]:
            more = f", and {len(notices) - 1} more" if len(notices) > 1 else ""
            logger.warning(
                "a notice of the hook %s%s %s: %s of %s", hook, more, why, notice.what, notice.page
            )
        self._forget(notices)

    def _forget(self, notices: list[Notice]) -> None:
        for notice in notices:
            if self._unkept.pop(notice.id, None) is None and self._open_kept is not None:
                self._removed.append(notice.id)

    def _has_to_write(self) -> bool:
        changed = self._unkept or self._removed or self._unkept_states
        return self._open_kept is not None and (self._kept is None or bool(changed))

    def _put_away(self, now: float) -> None:
        """Writes what has changed; opens the file first, where that has not been done."""
        try:
            if self._kept is None:
                if self._open_kept is None:
                    return
                self._kept = self._load(self._open_kept())
            if self._unkept or self._removed or self._unkept_states:
                self._kept.put_away(self._unkept.values(), self._removed, self._unkept_states)
            self._forget_changes()
        except NotKept as error:
            self._tries += 1
            self._try_s = now + _TRY_AGAIN_S
            if not error.may_pass:
                self._open_kept = None
                self._forget_changes()
            if not error.may_pass or self._tries == _TELL_AFTER:
                if self._kept is None:
                    self._on_memory({})
                logger.warning("notices of hooks would not outlast a restart: %s", error)
        else:
            self._tries = 0

    def _forget_changes(self) -> None:
        self._unkept.clear()
        self._removed.clear()
        self._unkept_states.clear()

    def _load(self, kept: Kept) -> Kept:
        try:
            found, memory = kept.waiting(), kept.memory()
        except NotKept:
            kept.close()
            raise
        unix_s = self._unix_s()
        for waiting in found:
            self._add(waiting.hook, waiting.notice, unix_s - waiting.notice.at_unix_s)
        self._on_memory(memory)
        return kept


class Delivery:
    """The clerk's thread, and those that make the attempts.

    Args:
        clerk: decides.
        unix_s: the time on the wall.

    Attributes:
        unheard: how many notices were lost since the clerk was held up.
    """

    def __init__(self, clerk: Clerk, unix_s: Callable[[], float] = time.time) -> None:
        self.clerk = clerk
        self._unix_s = unix_s
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._makers = 0
        self._is_over = False  # whether the thread has ended
        self.unheard = 0

    def start(self) -> None:
        """Begins to deliver. A second call does nothing."""
        if self._thread is None:
            # Not waited for at the end of the process: what is under way is kept, and tried again later.
            self._thread = threading.Thread(target=self._run, name="nannin hooks", daemon=True)
            self._thread.start()

    def tell(
        self, notices: Sequence[tuple[str, Notice]], states: Mapping[tuple[str, str], bytes | None]
    ) -> None:
        """Notices are to be delivered, and rules remember this from now on. It never waits.

        Both are put away together, so that after a crash nothing is told twice, and nothing is taken for told
        that was not.

        Args:
            notices: each with the name of its hook.
            states: what rules remember, by the name of the hook and the page; None: nothing any more.
        """
        if not self._is_over and self._inbox.qsize() < _MOST_UNHEARD:
            self._inbox.put(_Tell(notices, states))
        elif notices:
            if not self.unheard:
                logger.warning("notices of hooks are lost: what keeps and delivers them doesn't follow")
            self.unheard += len(notices)

    def stop(self) -> None:
        """Puts everything away, and delivers no more."""
        self._inbox.put(_Stop())

    def join(self, at_most_s: float = _END_S) -> None:
        """After `stop`: returns once everything is put away, or after so many seconds."""
        if self._thread is not None:
            self._thread.join(at_most_s)

    def _run(self) -> None:
        clerk = self.clerk
        try:
            while self._hear(clerk):
                for job in clerk.work():
                    self._jobs.put(job)
                while self._makers < clerk.under_way:
                    self._makers += 1
                    threading.Thread(target=self._make, name="nannin hook", daemon=True).start()
        except Exception:
            logger.exception("hooks are off until the next start: a mistake of nannin's own")
        finally:
            self._is_over = True
            clerk.close()
            for _ in range(self._makers):
                self._jobs.put(None)

    def _hear(self, clerk: Clerk) -> bool:
        """Waits until something is said or due, and hears what was said; returns whether to go on."""
        wait_s = max(0.0, clerk.next_s() - time.monotonic())
        try:
            # A longer wait than a lock's longest is an error.
            message = self._inbox.get(timeout=min(wait_s, _LONGEST_S))
            while True:
                if isinstance(message, _Stop):
                    return False
                self._take(clerk, message)
                message = self._inbox.get_nowait()
        except queue.Empty:
            return True

    def _take(self, clerk: Clerk, message: _Tell | _Done) -> None:
        if isinstance(message, _Done):
            clerk.done(message.hook, message.outcome)
            return
        for hook, notice in message.notices:
            clerk.tell(hook, notice)
        clerk.remember(message.states)

    def _make(self) -> None:
        """Makes attempts, one after another."""
        while (job := self._jobs.get()) is not None:
            try:
                outcome = job.destination.send(job.notice, self._unix_s())
            except Exception:
                logger.exception("a mistake of nannin's own in the hook %s", job.destination.hook.name)
                outcome = Outcome(False, "a mistake of nannin's own")
            self._inbox.put(_Done(job.destination.hook.name, outcome))
