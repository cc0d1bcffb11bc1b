"""Which of our apps answers a request: the Engine.IO path first, then the routes beside it.

A path comes as what stands in front of us has left it. A framework that mounts us may take off a part or add
a slash, and a proxy that shows us under a path may strip that path or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, unquote

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Router
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from nannin.access.client_address import NOTHING, Proxies
from nannin.access.gate import Gate
from nannin.access.safe_headers import make_safe
from nannin.engine.endpoint import Endpoint
from nannin.engine.link import DirectLink
from nannin.engine.misdirected import refuse_host
from nannin.engine.opener import open_at_once

__all__ = ["App", "Proxied", "Rooted", "add_slash", "restore_path", "route_path"]


def route_path(scope: Scope) -> str:
    """The path below the mount point."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and (path == root or path.startswith(root + "/")) else path


def restore_path(scope: Scope) -> Scope:
    """The scope with the path that was asked for, where a host has added a slash to its end.

    Litestar's mounts add one to every path, and do not tell the mount point either: `/live/nannin.js` comes
    as `/nannin.js/`. What was asked for is still in `raw_path`.
    """
    path, raw_path = scope["path"], scope.get("raw_path") or b""
    if not path.endswith("/") or not raw_path or raw_path.endswith(b"/"):
        return scope
    asked, below = unquote(raw_path.decode("latin-1")), path[:-1]
    return (
        {**scope, "path": asked, "root_path": asked.removesuffix(below)} if asked.endswith(below) else scope
    )


def add_slash(scope: Scope) -> Response:
    """A redirect to the same path with a slash at its end.

    It is relative, since a proxy may show the place under another host and path.
    """
    name = quote(scope["path"].rpartition("/")[2], safe="")
    query = quote(scope["query_string"], safe="!$%&'()*+,/:;=?@[]~")
    return make_safe(RedirectResponse(f"{name}/?{query}" if query else f"{name}/", status_code=307))


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers where there is nothing; a WebSocket is closed before it is open."""
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
    else:
        await make_safe(PlainTextResponse("Not Found", 404))(scope, receive, send)


class App:
    """One ASGI app: an Engine.IO path, and the routes beside it.

    Args:
        path: the Engine.IO path, such as `/socket.io/`; it also answers without its last slash.
        endpoint: answers that path, over HTTP and WebSocket.
        beside: the routes of everything else.
        gate: which requests are for this server; the endpoint asks it by itself.
        on_shutdown: called when the server's lifespan ends.
        probes: what answers these paths, whatever the Host.
    """

    def __init__(
        self,
        path: str,
        endpoint: Endpoint,
        beside: Sequence[BaseRoute],
        gate: Gate,
        on_shutdown: Callable[[], None],
        probes: Mapping[str, ASGIApp] | None = None,
    ) -> None:
        self._probes = probes or {}
        self._paths = frozenset({path, path.rstrip("/")})
        self._endpoint = endpoint
        self._beside = Router(routes=beside, redirect_slashes=False, default=not_found)
        self._gate = gate
        self._on_shutdown = on_shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
        elif route_path(scope) in self._paths:
            await self._endpoint(scope, receive, send)
        elif scope["type"] == "http" and (probe := self._probes.get(route_path(scope))) is not None:
            await probe(scope, receive, send)
        elif (foreign := self._gate.turn_away_host(scope)) is not None:
            await refuse_host(scope, send, foreign)
        elif self._lacks_its_slash(scope):
            await add_slash(scope)(scope, receive, send)
        else:
            await self._beside(scope, receive, send)

    def open_websocket(self, scope: Scope, link: DirectLink) -> bool:
        """Opens a session over a WebSocket at once; False if this app is to be called instead."""
        return route_path(scope) in self._paths and self._endpoint.open_websocket(scope, link)

    def _lacks_its_slash(self, scope: Scope) -> bool:
        """Whether the request names the mount point without its slash, and there is a page at the slash."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return False
        if route_path(scope) or scope["path"][-1:] in ("", "/"):
            return False
        with_slash = {**scope, "path": scope["path"] + "/"}
        return any(route.matches(with_slash)[0] is Match.FULL for route in self._beside.routes)

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                self._on_shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return


class Rooted:
    """An ASGI app under the path by which a proxy shows it, whether the proxy strips that path or not.

    uvicorn takes for granted that the proxy strips it, and puts the path in front of the one that came. Where
    it came with the request, this takes it off once.

    Args:
        application: the app.
        root_path: the path, such as `/live`.
    """

    def __init__(self, application: ASGIApp, root_path: str) -> None:
        self._application, self._root = application, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        await self._application(self._below(scope), receive, send)

    def open_websocket(self, scope: Scope, link: DirectLink) -> bool:
        """Lets the app open a session over a WebSocket at once; False if this one is to be called instead."""
        return open_at_once(self._application, self._below(scope), link)

    def _below(self, scope: Scope) -> Scope:
        came = scope.get("path", "").removeprefix(self._root)
        if came != self._root and not came.startswith(f"{self._root}/"):
            return scope
        raw_path = scope["raw_path"].removeprefix(self._root.encode())
        return {**scope, "path": came, "raw_path": raw_path}


class Proxied:
    """An ASGI app that sees its clients as they are, whatever proxies they came through.

    Args:
        application: the app. In its scopes `client` and `scheme` are what believed proxies say.
        proxies: the proxies that are believed.
    """

    def __init__(self, application: ASGIApp, proxies: Proxies) -> None:
        self._application, self._proxies = application, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        await self._application(scope if scope["type"] == "lifespan" else self._read(scope), receive, send)

    def open_websocket(self, scope: Scope, link: DirectLink) -> bool:
        """Lets the app open a session over a WebSocket at once; False if this one is to be called instead."""
        return open_at_once(self._application, self._read(scope), link)

    def _read(self, scope: Scope) -> Scope:
        if not self._proxies.believes(scope["client"], scope["server"]):
            return scope
        forwarded = self._proxies.read(scope["headers"])
        if forwarded is NOTHING:
            return scope
        client, scheme = forwarded
        scope = {**scope, "client": client or scope["client"]}
        if scheme is not None:
            scope["scheme"] = scheme.replace("http", "ws") if scope["type"] == "websocket" else scheme
        return scope
