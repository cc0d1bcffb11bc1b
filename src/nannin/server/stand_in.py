"""Answers in place of a server that could not start: every request gets 503, and programs here the reason."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from typing import Final

import uvicorn
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from nannin.access.safe_headers import make_safe
from nannin.settings import Settings
from nannin.web.private import PrivateLists

__all__ = ["Excuse", "StandIn"]

_SAID: Final = "The server could not start, and starts again when a file of the application changes."
_STOP_S: Final = 1


class Excuse:
    """An ASGI app that answers every request with 503, and refuses every WebSocket.

    Args:
        reason: why there is no server, or "" if nobody knows. Only programs on this machine are told.
    """

    def __init__(self, reason: str) -> None:
        self._here = f"{_SAID}\n\n{reason or 'Its terminal says why.'}\n"
        self._private = PrivateLists()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request or WebSocket."""
        if scope["type"] == "websocket" and "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close"})
            return
        try:
            self._private.check(scope)
        except HTTPException:
            text = f"{_SAID}\n"
        else:
            text = self._here
        headers = {"cache-control": "no-store", "connection": "close", "retry-after": "1"}
        await make_safe(PlainTextResponse(text, 503, headers))(scope, receive, send)


class StandIn:
    """A small server in a thread of this process, on sockets that stay open when it stops.

    Args:
        settings: of the server that it stands in for: the certificate.
        descriptors: of the sockets.
    """

    def __init__(self, settings: Settings, descriptors: Sequence[int]) -> None:
        self._settings = settings
        self._descriptors = descriptors
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, reason: str) -> None:
        """Begins to answer.

        Args:
            reason: why the server could not start, or "".
        """
        config = uvicorn.Config(
            Excuse(reason),
            loop="asyncio",
            ws="nannin:DirectWebSocket",  # uvicorn's own logs an error for each that is refused
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            log_level=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_STOP_S,
            ssl_certfile=self._settings.ssl_certfile,
            ssl_keyfile=self._settings.ssl_keyfile,
        )
        # uvicorn closes its sockets at the end, so it gets duplicates.
        sockets = [socket.socket(fileno=os.dup(number)) for number in self._descriptors]
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=(sockets,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it, if it runs, so that another server can take the next connections."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(2 * _STOP_S)
        self._server = self._thread = None
