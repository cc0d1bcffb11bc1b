"""The Engine.IO layer by itself: any application with open, message and close, as an ASGI app."""

from __future__ import annotations

from typing import Unpack

from starlette.types import Receive, Scope, Send

from nannin.access.addresses import Addresses
from nannin.access.refusals import Refusals
from nannin.app.assembly import make_gate
from nannin.app.defaults import Defaults
from nannin.app.dispatch import App
from nannin.app.goodbye import HostWatch
from nannin.clock import SystemClock
from nannin.engine.endpoint import Endpoint
from nannin.engine.engine import make_engine
from nannin.engine.link import DirectLink
from nannin.engine.session import Application
from nannin.sources import load


class EngineIO:
    """An ASGI app that serves an Engine.IO application, by default at `/engine.io/`.

    Args:
        application: an object with `open(session)`, `message(session, data)` and `close(session, reason)`.
        path: where it answers.
        defaults: settings, such as `ping_interval=10`; flags, environment and nannin.toml go before them.

    Raises:
        SettingsError: an unknown setting or a wrong value.
    """

    def __init__(
        self, application: Application, *, path: str = "/engine.io/", **defaults: Unpack[Defaults]
    ) -> None:
        self.settings = load(defaults=defaults)
        refusals = Refusals()
        addresses = Addresses(self.settings, refusals)
        self.engine = make_engine(application, self.settings, SystemClock(), None, addresses, refusals)
        gate = make_gate(self.settings, refusals)
        endpoint = Endpoint(self.engine, gate)
        self._host = HostWatch(self.engine.shut_down, self.engine.goodbyes)
        self._app = App(path, endpoint, [], gate, self._host.shut_down)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        with self._host.request():
            await self._app(scope, receive, send)

    def open_websocket(self, scope: Scope, link: DirectLink) -> bool:
        """Opens a session over a WebSocket of `DirectWebSocket` at once, without a task.

        Args:
            scope: what this app would be called with.
            link: the WebSocket.

        Returns:
            False if nothing was done: the app is to be called.
        """
        self._host.begin()
        return self._app.open_websocket(scope, link)
