"""A page's number as a page of its own, for an iframe."""

from __future__ import annotations

import pathlib
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from nannin.access.safe_headers import PAGE_POLICY
from nannin.web.cors import Cors
from nannin.web.counts import CountSource, known_page
from nannin.web.query import Query

# The forms of a sentence that a language may have. Source: Unicode, CLDR, "Plural rules".
FORMS: Final = ("zero", "one", "two", "few", "many", "other")
THEMES: Final = ("auto", "light", "dark")
_WAITING, _UNKNOWN = b'data-state="waiting"', b'data-state="unknown"'
_PAGE = pathlib.Path(__file__).parent / "static" / "embed.html"


class Embed:
    """Answers `/embed`: a page whose script reads the same query and follows the stream.

    Args:
        source: whose counts it shows.
        cors: whose pages may show it.
    """

    def __init__(self, source: CountSource, cors: Cors) -> None:
        self._source = source
        self._document = _PAGE.read_bytes()  # once: later there may be no descriptor left to open it with
        self._headers = {
            "content-security-policy": PAGE_POLICY + cors.frame_ancestors(),
            # A page that isolates itself (COEP) shows only frames that do the same.
            "cross-origin-embedder-policy": "require-corp",
            "cache-control": "no-cache, no-transform",
        }

    def __call__(self, query: Query, _scope: Scope) -> Response:
        """Answers with the page. Its script reads words and colours from the query."""
        known_page(self._source, query.text("page", "/"))
        return self._page(self._document)

    def excuse(self, _refusal: HTTPException) -> Response:
        """Answers with a page that shows no number and asks for none: there is none for this address."""
        return self._page(self._document.replace(_WAITING, _UNKNOWN))

    def _page(self, page: bytes) -> Response:
        return Response(page, headers=self._headers, media_type="text/html")
