"""A page's number in the words of shields.io, which draws badges from such an answer.

Source: shields.io, "Endpoint Badge".
"""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from nannin.web.badge import ABOUT, ANYBODY, DEFAULT_LABEL, NOBODY, read_color, read_label
from nannin.web.counts import CountSource, learn_page
from nannin.web.query import Query
from nannin.web.responses import json_response

_VERSION: Final = 1


class Shield:
    """Answers `/api/shield`.

    Args:
        source: whose counts it shows.
    """

    def __init__(self, source: CountSource) -> None:
        self._source = source

    async def __call__(self, query: Query, _scope: Scope) -> Response:
        """The visitors of one page."""
        page = await learn_page(self._source, query.text("page", "/"))
        count = self._source.count(page)
        visitors = count.visitors
        color = read_color(query.text("color", ANYBODY if visitors else NOBODY))
        label = read_label(query.text("label", DEFAULT_LABEL))
        return json_response(
            {
                "schemaVersion": _VERSION,
                "label": label,
                "message": f"{ABOUT if count.stale else ''}{visitors}",
                "color": color.removeprefix("#"),
            }
        )

    @staticmethod
    def excuse(_refusal: HTTPException) -> Response:
        """What shields.io draws in gray; it shows nothing of ours for another status than 200."""
        return json_response(
            {"schemaVersion": _VERSION, "label": "nannin", "message": "?", "isError": True, "color": "6e7781"}
        )
