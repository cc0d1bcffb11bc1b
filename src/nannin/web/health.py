"""`/healthz` and `/readyz`: whether this process serves, for whoever looks after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from nannin.access.safe_headers import make_safe
from nannin.web.reading import METHODS
from nannin.web.responses import error_response

__all__ = ["Probe"]

_HEADERS: Final = {"cache-control": "no-store"}


class Probe:
    """One question about this process, as an ASGI app: `ok`, or 503 and why not.

    Nobody is turned away from it, whatever the Host and however often it is asked. It says nothing else.

    Args:
        why_not: why the answer is no, in a few words; "" for yes. Without it, that there is an answer is the
            answer.
    """

    def __init__(self, why_not: Callable[[], str] = lambda: "") -> None:
        self._why_not = why_not

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        await make_safe(self._answer(scope["method"]))(scope, receive, send)

    def _answer(self, method: str) -> Response:
        if method == "OPTIONS":
            return Response(status_code=204, headers={"allow": METHODS})
        if method not in ("GET", "HEAD"):
            return error_response(405, f"method not allowed; use {METHODS}", {"allow": METHODS})
        why_not = self._why_not()
        response = PlainTextResponse(why_not or "ok", 503 if why_not else 200, _HEADERS)
        if method == "HEAD":
            response.body = b""
        return response
