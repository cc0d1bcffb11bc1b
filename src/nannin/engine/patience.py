"""Time that a client has for something, and that it isn't charged for what we were too slow to read.

A loop that was held up finds a timer due and bytes waiting in the kernel at the same moment, and may come to
the timer first. So nobody is judged before the loop has read once after the time was over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

# An alarm that rings later than this tells of us, and not of the client.
LATE_S = 0.1
# Long enough for the loop to read in between: a shorter time is none to uvloop.
_READING_S = 0.001


class Patience:
    """Calls back at a time unless it is cancelled, and not before the loop has read what had come by then.

    Args:
        loop: the running one.
        until_s: when the time is over, by the loop's time.
        on_end: called then.
        args: what it is called with.
    """

    __slots__ = ("_args", "_handle", "_on_end", "_until_s")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, until_s: float, on_end: Callable[..., object], *args: Any
    ) -> None:
        self._until_s = until_s
        self._on_end = on_end
        self._args = args
        self._handle = loop.call_at(until_s, self._read_once, loop)

    def when(self) -> float:
        """When the time is over, by the loop's time."""
        return self._until_s

    def cancel(self) -> None:
        """Does not call back."""
        self._handle.cancel()

    def _read_once(self, loop: asyncio.AbstractEventLoop) -> None:
        due_s = loop.time() + _READING_S
        self._handle = loop.call_at(due_s, self._end, loop, due_s)

    def _end(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        if loop.time() > due_s + LATE_S:
            self._read_once(loop)  # it was held up again
        else:
            self._on_end(*self._args)
