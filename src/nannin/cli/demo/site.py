"""The demo's site: each page with its own number, the line of its last hour, and the numbers of others."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, Router

from nannin import Live
from nannin.cli.demo.pages import PAGES, Kind, Place

__all__ = ["app"]

_HERE: Final = Path(__file__).parent
_PLACES: Final = {place.key: place for place in PAGES}
_HEADERS: Final = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'",
    "cache-control": "no-cache",
}
_MOST_OTHERS: Final = 7

_TEXTS: Final = {
    Kind.PAPER: (
        "Nobody in this town exists, and nothing in this story has happened. The people who read it now are "
        "made up as well, but they are counted as real ones would be: each has a connection, comes, reads, "
        "moves on to another page, and goes.",
        "Open this page in a second browser, and the number above goes up by one. Close it, and the number "
        "is down again two seconds later.",
    ),
    Kind.SHOP: (
        "Nothing can be bought here. Whoever looks at this now is made up, but is counted as a real customer "
        "would be.",
        "Beside Shop, at the top, is the number of people on any page of the shop. Whoever has three of its "
        "pages open is one of them, not three.",
    ),
}


def show(place: Place) -> str:
    """A page of the site."""
    in_shop = place.kind is Kind.SHOP
    others = [
        f'<li><a href="{other.key}">{html.escape(other.title)}</a>'
        f'<span data-nannin="{other.key}" data-nannin-min="1" data-nannin-max="99"></span></li>'
        for other in PAGES
        if other.kind is place.kind and other.key.count("/") == 2 and other is not place
    ]
    return Template((_HERE / "site.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(place.title),
        doing="looking at" if in_shop else "reading",
        now="Looked at now" if in_shop else "Read now",
        text="\n".join(f"<p>{paragraph}</p>" for paragraph in _TEXTS[place.kind]),
        others="\n".join(others[:_MOST_OTHERS]),
    )


async def _page(request: Request) -> Response:
    place = _PLACES.get(request.url.path)
    if place is None:
        return PlainTextResponse("There is no such page.", 404)
    return HTMLResponse(show(place), headers=_HEADERS)


async def _style(_request: Request) -> Response:
    return FileResponse(_HERE / "site.css", headers=_HEADERS)


app = Live(Router([Route("/site.css", _style), Route("/{path:path}", _page)]))
