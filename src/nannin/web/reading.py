"""One resource that is only read, as an ASGI app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nannin.access.origin import find_header
from nannin.access.safe_headers import make_safe
from nannin.web.cors import Cors
from nannin.web.query import Query, show
from nannin.web.responses import error_response

METHODS: Final = "GET, HEAD, OPTIONS"

Respond = Callable[[Query, Scope], Response | Awaitable[Response]]
Excuse = Callable[[HTTPException], Response]


class Reading:
    """One resource to read, as an ASGI app.

    Args:
        cors: which web pages may read it.
        respond: answers a GET, at once or later. It runs on the loop, and raises HTTPException to refuse.
        parameters: the query's parameters that it knows.
        repeatable: those of them that may come more than once.
        excuse: answers in place of a refusal that the query has caused, and has unknown parameters ignored.
            For what readers see in a page: they can't correct its address.
    """

    def __init__(
        self,
        cors: Cors,
        respond: Respond,
        parameters: Collection[str] = (),
        repeatable: Collection[str] = (),
        excuse: Excuse | None = None,
    ) -> None:
        self._cors = cors
        self._respond = respond
        self._excuse = excuse
        self.parameters = parameters
        self._repeatable = repeatable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            response = await self._answer(scope)
        except HTTPException as refusal:
            response = error_response(refusal.status_code, refusal.detail, refusal.headers)
        response.headers.update(self._cors.headers(scope))
        make_safe(response)
        if scope["method"] != "HEAD":
            await response(scope, receive, send)
            return
        head = {"type": "http.response.start", "status": response.status_code}
        await send({**head, "headers": response.raw_headers})
        await send({"type": "http.response.body", "body": b""})

    async def _answer(self, scope: Scope) -> Response:
        if not self._cors.is_allowed(scope):
            self._cors.turn_away(scope)
            origin = find_header(scope["headers"], b"origin")
            raise HTTPException(403, f"pages of {show(origin)} may not read counts here")
        if scope["method"] == "OPTIONS":
            return _preflight(scope)
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, "method not allowed; use GET, HEAD or OPTIONS", {"allow": METHODS})
        try:
            query = Query(
                scope["query_string"], self.parameters, self._repeatable, lenient=self._excuse is not None
            )
            response = self._respond(query, scope)
            return response if isinstance(response, Response) else await response
        except HTTPException as refusal:
            if self._excuse is None:
                raise
            return self._excuse(refusal)


def not_found(*_: object) -> Response:
    """Answers 404 for any path under /api that does not exist, and excuses any query of it with the same."""
    raise HTTPException(404, "there is nothing here; /api/openapi.json lists what there is")


def _preflight(scope: Scope) -> Response:
    headers = {
        "allow": METHODS,
        "access-control-allow-methods": METHODS,
        # Authorization is never covered by the star.
        "access-control-allow-headers": "*, Authorization",
        "access-control-max-age": "600",
    }
    if find_header(scope["headers"], b"access-control-request-private-network") == "true":
        headers["access-control-allow-private-network"] = "true"
    return Response(status_code=204, headers=headers)
