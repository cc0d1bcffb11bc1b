"""A page's number as a page of its own, for an iframe."""

from __future__ import annotations

import pathlib

from starlette.responses import Response
from starlette.types import Scope

from nannin.web.reading import Access, Audiences, Query, known_page

LANGUAGES = ("auto", "en", "ja")
THEMES = ("auto", "light", "dark")
_PAGE = pathlib.Path(__file__).parent / "static" / "embed.html"


class Embed:
    """Answers `/embed`. Its script reads the same query, and follows the stream.

    Args:
        audiences: whose counts it shows.
        access: whose pages may show it.
    """

    def __init__(self, audiences: Audiences, access: Access) -> None:
        self._audiences = audiences
        self._headers = {
            "content-security-policy": (
                "default-src 'self'; base-uri 'none'; form-action 'none'; "
                f"frame-ancestors {access.frame_ancestors()}"
            ),
            # A page that isolates itself shows only frames that do so, too.
            "cross-origin-embedder-policy": "require-corp",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
        }

    def __call__(self, query: Query, _scope: Scope) -> Response:
        """The page, for whatever it is asked; its words and colours come later."""
        known_page(self._audiences, query.text("page", "/"))
        query.choice("lang", LANGUAGES, "auto")
        query.choice("theme", THEMES, "auto")
        return Response(_PAGE.read_bytes(), headers=self._headers, media_type="text/html")
