"""An example with a look at its WebSockets: how many were opened, and how many still hold an ASGI task."""

from __future__ import annotations

import os

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from nannin.server.loading import load_application

VARIABLE = "OBSERVED_EXAMPLE"


class Observed:
    """Any ASGI app, and `/observed`, which tells about it."""

    def __init__(self, target: str) -> None:
        self._app = load_application(target)
        self._opened = self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        if scope["type"] == "http" and scope["path"] == "/observed":
            await JSONResponse({"opened": self._opened, "held": self._held})(scope, receive, send)
        elif scope["type"] == "websocket":
            self._opened += 1
            self._held += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._held -= 1
        else:
            await self._app(scope, receive, send)


app = Observed(os.environ[VARIABLE])
