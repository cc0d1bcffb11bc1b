"""What a stage and its clients share: the application's time, what it raises, and how to wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from nannin.hub.hub import Hub
from nannin.testing.timing import StageTime

# All parts of nannin log here what the application's functions raise.
_LOGGER: Final = logging.getLogger("nannin")


class Run:
    """An application at work on a stage.

    Args:
        hub: it calls the handlers.
        time: the stage's.
        raise_errors: whether `rest` raises what the application raised.

    Attributes:
        errors: what the application's functions have raised, and `rest` has not.
        time: the stage's.
    """

    def __init__(self, hub: Hub, time: StageTime, *, raise_errors: bool) -> None:
        self.errors: list[BaseException] = []
        self.time = time
        self._hub = hub
        self._raise_errors = raise_errors
        self._waiting: list[asyncio.Future[None]] = []
        self._watch = _ErrorWatch(self.report)

    def begin(self) -> None:
        """Listens from now on for what is raised."""
        _LOGGER.addHandler(self._watch)
        self._hub.mistakes.tells_each = True

    def end(self) -> None:
        """Listens no more."""
        _LOGGER.removeHandler(self._watch)
        self._hub.mistakes.tells_each = False

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Runs a coroutine as a part of the application."""
        self.time.run(lambda: asyncio.get_running_loop().create_task(coroutine))

    def report(self, error: BaseException) -> None:
        """The application raised something, or a function of the test that answers it did."""
        self.errors.append(error)
        self.notify()

    def notify(self) -> None:
        """Wakes whoever waits for something to happen."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def rest(self) -> None:
        """Waits until the application has come to rest, and raises what it has raised."""
        await self.time.settle()
        if self._raise_errors and self.errors:
            errors = self.errors[:]
            self.errors.clear()
            if len(errors) == 1:
                raise errors[0]
            raise BaseExceptionGroup("the application raised", errors)

    async def advance(self, seconds: float) -> None:
        """Lets the stage's time pass, and the application come to rest."""
        await self.time.advance(seconds)
        await self.rest()

    async def until(
        self, holds: Callable[[], bool], timeout: float, what: str, *, by_handler: bool = False
    ) -> None:
        """Waits until something holds.

        Args:
            holds: whether it does; called whenever something has reached a client.
            timeout: how many real seconds to wait.
            what: says in a few words that it does not.
            by_handler: only a handler can bring it about, so that it never will if none is at work.

        Raises:
            AssertionError: it never held.
        """
        await self.rest()
        try:
            async with asyncio.timeout(timeout) as limit:
                while not holds():
                    if by_handler and not self._hub.tasks:
                        raise AssertionError(f"{what}, and no handler is at work that could bring it")
                    await self._something()
                    await self.rest()
        except TimeoutError:
            if not limit.expired():  # the application's own
                raise
            raise AssertionError(f"{what} in {timeout:g} s{self._hint()}") from None

    async def _something(self) -> None:
        """Waits until somebody notifies, or a handler has ended."""
        news = asyncio.get_running_loop().create_future()
        self._waiting.append(news)
        await asyncio.wait([news, *self._hub.tasks], return_when=asyncio.FIRST_COMPLETED)

    def _hint(self) -> str:
        wait_s = self.time.next_wait_s()
        if wait_s is None:
            return ""
        return (
            f"; the application waits for the stage's time, which moves by `await stage.advance({wait_s:g})`"
        )


class _ErrorWatch(logging.Handler):
    """Sees the exceptions that are logged.

    Args:
        on_error: called with each.
    """

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        super().__init__(logging.ERROR)
        self._on_error = on_error

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._on_error(error)
