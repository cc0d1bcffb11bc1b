"""Which of our apps answers a request: the Engine.IO path first, then the routes beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Router
from starlette.types import ASGIApp, Receive, Scope, Send


def route_path(scope: Scope) -> str:
    """The path behind the mount point."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and (path == root or path.startswith(root + "/")) else path


def _add_slash(scope: Scope) -> Response:
    """A redirect to the same place with a slash behind it.

    It is relative, since a proxy may show the place under another host and path.
    """
    name = quote(scope["path"].rpartition("/")[2], safe="")
    query = quote(scope["query_string"], safe="!$%&'()*+,/:;=?@[]~")
    return RedirectResponse(f"{name}/?{query}" if query else f"{name}/", status_code=307)


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
        self._beside = ExceptionMiddleware(self._router)  # what static files raise becomes an answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
        elif route_path(scope) in self._paths:
            await self._endpoint(scope, receive, send)
        elif self._lacks_its_slash(scope):
            await _add_slash(scope)(scope, receive, send)
        else:
            await self._beside(scope, receive, send)

    def _lacks_its_slash(self, scope: Scope) -> bool:
        """Whether this asks for the mount point by its name alone, and there is a page behind the slash."""
        if scope["type"] != "http" or route_path(scope) or scope["path"][-1:] in ("", "/"):
            return False
        behind = {**scope, "path": scope["path"] + "/"}
        return any(route.matches(behind)[0] is Match.FULL for route in self._router.routes)

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                self._on_shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return
