"""Live: the whole server as one ASGI app, and the application's way to its pages and clients."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from nannin.audience.pace import Pace
from nannin.clock import SystemClock
from nannin.engine_io import SID_BYTES, make_engine
from nannin.handlers import Handlers, HandlerT
from nannin.hub import Hub
from nannin.settings import load
from nannin.sockets import Page
from nannin.transport.endpoint import Endpoint
from nannin.web.app import App, routes


class Live:
    """A live audience server: an ASGI app to run by itself, or to mount in another.

    Args:
        defaults: settings, such as `ping_interval=10`; flags, environment and nannin.toml go before them.

    Raises:
        SettingsError: an unknown setting or a wrong value.
    """

    def __init__(self, **defaults: Any) -> None:
        self.settings = load(defaults=defaults)
        self._hub = Hub(
            Handlers(),
            connect_timeout_s=self.settings.connect_timeout,
            max_attachments=self.settings.max_attachments,
            max_namespaces=self.settings.max_namespaces,
            new_id=lambda: secrets.token_urlsafe(SID_BYTES),
            pace=Pace(
                share=self.settings.share,
                min_interval_s=self.settings.min_interval,
                max_interval_s=self.settings.max_interval,
            ),
            clock=SystemClock(),
        )
        self.engine = make_engine(self._hub, self.settings)
        endpoint = Endpoint(self.engine, self.settings.allow_origins)
        self._app = App("/socket.io/", endpoint, routes(), self.engine.shut_down)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        await self._app(scope, receive, send)

    def page(self, key: str) -> Page:
        """A page, to register handlers on, to count, or to send to.

        Naming a page closes the list: from then on only named pages and `/` exist, and a client that asks for
        another gets the `connect_error` "Invalid namespace". `live.page("/*")` names them all.

        Args:
            key: a path that starts with `/`; `*` in it stands for any text.

        Raises:
            ValueError: it is no page key.
        """
        self._hub.handlers.name(key)
        return Page(self._hub, key)

    def on(self, event: str) -> Callable[[HandlerT], HandlerT]:
        """Registers the decorated function for an event on the page `/`; see `Page.on`."""
        return Page(self._hub, "/").on(event)

    def pages(self) -> list[Page]:
        """The pages that somebody is on."""
        return [Page(self._hub, key) for key in self._hub.pages()]
