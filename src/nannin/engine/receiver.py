"""What a WebSocket tells the session that it carries, on every server alike."""

from __future__ import annotations

from typing import Protocol, TypeVar

from nannin.wire.disconnect_reason import DisconnectReason

LinkT_contra = TypeVar("LinkT_contra", contravariant=True)


class Receiver(Protocol[LinkT_contra]):
    """Takes what arrives over a WebSocket, and is told how its client reads."""

    def receive(self, link: LinkT_contra, message: str | bytes) -> None:
        """A message arrived."""

    def receive_others(self, link: LinkT_contra, count: int) -> None:
        """So many pings and pongs of WebSocket arrived."""

    def lose(self, link: LinkT_contra, *, clean: bool) -> None:
        """The connection is gone, once and for good; cleanly, if the client sent a close frame."""

    def block(self, link: LinkT_contra) -> None:
        """The client reads too slowly: something that was written still waits here."""

    def drain(self, link: LinkT_contra) -> None:
        """Nothing waits any more."""

    def stop(self, link: LinkT_contra) -> None:
        """It is being closed by itself, and nothing may be written any more; `lose` follows."""

    def refuse(self, link: LinkT_contra, reason: DisconnectReason) -> None:
        """The client broke a rule of WebSocket, and the connection ends; `lose` doesn't follow."""

    def overflow(self, link: LinkT_contra) -> None:
        """More waits than may; the link is to be closed."""
