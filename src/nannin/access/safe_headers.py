"""The headers that keep a browser from showing an answer in a frame, and from taking it for another type.

Source: Content Security Policy Level 3; the Fetch standard, "X-Content-Type-Options header".
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

__all__ = ["PAGE_POLICY", "SAFE_HEADERS", "make_safe"]

# Our pages have nothing inline and load nothing foreign. 'self' covers their own WebSocket as well.
PAGE_POLICY: Final = "default-src 'self'; base-uri 'none'; form-action 'none'"
# What goes with every answer that has no headers of its own for this: it is not a page, and loads nothing.
SAFE_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def make_safe(response: Response) -> Response:
    """The answer, with those of the headers that it lacks."""
    for name, value in SAFE_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
