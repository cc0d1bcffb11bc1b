"""The refusal of a WebSocket's opening handshake, with and without HTTP answers."""

from __future__ import annotations

from typing import Any

import pytest

from nannin.engine.denial import deny

HEADERS = [(b"content-type", b"text/plain")]


async def said_by(scope: dict[str, Any]) -> list[Any]:
    """What `deny` sends."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await deny(scope, send, 429, HEADERS, b"later")
    return sent


async def test_a_server_that_can_answers_with_status_headers_and_body() -> None:
    assert await said_by({"type": "websocket", "extensions": {"websocket.http.response": {}}}) == [
        {"type": "websocket.http.response.start", "status": 429, "headers": HEADERS},
        {"type": "websocket.http.response.body", "body": b"later"},
    ]


@pytest.mark.parametrize("more", [{}, {"extensions": None}, {"extensions": {"tls": {}}}])
async def test_any_other_closes_the_websocket_before_it_is_open(more: dict[str, Any]) -> None:
    assert await said_by({"type": "websocket", **more}) == [{"type": "websocket.close", "code": 1008}]
