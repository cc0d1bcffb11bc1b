"""`POST /api/emit`: programs that hold the token send to the clients on a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nannin.access.gate import Gate
from nannin.access.origin import find_header
from nannin.access.safe_headers import make_safe
from nannin.engine.body import Unread, read_body
from nannin.errors import NodesSilent
from nannin.hub.sockets import Page
from nannin.web.bearer import CHALLENGE, Tries, why_refused
from nannin.web.counts import no_page
from nannin.web.query import show
from nannin.web.responses import error_response, json_response
from nannin.wire.json_text import find_half_character


class EmitRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request."""

    event: str
    page: str = "/"
    args: list[Any] = msgspec.field(default_factory=list)
    to: list[str] | None = None
    except_: list[str] = msgspec.field(default_factory=list, name="except")


# Seconds that other nodes have to say how many got an event.
_PATIENCE_S: Final = 2.0
_DECODER = msgspec.json.Decoder(EmitRequest)


class Emit:
    """Sends events for whoever holds the token, as an ASGI app.

    Args:
        find_page: returns a page by its key; None if there can be no such page.
        token: the secret that must come as `Authorization: Bearer`; None refuses everybody.
        max_bytes: the largest body.
        timeout_s: how long a body may take.
        gate: whose pages may send, if they have the token.
        tries: compares tokens.
        on_refused: called for each request without the token.
    """

    def __init__(
        self,
        find_page: Callable[[str], Page | None],
        token: str | None,
        max_bytes: int,
        timeout_s: float,
        gate: Gate,
        tries: Tries,
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._find_page = find_page
        self._token = token
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._gate = gate
        self._tries = tries
        self._on_refused = on_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            response = self._refuse(scope)
        except HTTPException as refusal:
            response = error_response(refusal.status_code, refusal.detail, refusal.headers)
        if response is None:
            body = await read_body(scope, receive, self._max_bytes, timeout_s=self._timeout_s)
            if body is Unread.GONE:
                return
            response = await self._emit(body) if isinstance(body, bytes) else _unread(body)
        await make_safe(response)(scope, receive, send)

    def _refuse(self, scope: Scope) -> Response | None:
        """The refusal of a request by its head, if there is one.

        Raises:
            HTTPException: 429 after too many wrong tokens.
        """
        if scope["method"] != "POST":
            return error_response(405, "method not allowed; use POST", {"allow": "POST"})
        if not self._gate.admits_page(scope["headers"]):
            self._gate.turn_away_page(scope["headers"])
            origin = find_header(scope["headers"], b"origin")
            return error_response(403, f"pages of {show(origin)} may not send here")
        if self._token is None:
            self._on_refused()
            return error_response(403, "the setting emit_token is not set: nobody may send from outside")
        if not self._tries.is_bearer_of(scope, self._token):
            self._on_refused()
            return error_response(401, why_refused(scope, "emit_token"), CHALLENGE)
        kind = find_header(scope["headers"], b"content-type").partition(";")[0].strip().lower()
        if kind != "application/json":
            return error_response(415, "the body must be application/json")
        return None

    async def _emit(self, body: bytes) -> Response:
        try:
            request = _DECODER.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return error_response(400, f"the body is not what is expected: {_explain(body) or error}")
        page = self._find_page(request.page)
        if page is None:
            return error_response(404, no_page(request.page))
        target = page.except_(*request.except_)
        if request.to is not None:
            target = page.to(*request.to).except_(*request.except_)
        here = len(target.sockets)
        try:
            target.emit(request.event, *request.args)
        except (TypeError, ValueError) as error:
            return error_response(400, str(error))
        try:
            return json_response({"recipients": await target.count(_PATIENCE_S)})
        except NodesSilent as silence:
            return json_response({"recipients": here, "silent_nodes": silence.nodes})


def _explain(body: bytes) -> str:
    """What the decoder has no clear words for: to it, a text that is cut in an emoji is truncated."""
    half = find_half_character(body.decode(errors="replace"))
    return f"expected whole characters, not half of one (a lone surrogate), {half}" if half else ""


def _unread(body: Unread) -> Response:
    status, text = body.value
    assert status is not None
    return error_response(status, text.decode(), {"connection": "close"})
