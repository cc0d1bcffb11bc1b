"""Time that a test moves: for the server, and for whatever the application itself waits for.

The application's code is recognized by its context (PEP 567), which every task and callback inherits. For
code in that context, the loop's methods that set timers go by this clock. For all other code, such as the
test's, they go by the loop's own.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")

# How many turns a loop has to come to rest before we say that it never will.
_MAX_TURNS: Final = 100_000
# Seconds by which a timer may be early, since sums of floats differ in their last digits.
_TOLERANCE_S: Final = 1e-6
# Real seconds that a cancelled task may take to end.
_END_S: Final = 5.0

_TIME: Final[contextvars.ContextVar[StageTime | None]] = contextvars.ContextVar("nannin stage", default=None)


class Timer:
    """A call that waits for its time; what `loop.call_later` returns within the application."""

    __slots__ = ("_args", "_callback", "_when_s", "context", "is_servers")

    def __init__(
        self,
        when_s: float,
        callback: Callable[..., object],
        args: tuple[Any, ...] = (),
        context: contextvars.Context | None = None,
        *,
        is_servers: bool = False,
    ) -> None:
        self._when_s = when_s
        self._callback: Callable[..., object] | None = callback
        self._args = args
        self.context = context
        self.is_servers = is_servers

    def when(self) -> float:
        """When it is due."""
        return self._when_s

    def cancel(self) -> None:
        """Cancels it."""
        self._callback = None

    def cancelled(self) -> bool:
        """Whether it was cancelled, or called already."""
        return self._callback is None

    def run(self) -> None:
        """Calls it, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(*self._args)


class StageTime:
    """A clock that stands still until it is moved, and knows when the application has come to rest.

    Args:
        loop: the loop that runs.
        now_s: what time it is at first, in monotonic seconds.

    Attributes:
        tasks: those of the application that run.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, now_s: float) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self._loop = loop
        self._now_s = now_s
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._ready: dict[int, asyncio.Handle] = {}  # what the loop calls in its next turns
        self._context = contextvars.copy_context()
        self._context.run(_TIME.set, self)
        self._methods = _Methods.of(loop)

    def begin(self) -> None:
        """The application's timers wait for this clock from now on."""
        self._methods.users.add(self)
        self._methods.install()

    def end(self) -> None:
        """The timers are the loop's again. One that still waits for this clock is never called."""
        self._methods.users.discard(self)
        self._methods.uninstall()
        self._timers.clear()

    def run(self, function: Callable[[], T]) -> T:
        """Calls a function as a part of the application."""
        return self._context.copy().run(function)

    # The clock of the server

    def now(self) -> float:
        """Monotonic seconds."""
        return self._now_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Calls back once, `delay_s` from now."""
        return self._add(
            Timer(self._now_s + delay_s, callback, context=self._context.copy(), is_servers=True)
        )

    def call_soon(self, callback: Callable[[], None]) -> asyncio.Handle:
        """Calls back at the end of this turn of the loop."""
        return self.schedule(callback, (), self._context.copy())

    # What the loop does for the application

    def schedule(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context | None
    ) -> asyncio.Handle:
        """Does what the loop's `call_soon` does. The application is not at rest before the call."""
        number = next(self._order)

        def call(*args: Any) -> None:
            self._ready.pop(number, None)
            callback(*args)

        handle = self._ready[number] = self._methods.call_soon(call, *args, context=context)
        return handle

    def set_timer(
        self,
        when_s: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> Timer:
        """Does what the loop's `call_at` does."""
        return self._add(Timer(when_s, callback, args, context or contextvars.copy_context()))

    # By hand

    def next_wait_s(self) -> float | None:
        """In how many seconds the application's own next timer is due, if it has set one."""
        due = [when for when, _, timer in self._timers if not (timer.cancelled() or timer.is_servers)]
        return max(0.0, min(due) - self._now_s) if due else None

    async def settle(self) -> None:
        """Turns the loop until the application has nothing more to do at this time.

        Raises:
            RuntimeError: it never comes to rest.
        """
        if _TIME.get() is self:  # the application itself would wait for its own rest
            return
        for _ in range(_MAX_TURNS):
            await asyncio.sleep(0)  # at least once: a task of the test may be about to do something
            if not self._is_busy():
                return
        raise RuntimeError("the application never comes to rest: something in it runs on without waiting")

    async def advance(self, seconds: float) -> None:
        """Lets time pass, each timer at its own time, and the application come to rest after each."""
        until_s = self._now_s + seconds
        await self.settle()
        while (due_s := self._next_due()) is not None and due_s <= until_s + _TOLERANCE_S:
            await self._go_to(due_s)
        self._now_s = max(self._now_s, until_s)

    async def run_out(self) -> None:
        """Lets time pass until the server waits for nothing; the application's own timers stand still."""
        await self.settle()
        for _ in range(_MAX_TURNS):
            due_s = self._next_due(servers_only=True)
            if due_s is None:
                return
            await self._go_to(due_s, servers_only=True)
        raise RuntimeError("the server never comes to rest")

    async def end_tasks(self) -> None:
        """Cancels the application's tasks and waits for their end; what they still wait for comes at once.

        Raises:
            RuntimeError: a task does not end.
        """
        for task in list(self.tasks):
            if not task.cancelling():
                task.cancel()
        await self.settle()
        for _ in range(len(self._timers)):
            if not self.tasks or (due_s := self._next_due()) is None:
                break
            await self._go_to(due_s)
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=_END_S)
        if self.tasks:
            names = ", ".join(sorted(repr(task.get_coro()) for task in self.tasks))
            raise RuntimeError(f"cancelled with the stage, but still running: {names}")

    def _add(self, timer: Timer) -> Timer:
        if timer.when() <= self._now_s:
            self.schedule(timer.run, (), timer.context)
        else:
            heapq.heappush(self._timers, (timer.when(), next(self._order), timer))
        return timer

    def _next_due(self, *, servers_only: bool = False) -> float | None:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not servers_only:
            return self._timers[0][0] if self._timers else None
        due = [when for when, _, timer in self._timers if timer.is_servers and not timer.cancelled()]
        return min(due, default=None)

    async def _go_to(self, when_s: float, *, servers_only: bool = False) -> None:
        self._now_s = max(self._now_s, when_s)
        waiting, self._timers = sorted(self._timers), []
        for entry in waiting:
            when, _, timer = entry
            if when <= self._now_s and (timer.is_servers or not servers_only):
                self.schedule(timer.run, (), timer.context)
            else:
                self._timers.append(entry)  # in order, so it is a heap
        await self.settle()

    def _is_busy(self) -> bool:
        for number in [number for number, handle in self._ready.items() if handle.cancelled()]:
            del self._ready[number]
        return bool(self._ready)


