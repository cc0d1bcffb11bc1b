"""The application's own tasks: they begin and end with the server, and the log names one that fails."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from nannin.hub.lag import Lag
from nannin.mistakes import Mistakes

logger = logging.getLogger("nannin.background")

BackgroundT = TypeVar("BackgroundT", bound=Callable[[], Coroutine[Any, Any, Any]])


class Background:
    """Owns the tasks of one application.

    Args:
        now: the time, in monotonic seconds, by which a task that blocks is found.
        mistakes: tells the log what the tasks raise; None for its own.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, mistakes: Mistakes | None = None) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self._functions: list[Callable[[], Coroutine[Any, Any, Any]]] = []
        self._is_running = False
        self._lag = Lag(logger, now)
        self._mistakes = mistakes or Mistakes(now)

    def add(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Runs an async function from the server's start on, or from now if it has started.

        Raises:
            TypeError: it is not an async function, or it needs arguments.
        """
        problem = f"a background task is an async function without arguments, not {function!r}"
        if not inspect.iscoroutinefunction(function):
            raise TypeError(problem)
        try:
            inspect.signature(function).bind()
        except TypeError as error:
            raise TypeError(f"{problem}: {error}") from None
        self._functions.append(function)
        if self._is_running:
            self.spawn(function())

    def start(self) -> None:
        """The server has started: begins what was added, unless it runs already."""
        if not self._is_running:
            self._is_running = True
            for function in self._functions:
                self.spawn(function())

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs a coroutine until it ends, or the server does."""
        name = getattr(coroutine, "__qualname__", repr(coroutine))
        watched = self._lag.watch(coroutine, name, f"the background task {name}")
        task = asyncio.get_running_loop().create_task(watched)
        self.tasks.add(task)
        task.add_done_callback(self._report)
        return task

    def shut_down(self) -> None:
        """The server ends: cancels the tasks. They may be started again."""
        self._is_running = False
        for task in self.tasks:
            task.cancel()

    def forget(self) -> None:
        """Forgets the tasks of a loop that has ended: they can't be cancelled any more."""
        self._is_running = False
        self.tasks.clear()

    def _report(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._mistakes.tell(logger, "the background task %s raised", task.get_coro(), error=error)
