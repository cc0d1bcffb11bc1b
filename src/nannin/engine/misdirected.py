"""Answers requests that are not meant for this server."""

from __future__ import annotations

import msgspec
from starlette.types import Scope, Send

from nannin.access.hosts import ForeignHost

__all__ = ["refuse_host"]


async def refuse_host(scope: Scope, send: Send, foreign: ForeignHost) -> None:
    """Answers an HTTP request, or refuses a WebSocket: with status and words where the server can.

    Args:
        foreign: why it is not meant for this server.
    """
    kind = "http"
    if scope["type"] == "websocket":
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        kind = "websocket.http"
    body = msgspec.json.encode({"error": foreign.words})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": f"{kind}.response.start", "status": foreign.http_status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": body})
