"""One Live served by one loop after another, as by the test clients of Starlette: each finds it empty."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from nannin import Count, Live, Page, Socket
from support.asgi import ask

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette would rather have another HTTP client
    from starlette.testclient import TestClient, WebSocketTestSession

SOCKET = "/socket.io/?EIO=4&transport=websocket"
POLLING = "EIO=4&transport=polling"


@contextlib.contextmanager
def joined(client: TestClient, visitor: str) -> Iterator[WebSocketTestSession]:
    """A WebSocket on the page `/`."""
    with client.websocket_connect(SOCKET) as websocket:
        assert websocket.receive_text().startswith("0")
        websocket.send_text("40" + json.dumps({"visitor": visitor}))
        assert websocket.receive_text().startswith("40")
        yield websocket


@pytest.mark.parametrize("with_lifespan", [False, True])
def test_each_of_four_test_clients_counts_one_and_then_nobody_is_there(with_lifespan: bool) -> None:
    live = Live(grace=0.3)
    counts = []
    for number in range(4):
        client = TestClient(live)
        lifespan = client if with_lifespan else contextlib.nullcontext()
        with lifespan, joined(client, f"visitor {number}") as websocket:
            assert websocket.receive_text() == '42["user connected",1]'
            counts.append(live.page("/").count.visitors)
    assert counts == [1] * 4
    assert live.page("/").count == Count(0, 0, 0)
    assert live.pages() == []
    assert TestClient(live).get("/api/count").json()["visitors"] == 0


def test_a_reload_within_one_loop_is_still_no_leave() -> None:
    live = Live(grace=30)
    with TestClient(live) as client:
        for _ in range(2):
            with joined(client, "ann"):
                assert live.page("/").count.visitors == 1
            assert live.page("/").count.visitors == 1
    assert live.page("/").count.visitors == 0


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_what_a_lost_loop_left_does_not_hold_up_the_next(run: Any) -> None:
    """A session whose loop ends between two of its polls, with pings, graces and updates under way."""
    live = Live(grace=30, ping_interval=0.05, ping_timeout=0.05, max_interval=0.05)
    told: list[tuple[str, int]] = []
    left: list[str] = []
    begun: list[str] = []

    @live.on_change
    def changed(page: Page, count: Count) -> None:
        told.append((page.key, count.visitors))

    @live.page("/*").on("disconnect")
    def gone(socket: Socket, reason: str) -> None:
        left.append(reason)

    @live.background
    async def task() -> None:
        begun.append("begun")
        await asyncio.Event().wait()

    async def visit() -> None:
        opening = await ask(live, "GET", POLLING)
        sid = json.loads(opening.body[1:])["sid"]
        await ask(live, "POST", f"{POLLING}&sid={sid}", b'40{"visitor":"ann"}')
        assert live.page("/").count.visitors == 1

    async def wait_for_the_end() -> None:
        async with asyncio.timeout(5):
            await visit()
            while live.engine.sessions:
                await asyncio.sleep(0.01)

    for _ in range(3):
        run(visit())
        gc.collect()
    run(wait_for_the_end())
    assert begun == ["begun"] * 4
    assert len(left) == 4
    assert not live.engine.sessions
