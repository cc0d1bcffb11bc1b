"""Names what holds up the loop, and so the server and all its clients.

Each step of a coroutine, from one `await` to the next, is timed where it runs. A timer that comes late would
tell that somebody held up the loop, but no longer who.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

# Seconds for which a function may keep the loop; one that takes longer is named in the log.
SLOW_S = 0.1
# Seconds between two warnings that name the same function.
_WARN_EVERY_S = 60.0


class Lag:
    """Times functions and the steps of coroutines, and names the slow ones.

    Args:
        logger: where they are named.
        now: the time, in monotonic seconds.
    """

    def __init__(self, logger: logging.Logger, now: Callable[[], float]) -> None:
        self.now = now
        self._logger = logger
        self._warned_s: dict[str, float] = {}

    def watch(self, coroutine: Coroutine[Any, Any, Any], name: str, what: str) -> Coroutine[Any, Any, Any]:
        """The coroutine, with each of its steps timed.

        Args:
            coroutine: what runs.
            name: what is named once a minute at most.
            what: the same, in the words of the warning.
        """
        return Watched(coroutine, self, name, what)

    def warn(self, took_s: float, name: str, what: str) -> None:
        """Names what ran for so many seconds, in which nothing else could run."""
        now = self.now()
        if now - self._warned_s.get(name, -_WARN_EVERY_S) >= _WARN_EVERY_S:
            self._warned_s[name] = now
            self._logger.warning(
                "%s held up the server and all its clients for %.0f ms: "
                "let it await, or give the work to asyncio.to_thread",
                what,
                took_s * 1000,
            )


class Watched(Coroutine[Any, Any, Any]):
    """A coroutine around another one, which it runs step by step. It can be the coroutine of a task."""

    __slots__ = ("_coroutine", "_lag", "_name", "_what")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], lag: Lag, name: str, what: str) -> None:
        self._coroutine = coroutine
        self._lag = lag
        self._name = name
        self._what = what

    def __repr__(self) -> str:
        return repr(self._coroutine)

    def __await__(self) -> Any:
        """Only for the interface: a task sends and throws by itself."""
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        """Runs the next step."""
        started = self._lag.now()
        try:
            return self._coroutine.send(value)
        finally:
            self._note(started)

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        """Runs the next step, which begins with an exception."""
        started = self._lag.now()
        try:
            return self._coroutine.throw(value if isinstance(value, BaseException) else kind)
        finally:
            self._note(started)

    def close(self) -> None:
        """Ends the coroutine."""
        self._coroutine.close()

    def _note(self, started: float) -> None:
        took_s = self._lag.now() - started
        if took_s >= SLOW_S:
            self._lag.warn(took_s, self._name, self._what)
