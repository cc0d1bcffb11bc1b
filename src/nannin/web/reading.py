"""What anybody may read over HTTP: who is allowed to, how it is asked for, and how a refusal reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nannin.access.origin import find_header, is_allowed
from nannin.audience.roster import Count
from nannin.hub.teller import Watcher

METHODS = "GET, HEAD, OPTIONS"
# More pages than a stream may have, so that the stream itself can say how many that is.
MAX_PARAMETERS = 1_000
_MAX_SHOWN = 80


class Audiences(Protocol):
    """What observers ask of the hub."""

    def count(self, page: str) -> Count:
        """The page's count; zeros where nobody is."""

    def exists(self, page: str) -> bool:
        """Whether there can be such a page."""

    def pages(self) -> Collection[str]:
        """The keys of the pages that somebody is on; not to be kept over an await."""

    def watch(self, watcher: Watcher, page: str | None) -> None:
        """From now on tells the watcher the updates of a page; None: of every page."""

    def unwatch(self, watcher: Watcher, page: str | None) -> None:
        """Takes that back."""

    def explain(self, page: str) -> dict[str, Any]:
        """How the page's count comes about, as JSON can hold it."""


def show(text: str) -> str:
    """A text as an error message quotes it: on one line, and not too long."""
    return f'"{text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."}"'


def known_page(audiences: Audiences, key: str) -> str:
    """The key, if there can be such a page.

    Raises:
        HTTPException: 404, there can't.
    """
    if not audiences.exists(key):
        raise HTTPException(404, f"there is no page {show(key)}")
    return key


class Query:
    """The parameters of one request.

    Args:
        query_string: as ASGI has it.
        known: the parameters that may come, each once.
        repeatable: those of them that may come again and again.

    Raises:
        HTTPException: 400, with a sentence that says what is wrong.
    """

    def __init__(self, query_string: bytes, known: Collection[str], repeatable: Collection[str] = ()) -> None:
        try:
            pairs = parse_qsl(
                query_string.decode(),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_PARAMETERS,
            )
        except UnicodeDecodeError:
            raise HTTPException(400, "the query is not UTF-8") from None
        except ValueError:
            raise HTTPException(400, f"the query has over {MAX_PARAMETERS} parameters") from None
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if name not in known:
                listed = ", ".join(known) or "none"
                raise HTTPException(400, f"unknown parameter {show(name)}; there are: {listed}")
            values = self._values.setdefault(name, [])
            if values and name not in repeatable:
                raise HTTPException(400, f'the parameter "{name}" is given more than once')
            values.append(value)

    def texts(self, name: str, default: str) -> list[str]:
        """All values of a repeatable parameter, each once, in their order."""
        return list(dict.fromkeys(self._values.get(name, [default])))

    def text(self, name: str, default: str) -> str:
        """A text."""
        return self._values.get(name, [default])[0]

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """One of a few words.

        Raises:
            HTTPException: 400, it is none of them.
        """
        value = self.text(name, default)
        if value not in choices:
            raise HTTPException(400, f"{name} must be one of {', '.join(choices)}, not {show(value)}")
        return value

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within limits, both included.

        Raises:
            HTTPException: 400, it is not.
        """
        text = self.text(name, str(default))
        # int() also takes "1_0", " 7 " and digits of other scripts: none of them was meant.
        if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most:
            return int(text)
        raise HTTPException(400, f"{name} must be a whole number from {least} to {most}, not {show(text)}")


class Access:
    """Which web pages may read counts, and what CORS says to them. No cookies, hence no credentials.

    Args:
        public: pages of every site may.
        allow_origins: the origins that may where it is not public, besides the server's own.

    Source: the Fetch standard, "CORS protocol" and "Cross-Origin-Resource-Policy header".
    """

    def __init__(self, *, public: bool, allow_origins: Collection[str]) -> None:
        self.public = public
        self._allow_origins = allow_origins

    def is_allowed(self, scope: Scope) -> bool:
        """Whether the page that asks may read the answer; a program that names no origin always may."""
        headers = scope["headers"]
        return self.public or is_allowed(
            find_header(headers, b"origin"), find_header(headers, b"host"), self._allow_origins
        )

    def headers(self, scope: Scope) -> dict[str, str]:
        """What an answer, or a refusal, has in its head."""
        if self.public:
            return {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
        headers = {"vary": "Origin", "cross-origin-resource-policy": "same-origin"}
        origin = find_header(scope["headers"], b"origin")
        if origin and self.is_allowed(scope):
            headers["access-control-allow-origin"] = origin
        return headers

    def frame_ancestors(self) -> str:
        """The sites that may show a page of ours in a frame, in the words of a Content-Security-Policy."""
        if self.public or "*" in self._allow_origins:
            return "*"
        return " ".join(["'self'", *self._allow_origins])


Respond = Callable[[Query, Scope], Response]


class Reading:
    """One resource to read, as an ASGI app.

    Args:
        access: who may read it.
        respond: answers a GET; it runs on the loop, and raises HTTPException to refuse.
        parameters: the query's parameters that it knows.
        repeatable: those of them that may come again and again.
    """

    def __init__(
        self,
        access: Access,
        respond: Respond,
        parameters: Collection[str] = (),
        repeatable: Collection[str] = (),
    ) -> None:
        self._access = access
        self._respond = respond
        self._parameters = parameters
        self._repeatable = repeatable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            response = self._answer(scope)
        except HTTPException as refusal:
            response = json_response({"error": refusal.detail}, refusal.status_code, refusal.headers)
        response.headers.update(self._access.headers(scope))
        response.headers["x-content-type-options"] = "nosniff"
        if scope["method"] != "HEAD":
            await response(scope, receive, send)
            return
        head = {"type": "http.response.start", "status": response.status_code}
        await send({**head, "headers": response.raw_headers})
        await send({"type": "http.response.body", "body": b""})

    def _answer(self, scope: Scope) -> Response:
        if not self._access.is_allowed(scope):
            origin = find_header(scope["headers"], b"origin")
            raise HTTPException(403, f"pages of {show(origin)} may not read counts here")
        if scope["method"] == "OPTIONS":
            return _preflight()
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, f"this is only read: {METHODS}", {"allow": METHODS})
        return self._respond(Query(scope["query_string"], self._parameters, self._repeatable), scope)


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON, which nobody keeps: the next one may differ."""
    return Response(
        msgspec.json.encode(content),
        status,
        {"cache-control": "no-store", **(headers or {})},
        "application/json",
    )


def not_found(_query: Query, _scope: Scope) -> Response:
    """Answers what asks for nothing that there is."""
    raise HTTPException(404, "there is nothing here; /api/openapi.json lists what there is")


def _preflight() -> Response:
    return Response(
        status_code=204,
        headers={
            "allow": METHODS,
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": "*",
            "access-control-max-age": "600",
        },
    )
