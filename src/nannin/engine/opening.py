"""The opening handshake of a WebSocket: what the client asks, and the head of what we answer.

A connection that begins with one is read here alone, by `find_opening`. After other requests, and where the
head comes in several pieces, an HTTP protocol reads it and hands it over as bytes, whole and valid, to
`read_opening`. `websockets` gets neither: its parser would keep the whole request for as long as the
connection lives.

Source: RFC 6455, 4; RFC 9112, 2 to 5.
"""

from __future__ import annotations

import binascii
import functools
import hashlib
import http
import re
from typing import Any
from urllib.parse import unquote

import msgspec

from nannin.access.hosts import has_one_host, take_authority
from nannin.engine.asgi_side import Pairs

# Maximum bytes of a head that is read here alone: the limit that an HTTP protocol has for one line.
MAX_PLAIN_BYTES = 8_192
# A whole head of at most 100 lines without anything unusual. The others are for an HTTP protocol to judge.
_PLAIN_HEAD = re.compile(
    rb"GET (/[!\"$-~]*+) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+\r\n){1,100}+)\r\n"
)
# Headers that announce a body.
_BODY = frozenset({b"content-length", b"transfer-encoding"})
# Headers that a request has once: whom else it passed may have gone by another one than we do.
# Source: RFC 6455, 11.3.1 and 11.3.5.
_ONLY_ONCE = frozenset({b"sec-websocket-key", b"sec-websocket-version"})
# 16 random bytes in base64. Source: RFC 6455, 4.1.
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
# What every server adds to a key. Source: RFC 6455, 1.3.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_EXPECTED = b"expected the opening handshake of a WebSocket"
_TWICE = b"expected one Sec-WebSocket-Key and one Sec-WebSocket-Version, and no more"
_WITH_BODY = b"expected the opening handshake of a WebSocket, which has no body"
# What nginx speaks to a server unless it is told otherwise. Source: RFC 6455, 4.1.
_NOT_1_1 = b"expected HTTP/1.1, which a WebSocket needs (in nginx: proxy_http_version 1.1)"


class OpeningRefused(Exception):
    """The request doesn't open a WebSocket that we speak.

    Attributes:
        status: of the HTTP response.
        headers: of the HTTP response.
        body: what was expected.
    """

    def __init__(self, status: int, headers: Pairs, body: bytes) -> None:
        super().__init__(body.decode())
        self.status, self.headers, self.body = status, headers, body


class Opening(msgspec.Struct, frozen=True):
    """What a client asks with its opening handshake.

    Attributes:
        target: the path and the query.
        headers: all of them, with names in lower case.
        accept_key: what proves that we understood the request.
    """

    target: bytes
    headers: list[tuple[bytes, bytes]]
    accept_key: bytes

    def scope(self, root_path: str) -> dict[str, Any]:
        """What an ASGI scope says of the request."""
        raw_path, _, query = self.target.partition(b"?")
        protocols = [value for name, value in self.headers if name == b"sec-websocket-protocol"]
        path = raw_path.decode("ascii")
        return {
            "type": "websocket",
            "http_version": "1.1",
            "root_path": root_path,
            "path": root_path + (unquote(path) if "%" in path else path),
            "raw_path": root_path.encode("ascii") + raw_path,
            "query_string": query,
            "headers": self.headers,
            "subprotocols": _split(protocols) if protocols else [],
        }


def find_opening(data: bytes) -> Opening | None:
    """Reads the opening handshake with which a connection begins, if the data are one and nothing else.

    Returns:
        What it asks. None for another request, one that is not whole, and one that is for an HTTP protocol to
        judge or to refuse.
    """
    plain = _PLAIN_HEAD.fullmatch(data) if len(data) <= MAX_PLAIN_BYTES else None
    if plain is None:
        return None
    headers = _read_headers(plain[2].split(b"\r\n")[:-1])
    first = dict(reversed(headers))
    options = first.get(b"connection", b"").lower().replace(b" ", b"").split(b",")
    if first.get(b"upgrade", b"").lower() != b"websocket" or b"upgrade" not in options:
        return None
    if not has_one_host(headers, "1.1"):
        return None
    try:
        return None if _BODY & first.keys() else Opening(plain[1], headers, _answer(headers, first))
    except OpeningRefused:
        return None


def read_opening(data: bytes) -> Opening:
    """Reads the head of a request, whole and valid HTTP.

    Raises:
        OpeningRefused: it isn't the opening handshake of a WebSocket of version 13.
    """
    request, *lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    headers = _read_headers(lines)
    key = _answer(headers, dict(reversed(headers)))
    target, _, version = request.partition(b" ")[2].rpartition(b" ")
    if not request.startswith(b"GET "):
        raise OpeningRefused(400, (), _EXPECTED)
    if version != b"HTTP/1.1":  # what comes after it has no such line
        raise OpeningRefused(400, (), _NOT_1_1)
    return Opening(take_authority(target, headers), headers, key)


def _read_headers(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower(), value.strip(b" \t")) for line in lines for name, _, value in [line.partition(b":")]
    ]


def _split(values: list[bytes]) -> list[str]:
    """The elements of a header that may have come in several lines."""
    names = [name.strip() for name in b",".join(values).decode("latin-1").split(",")]
    return [name for name in names if name]


def _answer(headers: list[tuple[bytes, bytes]], first: dict[bytes, bytes]) -> bytes:
    """Checks the headers of an opening handshake; returns its `accept_key`. Source: RFC 6455, 4.2.2.

    Args:
        headers: all of them, with names in lower case.
        first: of each header the first.
    """
    if len(first) < len(headers) and sum(name in _ONLY_ONCE for name, _ in headers) > len(_ONLY_ONCE):
        raise OpeningRefused(400, (), _TWICE)
    if first.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in first:
        raise OpeningRefused(400, (), _WITH_BODY)
    if first.get(b"sec-websocket-version") != b"13":
        raise OpeningRefused(426, [(b"Sec-WebSocket-Version", b"13")], b"expected WebSocket version 13")
    key = first.get(b"sec-websocket-key", b"")
    if not _KEY.fullmatch(key):
        raise OpeningRefused(400, (), _EXPECTED)
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False)


def make_head(status: int, headers: Pairs) -> bytes:
    """Makes the head of a response, with the empty line that ends it.

    Raises:
        ValueError: a header holds a line break.
    """
    lines = [_status_line(status), *map(b": ".join, headers), b"", b""]
    head, breaks = b"\r\n".join(lines), len(lines) - 1
    if head.count(b"\r") != breaks or head.count(b"\n") != breaks:
        raise ValueError("a header holds a line break")
    return head


@functools.cache
def _status_line(status: int) -> bytes:
    return b"HTTP/1.1 %d %b" % (status, http.HTTPStatus(status).phrase.encode())
