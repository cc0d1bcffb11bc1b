"""How an app learns that its server stops, and ends its sessions, streams and tasks.

Three tell us, and it takes all three:

1. **The lifespan** is ASGI's own way. But a framework does not pass its lifespan on to an app that is mounted
   in it, and uvicorn ends a lifespan only after the last request: a waiting poll would hold it for ever.
2. **`nannin serve`** knows when it stops. `shut_down_all` tells every app of the process at once, wherever it
   is mounted, before the server waits for requests.
3. **Another host**, such as uvicorn by itself, tells nobody in time. So while a request of ours is open, its
   app looks four times a second whether the host was told to stop. Where that is `nannin serve`, the app does
   nothing: its clients are being told one after another, and it would end them all at once.

Whoever tells first, an app ends its parts once. If it is asked to serve again, it can be ended again.

`nannin serve` also has the time to tell clients one after another before that: `goodbyes`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Final

__all__ = ["LOOK_EVERY_S", "HostWatch", "goodbyes", "host_is_stopping", "is_anybody_counted", "shut_down_all"]

# Seconds between two looks at the host while a request of ours is open.
LOOK_EVERY_S: Final = 0.25


class HostWatch:
    """Ends the parts of one app when its host stops.

    Args:
        on_shutdown: ends sessions, streams and tasks. It is called once, and again only if the app has served
            in the meantime.
        on_drain: lets nobody in any more, and returns what ends each client, as `on_shutdown` would later.
        counts: whether somebody is counted here, in grace or not.
    """

    def __init__(
        self,
        on_shutdown: Callable[[], None],
        on_drain: Callable[[], Sequence[Callable[[], None]]] = lambda: (),
        counts: Callable[[], bool] = lambda: False,
    ) -> None:
        self.counts = counts
        self._on_shutdown = on_shutdown
        self._on_drain = on_drain
        self._has_served = False
        self._requests = 0
        self._alarm: asyncio.TimerHandle | None = None
        _ALL.add(self)

    def begin(self) -> None:
        """The app serves: from now on there may be something to end."""
        self._has_served = True

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """One request is open while this context is."""
        self.begin()
        self._requests += 1
        if self._alarm is None:
            self._set_alarm()
        try:
            yield
        finally:
            self._requests -= 1
            if not self._requests and self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None

    def shut_down(self) -> None:
        """The host stops: ends the app's parts, unless that was done and nothing was served since."""
        if self._has_served:
            self._has_served = False
            self._on_shutdown()

    def goodbyes(self) -> Sequence[Callable[[], None]]:
        """The host will stop: lets nobody in any more, and returns what ends each of the app's clients."""
        return self._on_drain() if self._has_served else ()

    def _set_alarm(self) -> None:
        self._alarm = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        self._set_alarm()
        if host_is_stopping(untold=True):
            self.shut_down()


# Weak references: an app that nobody holds any more has nothing left to end.
_ALL: Final[weakref.WeakSet[HostWatch]] = weakref.WeakSet()


def shut_down_all() -> None:
    """The server stops: ends every app of this process."""
    for watch in list(_ALL):
        watch.shut_down()


def goodbyes() -> list[Callable[[], None]]:
    """The server will stop: no app of this process lets anybody in any more. Returns what ends each client.

    Each is called once at most, in any order, before `shut_down_all`, which ends the others.
    """
    return [goodbye for watch in list(_ALL) for goodbye in watch.goodbyes()]


def is_anybody_counted() -> bool:
    """Whether an app of this process counts somebody still, who may be on the way to another worker."""
    return any(watch.counts() for watch in list(_ALL))


def host_is_stopping(*, untold: bool = False) -> bool:
    """Whether uvicorn, under whatever name it runs, was told to stop.

    Its server is found by the signal that would stop it, which one of the server's methods handles. A server
    whose `tells_apps` is true calls `shut_down_all` itself.

    Args:
        untold: only if it does not tell its apps in time.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    is_stopping = getattr(server, "should_exit", None) is True
    return is_stopping and not (untold and getattr(server, "tells_apps", False))
