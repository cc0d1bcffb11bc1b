"""A session as the application sees it, and what an application is."""

from __future__ import annotations

import abc
from typing import Any, Protocol

from nannin.engine.handshake import Handshake
from nannin.engine.link import Link
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_packet import encode_message
from nannin.wire.outgoing import Outgoing


class Application(Protocol):
    """What an Engine.IO server serves: three plain calls, which must not block."""

    def open(self, session: Session) -> None:
        """A session is open; it may be sent to from now on."""

    def message(self, session: Session, data: str | bytes) -> None:
        """A message arrived."""

    def close(self, session: Session, reason: DisconnectReason) -> None:
        """The session ended, once and for good."""


class Session(abc.ABC):
    """One client's link, as the application sees it.

    An application needs `sid`, `data`, `handshake`, `send` and `close`. The other names are for code that
    sends to many sessions at once, as the Socket.IO layer does.

    Attributes:
        sid: its id.
        data: the application's own, None at first.
        handshake: the request that opened it. An application that does not need it any more can set it to
            None, which saves memory.
        number: its number in the table of descriptors; another session may have it after the end.
        link: the WebSocket in force; None while the client polls, and after the end.
        ended: whether the application was told of the session's end.
    """

    __slots__ = ("__weakref__", "data", "ended", "handshake", "link", "number", "sid")

    def __init__(self, sid: str, number: int, handshake: Handshake | None, link: Link | None) -> None:
        self.sid = sid
        self.number = number
        self.handshake = handshake
        self.link = link
        self.data: Any = None
        self.ended = False

    def send(self, data: str | bytes) -> None:
        """Sends one message. It never blocks; after the session's end it does nothing."""
        self.send_outgoing(Outgoing([encode_message(data)]))

    @abc.abstractmethod
    def close(self, reason: DisconnectReason = DisconnectReason.FORCED_CLOSE) -> None:
        """Ends the session from this side."""

    # For whoever sends to many

    @property
    @abc.abstractmethod
    def is_writable(self) -> bool:
        """Whether what is sent now leaves now: the WebSocket takes it, or a poll waits for it."""

    @abc.abstractmethod
    def send_outgoing(self, outgoing: Outgoing) -> None:
        """Sends messages that are encoded already."""

    @abc.abstractmethod
    def send_newest(self, key: str, outgoing: Outgoing) -> None:
        """Sends messages of which only the newest under this key matter; a slow client gets no other."""

    @abc.abstractmethod
    def forget_newest(self, key: str) -> None:
        """Takes back what still waits under this key."""

    # For whoever has more from its client than it can handle

    @property
    @abc.abstractmethod
    def reads(self) -> bool:
        """Whether messages are being read from the client."""

    @abc.abstractmethod
    def read_on(self, on: bool) -> None:
        """Goes on reading from the client, or stops, so that what it sends waits with the client.

        What was read already may still arrive. While a ping is under way everything is read all the same:
        its answer comes after what the client sent before.
        """

    @abc.abstractmethod
    def forgive(self) -> None:
        """Takes back what the message in hand has cost of the client's budget: it is limited otherwise."""

    @abc.abstractmethod
    def allow(self, seconds: float) -> None:
        """Ends the session in so many seconds unless it is called again; infinity takes that back."""
