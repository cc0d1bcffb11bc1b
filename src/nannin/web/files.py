"""Files that a Live serves: read once, compressed once asked for, and not sent again to who has them.

Source: RFC 9110, sections 8.8.3 (ETag), 12.5.3 (Accept-Encoding) and 13.1.2 (If-None-Match).
"""

from __future__ import annotations

import gzip
import mimetypes
import pathlib
import re
from collections.abc import Mapping
from functools import cache, cached_property
from hashlib import blake2b
from typing import Final

from starlette.types import Receive, Scope, Send

from nannin.access.origin import find_header
from nannin.access.safe_headers import SAFE_HEADERS, make_safe
from nannin.web.responses import error_response

STATIC: Final = pathlib.Path(__file__).parent / "static"
_METHODS: Final = "GET, HEAD"
_LEVEL: Final = 9
_TEXT: Final = ("text/", "image/svg+xml")
# What a script on other people's pages does without: indentation, lines that are empty or a comment, and
# spaces around operators, inside braces, and after commas and semicolons. Two signs in a row stay apart.
_LINE_STARTS: Final = re.compile(rb"^(?:\s*(?://.*)?\n)*[ \t]*", re.MULTILINE)
_OPERATORS: Final = re.compile(
    rb" (=>?|[=!]=|[<>]=?|&&|\|\||\?\?=?|[?:*]|[-+](?! [-+])) |(?<=\)) (?={)|(?<=[{,;]) | (?=})"
)


def squeeze(script: bytes) -> bytes:
    """A script in fewer bytes. Its literals must have nothing in them that looks like one of the above."""
    return _OPERATORS.sub(rb"\1", _LINE_STARTS.sub(b"", script))


class _Loaded:
    """A file's content in both encodings, each with its ETag.

    Args:
        media_type: what it is.
        content: all of it.
    """

    def __init__(self, media_type: str, content: bytes) -> None:
        self.media_type = media_type
        self._digest = blake2b(content, digest_size=12).hexdigest()
        self.plain = (content, f'"{self._digest}"')

    @cached_property
    def gzipped(self) -> tuple[bytes, str]:
        """Compressed once somebody takes it so: to compress all files would make each start 20 ms longer."""
        return gzip.compress(self.plain[0], _LEVEL, mtime=0), f'"{self._digest}-gzip"'


@cache
def _load(name: str, *, squeezed: bool) -> _Loaded:
    """Reads a file, once for all Lives of this process: later there may be no descriptor left to open it."""
    content = (STATIC / name).read_bytes()
    if squeezed:
        content = squeeze(content)
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if media_type == "application/javascript":  # what some systems still call it
        media_type = "text/javascript"
    if media_type.startswith(_TEXT):
        media_type += "; charset=utf-8"
    return _Loaded(media_type, content)


class StaticFile:
    """One of our files, as an ASGI app.

    Args:
        name: the file's, below `static`.
        headers: those that go with it, besides those that keep it safe.
        squeezed: whether it is sent without what a script does without.
    """

    def __init__(self, name: str, headers: Mapping[str, str], *, squeezed: bool = False) -> None:
        self.loaded = _load(name, squeezed=squeezed)
        self._headers = [
            *((name.encode(), value.encode()) for name, value in {**SAFE_HEADERS, **headers}.items()),
            (b"vary", b"Accept-Encoding"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["method"] not in ("GET", "HEAD"):
            refusal = error_response(405, f"method not allowed; use {_METHODS}", {"allow": _METHODS})
            await make_safe(refusal)(scope, receive, send)
            return
        zipped = takes_gzip(find_header(scope["headers"], b"accept-encoding"))
        body, tag = self.loaded.gzipped if zipped else self.loaded.plain
        headers = [*self._headers, (b"etag", tag.encode())]
        status = 200
        if names_tag(find_header(scope["headers"], b"if-none-match"), tag):
            status, body = 304, b""
        else:
            headers += [
                (b"content-type", self.loaded.media_type.encode()),
                (b"content-length", str(len(body)).encode()),
            ]
            if zipped:
                headers.append((b"content-encoding", b"gzip"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client that sends this header takes gzip; one that sends none may not."""
    weights: dict[str, bool] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameter = part.partition(";")
        weight = parameter.partition("=")[2].strip()
        weights[coding.strip()] = weight.strip("0.") != "" or not weight
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


def names_tag(if_none_match: str, tag: str) -> bool:
    """Whether a client that sends this header has what the ETag names."""
    tags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in tags or tags == ["*"]
