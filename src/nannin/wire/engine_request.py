"""What an Engine.IO request asks for, and every refusal that the protocol names.

Source: Engine.IO protocol, 4th revision, "Query parameters"; the codes and messages of the error bodies are
the reference server's.
"""

from __future__ import annotations

import enum
import functools
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec

PROTOCOL = "4"
# What a client of an older version needs. The message stays as the reference server has it.
_REMEDY = "update the client to socket.io-client 3 or newer, which asks for EIO=4"
_MAX_PARAMETERS = 50
# Seconds after which somebody who was over a limit is told to come back.
RETRY_AFTER_S = 5
# Seconds after which there may be another server in place of one that stops.
NEXT_SERVER_S = 2
# Maximum bytes of a query that is read once for all clients that send the same, as most that come do.
_MAX_CACHED_BYTES = 64


class Refusal(enum.Enum):
    """Why a request is refused: the number and the message of its JSON body.

    The reference server knows all but the last two. Any answer to a handshake but 200 has a client try again.
    """

    TRANSPORT_UNKNOWN = (0, "Transport unknown")
    SESSION_UNKNOWN = (1, "Session ID unknown")
    BAD_HANDSHAKE_METHOD = (2, "Bad handshake method")
    BAD_REQUEST = (3, "Bad request")
    FORBIDDEN = (4, "Forbidden")
    UNSUPPORTED_VERSION = (5, "Unsupported protocol version")
    TOO_MANY_REQUESTS = (6, "Too many requests")
    STOPPING = (7, "Server stopping")

    @property
    def http_status(self) -> int:
        """403 for FORBIDDEN, 429 for TOO_MANY_REQUESTS, 503 for STOPPING, 400 for all others."""
        return _STATUSES.get(self, 400)

    @property
    def retry_after_s(self) -> int | None:
        """Seconds after which the same request may be answered; None where it never will be."""
        return _RETRY_AFTER_S.get(self)

    @property
    def body(self) -> bytes:
        """The JSON body of the answer."""
        code, message = self.value
        remedy = {"remedy": _REMEDY} if self is Refusal.UNSUPPORTED_VERSION else {}
        return msgspec.json.encode({"code": code, "message": message, **remedy})


_STATUSES = {Refusal.FORBIDDEN: 403, Refusal.TOO_MANY_REQUESTS: 429, Refusal.STOPPING: 503}
_RETRY_AFTER_S = {Refusal.TOO_MANY_REQUESTS: RETRY_AFTER_S, Refusal.STOPPING: NEXT_SERVER_S}


class Transport(enum.Enum):
    """The transports of the protocol; the value is the query parameter's."""

    POLLING = "polling"
    WEBSOCKET = "websocket"


class EngineRequest(NamedTuple):
    """A request that makes sense: its transport, and its session's sid, or None for a handshake."""

    transport: Transport
    sid: str | None


def read_request(method: str, query_string: bytes, *, websocket: bool) -> EngineRequest | Refusal:
    """Reads a request's method and query.

    Args:
        method: the HTTP method in capitals; GET for a WebSocket.
        query_string: what follows the question mark, still percent-encoded.
        websocket: whether the request is a WebSocket's opening handshake.
    """
    if b"sid" in query_string or len(query_string) > _MAX_CACHED_BYTES:
        return _read(method, query_string, websocket)
    return _read_cached(method, query_string, websocket)


def _read(method: str, query_string: bytes, websocket: bool) -> EngineRequest | Refusal:
    try:
        pairs = _pairs(query_string.decode("ascii"))
    except ValueError:
        return Refusal.BAD_REQUEST
    query = dict(reversed(pairs))  # of a parameter given twice the first counts
    try:
        transport = Transport(query.get("transport"))
    except ValueError:
        return Refusal.TRANSPORT_UNKNOWN
    if query.get("EIO") != PROTOCOL:
        return Refusal.UNSUPPORTED_VERSION
    if (transport is Transport.WEBSOCKET) is not websocket:
        return Refusal.BAD_REQUEST
    sid = query.get("sid") or None  # an empty one asks for a handshake, as with the reference server
    if sid is None and method != "GET":
        return Refusal.BAD_HANDSHAKE_METHOD
    if method not in ("GET", "POST"):
        return Refusal.BAD_REQUEST
    return EngineRequest(transport, sid)


def _pairs(query: str) -> list[tuple[str, str]]:
    """The parameters of a query.

    Raises:
        ValueError: there are too many.
    """
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    fields = query.split("&")
    if len(fields) > _MAX_PARAMETERS:
        raise ValueError
    return [(name, value) for name, _, value in (field.partition("=") for field in fields if field)]


_read_cached = functools.lru_cache(maxsize=64)(_read)
