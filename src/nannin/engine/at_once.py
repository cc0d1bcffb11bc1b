"""Runs coroutines that hardly ever wait: at once where they don't, in a task of their own where they do.

ASGI's `send` is a coroutine, and a task for each message costs more than all else that the message takes. So
whoever begins a coroutine here runs it for as long as it doesn't wait. What it finds around it is what it
would find in a task: it may ask for the current task, set a timeout, be cancelled, or change a context
variable and change it back. That task exists before the coroutine begins, and lends itself to one coroutine
after the other in a turn of the loop. The first that waits keeps it.

Since Python 3.12, asyncio's eager tasks do the same, but with one task for each coroutine.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import types
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine, Generator
from typing import Any

# What is called when the coroutine has waited for a turn of the loop, with the task that it has now.
OnWait = Callable[[asyncio.Task[None]], None]


class AtOnce:
    """Runs coroutines on the running loop."""

    __slots__ = ("_spare",)

    def __init__(self) -> None:
        self._spare: _Lent | None = None

    def run(self, coroutine: Coroutine[Any, Any, None], on_wait: OnWait) -> None:
        """Runs a coroutine up to where it waits.

        Args:
            coroutine: what is run. It raises nothing, unless it is cancelled.
            on_wait: called in the next turn of the loop, if the coroutine waits.
        """
        loop, lent = asyncio.get_running_loop(), self._spare
        # An app may be served by one loop after another, and the last task of a loop may never have run.
        if lent is None or lent.loop is not loop:
            lent = _Lent(self, loop)
        self._spare = None  # a coroutine that begins another one doesn't lend it the same task
        task, running = lent.task, asyncio.current_task(loop)
        # Source: the documentation of asyncio, "Extending", which has these two for whoever runs coroutines.
        if running is not None:
            _leave_task(loop, running)
        _enter_task(loop, task)
        try:
            lent.waits_for = lent.context.run(coroutine.send, None)
        except StopIteration:
            self._spare = lent
        else:
            lent.coroutine = coroutine
            loop.call_soon(on_wait, task)
        finally:
            _leave_task(loop, task)
            if running is not None:
                _enter_task(loop, running)

    def begun(self, lent: _Lent) -> None:
        """The loop has begun this task, so it is lent no more."""
        if self._spare is lent:
            self._spare = None


class _Lent:
    """A task that has not begun, and lends itself to coroutines until one of them waits.

    Args:
        at_once: lends it.
        loop: the running loop.

    Attributes:
        loop: as above.
        context: the context variables that it has.
        task: it.
        coroutine: what keeps it; None as long as nothing does.
        waits_for: what that coroutine waits for.
    """

    __slots__ = ("_at_once", "context", "coroutine", "loop", "task", "waits_for")

    def __init__(self, at_once: AtOnce, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.coroutine: Coroutine[Any, Any, None] | None = None
        self.waits_for: Any = None
        self.context = contextvars.copy_context()
        self.task: asyncio.Task[None] = loop.create_task(self._go_on(), context=self.context)
        self._at_once = at_once

    async def _go_on(self) -> None:
        self._at_once.begun(self)
        if self.coroutine is not None:
            await _resume(self.coroutine, self.waits_for)


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Awaits the rest of a coroutine that has begun and waits for something."""
    while True:
        try:
            value = yield waits_for
            go_on = functools.partial(coroutine.send, value)
        except BaseException as error:  # noqa: BLE001 - it is thrown on
            go_on = functools.partial(coroutine.throw, error)
        try:
            waits_for = go_on()
        except StopIteration:
            return
