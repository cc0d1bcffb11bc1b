"""`POST /api/emit`: other programs send to the clients on a page, if they hold the token."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nannin.access.origin import find_header
from nannin.engine.body import Unread, read_body
from nannin.hub.sockets import Page
from nannin.hub.targets import Target
from nannin.web.reading import json_response, show

_UNAUTHORIZED = {"www-authenticate": "Bearer"}


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What the body asks for."""

    event: str
    page: str = "/"
    args: list[Any] = msgspec.field(default_factory=list)
    to: list[str] | None = None
    except_: list[str] = msgspec.field(default_factory=list, name="except")


_DECODER = msgspec.json.Decoder(Order)


class Emit:
    """Sends events for whoever holds the token, as an ASGI app.

    Args:
        find_page: a page by its key; None where there can't be such a page.
        token: what must come as `Authorization: Bearer`; None refuses everybody.
        max_bytes: how large a body may be.
    """

    def __init__(self, find_page: Callable[[str], Page | None], token: str | None, max_bytes: int) -> None:
        self._find_page = find_page
        self._token = token
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        response = self._refuse(scope)
        if response is None:
            body = await read_body(scope, receive, self._max_bytes)
            if body is Unread.GONE:
                return
            response = self._emit(body) if isinstance(body, bytes) else _unread(body)
        response.headers["x-content-type-options"] = "nosniff"
        await response(scope, receive, send)

    def _refuse(self, scope: Scope) -> Response | None:
        if scope["method"] != "POST":
            return _error(405, "this takes POST only", {"allow": "POST"})
        if self._token is None:
            return _error(403, "the setting emit_token is not set: nobody may send from outside")
        scheme, _, token = find_header(scope["headers"], b"authorization").partition(" ")
        came = token.strip().encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(came, self._token.encode()):
            needed = "this needs the header Authorization: Bearer, with the emit_token of the server"
            return _error(401, needed, _UNAUTHORIZED)
        kind = find_header(scope["headers"], b"content-type").partition(";")[0].strip().lower()
        if kind != "application/json":
            return _error(415, "the body must be application/json")
        return None

    def _emit(self, body: bytes) -> Response:
        try:
            order = _DECODER.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _error(400, f"the body is not what is expected: {error}")
        page = self._find_page(order.page)
        if page is None:
            return _error(404, f"there is no page {show(order.page)}")
        target: Page | Target = page if order.to is None else page.to(*order.to)
        if order.except_:
            target = target.except_(*order.except_)
        recipients = len(target.sockets)
        try:
            target.emit(order.event, *order.args)
        except (TypeError, ValueError) as error:
            return _error(400, str(error))
        return json_response({"recipients": recipients})


def _unread(body: Unread) -> Response:
    status, text = body.value
    assert status is not None
    return _error(status, text.decode(), {"connection": "close"})


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return json_response({"error": message}, status, headers)
