"""How an app learns that its server stops: from whichever of three tells it first, and once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from nannin import EngineIO, Live, Session
from nannin.app.goodbye import (
    LOOK_EVERY_S,
    HostWatch,
    goodbyes,
    host_is_stopping,
    is_anybody_counted,
    shut_down_all,
)

PATIENCE_S = 5.0
POLLING = "?EIO=4&transport=polling"


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """An app without mounting, lifespan or WebSockets."""
    await PlainTextResponse("the app's")(scope, receive, send)


class Silent:
    """An Engine.IO application that says nothing."""

    def open(self, session: Session) -> None: ...

    def message(self, session: Session, data: str | bytes) -> None: ...

    def close(self, session: Session, reason: str) -> None: ...


def visit(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1")


# Once, whoever tells


def test_somebody_is_counted_while_an_app_of_the_process_counts_somebody() -> None:
    counted: list[str] = []
    watch = HostWatch(lambda: None, counts=lambda: bool(counted))
    assert not is_anybody_counted()
    counted.append("ann")
    assert is_anybody_counted()
    del watch


def test_an_app_is_ended_once_and_again_only_if_it_has_served_meanwhile() -> None:
    ended: list[str] = []
    watch = HostWatch(lambda: ended.append("ended"))
    shut_down_all()
    assert ended == []
    watch.begin()
    shut_down_all()
    watch.shut_down()
    assert ended == ["ended"]
    watch.begin()
    watch.shut_down()
    shut_down_all()
    assert ended == ["ended"] * 2


async def test_a_server_that_ends_the_lifespan_after_telling_everybody_ends_each_part_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = Live()
    ended: list[str] = []
    monkeypatch.setattr(live.engine, "shut_down", lambda: ended.append("engine"))

    heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    lifespan = asyncio.create_task(live({"type": "lifespan"}, heard.get, said.put))
    heard.put_nowait({"type": "lifespan.startup"})
    await said.get()
    shut_down_all()
    heard.put_nowait({"type": "lifespan.shutdown"})
    await lifespan
    assert ended == ["engine"]


async def test_all_apps_of_a_process_are_ended_wherever_they_are_mounted() -> None:
    mounted, beside, engine_io = Live(), Live(bare), EngineIO(Silent())
    site = Starlette(routes=[Mount("/live", mounted)])

    async with visit(site) as first, visit(beside) as second, visit(engine_io) as third:
        await first.get(f"/live/socket.io/{POLLING}")
        await second.get(f"/socket.io/{POLLING}")
        await third.get(f"/engine.io/{POLLING}")
        engines = [app.engine for app in (mounted, beside, engine_io)]
        assert [len(engine.sessions) for engine in engines] == [1, 1, 1]
        shut_down_all()
        assert [len(engine.sessions) for engine in engines] == [0, 0, 0]


async def test_all_clients_of_a_process_can_be_told_one_by_one() -> None:
    mounted, engine_io = Live(), EngineIO(Silent())
    site = Starlette(routes=[Mount("/live", mounted)])
    async with visit(site) as first, visit(engine_io) as second:
        for _ in range(2):
            await first.get(f"/live/socket.io/{POLLING}")
        await second.get(f"/engine.io/{POLLING}")
        clients = goodbyes()
        assert len(clients) == 3
        for goodbye in clients:
            goodbye()
        response = await second.get(f"/engine.io/{POLLING}")
        assert (response.status_code, response.headers["retry-after"]) == (503, "2")
        shut_down_all()
        assert goodbyes() == []
        assert (await second.get(f"/engine.io/{POLLING}")).status_code == 200
        shut_down_all()


def test_an_app_that_nobody_holds_any_more_is_not_ended() -> None:
    ended: list[str] = []
    HostWatch(lambda: ended.append("ended")).begin()
    shut_down_all()
    assert ended == []


# A host that tells nobody in time


class Stopping:
    """A server as uvicorn's is: a method of it handles the signals."""

    def __init__(self) -> None:
        self.should_exit = False

    def handle_exit(self, number: int, frame: object) -> None:
        self.should_exit = True


@pytest.fixture
def server() -> Any:
    """It handles SIGTERM meanwhile."""
    server = Stopping()
    before = signal.signal(signal.SIGTERM, server.handle_exit)
    yield server
    signal.signal(signal.SIGTERM, before)


def test_a_host_is_known_to_stop_by_the_signal_it_had(server: Stopping) -> None:
    assert not host_is_stopping()
    signal.raise_signal(signal.SIGTERM)
    assert host_is_stopping()


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN, lambda *_: None])
def test_a_host_that_handles_no_signal_never_stops(handler: Callable[..., Awaitable[None]]) -> None:
    before = signal.signal(signal.SIGTERM, handler)
    try:
        assert not host_is_stopping()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_host_that_tells_its_apps_gets_the_time_to_tell_clients_one_after_another(
    server: Stopping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "tells_apps", True, raising=False)
    signal.raise_signal(signal.SIGTERM)
    assert host_is_stopping()
    assert not host_is_stopping(untold=True)


async def test_while_a_request_is_open_a_host_that_stops_is_noticed(server: Stopping) -> None:
    ended = asyncio.Event()
    with HostWatch(ended.set).request():
        server.should_exit = True
        await asyncio.wait_for(ended.wait(), LOOK_EVERY_S + PATIENCE_S)


async def test_without_a_request_no_timer_runs(server: Stopping) -> None:
    def timers() -> list[asyncio.TimerHandle]:
        scheduled = getattr(asyncio.get_running_loop(), "_scheduled")  # noqa: B009 - asyncio has no public way
        return [timer for timer in scheduled if not timer.cancelled()]

    watch = HostWatch(lambda: None)
    with watch.request(), watch.request():
        assert len(timers()) == 1
    assert not timers()


@pytest.mark.parametrize(
    ("make", "path"),
    [(Live, "/socket.io/"), (lambda: Live(bare), "/socket.io/"), (lambda: EngineIO(Silent()), "/engine.io/")],
    ids=["mounted", "wrapped", "Engine.IO"],
)
async def test_a_poll_that_waits_ends_with_its_host(
    server: Stopping, make: Callable[[], Live | EngineIO], path: str
) -> None:
    live = make()

    async def main() -> int:
        transport = httpx.ASGITransport(app=live)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            url = path + POLLING
            sid = (await client.get(url)).text.split('"')[3]
            poll = asyncio.create_task(client.get(f"{url}&sid={sid}"))
            await asyncio.sleep(0)
            server.should_exit = True
            return (await asyncio.wait_for(poll, PATIENCE_S)).status_code

    assert await main() == 200
    assert not live.engine.sessions
