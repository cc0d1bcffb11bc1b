"""What a request hears that is for another server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nannin.access.hosts import ForeignHost
from nannin.engine.misdirected import refuse_host
from support.asgi import Call, scope


async def refused(kind: str, foreign: ForeignHost, **more: Any) -> Call:
    call = Call(scope(kind, "", {}, method="GET", **more))
    await refuse_host(call.scope, call._send, foreign)
    return call


@pytest.mark.parametrize("foreign", ForeignHost)
async def test_a_request_gets_a_status_and_words(foreign: ForeignHost) -> None:
    call = await refused("http", foreign)
    assert call.status == foreign.http_status
    assert json.loads(call.body) == {"error": foreign.words}
    assert call.header("content-length") == str(len(call.body))
    assert call.header("x-content-type-options") == "nosniff"
    assert call.header("access-control-allow-origin") is None


async def test_so_does_a_websocket_where_the_server_can_say_it() -> None:
    call = await refused("websocket", ForeignHost.UNKNOWN, extensions={"websocket.http.response": {}})
    assert call.sent[0]["type"] == "websocket.http.response.start"
    assert call.status == 421
    assert "hosts" in json.loads(call.body)["error"]


@pytest.mark.parametrize("extensions", [{}, None])
async def test_where_it_can_not_it_is_closed_unopened(extensions: Any) -> None:
    call = await refused("websocket", ForeignHost.UNKNOWN, extensions=extensions)
    assert call.sent == [{"type": "websocket.close", "code": 1008}]
