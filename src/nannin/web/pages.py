"""The page, the scripts and the other files that a Live serves, as routes."""

from __future__ import annotations

from typing import Final

from starlette.routing import BaseRoute, Route

from nannin.web.files import METHODS, STATIC, StaticFile

# Our pages have nothing inline and load nothing foreign. 'self' covers their own WebSocket as well.
_PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
# Scripts are loaded by pages of other origins, some of which ask for explicit permission (COEP).
_SCRIPT_HEADERS: Final = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "cache-control": "public, max-age=300",
}
# Files of our pages change with them: a browser asks each time, and is told that it has them.
_FILE_HEADERS: Final = {"cache-control": "no-cache"}


def routes() -> list[BaseRoute]:
    """The pages and scripts that a Live serves beside the Engine.IO path."""
    files = sorted(path.name for path in STATIC.iterdir() if path.is_file())
    return [
        Route("/", StaticFile("index.html", _PAGE_HEADERS), methods=METHODS),
        Route("/socket.io/socket.io.js", StaticFile("socket.io.js", _SCRIPT_HEADERS), methods=METHODS),
        Route("/nannin.js", StaticFile("nannin.js", _SCRIPT_HEADERS), methods=METHODS),
        *(Route(f"/static/{name}", StaticFile(name, _FILE_HEADERS), methods=METHODS) for name in files),
    ]
