"""The page, the scripts and the other files that a Live serves, as routes."""

from __future__ import annotations

from typing import Final

from starlette.routing import BaseRoute, Route

from nannin.access.safe_headers import PAGE_POLICY
from nannin.web.files import STATIC, StaticFile

# Scripts are loaded by pages of other origins, some of which ask for explicit permission (COEP).
_SCRIPT_HEADERS: Final = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "cache-control": "public, max-age=300",
}
# Files of our pages change with them: a browser asks each time, and is told that it has them.
_FILE_HEADERS: Final = {"cache-control": "no-cache"}
# Pages have an address of their own, and the licence of a library goes with an installation only.
_NOT_SERVED: Final = (".html", ".txt", "")


def routes(frame_ancestors: str = "") -> list[BaseRoute]:
    """The pages and scripts that a Live serves beside the Engine.IO path.

    Args:
        frame_ancestors: the directive that names the sites which may show the page in a frame; empty for all.
    """
    paths = sorted(path.relative_to(STATIC) for path in STATIC.rglob("*") if path.is_file())
    files = [path.as_posix() for path in paths if path.suffix not in _NOT_SERVED]
    page_headers = {"content-security-policy": PAGE_POLICY + frame_ancestors, "cache-control": "no-cache"}
    return [
        Route("/", StaticFile("index.html", page_headers)),
        Route("/socket.io/socket.io.js", StaticFile("socket.io.js", _SCRIPT_HEADERS)),
        *(
            Route(f"/{name}", StaticFile(name, _SCRIPT_HEADERS, squeezed=True))
            for name in ("nannin.js", "nannin-trend.js")
        ),
        *(Route(f"/static/{name}", StaticFile(name, _FILE_HEADERS)) for name in files),
    ]
