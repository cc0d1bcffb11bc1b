"""Which app answers: the Engine.IO path, what is beside it, and the lifespan."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from nannin import Live
from nannin.access.client_address import Proxies
from nannin.access.gate import Gate
from nannin.app.dispatch import App, Proxied, route_path
from nannin.engine.endpoint import Endpoint
from support.asgi import Call, scope
from support.one_request import ask

POLLING = "EIO=4&transport=polling"


# The Engine.IO path


@pytest.mark.parametrize("path", ["/socket.io/", "/socket.io"])
def test_engine_io_answers_with_and_without_its_last_slash(path: str) -> None:
    response = ask(Live(), f"{path}?{POLLING}")
    assert (response.status_code, response.text[:8]) == (200, '0{"sid":')


@pytest.mark.parametrize("path", ["/socket.io//", "//socket.io/", "/x/socket.io/", "/Socket.IO/"])
def test_engine_io_answers_nowhere_else(path: str) -> None:
    assert ask(Live(), f"http://127.0.0.1{path}?{POLLING}").status_code == 404


async def test_a_websocket_to_nowhere_is_closed_unopened() -> None:
    call = Call({**scope("websocket", "", {}), "path": "/nowhere"})
    call.put({"type": "websocket.connect"})
    await call.start(Live()).ends()
    assert [message["type"] for message in call.sent] == ["websocket.close"]


# Behind proxies


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_an_app_sees_the_client_and_not_the_proxy(kind: str) -> None:
    headers = [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-proto", b"https")]
    seen = _seen_by_an_app(kind, client=("127.0.0.1", 5), headers=headers)
    spoken = "wss" if kind == "websocket" else "https"
    assert (seen["client"], seen["scheme"]) == (("203.0.113.9", 0), spoken)


@pytest.mark.parametrize("client", [("203.0.113.1", 5), ("127.0.0.1", 5)])
def test_an_app_sees_its_peer_where_no_proxy_tells_of_another(client: tuple[str, int]) -> None:
    headers = [(b"x-forwarded-for", b"nobody")]
    seen = _seen_by_an_app("http", client=client, headers=headers)
    assert (seen["client"], seen["scheme"]) == (client, "http")


def test_a_lifespan_has_no_client() -> None:
    assert _seen_by_an_app("lifespan")["type"] == "lifespan"


def _seen_by_an_app(kind: str, **parts: Any) -> Scope:
    """The scope that an app gets behind `Proxied`, which believes 127.0.0.1."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    came = {"type": kind} | ({"scheme": "http", "server": ("127.0.0.1", 80)} if parts else {}) | parts
    call = Proxied(app, Proxies(("127.0.0.1",)))(came, _unused, _unused)
    with pytest.raises(StopIteration):
        call.__await__().send(None)
    return seen[0]


async def _unused(*_: Any) -> Any:
    raise AssertionError


# Under another path


@pytest.mark.parametrize(
    ("path", "root_path", "behind"),
    [
        ("/socket.io/", "", "/socket.io/"),
        ("/live/socket.io/", "/live", "/socket.io/"),
        ("/live", "/live", ""),
        ("/lively/socket.io/", "/live", "/lively/socket.io/"),
        ("/socket.io/", "/live", "/socket.io/"),
    ],
)
def test_the_mount_point_is_taken_off_the_path(path: str, root_path: str, behind: str) -> None:
    assert route_path({"path": path, "root_path": root_path}) == behind


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nannin.js",
        "/socket.io/socket.io.js",
        f"/socket.io/?{POLLING}",
        "/healthz",
        "/readyz",
        "/metrics",
    ],
)
def test_everything_works_under_a_mount_point(path: str) -> None:
    assert ask(Live(), f"/live{path}", root_path="/live").status_code == 200


# The app by itself


class Named(Endpoint):
    """Answers with its name."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("the endpoint")(scope, receive, send)


def endpoint() -> Endpoint:
    return Named(Live().engine, Gate())


def test_the_path_goes_before_what_is_beside_it() -> None:
    beside = [Route(path, lambda _: PlainTextResponse("beside")) for path in ("/link/", "/other")]
    app = App("/link/", endpoint(), beside, Gate(), lambda: None)
    assert ask(app, "/link/").text == "the endpoint"
    assert ask(app, "/other").text == "beside"


def test_a_probe_is_answered_whatever_the_host() -> None:
    live = Live(hosts=["live.example.org"])
    assert ask(live, "http://10.1.2.3.sslip.io/healthz").text == "ok"
    assert ask(live, "http://10.1.2.3.sslip.io/api/count").status_code == 421


async def test_the_lifespan_begins_and_ends_and_says_so() -> None:
    ended: list[str] = []

    async def main() -> list[Message]:
        app = App("/", endpoint(), [], Gate(), lambda: ended.append("ended"))
        call = Call({"type": "lifespan"}).start(app)
        call.put({"type": "lifespan.startup"})
        await call.sends(1)
        assert not ended
        call.put({"type": "lifespan.shutdown"})
        return (await call.ends()).sent

    assert [message["type"] for message in await main()] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert ended == ["ended"]
