"""One Engine.IO path as an ASGI app: it checks the origin, reads the query, and picks the transport."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from nannin.access.gate import Gate
from nannin.access.origin import cors_headers, find_header, preflight_headers
from nannin.engine.at_once import AtOnce
from nannin.engine.engine import Engine
from nannin.engine.link import DirectLink
from nannin.engine.misdirected import refuse_host
from nannin.engine.polling import refuse, respond, serve_polling
from nannin.engine.websocket import open_websocket, serve_websocket
from nannin.wire.engine_request import EngineRequest, Refusal, read_request


class Endpoint:
    """Serves an engine over polling and WebSocket.

    Args:
        engine: whose sessions are served.
        gate: which requests are for this server, and whose pages may make them.
    """

    def __init__(self, engine: Engine, gate: Gate) -> None:
        self._engine = engine
        self._gate = gate
        self._at_once = AtOnce()

    def open_websocket(self, scope: Scope, link: DirectLink) -> bool:
        """Opens a session over a WebSocket at once; False if this is to be called instead."""
        request = read_request("GET", scope["query_string"], websocket=True)
        if not isinstance(request, EngineRequest) or request.sid is not None or self._engine.is_stopping:
            return False
        if not self._gate.admits(scope):
            return False
        open_websocket(self._engine, scope, link)
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request or WebSocket."""
        websocket = scope["type"] == "websocket"
        method = "GET" if websocket else scope["method"]
        if (foreign := self._gate.turn_away_host(scope)) is not None:
            await refuse_host(scope, send, foreign)
            return
        origin = find_header(scope["headers"], b"origin")
        allowed = self._gate.admits_page(scope["headers"])
        request = read_request(method, scope["query_string"], websocket=websocket)
        if not allowed:
            request = Refusal.FORBIDDEN
            self._gate.turn_away_page(scope["headers"])
        elif isinstance(request, Refusal):
            if method != "OPTIONS":
                self._turn_away(request)
        elif request.sid is None and self._engine.is_stopping:
            request = Refusal.STOPPING
        elif (
            request.sid is not None
            and request.sid not in self._engine.sessions
            and not self._engine.is_stopping  # else it was told to come back, and asks whether it was meant
        ):
            self._turn_away(Refusal.SESSION_UNKNOWN)
        if websocket:
            await serve_websocket(self._engine, self._at_once, request, scope, receive, send)
            return
        headers = cors_headers(origin) if allowed else [(b"vary", b"Origin")]
        if method == "OPTIONS" and allowed:
            requested = find_header(scope["headers"], b"access-control-request-headers")
            private = find_header(scope["headers"], b"access-control-request-private-network") == "true"
            preflight = preflight_headers(origin, requested, private_network=private)
            await respond(send, 204, b"", preflight)
        elif isinstance(request, Refusal):
            await refuse(send, request, headers)
        else:
            await serve_polling(self._engine, self._at_once, request, scope, receive, send, headers)

    async def refuse_first_protocol(self, scope: Scope, send: Send) -> None:
        """Answers a client of Socket.IO 0.7 to 0.9, whose handshake is a request for `/socket.io/1/`."""
        self._turn_away(Refusal.TRANSPORT_UNKNOWN)
        headers = scope["headers"]
        headers = cors_headers(find_header(headers, b"origin")) if self._gate.admits_page(headers) else []
        await respond(send, 400, _FIRST_PROTOCOL, headers, (b"content-type", b"application/json"))

    def _turn_away(self, refusal: Refusal) -> None:
        """Tallies a request; the log says once of each kind of refusal what to do about it."""
        self._engine.refuse_request(refusal)
        if refusal in _REMEDIES:
            self._engine.warn_once(refusal.name, "a client was refused: %s", _REMEDIES[refusal])


class FirstProtocol:
    """The path of the protocol before Engine.IO, as an ASGI app.

    Args:
        endpoint: answers in its place.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses one request."""
        await self._endpoint.refuse_first_protocol(scope, send)


# The clients of that time show the body of an answer as their error.
_FIRST_PROTOCOL = (
    b'{"code":0,"message":"Transport unknown: this client is of Socket.IO 0.9 or before; '
    b'update it to socket.io-client 3 or newer"}'
)
_REMEDIES = {
    Refusal.UNSUPPORTED_VERSION: (
        "it asked for another version of the Engine.IO protocol than 4. "
        "Clients of Socket.IO 2 and before do so: update them to socket.io-client 3 or newer"
    ),
    Refusal.TRANSPORT_UNKNOWN: (
        "it asked for another transport than polling and websocket. "
        "Clients of Socket.IO 0.9 do so: update them to socket.io-client 3 or newer"
    ),
    Refusal.SESSION_UNKNOWN: (
        "it asked for a session that this process does not have. After a restart clients come back by "
        "themselves; if it goes on, several processes serve them that know nothing of each other: run one "
        "`nannin serve`, which can have --workers"
    ),
}
