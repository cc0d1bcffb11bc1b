"""The loop and the thread in which everything of a hub happens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from nannin.errors import WrongThread


class HomeThread:
    """Knows the hub's loop and its thread, once the server runs.

    Frameworks run plain functions in threads of their own. What they send is handed to the loop; whatever
    else they call is an error that names the remedy, since nothing here is locked.
    """

    __slots__ = ("_ident", "_loop")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ident = 0

    def run_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on everything happens on this loop, which runs in the thread that calls."""
        if loop is not self._loop:
            self._loop, self._ident = loop, threading.get_ident()

    def do(self, call: Callable[[], None]) -> None:
        """Calls a function: at once in the hub's thread, from another one soon."""
        loop = self._elsewhere()
        if loop is None:
            call()
        else:
            loop.call_soon_threadsafe(call)

    def check(self, what: str, *, is_async: bool = False) -> None:
        """Raises in any other thread.

        Args:
            what: the method that was called, such as "socket.join".
            is_async: whether it is a coroutine function.

        Raises:
            WrongThread: this is not the hub's thread.
        """
        if self._elsewhere() is None:
            return
        run, schedule = _REMEDIES[is_async]
        raise WrongThread(
            f"{what} was called in another thread than the server's, where only emit and send may be called; "
            f"in a framework's worker thread use {run.format(what)}, "
            f"in a thread of your own {schedule.format(what)}"
        )

    def _elsewhere(self) -> asyncio.AbstractEventLoop | None:
        """The hub's loop, if it runs in another thread; a loop that has ended hurts nobody."""
        if threading.get_ident() == self._ident or self._loop is None or not self._loop.is_running():
            return None
        return self._loop


# How another thread calls a plain method, and an async one.
_REMEDIES = {
    False: ("anyio.from_thread.run_sync({0}, ...)", "loop.call_soon_threadsafe({0}, ...)"),
    True: (
        "anyio.from_thread.run({0}, ...)",
        "asyncio.run_coroutine_threadsafe({0}(...), loop)",
    ),
}
