"""The page, the scripts and the other files that a Live serves, as routes."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

STATIC = pathlib.Path(__file__).parent / "static"

# Our pages have nothing inline and load nothing foreign. 'self' covers their own WebSocket as well.
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}
# Scripts are loaded by pages of other origins, some of which ask for explicit permission (COEP).
_SCRIPT_HEADERS = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "public, max-age=300",
}


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
