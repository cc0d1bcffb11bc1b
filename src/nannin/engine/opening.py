"""The opening handshake of a WebSocket: what the client asks, and the head of what we answer.

Our HTTP protocol hands over the request as it has parsed it, and `check_opening` judges that. uvicorn's own
protocols hand over the head as bytes, whole and valid, which `read_opening` reads first. `websockets` gets
neither: its parser would keep the whole request for as long as the connection lives.

Source: RFC 6455, 4.
"""

from __future__ import annotations

import functools
import http
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from websockets.utils import accept_key

from nannin.engine.asgi_side import Pairs

# 16 random bytes in base64. Source: RFC 6455, 4.1.
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")


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


@dataclass(frozen=True, slots=True)
class Opening:
    """What a client asks with its opening handshake.

    Attributes:
        target: the path and the query.
        headers: all of them, with names in lower case.
        accept_key: what proves that we understood the request.
    """

    target: bytes
    headers: list[tuple[bytes, bytes]]
    accept_key: str

    def scope(self, root_path: str) -> dict[str, Any]:
        """What an ASGI scope says of the request."""
        raw_path, _, query = self.target.partition(b"?")
        protocols = b",".join(value for name, value in self.headers if name == b"sec-websocket-protocol")
        names = [name.strip() for name in protocols.decode("latin-1").split(",")]
        return {
            "type": "websocket",
            "http_version": "1.1",
            "root_path": root_path,
            "path": root_path + unquote(raw_path.decode("ascii")),
            "raw_path": root_path.encode("ascii") + raw_path,
            "query_string": query,
            "headers": self.headers,
            "subprotocols": [name for name in names if name],
        }


def read_opening(data: bytes) -> Opening:
    """Reads the head of a request, whole and valid HTTP.

    Raises:
        OpeningRefused: it isn't the opening handshake of a WebSocket of version 13.
    """
    request, *lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    headers = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]
    method, _, rest = request.partition(b" ")
    return check_opening(method, rest.rpartition(b" ")[0], headers)


def check_opening(method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]) -> Opening:
    """Checks a request that an HTTP parser has read.

    Args:
        method: its method.
        target: the path and the query.
        headers: all of them, with names in lower case.

    Raises:
        OpeningRefused: as `read_opening`.
    """
    first = dict(reversed(headers))
    if first.get(b"sec-websocket-version", b"").strip() != b"13":
        raise OpeningRefused(426, [(b"Sec-WebSocket-Version", b"13")], b"expected WebSocket version 13")
    key = first.get(b"sec-websocket-key", b"").strip()
    if method != b"GET" or not _KEY.fullmatch(key):
        raise OpeningRefused(400, (), b"expected the opening handshake of a WebSocket")
    return Opening(target, headers, accept_key(key.decode("latin-1")))


def make_head(status: int, headers: Pairs) -> bytes:
    """Makes the head of a response, with the empty line that ends it.

    Raises:
        ValueError: a header holds a line break.
    """
    lines = [_status_line(status)]
    lines += [name + b": " + value for name, value in headers]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise ValueError("a header holds a line break")
    return b"\r\n".join(lines) + b"\r\n\r\n"


@functools.cache
def _status_line(status: int) -> bytes:
    return b"HTTP/1.1 %d %b" % (status, http.HTTPStatus(status).phrase.encode())
