"""Which process is which worker: who is started, replaced and ended, and when. Time is an argument.

A worker is a place with a number, a name and listening sockets. Processes come and go: one dies and another
takes its place, or a successor takes over from one that still says goodbye to its clients.
"""

from __future__ import annotations

import enum
import itertools
import logging
import math
import signal
from collections.abc import Callable, Iterator
from typing import Final, Protocol

__all__ = ["Child", "Crew", "Process", "State", "name_of"]

logger = logging.getLogger("nannin.server")

# Seconds without a beat after which a process's loop is held up for good. It beats each second.
SILENT_S: Final = 15.0
# Seconds without a beat after which others take its new connections.
SLOW_S: Final = 3.0
# Seconds between two looks after which the supervisor was held up itself, and can't have heard anybody.
HELD_UP_S: Final = 3.0
# Seconds that a process has run before its end is an accident, after which another starts at once. Of those
# that end sooner, each waits twice as long as the one before.
STEADY_S: Final = 10.0
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
# Seconds that a process may take to end, besides the time for its goodbyes.
END_S: Final = 5.0
# What tells a process that another takes its place: it says goodbye as at SIGTERM, and then counts those who
# are on their way to the others, for at most so many seconds.
RELIEVED: Final = getattr(signal, "SIGHUP", None)
LINGER_S: Final = 60.0
# How many marks there are: the characters with which the ids of sessions can begin.
MOST_MARKS: Final = 64


class State(enum.Enum):
    """What a process is at."""

    STARTING = "starting"
    SERVING = "serving"
    LEAVING = "leaving"  # it was told to end
    KILLED = "killed"
    GONE = "gone"


class Child(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int:
        """Its number in the system."""

    def send_signal(self, number: int, /) -> None:
        """Sends it a signal, if it is still there."""


def name_of(slot: int) -> str:
    """What a worker is called wherever people read of it: they count from 1."""
    return f"worker {slot + 1}"


class Process:
    """One process of a worker.

    Args:
        slot: the worker's number, from 0.
        mark: a number that no other living process has.
        child: the process itself.
        now: when it was started, in monotonic seconds.
    """

    def __init__(self, slot: int, mark: int, child: Child, now: float) -> None:
        self.slot = slot
        self.mark = mark
        self.child = child
        self.state = State.STARTING
        self.began_s = now
        self.heard_s = now
        self.kill_s = math.inf  # when it has to be killed, unless it has ended

    def __str__(self) -> str:
        return f"{name_of(self.slot)} (process {self.child.pid})"

    @property
    def label(self) -> str:
        """What metrics call it: the worker's number, which its successor has while it says goodbye."""
        return f"{self.slot + 1} leaving" if self.state is State.LEAVING else str(self.slot + 1)

    @property
    def is_at_work(self) -> bool:
        """Whether it has clients: it serves, or says goodbye to them."""
        return self.state in (State.SERVING, State.LEAVING)

    def leave(self, how: signal.Signals, within_s: float, now: float) -> None:
        """Tells it to end in good order."""
        # One that starts has no handler for SIGINT yet, and would show a traceback.
        how = signal.SIGTERM if self.state is State.STARTING else how
        self.state = State.LEAVING
        self.kill_s = now + within_s
        self.child.send_signal(how)

    def kill(self) -> None:
        """Ends it at once."""
        self.state = State.KILLED
        self.kill_s = math.inf
        self.child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))


class _Worker:
    """A worker's place."""

    __slots__ = ("failures", "former", "process", "start_s", "successor")

    def __init__(self) -> None:
        self.process: Process | None = None  # the one that serves
        self.successor: Process | None = None  # starts, and serves once it is ready
        self.former: Process | None = None  # says goodbye, and serves no more
        self.start_s = math.inf  # when another is to be started, because there is none
        self.failures = 0  # how many processes in turn have ended soon after their start


