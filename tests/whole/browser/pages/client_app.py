"""The scenarios of tests/support/node/official_server.mjs as an application of nannin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Mount, Route

from nannin import ConnectionRefused, Live

STRICT_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:"
SERVING = ("/", "/second", "/日本", "/slow")

live = Live()


@live.page("/refused").on("connect")
def refuse(socket: Any) -> None:
    raise ConnectionRefused("no entry", {"code": 7})


async def connect(socket: Any) -> None:
    if socket.page.key == "/slow":
        await asyncio.sleep(0.3)
    socket.emit("welcome", {"id": socket.id, "auth": socket.auth})


def echo(socket: Any, *args: Any) -> tuple[Any, ...]:
    return args


def say(socket: Any, *args: Any) -> None:
    socket.emit("said", *args)


async def ask(socket: Any, question: Any) -> None:
    socket.emit("answered", await socket.call("question", question, timeout=5.0))


def count(socket: Any, number: int) -> None:
    for i in range(number):
        socket.emit("counted", i)


def tell_all(socket: Any, text: str) -> bool:
    socket.page.emit("told", text)
    return True


def leave(socket: Any) -> None:
    socket.disconnect()


def hang_up(socket: Any) -> None:
    socket.session.close()


HANDLERS: dict[str, Callable[..., Any]] = {
    "connect": connect,
    "echo": echo,
    "say": say,
    "ask": ask,
    "count": count,
    "tell all": tell_all,
    "leave": leave,
    "hang up": hang_up,
}
for key in SERVING:
    for event, handler in HANDLERS.items():
        live.page(key).on(event)(handler)


async def stats(_request: Request) -> JSONResponse:
    sockets = {key: live.page(key).count.connections for key in (*SERVING, "/refused")}
    return JSONResponse({"sessions": len(live.engine.sessions), "sockets": sockets})


def blank(script: str) -> Route:
    page = (
        f'<!doctype html><link rel="icon" href="data:,"><script src="{script}"></script><title>client</title>'
    )
    path = "/client/page" if script.startswith("/socket.io") else "/client/mounted"

    async def respond(_request: Request) -> HTMLResponse:
        return HTMLResponse(page, headers={"content-security-policy": STRICT_POLICY})

    return Route(path, respond)


app = Starlette(
    routes=[
        Route("/client/stats", stats),
        blank("/socket.io/socket.io.js"),
        blank("/mounted/socket.io/socket.io.js"),
        Mount("/mounted", live),
        Mount("/", live),
    ]
)
