"""Which web origins may connect, and what CORS says to them.

A browser names the page's origin in every WebSocket handshake and cross-origin request. Other programs name
none or lie, so the check protects visitors from foreign pages, and from nothing else.

Source: RFC 6454; the Fetch standard, "CORS protocol"; the WICG's draft "Private Network Access".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from nannin.list_kinds import Origins

Headers = list[tuple[bytes, bytes]]

# What a page has that came over no network: a file, a sandboxed frame, a document made by a script.
_NO_SITE = frozenset({"null", "file://"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Characters of an origin: a host has up to 253, a scheme and a port are beside it.
_MAX_NAMED = 280
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_LOOPBACK_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]*)?", re.IGNORECASE)


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
        allow_origins: origins that are allowed by name, or `*` for every one but `null`.

    The server's own origin may always connect. So may any loopback origin if the client calls the server by a
    loopback name: that is a developer who tries it out.
    """
    if not origin or origin in allow_origins or ("*" in allow_origins and origin != "null"):
        return True
    origin = _as_http(origin)
    if origin in map(_as_http, allow_origins):
        return True
    try:
        parts, own = urlsplit(origin), urlsplit(f"//{host}")
        default_port = _DEFAULT_PORTS.get(parts.scheme)
        if default_port is None or parts.hostname is None:
            return False
        # The scheme is not compared: a proxy that ends TLS makes http out of https.
        same_port = (parts.port or default_port) == (own.port or default_port)
    except ValueError:
        return False
    if parts.hostname == own.hostname and same_port:
        return True
    return parts.hostname in _LOOPBACK_NAMES and own.hostname in _LOOPBACK_NAMES


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names the client's own machine."""
    return _LOOPBACK_HOST.fullmatch(host) is not None


def _as_http(origin: str) -> str:
    """The origin with http(s) for ws(s): some native clients name the address of their WebSocket."""
    return f"http{origin[2:]}" if origin.startswith(("ws://", "wss://")) else origin


def advise(origin: str) -> str:
    """One line for the log on an origin that was refused, and what lets its pages in, if anything does."""
    if origin in _NO_SITE:
        return (
            f"a page of origin {origin} may not connect: it is a file or a sandboxed frame; "
            "serve it over http, for example with: python3 -m http.server"
        )
    try:
        named = Origins().check_part(origin)
    except ValueError:
        named = ""
    if "://" not in named or len(named) > _MAX_NAMED:
        return f"pages of {origin!r:.80} may not connect: this is not an origin that a browser sends"
    return f"pages of {origin} may not connect; --allow-origins {named} lets them in"


def cors_headers(origin: str) -> Headers:
    """The headers that let a page of this allowed origin read the answer."""
    if not origin:
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"Origin"),
    ]


def preflight_headers(origin: str, requested: str, *, private_network: bool = False) -> Headers:
    """The headers that answer a preflight.

    Args:
        origin: an allowed origin.
        requested: the header names that the page wants to send.
        private_network: whether the browser asks if a page of the internet may reach this private address.
    """
    headers = cors_headers(origin)
    if headers:
        headers += [
            (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
            (b"access-control-max-age", b"600"),
        ]
        if requested:
            headers.append((b"access-control-allow-headers", requested.encode("latin-1")))
        if private_network:
            headers.append((b"access-control-allow-private-network", b"true"))
    return headers
