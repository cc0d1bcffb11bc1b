"""Refuses the opening handshake of a WebSocket on any ASGI server."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Scope, Send

__all__ = ["deny"]


async def deny(
    scope: Scope, send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> None:
    """Answers with this instead of a WebSocket where the server can, else as it does (403).

    Source: the ASGI specification, "WebSocket Denial Response".
    """
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await send({"type": "websocket.http.response.start", "status": status, "headers": [*headers]})
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        await send({"type": "websocket.close", "code": 1008})
