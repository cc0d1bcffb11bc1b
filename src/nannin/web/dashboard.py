"""`/dashboard`: all pages live, for whoever may read the lists; for everybody else, the way in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from nannin.access.gate import Gate
from nannin.access.origin import find_header
from nannin.access.safe_headers import make_safe
from nannin.engine.body import Unread, read_body
from nannin.web.bearer import CHALLENGE
from nannin.web.files import STATIC
from nannin.web.login import Login
from nannin.web.private import Entrance, PrivateLists
from nannin.web.query import show
from nannin.web.responses import error_response

__all__ = ["PATH", "Dashboard", "ToDashboard"]

PATH: Final = "/dashboard"
METHODS: Final = "GET, HEAD, POST"
# Maximum bytes of a form: a token, and some words of ours.
_MAX_FORM_BYTES: Final = 8_192
_FORM: Final = "application/x-www-form-urlencoded"
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    # Whoever has signed out sees nothing by going back.
    "cache-control": "no-store",
    # Without a referrer, browsers name no origin when they send a form, and say `null` instead.
    "referrer-policy": "same-origin",
    "vary": "Cookie",
}
# What the page loads to draw charts. An installation from a copy of the repository may lack it.
_CHARTS: Final = (
    b'<link rel="stylesheet" href="static/vendor/uPlot.min.css">\n',
    b'<script src="static/vendor/uPlot.iife.min.js" defer></script>\n',
)
_ENTERED, _ASKED = b'data-entered="local"', b'data-state="asked"'


class Dashboard:
    """Answers `/dashboard`, as an ASGI app.

    Args:
        private: who may read the lists.
        login: knows the token; None if there is none, and only this machine may read them.
        gate: whose pages may sign somebody in.
        on_refused: called for each wrong token, with the path.
        timeout_s: how long a form may take.
    """

    def __init__(
        self,
        private: PrivateLists,
        login: Login | None,
        gate: Gate,
        on_refused: Callable[[str], None] = lambda path: None,
        timeout_s: float = 15.0,
    ) -> None:
        self._private = private
        self._login = login
        self._gate = gate
        self._on_refused = on_refused
        self._timeout_s = timeout_s
        page = (STATIC / "dashboard.html").read_bytes()
        if not (STATIC / "vendor" / "uPlot.iife.min.js").exists():
            for line in _CHARTS:
                page = page.replace(line, b"")
        self._page = page
        self._login_page = (STATIC / "login.html").read_bytes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            response = await self._answer(scope, receive)
        except HTTPException as refusal:
            # Only too many wrong tokens are refused in a page that a person looks at.
            response = self._ask_for_token("wait", refusal.status_code, dict(refusal.headers or {}))
        if response is None:
            return
        make_safe(response)
        if scope["method"] == "HEAD":
            response.body = b""
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        if scope["method"] == "POST":
            return await self._take_form(scope, receive)
        if scope["method"] not in ("GET", "HEAD"):
            return error_response(405, f"method not allowed; use {METHODS}", {"allow": METHODS})
        entrance = self._private.entrance(scope)
        if entrance is Entrance.NONE:
            if self._login is None:
                return self._ask_for_token("closed", 403)
            return self._ask_for_token("asked", 401, CHALLENGE)
        page = self._page.replace(_ENTERED, b'data-entered="%s"' % entrance.value.encode())
        return Response(page, headers=_HEADERS, media_type="text/html")

    async def _take_form(self, scope: Scope, receive: Receive) -> Response | None:
        headers = scope["headers"]
        if not self._gate.admits_page(headers) or find_header(headers, b"sec-fetch-site") == "cross-site":
            self._gate.turn_away_page(headers)
            origin = show(find_header(headers, b"origin"))
            return error_response(403, f"pages of {origin} may sign nobody in here")
        if find_header(headers, b"content-type").partition(";")[0].strip().lower() != _FORM:
            return error_response(415, f"the body must be {_FORM}")
        body = await read_body(scope, receive, _MAX_FORM_BYTES, timeout_s=self._timeout_s)
        if isinstance(body, Unread):
            status, text = body.value
            return None if status is None else error_response(status, text.decode(), {"connection": "close"})
        if self._login is None:
            return self._ask_for_token("closed", 403)
        fields = parse_qs(body.decode(errors="replace"), max_num_fields=8) if body.count(b"&") < 8 else {}
        if "sign-out" in fields:
            return _back(self._login.take_back(scope))
        if self._login.is_token(scope, fields.get("token", [""])[0].strip()):
            return _back(self._login.give(scope))
        self._on_refused(scope["path"])
        return self._ask_for_token("wrong", 401, CHALLENGE)

    def _ask_for_token(self, state: str, status: int, headers: dict[str, str] | None = None) -> Response:
        page = self._login_page.replace(_ASKED, b'data-state="%s"' % state.encode())
        return Response(page, status, {**_HEADERS, **(headers or {})}, "text/html")


def _back(set_cookie: str) -> Response:
    """Back to the same address, which is named from where the browser is: a proxy may show it elsewhere."""
    return RedirectResponse("dashboard", 303, {**_HEADERS, "set-cookie": set_cookie})


class ToDashboard:
    """Answers `/dashboard/`, as an ASGI app: below it, the page's own addresses would lead nowhere."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leads to the dashboard, whatever the method."""
        await make_safe(RedirectResponse("../dashboard", 307))(scope, receive, send)
