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
        if self._loop is None or threading.get_ident() == self._ident:
            call()
        else:
            self._loop.call_soon_threadsafe(call)

    def check(self, what: str) -> None:
        """Raises in any other thread.

        Args:
            what: what was called, such as "join".

        Raises:
            WrongThread: this is not the hub's thread.
        """
        if self._loop is not None and threading.get_ident() != self._ident:
            raise WrongThread(
                f"{what} was called from another thread than the server's; only emit and send may be: "
                f"call anyio.from_thread.run_sync(lambda: ....{what}(...)) in a framework's worker thread, "
                f"or loop.call_soon_threadsafe in a thread of your own"
            )