class Crew:
    """All workers of one server.

    Args:
        workers: how many.
        hire: starts a process, for a worker and with a mark.
        drain_s: how many seconds a process's goodbyes may take.
        on_open: called once all workers serve for the first time.
        on_rolled: called at the end of each round of `roll`.

    Attributes:
        exit_code: how the server ends; None until the last process has ended.
        marks: how many marks are given out; more than there are workers, for those that take over.
    """

    def __init__(
        self,
        workers: int,
        hire: Callable[[int, int], Child],
        *,
        drain_s: float,
        on_open: Callable[[], None] = lambda: None,
        on_rolled: Callable[[], None] = lambda: None,
    ) -> None:
        self.exit_code: int | None = None
        self.marks = min(MOST_MARKS, 2 * workers)
        self._workers = [_Worker() for _ in range(workers)]
        self._hire = hire
        self._drain_s = drain_s
        self._on_open = on_open
        self._on_rolled = on_rolled
        self._processes: list[Process] = []
        self._is_open = False
        self._code: int | None = None  # once it ends: with what
        self._rolling: Iterator[int] | None = None  # the workers that are still to be replaced
        self._rolls_again = False
        self._looked_s = -math.inf

    @property
    def is_ending(self) -> bool:
        """Whether the whole server ends."""
        return self._code is not None

    def process_of(self, child: Child) -> Process | None:
        """The process that `hire` has returned as this child; None once it has ended."""
        return next((process for process in self._processes if process.child is child), None)

    def slow(self, now: float) -> list[Process]:
        """The processes that serve, and whose loops don't turn."""
        return [
            process
            for process in self._processes
            if process.state is State.SERVING and now - process.heard_s >= SLOW_S
        ]

    def covers(self, now: float) -> dict[Process, list[int]]:
        """For each process that serves: the workers without such a one, whose connections it has to take."""
        if not self._is_open or self.is_ending:
            return {}
        covers: dict[Process, list[int]] = {
            process: []
            for process in (worker.process for worker in self._workers)
            if process is not None and process.state is State.SERVING and now - process.heard_s < SLOW_S
        }
        if covers:
            serving = {process.slot for process in covers}
            takers = itertools.cycle(covers)
            for slot in range(len(self._workers)):
                if slot not in serving:
                    covers[next(takers)].append(slot)
        return covers

    def begin(self, now: float) -> None:
        """Starts the first process. The others follow once it serves: one alone says what is wrong."""
        self._looked_s = now
        self._start(0, now)

    def look(self, now: float) -> None:
        """Starts and kills whoever it is time for; to be called several times a second."""
        if now - self._looked_s > HELD_UP_S:
            for process in self._processes:
                process.heard_s = now
        self._looked_s = now
        for process in self._processes:
            if process.state is State.SERVING and now - process.heard_s >= SILENT_S:
                logger.error(
                    "%s has not answered for %d s: killing it. Something in it blocks the event loop, "
                    "or the system has stopped it",
                    process,
                    SILENT_S,
                )
                process.kill()
            elif now >= process.kill_s:
                logger.warning("%s has not ended in time: killing it", process)
                process.kill()
        for slot, worker in enumerate(self._workers):
            if now >= worker.start_s:
                self._start(slot, now)

    def beat(self, process: Process, now: float) -> None:
        """A process's loop turns."""
        process.heard_s = now

    def ready(self, process: Process, now: float) -> None:
        """A process has begun to serve."""
        process.heard_s = now
        if process.state is not State.STARTING:
            return
        process.state = State.SERVING
        worker = self._workers[process.slot]
        if worker.successor is process:
            worker.former, worker.process, worker.successor = worker.process, process, None
            if worker.former is None:
                self._roll_on(now)
            else:
                worker.former.leave(RELIEVED or signal.SIGTERM, self._drain_s + LINGER_S + END_S, now)
        if not self._is_open:
            if len(self._processes) < len(self._workers):
                for slot in range(1, len(self._workers)):
                    self._start(slot, now)
            if all(process.state is State.SERVING for process in self._processes):
                self._is_open = True
                self._on_open()

    def ended(self, process: Process, code: int, now: float) -> None:
        """A process has ended.

        Args:
            process: which one.
            code: its exit code; below 0 the signal that ended it.
            now: monotonic seconds.
        """
        was, process.state = process.state, State.GONE
        self._processes.remove(process)
        worker = self._workers[process.slot]
        if self.is_ending:
            self._finish()
        elif not self._is_open:
            self._code = code if code > 0 else 1
            if code <= 0:
                logger.error("%s %s before it served", process, _how(code))
            self._leave_all(signal.SIGTERM, now)
        elif process is worker.successor:
            worker.successor = None
            self._give_up_rolling(process, code)
            if worker.process is None:
                self._start_later(worker, process, code, now)
        elif process is worker.former:
            worker.former = None
            if was is State.LEAVING and code:
                logger.warning("%s %s", process, _how(code))
            self._roll_on(now)
        else:
            worker.process = None
            if worker.successor is None:
                self._start_later(worker, process, code, now)
            else:
                logger.error("%s %s; its successor starts already", process, _how(code))

    def roll(self, now: float) -> None:
        """Replaces the process of every worker in turn; each new one serves before the old one ends.

        A process that can't start ends the round, and whoever is not replaced yet goes on.
        """
        if self.is_ending or not self._is_open:
            return
        if self._rolling is not None:
            self._rolls_again = True
            return
        logger.info("replacing the processes of %d workers in turn", len(self._workers))
        self._rolling = iter(range(len(self._workers)))
        self._roll_on(now)

    def end(self, how: signal.Signals, now: float) -> None:
        """The first time, ends all processes in good order; the second time, at once."""
        if self.is_ending:
            self._code = 128 + how
            for process in self._processes:
                process.kill()
            return
        self._code = 0
        self._leave_all(how, now)

    def _leave_all(self, how: signal.Signals, now: float) -> None:
        self._rolling, self._rolls_again = None, False
        within_s = END_S + (self._drain_s if how is signal.SIGTERM else 0)
        for worker in self._workers:
            worker.start_s = math.inf
        for process in self._processes:
            if process.state is not State.KILLED:
                process.leave(how, within_s, now)
        self._finish()

    def _finish(self) -> None:
        if not self._processes:
            self.exit_code = self._code

    def _start(self, slot: int, now: float) -> Process:
        """Starts a process that is to serve as a worker, or as the successor of the one that does."""
        worker = self._workers[slot]
        worker.start_s = math.inf
        taken = {process.mark for process in self._processes}
        mark = next(mark for mark in (slot, *range(self.marks)) if mark not in taken)
        process = Process(slot, mark, self._hire(slot, mark), now)
        self._processes.append(process)
        if worker.process is None:
            worker.process = process
        else:
            worker.successor = process
        return process

    def _start_later(self, worker: _Worker, process: Process, code: int, now: float) -> None:
        lived_s = now - process.began_s
        worker.failures = 0 if lived_s >= STEADY_S else worker.failures + 1
        wait_s = min(FIRST_WAIT_S * 2 ** (worker.failures - 1), LONGEST_WAIT_S) if worker.failures else 0.0
        worker.start_s = now + wait_s
        when = f"in {wait_s:g} s" if wait_s else "now"
        logger.error("%s %s after %.1f s; another starts %s", process, _how(code), lived_s, when)

    def _roll_on(self, now: float) -> None:
        """Replaces the next worker, if a round is under way and nobody else is being replaced."""
        if self._rolling is None:
            return
        slot = next(self._rolling, None)
        if slot is None:
            self._rolling = None
            logger.info("the processes of all %d workers were replaced", len(self._workers))
            self._on_rolled()
            if self._rolls_again:
                self._rolls_again = False
                self.roll(now)
            return
        worker = self._workers[slot]
        if worker.process is None:
            worker.failures = 0
            worker.successor = self._start(slot, now)
            worker.process = None
        elif worker.process.state is State.STARTING:  # it is new by itself
            self._roll_on(now)
        else:
            self._start(slot, now)

    def _give_up_rolling(self, process: Process, code: int) -> None:
        self._rolling, self._rolls_again = None, False
        logger.error(
            "%s %s before it served: the processes that run go on, and are not replaced", process, _how(code)
        )
        self._on_rolled()


def _how(code: int) -> str:
    """How a process has ended, in words."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
