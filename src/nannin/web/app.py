"""The routes, as one ASGI app: the Engine.IO path first, then the pages and scripts beside it."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

STATIC = pathlib.Path(__file__).parent / "static"

# Nothing inline and nothing foreign; a page of ours needs no more. 'self' covers its own WebSocket, too.
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}
# Scripts are loaded by pages of other origins, too, and some of those ask for explicit leave (COEP).
_SCRIPT_HEADERS = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "public, max-age=300",
}


def route_path(scope: Scope) -> str:
    """The path behind the mount point."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and (path == root or path.startswith(root + "/")) else path


def _page(name: str) -> Callable[..., Response]:
    def respond(_request: object) -> Response:
        return FileResponse(STATIC / name, headers=_PAGE_HEADERS)

    return respond


def _script(name: str) -> Callable[..., Response]:
    def respond(_request: object) -> Response:
        return FileResponse(STATIC / name, headers=_SCRIPT_HEADERS, media_type="text/javascript")

    return respond


def routes() -> list[BaseRoute]:
    """The pages and scripts that a Live serves beside the Engine.IO path."""
    return [
        Route("/", _page("index.html")),
        Route("/socket.io/socket.io.js", _script("socket.io.js")),
        Route("/nannin.js", _script("nannin.js")),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


class App:
    """One ASGI app: an Engine.IO path, and what is beside it.

    Args:
        path: the Engine.IO path, such as `/socket.io/`; it answers without its last slash, too.
        endpoint: what answers there, over HTTP and WebSocket.
        beside: the routes of everything else.
        on_shutdown: called when the server's lifespan ends.
    """

    def __init__(
        self, path: str, endpoint: ASGIApp, beside: Sequence[BaseRoute], on_shutdown: Callable[[], None]
    ) -> None:
        self._paths = frozenset({path, path.rstrip("/")})
        self._endpoint = endpoint
        self._router = Router(routes=beside, redirect_slashes=False)
        self._on_shutdown = on_shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
        elif route_path(scope) in self._paths:
            await self._endpoint(scope, receive, send)
        else:
            await self._router(scope, receive, send)

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                self._on_shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return