class _Methods:
    """The methods of one loop that know time, and those that stand in for them while a stage uses the loop.

    They are put on the loop object, where asyncio's own functions, tasks and libraries look them up. That
    works for asyncio's loops and for uvloop's.
    """

    _of: Final[dict[asyncio.AbstractEventLoop, _Methods]] = {}

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _Methods:
        """The methods of a loop. Stages that use it at the same time share them."""
        return cls._of.get(loop) or cls(loop)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.users: set[StageTime] = set()
        self._loop = loop
        self._own = {name: value for name, value in vars(loop).items() if name in self._stand_ins()}
        self._time, self.call_soon = loop.time, loop.call_soon
        self._call_later, self._call_at, self._create_task = loop.call_later, loop.call_at, loop.create_task

    def install(self) -> None:
        """Puts the stand-ins on the loop, unless they are there."""
        self._of[self._loop] = self
        vars(self._loop).update(self._stand_ins())

    def uninstall(self) -> None:
        """Removes the stand-ins if no stage uses them any more."""
        if not self.users:
            del self._of[self._loop]
            for name in self._stand_ins():
                del vars(self._loop)[name]
            vars(self._loop).update(self._own)

    def _stand_ins(self) -> dict[str, Callable[..., Any]]:
        return {
            "time": self._stage_time,
            "call_soon": self._stage_call_soon,
            "call_later": self._stage_call_later,
            "call_at": self._stage_call_at,
            "create_task": self._stage_create_task,
        }

    def _find(self, context: contextvars.Context | None = None) -> StageTime | None:
        """The clock of the stage whose application is running this code, if any."""
        time = _TIME.get() if context is None else context.get(_TIME)
        return time if time in self.users else None

    def _stage_time(self) -> float:
        time = self._find()
        return self._time() if time is None else time.now()

    def _stage_call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        time = self._find(context)
        if time is None:
            return self.call_soon(callback, *args, context=context)
        return time.schedule(callback, args, context)

    def _stage_call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle | Timer:
        time = self._find(context)
        if time is None:
            return self._call_later(delay, callback, *args, context=context)
        return time.set_timer(time.now() + delay, callback, args, context)

    def _stage_call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle | Timer:
        time = self._find(context)
        if time is None:
            return self._call_at(when, callback, *args, context=context)
        return time.set_timer(when, callback, args, context)

    def _stage_create_task(self, coroutine: Any, **settings: Any) -> asyncio.Task[Any]:
        task = self._create_task(coroutine, **settings)
        time = self._find(settings.get("context"))
        if time is not None and not task.done():
            time.tasks.add(task)
            task.add_done_callback(time.tasks.discard)
        return task
