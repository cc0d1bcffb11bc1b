"""Answers requests that are not meant for this server."""

from __future__ import annotations

import msgspec
from starlette.types import Scope, Send

from nannin.access.hosts import ForeignHost
from nannin.access.safe_headers import SAFE_HEADERS
from nannin.engine.denial import deny

__all__ = ["refuse_host"]


async def refuse_host(scope: Scope, send: Send, foreign: ForeignHost) -> None:
    """Answers an HTTP request, or refuses a WebSocket: with status and words where the server can.

    Args:
        foreign: why it is not meant for this server.
    """
    body = msgspec.json.encode({"error": foreign.words})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.encode(), value.encode()) for name, value in SAFE_HEADERS.items()),
    ]
    if scope["type"] == "websocket":
        await deny(scope, send, foreign.http_status, headers, body)
        return
    await send({"type": "http.response.start", "status": foreign.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
