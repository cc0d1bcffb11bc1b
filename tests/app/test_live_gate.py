"""One rule for every path of a Live: whom a foreign name or a foreign origin keeps out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nannin import EngineIO, Live
from nannin.access.refusals import Refusal
from support.asgi import Call, scope

TOKEN = "a-token-for-those-who-send"
SERVER = ("127.0.0.1", 8124)
POLLING, WEBSOCKET = "EIO=4&transport=polling", "EIO=4&transport=websocket"
# Every path of each kind, with what it answers when it is let through.
PATHS: list[tuple[str, str, str, int]] = [
    ("GET", "/socket.io/", POLLING, 200),
    ("POST", "/socket.io/", f"{POLLING}&sid=nobody", 400),
    ("OPTIONS", "/socket.io/", POLLING, 204),
    ("WEBSOCKET", "/socket.io/", WEBSOCKET, 101),
    ("GET", "/api/count", "", 200),
    ("OPTIONS", "/api/count", "", 204),
    ("GET", "/api/pages", "", 200),
    ("GET", "/api/explain", "", 200),
    ("GET", "/api/stream", "", 200),
    ("GET", "/api/stream", "page=*", 200),
    ("GET", "/api/shield", "", 200),
    ("GET", "/badge.svg", "", 200),
    ("GET", "/embed", "", 200),
    ("POST", "/api/emit", "", 400),
]
# Pages and scripts, which pages of other sites load, and which say nothing.
OPEN = [("GET", "/", "", 200), ("GET", "/nannin.js", "", 200), ("GET", "/static/index.css", "", 200)]
MISSING = [
    ("GET", "/nothing", "", 404),
    ("GET", "/socket.io/1/", "", 400),
    ("WEBSOCKET", "/nothing", "", 403),
]

# Whatever a page of another site could be called, or could make itself look like.
FORGED = [
    "http://evil.example",
    "https://evil.example",
    "http://evil.example:8124",
    "http://localhost.evil.example:8124",
    "http://evil.example#localhost:8124",
    "http://evil.example/localhost:8124",
    "http://localhost:8124@evil.example",
    "http://127.0.0.1.evil.example:8124",
    "http://localhost:8124, http://evil.example",
    "http://localhost:8124 http://evil.example",
    "http://xlocalhost:8124",
    "http://localhost:8124.evil.example",
    "null",
    "NULL",
    "file://",
    "file:///etc/passwd",
    "chrome-extension://localhost",
    "javascript://localhost:8124",
    "localhost:8124",
    "//localhost:8124",
    "http:localhost:8124",
    "http://[::1",
    "*",
]


def status(app: Any, what: tuple[str, str, str, int], **headers: str) -> int:
    """What a request is answered; a WebSocket that is opened is a 101."""
    method, path, query, _ = what
    names = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    if path.startswith("/api/") and method == "GET":
        del names["authorization"]  # the lists are for programs here
    names |= {name.replace("_", "-"): value for name, value in headers.items()}
    kind = "websocket" if method == "WEBSOCKET" else "http"
    more: dict[str, Any] = {"extensions": {"websocket.http.response": {}}} if kind == "websocket" else {}

    async def main() -> int:
        call = Call(scope(kind, query, names, method=method, path=path, server=SERVER, **more))
        call.put({"type": "websocket.connect" if kind == "websocket" else "http.request"})
        call.start(app)
        try:
            sent = (await call.sends(1))[0]
        finally:
            assert call.task is not None
            call.task.cancel()
        if kind == "websocket" and "status" not in sent:
            return 101 if sent["type"] == "websocket.accept" else 403
        return int(sent["status"])

    return asyncio.run(main())


@pytest.fixture
def live() -> Live:
    return Live(public=False, emit_token=TOKEN, max_namespaces=4)


def named(what: tuple[str, str, str, int]) -> str:
    return " ".join(what[:3])


# Names


@pytest.mark.parametrize("what", [*PATHS, *OPEN, *MISSING], ids=named)
def test_no_path_answers_a_name_that_a_foreign_site_has_led_here(
    what: tuple[str, str, str, int], live: Live
) -> None:
    for host in ("evil.example:8124", "evil.example"):
        origin = f"http://{host}"
        assert status(live, what, host=host) == 421
        assert status(live, what, host=host, origin=origin) == 421
        assert status(live, what, host="evil.example:8124", origin=origin, x_forwarded_for="8.8.8.8") == 421
    assert live.assembly.refusals.tally == {Refusal.HOST: 6}
    assert not live.engine.sessions
    assert status(live, what) == what[3]


@pytest.mark.parametrize("what", [*PATHS, *OPEN, *MISSING], ids=named)
def test_where_names_are_set_every_path_answers_to_them_alone(what: tuple[str, str, str, int]) -> None:
    live = Live(hosts="live.example.org", emit_token=TOKEN, read_token=TOKEN)
    asked = {"authorization": f"Bearer {TOKEN}", "x_forwarded_for": "8.8.8.8"}
    assert status(live, what, host="live.example.org", **asked) == what[3]
    assert status(live, what, host="www.example.org", **asked) == 421
    assert status(live, what, host="a b", **asked) == 400


@pytest.mark.parametrize("what", [*PATHS, *OPEN, *MISSING], ids=named)
def test_a_proxy_on_this_machine_passes_its_own_name_on(what: tuple[str, str, str, int]) -> None:
    live = Live(emit_token=TOKEN, read_token=TOKEN)
    proxied = {"authorization": f"Bearer {TOKEN}", "host": "live.example.org", "x_forwarded_proto": "https"}
    assert status(live, what, **proxied) == what[3]
    assert status(live, what, **proxied, origin="https://live.example.org") == what[3]


def test_an_engine_io_server_has_the_same_rule() -> None:
    class Nobody:
        def open(self, session: object) -> None:
            raise AssertionError

        message = close = open

    app = EngineIO(Nobody(), path="/socket.io/")  # type: ignore[arg-type]
    for what in (*PATHS[:4], *MISSING):
        assert status(app, what, host="evil.example:8124") == 421
    for what in PATHS[:4]:
        assert status(app, what, origin="http://evil.example") == 403


# Origins


@pytest.mark.parametrize("origin", FORGED)
@pytest.mark.parametrize("what", PATHS, ids=named)
def test_no_path_answers_a_page_of_a_foreign_origin(
    what: tuple[str, str, str, int], origin: str, live: Live
) -> None:
    assert status(live, what, host="localhost:8124", origin=origin) == 403
    assert not live.engine.sessions
    assert sum(live.assembly.refusals.tally.values()) == 1


@pytest.mark.parametrize("origin", ["http://localhost:8124", "http://127.0.0.1:3000", "https://a.example"])
@pytest.mark.parametrize("what", PATHS, ids=named)
def test_every_path_answers_our_own_pages_and_the_allowed_ones(
    what: tuple[str, str, str, int], origin: str
) -> None:
    live = Live(public=False, emit_token=TOKEN, allow_origins="https://a.example")
    assert status(live, what, host="localhost:8124", origin=origin) == what[3]


@pytest.mark.parametrize("what", OPEN, ids=named)
def test_pages_of_every_site_may_load_the_scripts(what: tuple[str, str, str, int], live: Live) -> None:
    assert status(live, what, host="localhost:8124", origin="https://evil.example") == what[3]
