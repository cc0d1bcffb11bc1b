"""The words of an update: how a page's count is told to the clients on it."""

from __future__ import annotations

from typing import Any

from nannin.access.connect import Format
from nannin.audience.roster import Count
from nannin.wire.engine_packet import encode_message
from nannin.wire.outgoing import Outgoing
from nannin.wire.socket_packet import Packet, PacketType, encode


def encode_packet(packet: Packet) -> Outgoing:
    """Encodes a packet and its attachments, each as a message.

    Raises:
        TypeError, ValueError: as `wire.socket_packet.encode`.
    """
    return Outgoing([encode_message(part) for part in encode(packet)])


def encode_event(page: str, event: str, arguments: tuple[Any, ...]) -> Outgoing:
    """Encodes an event, once for all who get it.

    Raises:
        TypeError, ValueError: as `wire.socket_packet.encode`.
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
