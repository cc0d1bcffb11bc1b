"""What a session asks of the transports that carry it, and how it refuses a request of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from nannin.engine.receiver import Receiver
from nannin.wire.engine_limits import Limits
from nannin.wire.engine_packet import Encoded
from nannin.wire.engine_request import Refusal
from nannin.wire.outgoing import Outgoing

# The extension of a scope with which a server offers its WebSocket for direct writes, as `link`.
EXTENSION = "nannin.direct"


class Link(Protocol):
    """The server's end of one WebSocket."""

    @property
    def blocked(self) -> bool:
        """Whether something that was written still waits here."""

    @property
    def descriptor(self) -> int:
        """Of the socket that takes frames as they are while nothing waits here; -1 if there is none."""

    def write(self, outgoing: Outgoing) -> None:
        """Sends each packet as a message of its own, in order, without blocking."""

    def write_newest(self, key: str, outgoing: Outgoing) -> None:
        """As `write`; while the client can't take more, only the newest of each key waits."""

    def forget_newest(self, key: str) -> None:
        """Takes back what waits under this key."""

    def read_on(self, on: bool) -> None:
        """Goes on reading from the client, or stops. What was read already may still be received."""

    def close(self, code: int) -> None:
        """Closes the WebSocket after what was written. It is never called once the WebSocket is lost."""


class DirectLink(Link, Protocol):
    """A WebSocket that needs no task of the app once it has a receiver."""

    def begin(self, subprotocol: str | None) -> None:
        """Accepts the opening handshake; the answer goes out with what is written first.

        It is for an app that is not called: one that is called accepts by ASGI's message.
        """

    def deny(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Answers the opening handshake with another HTTP response, for an app that was not called."""

    def attach(self, receiver: Receiver[Link], limits: Limits) -> None:
        """Gives it to a receiver, within whose limits it is from now on."""


class Poll(Protocol):
    """A GET that waits for its answer."""

    @property
    def comes_back(self) -> bool:
        """Whether its client is known to come back by itself after a close packet."""

    def answer(self, packets: Sequence[Encoded]) -> None:
        """Answers the GET with these packets."""


def retry_headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """The headers that say when to come back, where a refusal is not for ever."""
    seconds = refusal.retry_after_s
    headers = [] if seconds is None else [(b"retry-after", str(seconds).encode())]
    # The next server gets another connection.
    return [*headers, (b"connection", b"close")] if refusal is Refusal.STOPPING else headers


class RequestRefused(Exception):
    """The request in hand is refused.

    Attributes:
        refusal: how to answer it.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value[1])
        self.refusal = refusal
