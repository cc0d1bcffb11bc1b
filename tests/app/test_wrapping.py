"""Live around another app: whose path is whose, and the lifespan of both."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nannin import Live
from nannin.app.wrapping import own_paths
from support.one_request import ask

PATIENCE_S = 5.0


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """An app without mounting, lifespan or WebSockets."""
    assert scope["type"] == "http"
    await PlainTextResponse(f"the app's {scope['path']}")(scope, receive, send)


# Whose path it is


@pytest.mark.parametrize(
    "path", ["/", "/news", "/api/users", "/static/site.css", "/static/index.css", "/socket"]
)
def test_every_path_that_is_not_ours_is_the_apps(path: str) -> None:
    assert ask(Live(bare), path).text == f"the app's {path}"


@pytest.mark.parametrize("path", ["/nannin.js", "/socket.io/socket.io.js"])
def test_the_scripts_are_ours(path: str) -> None:
    assert ask(Live(bare), path).headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["/socket.io/", "/socket.io"])
def test_the_engine_path_is_ours_with_and_without_its_slash(path: str) -> None:
    assert ask(Live(bare), f"{path}?EIO=4&transport=polling").text.startswith('0{"sid":')


@pytest.mark.parametrize("live", [Live(), Live(bare)], ids=["alone", "around an app"])
def test_clients_of_the_first_protocol_are_told_what_to_update(live: Live) -> None:
    answer = ask(live, "/socket.io/1/?t=1700000000000")
    assert answer.status_code == 400
    assert "update it to socket.io-client 3 or newer" in answer.json()["message"]


def test_what_is_ours_is_so_for_every_method() -> None:
    assert ask(Live(bare), "/nannin.js", method="POST").status_code == 405


def test_a_root_path_is_no_part_of_a_path() -> None:
    live = Live(bare)
    assert (
        ask(live, "/shown/nannin.js", root_path="/shown")
        .headers["content-type"]
        .startswith("text/javascript")
    )
    assert ask(live, "/shown/news", root_path="/shown").text == "the app's /shown/news"


def test_a_wrapped_app_mounts_as_a_whole() -> None:
    app = Starlette(routes=[Mount("/site", Live(bare))])
    assert ask(app, "/site/nannin.js").status_code == 200
    assert ask(app, "/site/news").text == "the app's /site/news"


def test_routes_with_parameters_are_the_apps() -> None:
    def never(_request: object) -> PlainTextResponse:
        raise AssertionError

    assert own_paths("/x/", [Route("/a", never), Route("/a/{rest:path}", never)]) == {"/x/", "/x", "/a"}


# What can be wrapped


@pytest.mark.parametrize("app", [5, "app:app", Starlette, {"app": bare}])
def test_what_is_no_application_is_refused(app: Any) -> None:
    with pytest.raises(TypeError, match=r"Live\(app\) wraps an ASGI application, not "):
        Live(app)


def test_a_wsgi_application_is_refused_with_the_way_to_wrap_it() -> None:
    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        return []

    with pytest.raises(TypeError, match=r"asgiref\.wsgi\.WsgiToAsgi"):
        Live(wsgi)  # type: ignore[arg-type]  # that is the mistake


# The lifespan


class Host:
    """A server's side of a lifespan: what it is told, and what it has sent so far."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._news = asyncio.Event()
        self._events: asyncio.Queue[Message] = asyncio.Queue()

    def start(self, app: ASGIApp) -> asyncio.Task[None]:
        async def send(message: Message) -> None:
            self.told.append(message["type"])
            self._news.set()

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}

        async def run() -> None:
            await app(scope, self._events.get, send)

        return asyncio.get_running_loop().create_task(run())

    async def say(self, event: str) -> str:
        """Sends `startup` or `shutdown`; returns the answer."""
        self._news.clear()
        self._events.put_nowait({"type": f"lifespan.{event}"})
        async with asyncio.timeout(PATIENCE_S):
            await self._news.wait()
        return self.told[-1].removeprefix("lifespan.")


