"""A page's number as a page of its own, for an iframe."""

from __future__ import annotations

import pathlib

from starlette.responses import Response
from starlette.types import Scope

from nannin.web.cors import Cors
from nannin.web.counts import CountSource, known_page
from nannin.web.query import Query

LANGUAGES = ("auto", "en", "ja")
THEMES = ("auto", "light", "dark")
_PAGE = pathlib.Path(__file__).parent / "static" / "embed.html"


class Embed:
    """Answers `/embed`: a page whose script reads the same query and follows the stream.

    Args:
        source: whose counts it shows.
        cors: whose pages may show it.
    """

    def __init__(self, source: CountSource, cors: Cors) -> None:
        self._source = source
        self._headers = {
            "content-security-policy": (
                f"default-src 'self'; base-uri 'none'; form-action 'none'{cors.frame_ancestors()}"
            ),
            # A page that isolates itself (COEP) shows only frames that do the same.
            "cross-origin-embedder-policy": "require-corp",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
        }

    def __call__(self, query: Query, _scope: Scope) -> Response:
        """Answers with the page. Its script reads words and colours from the query."""
        known_page(self._source, query.text("page", "/"))
        query.choice("lang", LANGUAGES, "auto")
        query.choice("theme", THEMES, "auto")
        return Response(_PAGE.read_bytes(), headers=self._headers, media_type="text/html")
