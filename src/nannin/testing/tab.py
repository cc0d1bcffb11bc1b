"""A browser's tab, as a test holds it: one session at a time, and the clients that share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from nannin.hub.client import client_of
from nannin.hub.connection import Connection
from nannin.testing.links import Wire
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_packet import Encoded, EnginePacketType, encode_message
from nannin.wire.socket_packet import Decoder, Packet, encode_packet

_MESSAGE: Final = EnginePacketType.MESSAGE.value
_MAX_ATTACHMENTS: Final = 1_000_000

# Opens a session; the functions are called with each packet that comes, and when the server ends the session.
OpenWire = Callable[[Callable[[Encoded], None], Callable[[DisconnectReason], None]], Wire]


class OnPage(Protocol):
    """A client of the tab: a connection to one page."""

    @property
    def connected(self) -> bool:
        """Whether it is on its page, as far as it knows."""

    def receive(self, packet: Packet) -> None:
        """A packet for its page has come."""

    def be_gone(self, reason: DisconnectReason) -> None:
        """It is not on its page any more."""


ClientT = TypeVar("ClientT", bound=OnPage)


class Tab(Generic[ClientT]):
    """The clients of one session.

    Args:
        open_wire: opens the session, the first and each later one.

    Attributes:
        clients: by page.
        is_open: whether there is a session.
    """

    def __init__(self, open_wire: OpenWire) -> None:
        self.clients: dict[str, ClientT] = {}
        self.is_open = False
        self._open_wire = open_wire
        self._gone: list[ClientT] = []  # the clients that left with the last session
        self._wire: Wire
        self._decoder: Decoder

    def open(self) -> None:
        """Opens a session."""
        self._decoder, self._gone, self.is_open = Decoder(_MAX_ATTACHMENTS), [], True
        self._wire = self._open_wire(self._receive, self._be_over)

    def reopen(self, client: ClientT) -> list[ClientT]:
        """Opens a session if there is none; returns the clients that have to join their pages again."""
        if self.is_open:
            return [client]
        back = [*self._gone]
        self.open()
        return back if client in back else [client, *back]

    def send(self, packet: Packet) -> None:
        """Sends a packet.

        Raises:
            TypeError, ValueError: its data can't be sent.
        """
        self._wire.send([encode_message(part) for part in encode_packet(packet)])

    def find_connection(self, page: str) -> Connection:
        """The server's end of the connection to a page."""
        return client_of(self._wire.session).connections[page]

    def close(self) -> None:
        """Ends the session cleanly."""
        if self.is_open:
            self._be_over(DisconnectReason.TRANSPORT_CLOSE)
            self._wire.close()

    def lose(self) -> None:
        """Ends it by breaking the link."""
        if self.is_open:
            self._be_over(DisconnectReason.TRANSPORT_ERROR)
            self._wire.lose()

    def vanish(self) -> None:
        """Breaks the link without the server seeing it."""
        if self.is_open:
            self._be_over(DisconnectReason.PING_TIMEOUT)
            self._wire.vanish()

    def _receive(self, encoded: Encoded) -> None:
        if isinstance(encoded, str) and encoded[:1] != _MESSAGE:
            return  # OPEN, NOOP: nothing that a test would look at
        packet = self._decoder.receive(encoded if isinstance(encoded, bytes) else encoded[1:])
        if packet is not None:
            self.clients[packet.namespace].receive(packet)

    def _be_over(self, reason: DisconnectReason) -> None:
        self.is_open = False
        self._gone = [client for client in self.clients.values() if client.connected]
        for client in self._gone:
            client.be_gone(reason)
