"""The stage: a Live under test, its time, and the way to its clients."""

from __future__ import annotations

import asyncio
import math
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

from nannin.app.live import Live
from nannin.audience.page_key import as_uri
from nannin.audience.roster import Count
from nannin.engine.handshake import Handshake
from nannin.errors import ConnectionRefused
from nannin.hub.sockets import Page
from nannin.testing.client import Client
from nannin.testing.links import PollingWire, WebSocketWire, Wire
from nannin.testing.run import Run
from nannin.testing.tab import Tab
from nannin.testing.timing import StageTime
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_packet import Encoded

_PORT: Final = 50_000
_ON_STAGE: Final[weakref.WeakSet[Live]] = weakref.WeakSet()


class Stage:
    """Runs a Live in a test: without server or sockets, in a time that only the test moves.

    Use it as `async with Stage(live) as stage:`. The Live's background tasks begin with it. At its end all
    clients are gone, graces and recoveries are over, the application's tasks are cancelled, and the Live is
    as if nobody had been there. What the application keeps in its own variables stays.

    The server goes by the stage's time, and so does everything that handlers and tasks wait for in asyncio:
    `asyncio.sleep`, timeouts, `loop.time()`. The test's own waits, and `time.time()`, go by real time.

    Args:
        live: the server under test.
        raise_errors: the next `await` of the stage or one of its clients raises what a handler or a
            background task has raised. If False, that is only logged, as on a server, and kept in `errors`.

    Attributes:
        live: the server under test.

    Raises:
        TypeError: `live` is not a Live, such as the app that it is mounted in.
    """

    def __init__(self, live: Live, *, raise_errors: bool = True) -> None:
        if not isinstance(live, Live):
            raise TypeError(
                "Stage takes the Live itself, not an app that it is mounted in: "
                f"Stage(live), not one of type {type(live).__name__}"
            )
        self.live = live
        self._raise_errors = raise_errors
        self._parts = live.assembly
        self._time: StageTime
        self._opened: Run | None = None

    async def __aenter__(self) -> Self:
        """Takes the Live over.

        Raises:
            RuntimeError: it is on a stage already, or has clients; or the test does not run on asyncio.
        """
        loop = _running_loop()
        if self.live in _ON_STAGE:
            raise RuntimeError("this Live is on a stage already")
        if self.live.engine.sessions or self.live.pages():
            raise RuntimeError("this Live has clients; nobody else may serve it while it is on a stage")
        _ON_STAGE.add(self.live)
        # Not back, since the Live remembers times; and whole, since sums of small numbers are then exact.
        now_s = math.ceil(self._parts.clock.now())
        self._time = StageTime(loop, float(now_s))
        self._opened = Run(self._parts.hub, self._time, raise_errors=self._raise_errors)
        self._begin()
        try:
            await self._run.rest()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Gives the Live back, with nobody on it; raises what the application raised at the end."""
        await self._end()
        if error is None:
            await self._run.rest()

    # Clients

    async def connect(
        self,
        page: str = "/",
        *,
        auth: Mapping[str, Any] | None = None,
        visitor: str | None = None,
        on: Mapping[str, Callable[..., Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        address: str = "127.0.0.1",
        scope: Mapping[str, Any] | None = None,
        polling: bool = False,
    ) -> Client:
        """Opens a session and joins a page.

        It takes 0.01 s of the stage's time, for which the server holds back what a connect handler emits.

        Args:
            page: the page's key.
            auth: what is sent to connect.
            visitor: the visitor's id, which goes into `auth`; None: a visitor of its own.
            on: functions that answer events, by name; see `Client.on`. Here they are there from the start.
            headers: of the request that opens the session.
            query: of that request, besides Engine.IO's own.
            address: where it comes from.
            scope: more of its ASGI scope: what the host framework's middleware puts there, such as `user`.
            polling: long-polling instead of a WebSocket.

        Returns:
            The client, on its page.

        Raises:
            ConnectionRefused: the server turned it away; it has `message` and `data`.
            AssertionError: the connect handler has not decided.
            ValueError: `page` does not start with a `/`.
        """
        if not page.startswith("/"):
            raise ValueError(f"a page's key starts with /: {f'/{page}'!r}, not {page!r}")
        run = self._run
        wire_type = PollingWire if polling else WebSocketWire
        handshake = _handshake(headers or {}, query or {}, address, scope or {}, polling=polling)

        def open_wire(
            on_packet: Callable[[Encoded], None], on_closed: Callable[[DisconnectReason], None]
        ) -> Wire:
            wire: Wire = wire_type(self.live.engine, self._time, on_packet, on_closed)
            wire.open(handshake)
            return wire

        tab: Tab[Client] = Tab(open_wire)
        named = {} if visitor is None else {"visitor": visitor}
        client = tab.clients[page] = Client(run, tab, page, {**named, **(auth or {})}, on or {})
        tab.open()
        try:
            await client.join()
        except ConnectionRefused:
            tab.close()
            raise
        return client

    # Time

    async def advance(self, seconds: float) -> None:
        """Lets time pass: each timer of the server and the application goes off at its own time.

        Raises:
            ValueError: `seconds` is negative, or no number.
            RuntimeError: the application runs on without ever waiting.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"time goes forward, by a number of seconds, not by {seconds}")
        await self._run.advance(seconds)

    async def settle(self) -> None:
        """Waits until the application has nothing more to do at this time.

        Clients do so by themselves; this is for a test that does something to the Live itself.

        Raises:
            RuntimeError: the application runs on without ever waiting.
        """
        await self._run.rest()

    # Counts and pages

    @property
    def errors(self) -> list[BaseException]:
        """What handlers and tasks have raised and no `await` has: with `raise_errors=False`, all of it."""
        return self._run.errors

    def count(self, page: str = "/") -> Count:
        """The page's count: `connections`, `visitors`, `visible`; zeros where nobody is."""
        return self._parts.hub.count(as_uri(page))

    def page(self, key: str = "/") -> Page:
        """A page, to send to. Unlike `live.page` it names none, and so closes no list of pages."""
        return Page(self._parts.hub, as_uri(key))

    # Taking the Live over

    @property
    def _run(self) -> Run:
        if self._opened is None:
            raise RuntimeError("the stage is not open: use it as `async with Stage(live) as stage:`")
        return self._opened

    def _begin(self) -> None:
        self._run.begin()
        self._time.begin()
        self._parts.clock.follow(self._time)
        self._parts.background.shut_down()  # an earlier server may have ended without a word
        self._let_hooks_deliver(False)
        self._time.run(self._parts.begin)

    def _let_hooks_deliver(self, delivers: bool) -> None:
        """Whether webhooks and commands are told; functions are in any case."""
        if self._parts.hooks is not None:
            self._parts.hooks.delivers = delivers

    async def _end(self) -> None:
        try:
            await self._time.end_tasks()  # before their clients go, so that no task fails for that
            self._time.run(self._parts.shut_down)
            await self._time.run_out()
            await self._time.end_tasks()
        finally:
            self._parts.clock.follow_system(least_s=self._time.now())
            self._let_hooks_deliver(True)
            self._time.end()
            self._run.end()
            _ON_STAGE.discard(self.live)


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "a stage needs asyncio, and this test runs on something else, such as trio: "
            'write a fixture anyio_backend that returns "asyncio"'
        ) from None


def _handshake(
    headers: Mapping[str, str],
    query: Mapping[str, str],
    address: str,
    scope: Mapping[str, Any],
    *,
    polling: bool,
) -> Handshake:
    """The request that opens a session, as an ASGI server would describe it."""
    transport = "polling" if polling else "websocket"
    return Handshake(
        {
            "type": "http" if polling else "websocket",
            "path": "/socket.io/",
            "query_string": urlencode({"EIO": "4", "transport": transport, **query}).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": (address, _PORT),
            **scope,
        }
    )
