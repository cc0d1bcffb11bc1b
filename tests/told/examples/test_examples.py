"""Each example in its host framework, driven by the official client over direct writes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from support.servers import Server
from told.examples.conftest import Host, Serve, observed, websockets
from whole.clients.conftest import NodeClient


def enter(guest: NodeClient, server: Server, name: str, path: str, visitors: int, **options: Any) -> str:
    """Joins by WebSocket, is told the number of visitors, and returns its id."""
    auth = {"updates": "audience"}
    guest.open(server.url, name, path=path, transports=["websocket"], auth=auth, **options)
    joined = guest.wait("connect", name)["id"]
    assert isinstance(joined, str)
    hears(guest, name, visitors)
    return joined


def hears(guest: NodeClient, name: str, visitors: int) -> None:
    """Waits until it was told this number."""
    while guest.next_event("audience", name)[0]["visitors"] != visitors:
        pass


def cookies(http: httpx.Client) -> dict[str, str]:
    """What a browser would send along."""
    return {"cookie": "; ".join(f"{name}={value}" for name, value in http.cookies.items())}


# Starlette: under a path


def test_starlette_counts_readers_and_sends_news_to_all_of_them(serve: Serve, guest: NodeClient) -> None:
    server = serve("starlette")
    enter(guest, server, "a", "/live/socket.io/", 1)
    enter(guest, server, "b", "/live/socket.io/", 2)
    hears(guest, "a", 2)
    assert httpx.post(f"{server.url}/news", content="何人").json() == {"readers": 2}
    for name in ("a", "b"):
        guest.wait_event("news", "何人", name=name)


# FastAPI: its own dependency decides


def signed_in(server: Server, name: str) -> dict[str, str]:
    with httpx.Client(base_url=server.url) as http:
        http.post("/sign-in", json={"name": name}).raise_for_status()
        assert http.get("/me").json() == name
        return cookies(http)


def test_fastapi_lets_in_who_has_signed_in(serve: Serve, guest: NodeClient) -> None:
    server = serve("fastapi")
    for number, name in enumerate(["Ada", "Grace"], start=1):
        enter(guest, server, name, "/live/socket.io/", number, extraHeaders=signed_in(server, name))
    guest.tell("emit", "Ada", event="say", args=["Good morning"])
    for name in ("Ada", "Grace"):
        guest.wait_event("said", "Ada", "Good morning", name=name)


@pytest.mark.parametrize("headers", [{}, {"cookie": "who=Ada.forged"}, {"cookie": "who"}])
def test_fastapi_refuses_whom_its_dependency_refuses(
    serve: Serve, guest: NodeClient, headers: dict[str, str]
) -> None:
    server = serve("fastapi")
    assert httpx.get(f"{server.url}/me", headers=headers).status_code == 401
    guest.open(server.url, path="/live/socket.io/", extraHeaders=headers)
    assert guest.wait("connect_error")["message"] == "Sign in first"


# Litestar: a mount that rewrites every path


def test_litestar_takes_a_vote_from_each_and_tells_everyone(serve: Serve, guest: NodeClient) -> None:
    server = serve("litestar")
    enter(guest, server, "a", "/live/socket.io/", 1)
    enter(guest, server, "b", "/live/socket.io/", 2)
    before = guest.next_event("result")[0]
    assert set(before) == {"tea", "coffee"}
    assert guest.call("vote", "tea") == [True]
    assert guest.next_event("result")[0] == {**before, "tea": before["tea"] + 1}
    assert guest.call("vote", "coffee") == [False]
    assert guest.next_event("result", "b")[0] == before
    assert guest.next_event("result", "b")[0] == {**before, "tea": before["tea"] + 1}


# Django: wrapped, and its session decides


def test_django_lets_in_who_has_a_session(serve: Serve, guest: NodeClient) -> None:
    server = serve("django")
    with httpx.Client(base_url=server.url, follow_redirects=True) as http:
        http.get("/").raise_for_status()
        form = {"name": "Ada", "csrfmiddlewaretoken": http.cookies["csrftoken"]}
        http.post("/sign-in", data=form).raise_for_status()
        enter(guest, server, "a", "/socket.io/", 1, extraHeaders=cookies(http))
    guest.tell("emit", event="write", args=["I was here"])
    guest.wait_event("written", "Ada", "I was here")


@pytest.mark.parametrize("headers", [{}, {"cookie": "sessionid=forged"}])
def test_django_refuses_who_has_none(serve: Serve, guest: NodeClient, headers: dict[str, str]) -> None:
    guest.open(serve("django").url, extraHeaders=headers)
    assert guest.wait("connect_error")["message"] == "Sign in first"


def test_django_keeps_every_path_that_is_not_ours(serve: Serve) -> None:
    server = serve("django")
    assert "<h1>A guest book</h1>" in httpx.get(f"{server.url}/").text
    assert httpx.get(f"{server.url}/nowhere").status_code == 404
    assert httpx.post(f"{server.url}/sign-in", data={"name": "x"}).status_code == 403  # no CSRF token


# Quart: wrapped as its middleware is


def test_quart_shows_the_others_where_one_points(serve: Serve, guest: NodeClient) -> None:
    server = serve("quart")
    first = enter(guest, server, "a", "/socket.io/", 1)
    enter(guest, server, "b", "/socket.io/", 2)
    guest.tell("emit", event="point", args=[0.25, 0.5])
    guest.wait_event("pointed", first, 0.25, 0.5, name="b")
    guest.tell("disconnect")
    guest.wait_event("gone", first, name="b")
    hears(guest, "b", 1)


# Direct writes


@pytest.mark.parametrize("example", ["starlette", "litestar", "quart"])
def test_a_websocket_lives_on_without_its_asgi_task(serve: Serve, guest: NodeClient, example: str) -> None:
    server = serve(example)
    opened, _ = websockets(server)
    path = "/socket.io/" if example == "quart" else "/live/socket.io/"
    for number in (1, 2):
        enter(guest, server, f"guest {number}", path, number)
    assert websockets(server) == (opened + 2, 0)


def test_without_the_class_of_nannin_every_websocket_holds_a_task(guest: NodeClient) -> None:
    with observed("starlette", Host.PLAIN) as server:
        enter(guest, server, "a", "/live/socket.io/", 1)
        enter(guest, server, "b", "/live/socket.io/", 2)
        assert websockets(server) == (2, 2)