async def open_session(live: Live) -> None:
    """Opens a session by polling."""
    transport = httpx.ASGITransport(app=live)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        await client.get("/socket.io/?EIO=4&transport=polling")


def live_through(app: ASGIApp) -> Live:
    """Wraps the app and takes it through a whole lifespan, with one open session in it."""
    live = Live(app)

    async def main() -> None:
        host = Host()
        task = host.start(live)
        assert await host.say("startup") == "startup.complete"
        await open_session(live)
        assert len(live.engine.sessions) == 1
        assert await host.say("shutdown") == "shutdown.complete"
        await asyncio.wait_for(task, PATIENCE_S)
        assert host.told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    asyncio.run(main())
    return live


async def leaves_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    """It ignores lifespans."""


async def leaves_after_startup(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})


async def leaves_at_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    await leaves_after_startup(scope, receive, send)
    await receive()


async def raises_at_startup(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    raise ValueError("no lifespan here")


@pytest.mark.parametrize(
    "app",
    [bare, leaves_at_once, leaves_after_startup, leaves_at_the_end, raises_at_startup],
    ids=lambda app: app.__name__,
)
def test_sessions_end_with_the_lifespan_whatever_the_app_knows_of_it(app: ASGIApp) -> None:
    assert not live_through(app).engine.sessions


async def test_the_app_has_its_lifespan_and_sessions_end_before_it() -> None:
    seen: list[str] = []

    class Life:
        async def __aenter__(self) -> dict[str, int]:
            seen.append("up")
            return {"answer": 42}

        async def __aexit__(self, *_: object) -> None:
            seen.append(f"down, {len(live.engine.sessions)} sessions")

    live = Live(Starlette(lifespan=lambda _: Life()))

    host = Host()
    task = host.start(live)
    assert await host.say("startup") == "startup.complete"
    await open_session(live)
    assert await host.say("shutdown") == "shutdown.complete"
    await task
    assert seen == ["up", "down, 0 sessions"]


async def test_an_app_that_refuses_to_start_is_not_started_without_it() -> None:
    def fails(_: object) -> Any:
        raise RuntimeError("no database")

    host = Host()
    task = host.start(Live(Starlette(lifespan=fails)))
    assert await host.say("startup") == "startup.failed"
    with pytest.raises(RuntimeError, match="no database"):
        await task


def test_the_wrapped_app_is_kept_for_whoever_asks() -> None:
    assert Live(bare).wrapped is bare
    assert Live().wrapped is None


# What we offer where the app has nothing


async def site(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that has its own `/healthz`, and nothing else."""
    status = 200 if scope["path"] == "/healthz" else 404
    await PlainTextResponse(f"the app's {status}", status)(scope, receive, send)


def test_an_apps_own_health_goes_first_and_ours_answers_where_it_has_none() -> None:
    live = Live(site)
    assert ask(live, "/healthz").text == "the app's 200"
    assert ask(live, "/readyz").text == "ok"
    assert "nannin_ready" in ask(live, "/metrics").text
    assert ask(live, "/news").text == "the app's 404"


async def takes_forms(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that reads every body, and has no page."""
    while (await receive()).get("more_body"):
        pass
    await PlainTextResponse("the app's 404", 404)(scope, receive, send)


async def has_a_dashboard(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("the app's own")(scope, receive, send)


def test_the_dashboard_is_offered_to_an_app_that_has_none() -> None:
    assert "data-entered" in ask(Live(site), "/dashboard").text
    assert ask(Live(has_a_dashboard), "/dashboard").text == "the app's own"


def test_a_form_that_the_app_has_read_is_there_for_us() -> None:
    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app=Live(takes_forms, read_token="a-token-for-readers"))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post("/dashboard", data={"token": "a-token-for-readers"})

    response = asyncio.run(main())
    assert (response.status_code, response.headers["location"]) == (303, "dashboard")
