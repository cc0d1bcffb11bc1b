"""The Engine.IO layer by itself: any application with open, message and close, as an ASGI app."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.types import Receive, Scope, Send

from nannin.app.dispatch import App
from nannin.app.goodbye import HostWatch
from nannin.clock import Clock, SystemClock
from nannin.engine.endpoint import Endpoint
from nannin.engine.engine import Application, Engine
from nannin.settings import Settings, load
from nannin.wire.engine_session import Limits

# 120 random bits: nobody guesses a session that is not theirs.
SID_BYTES = 15


def make_engine(application: Application, settings: Settings, clock: Clock) -> Engine:
    """An engine with the intervals and sizes of these settings."""
    limits = Limits(
        ping_interval_s=settings.ping_interval,
        ping_timeout_s=settings.ping_timeout,
        upgrade_timeout_s=settings.upgrade_timeout,
        max_payload_bytes=settings.max_payload,
        max_packets=settings.max_packets,
        max_outbox_bytes=settings.max_outbox,
    )
    return Engine(application, limits, new_sid=lambda: secrets.token_urlsafe(SID_BYTES), clock=clock)


class EngineIO:
    """An ASGI app that serves an Engine.IO application, by default at `/engine.io/`.

    Args:
        application: an object with `open(session)`, `message(session, data)` and `close(session, reason)`.
        path: where it answers.
        defaults: settings, such as `ping_interval=10`; flags, environment and nannin.toml go before them.

    Raises:
        SettingsError: an unknown setting or a wrong value.
    """

    def __init__(self, application: Application, *, path: str = "/engine.io/", **defaults: Any) -> None:
        self.settings = load(defaults=defaults)
        self.engine = make_engine(application, self.settings, SystemClock())
        endpoint = Endpoint(self.engine, self.settings.allow_origins)
        self._host = HostWatch(self.engine.shut_down)
        self._app = App(path, endpoint, [], self._host.shut_down)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        with self._host.request():
            await self._app(scope, receive, send)
