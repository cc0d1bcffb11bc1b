"""A client's end of one session, without a socket: a WebSocket, or polls that it keeps asking."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Final

from nannin.engine.engine import Engine
from nannin.engine.handshake import Handshake
from nannin.engine.link import RequestRefused
from nannin.engine.served_session import ServedSession
from nannin.testing.timing import StageTime
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_packet import CLOSE, PING, Encoded, EnginePacketType, encode_payload
from nannin.wire.outgoing import Outgoing

_PONG: Final = EnginePacketType.PONG.value
# The reason that each close code tells. Several share 1000; a client that answers pings sees one of those.
_REASONS: Final = {
    reason.close_code: reason
    for reason in (
        DisconnectReason.FORCED_CLOSE,
        DisconnectReason.PARSE_ERROR,
        DisconnectReason.TOO_LARGE,
        DisconnectReason.SLOW_CLIENT,
        DisconnectReason.SHUTTING_DOWN,
    )
}


class Wire(abc.ABC):
    """A client's end of one session.

    Args:
        engine: whose session it opens.
        time: the stage's.
        on_packet: called with each packet that reaches the client, but for pings, which it answers itself.
        on_closed: called when the server ends the session.

    Attributes:
        session: the server's end.
    """

    session: ServedSession

    def __init__(
        self,
        engine: Engine,
        time: StageTime,
        on_packet: Callable[[Encoded], None],
        on_closed: Callable[[DisconnectReason], None],
    ) -> None:
        self._engine = engine
        self._time = time
        self._on_packet = on_packet
        self._on_closed = on_closed
        self._hears = True

    @abc.abstractmethod
    def open(self, handshake: Handshake) -> None:
        """Opens the session with this request."""

    def send(self, encoded: Sequence[Encoded]) -> None:
        """Sends encoded packets that belong together."""
        if self._hears:
            self._time.run(lambda: self._send(encoded))

    def close(self) -> None:
        """Closes the link, as a tab does that is closed."""
        self._end(clean=True)

    def lose(self) -> None:
        """The link breaks, and the server sees that at once."""
        self._end(clean=False)

    def vanish(self) -> None:
        """The link breaks, and the server does not see it: nothing comes and nothing goes."""
        self._hears = False

    def receive(self, packet: Encoded) -> None:
        """The server sent a packet."""
        if packet == PING:
            self._time.call_soon(lambda: self.send([_PONG]))
        elif self._hears:
            self._on_packet(packet)

    def be_closed(self, reason: DisconnectReason) -> None:
        """The server ended the session."""
        if self._hears:
            self._hears = False
            self._on_closed(reason)

    def _end(self, *, clean: bool) -> None:
        if self._hears:
            self._hears = False
            self._time.run(lambda: self._lose(clean))

    @abc.abstractmethod
    def _send(self, encoded: Sequence[Encoded]) -> None:
        """Sends packets, as a part of the application."""

    @abc.abstractmethod
    def _lose(self, clean: bool) -> None:
        """Tells the engine that the link is gone."""


class WebSocketWire(Wire):
    """A WebSocket, which the handshake opens."""

    def open(self, handshake: Handshake) -> None:
        self._link = _Link(self)
        self.session = self._time.run(lambda: self._engine.open_by_websocket(self._link, handshake))

    def _send(self, encoded: Sequence[Encoded]) -> None:
        for packet in encoded:
            self.session.receive(self._link, packet)

    def _lose(self, clean: bool) -> None:
        self.session.lose(self._link, clean=clean)


class PollingWire(Wire):
    """Long-polling: a GET always waits, and what the client sends goes as a POST."""

    def open(self, handshake: Handshake) -> None:
        self.session, _ = self._time.run(lambda: self._engine.open_by_poll(handshake))
        self._poll: _Poll | None = None
        self._time.run(self.ask)

    def ask(self) -> None:
        """Sends the next GET."""
        if self._hears and self._poll is None:
            if self.session.sid in self._engine.sessions:
                poll = self._poll = _Poll(self)
                self.session.receive_poll(poll)
            else:
                self.be_closed(DisconnectReason.SHUTTING_DOWN)  # it is told nothing, so that it comes back

    def answer(self, packets: Sequence[Encoded]) -> None:
        """The server answered the GET."""
        self._poll = None
        for packet in packets:
            if packet == CLOSE:
                self.be_closed(DisconnectReason.FORCED_CLOSE)
            else:
                self.receive(packet)
        self._time.call_soon(self.ask)

    def _send(self, encoded: Sequence[Encoded]) -> None:
        body = encode_payload(encoded)
        try:
            self.session.receive_post()
            if len(body) > self._engine.limits.max_payload_bytes:
                self.session.receive_post_lost()
            else:
                self.session.receive_payload(body)
        except RequestRefused:
            self.be_closed(DisconnectReason.PARSE_ERROR)

    def _lose(self, clean: bool) -> None:
        if clean:
            self._send([CLOSE])
        elif self._poll is not None:
            self.session.receive_poll_lost(self._poll)


class _Link:
    """The server's end of the WebSocket."""

    blocked: Final = False
    descriptor: Final = -1

    def __init__(self, wire: WebSocketWire) -> None:
        self._wire = wire

    def write(self, outgoing: Outgoing) -> None:
        for packet in outgoing.packets:
            self._wire.receive(packet)

    def write_newest(self, key: str, outgoing: Outgoing) -> None:
        self.write(outgoing)

    def forget_newest(self, key: str) -> None:
        pass  # nothing ever waits

    def read_on(self, on: bool) -> None:
        pass  # what a client sends has arrived at once

    def close(self, code: int) -> None:
        self._wire.be_closed(_REASONS[code])


class _Poll:
    """A GET that waits."""

    comes_back = False

    def __init__(self, wire: PollingWire) -> None:
        self._wire = wire

    def answer(self, packets: Sequence[Encoded]) -> None:
        self._wire.answer(packets)
