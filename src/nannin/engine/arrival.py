"""A connection that has just been accepted: what comes first decides who reads it.

Most of what comes first is the opening handshake of a WebSocket, in one piece. `DirectWebSocket` takes that
over at once. Everything else is HTTP, whose protocol has much more to set up: a parser, and limits on what it
parses.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.direct import DirectWebSocket
from nannin.engine.handover import hand_over
from nannin.engine.http import LimitedHttp, refuse
from nannin.engine.neighbours import Neighbours, find_target
from nannin.engine.opening import find_opening
from nannin.engine.patience import Patience
from nannin.engine.turned_away import Door, GivesWay, say_full
from nannin.settings import Settings

# The first byte of a TLS handshake, with which no HTTP request begins. Source: RFC 8446, 5.1.
_TLS_HANDSHAKE: Final = 22
_NOT_HTTPS: Final = b"This port speaks http, not https: begin the address with http://.\r\n"
_ANSWER_TO_TLS: Final = (
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_NOT_HTTPS), _NOT_HTTPS)
)


class Arrival(asyncio.Protocol, GivesWay):
    """One connection until its first bytes. Give uvicorn the class: `http=`.

    Args:
        door: judges the connection before that; None lets it in.

    Attributes:
        http: reads what is not a WebSocket's opening handshake; its `head_timeout_s` begins here.
        transport: the connection's.
    """

    __slots__ = ("_app_state", "_config", "_door", "_is_last", "_patience", "_state", "_until_s", "transport")

    _patience: Patience
    transport: asyncio.Transport

    http: ClassVar[type[LimitedHttp]] = LimitedHttp

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        door: Door | None = None,
    ) -> None:
        self._door = door
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._until_s = 0.0
        self._is_last = False  # whether the server stops: what comes first is answered, and nothing after it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is accepted; something has to come in time."""
        self.transport = transport  # type: ignore[assignment]
        self._state.connections.add(self)  # type: ignore[arg-type]
        if self._door is not None and not self._door.admits(self.transport):
            self._state.connections.discard(self)
            return
        loop = asyncio.get_running_loop()
        self._until_s = loop.time() + self.http.head_timeout_s
        self._patience = Patience(loop, self._until_s, refuse, self.transport, 408)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went away without a word."""
        self._leave()

    def data_received(self, data: bytes) -> None:
        """The first bytes arrived: whoever knows what they are takes the connection over."""
        self._leave()
        if data[0] == _TLS_HANDSHAKE:
            self._refuse_tls()
            return
        stays, neighbours = False, self.http.neighbours
        if neighbours is not None:
            stays, mark = find_target(data, neighbours)
            connections = self._state.connections
            if mark is not None and hand_over(self.transport, neighbours, mark, data, connections):
                return
        self._begin(data, stays=stays)

    def _refuse_tls(self) -> None:
        """Says that this is not https. The client shows an error of TLS, and its log may have our words."""
        AT_THE_DOOR.add_and_tell(
            Refusal.HTTP,
            "a client spoke https to a port that speaks http: begin the address with http://, or set "
            "ssl_certfile and ssl_keyfile; behind a proxy that speaks https, let it speak http to nannin",
        )
        self.transport.write(_ANSWER_TO_TLS)
        self.transport.close()

    def resume(self, data: bytes, hops: int) -> None:
        """Goes on with what another process has read, and handed over: this one answers it in any case."""
        self._leave()
        self._begin(data, stays=True, hops=hops)

    def _begin(self, data: bytes, *, stays: bool, hops: int = 0) -> None:
        takes_websockets = self._config.ws_protocol_class is DirectWebSocket
        opening = find_opening(data) if takes_websockets else None
        if opening is not None and (
            len(opening.headers) > self.http.max_headers or len(data) > self.http.max_line_bytes
        ):
            opening = None  # its lines may be too long
        if opening is not None:
            websocket = DirectWebSocket(self._config, self._state, self._app_state)
            websocket.connection_made(self.transport)
            websocket.open(opening)
            if self._is_last:
                websocket.shutdown()
        else:
            http = self.http(self._config, self._state, self._app_state)
            http.stays, http.hops = stays, hops
            http.go_on(self.transport, self._until_s)
            if self._is_last:
                http.shutdown()
            http.data_received(data)

    def idle_since_s(self) -> float | None:
        """Since it was accepted; not before that was noted."""
        return self._until_s - self.http.head_timeout_s if self._until_s else None

    def give_way(self) -> None:
        """Closes it; a client that is about to send its request learns why."""
        self.transport.write(say_full())
        self.transport.close()

    def shutdown(self) -> None:
        """Called by uvicorn when the server stops: a request that is on its way is still answered."""
        self._is_last = True

    def _leave(self) -> None:
        self._patience.cancel()
        self._state.connections.discard(self)


def make_arrival(settings: Settings, others: Neighbours | None = None) -> type[Arrival]:
    """The class of connections within the limits of these settings.

    Args:
        settings: the settings.
        others: the processes that serve with this one, if there are any.
    """

    class SetHttp(LimitedHttp):
        neighbours = others
        head_timeout_s = settings.head_timeout
        body_timeout_s = settings.body_timeout
        max_headers = settings.max_headers
        max_line_bytes = settings.max_header_bytes

    class SetArrival(Arrival):
        __slots__ = ()

        http = SetHttp

    return SetArrival
