"""Which web origins may connect, and what CORS says to them.

A browser names the page's origin in every WebSocket handshake and cross-origin request. Other programs name
none or lie, so the check protects visitors from foreign pages, and from nothing else.

Source: RFC 6454; the Fetch standard, "CORS protocol".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

Headers = list[tuple[bytes, bytes]]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def find_header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The first header of this lower-case name, or an empty text."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return ""


def is_allowed(origin: str, host: str, allow_origins: Collection[str]) -> bool:
    """Whether a page of this origin may connect.

    Args:
        origin: the Origin header; empty if the client sent none, which is allowed.
        host: the Host header: what the client calls this server.
        allow_origins: origins that are allowed by name, or `*` for all but `null`.

    The server's own origin may always connect. So may any loopback origin if the client calls the server by a
    loopback name: that is a developer who tries it out.
    """
    if not origin or origin in allow_origins:
        return origin != "null"
    try:
        parts, own = urlsplit(origin), urlsplit(f"//{host}")
        default_port = _DEFAULT_PORTS.get(parts.scheme)
        if default_port is None or parts.hostname is None:
            return False
        # The scheme is not compared: a proxy that ends TLS makes http out of https.
        same_port = (parts.port or default_port) == (own.port or default_port)
    except ValueError:
        return False
    if "*" in allow_origins or (parts.hostname == own.hostname and same_port):
        return True
    return parts.hostname in _LOOPBACK_NAMES and own.hostname in _LOOPBACK_NAMES


def cors_headers(origin: str) -> Headers:
    """The headers that let a page of this allowed origin read the answer."""
    if not origin:
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"Origin"),
    ]


def preflight_headers(origin: str, requested: str) -> Headers:
    """The headers that answer a preflight.

    Args:
        origin: an allowed origin.
        requested: the header names that the page wants to send.
    """
    headers = cors_headers(origin)
    if headers:
        headers += [
            (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
            (b"access-control-max-age", b"600"),
        ]
        if requested:
            headers.append((b"access-control-allow-headers", requested.encode("latin-1")))
    return headers
