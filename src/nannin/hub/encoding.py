"""The words of an update: how a page's count is told to the clients on it."""

from __future__ import annotations

from typing import Any

from nannin.access.connect import Format
from nannin.audience.roster import Count
from nannin.wire import socket_packet
from nannin.wire.engine_packet import encode_message
from nannin.wire.outgoing import Outgoing
from nannin.wire.socket_packet import Packet, PacketType

# Maximum attachments of a packet: the official client disconnects when a packet has more.
# Source: socket.io-parser, the option `maxAttachments` of its decoder.
MAX_ATTACHMENTS = 10


def encode_packet(packet: Packet) -> Outgoing:
    """Encodes a packet and its attachments, each as a message.

    Raises:
        TypeError, ValueError: as `wire.socket_packet.encode_packet`.
        ValueError: the packet has more attachments than clients take.
    """
    parts = socket_packet.encode_packet(packet)
    attachments = len(parts) - 1
    if attachments > MAX_ATTACHMENTS:
        limit = f"expected at most {MAX_ATTACHMENTS} binary values, the limit of clients, not {attachments}"
        raise ValueError(f"{limit}: send several events, or join the values into one")
    return Outgoing([encode_message(part) for part in parts])


def encode_event(page: str, event: str, arguments: tuple[Any, ...]) -> Outgoing:
    """Encodes an event, once for all who get it.

    Raises:
        TypeError, ValueError: as `wire.socket_packet.encode_packet`.
    """
    return encode_packet(Packet(PacketType.EVENT, page, [event, *arguments]))


def encode_update(form: Format, page: str, count: Count, *, joined: bool) -> Outgoing:
    """Encodes an update.

    Args:
        form: CLASSIC or AUDIENCE.
        page: the page's key.
        count: what is told.
        joined: whether it tells of joins rather than of leaves; only CLASSIC makes the difference.
    """
    if form is Format.AUDIENCE:
        return encode_event(page, "audience", ({"page": page, **count._asdict()},))
    return encode_event(page, "user connected" if joined else "user disconnected", (count.visitors,))
