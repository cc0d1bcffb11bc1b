"""Encodes what is sent: packets, events, and the words of an update in each of its variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from nannin.access.connect import Format
from nannin.audience.roster import Count
from nannin.wire import socket_packet
from nannin.wire.engine_packet import Encoded, encode_message
from nannin.wire.outgoing import Outgoing
from nannin.wire.socket_packet import Packet, PacketType, encode_plain_event

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


def add_text(event: Outgoing, text: str) -> Outgoing:
    """The event with one more argument, without encoding its others again.

    Args:
        event: an encoded event; its first packet ends with the list of its name and its arguments.
        text: the argument.
    """
    first, *attachments = event.packets
    assert isinstance(first, str)
    return Outgoing([f"{first[:-1]},{msgspec.json.encode(text).decode()}]", *attachments])


def add_number(event: Outgoing, page: str, number: int) -> Outgoing:
    """The event with the number of the ack that it wants.

    Args:
        event: an encoded event without one.
        page: its page's key.
        number: what the ack will repeat.
    """
    first, *attachments = event.packets
    assert isinstance(first, str)
    at = first.index("[") if page == "/" else first.index(f"{page},") + len(page) + 1
    return Outgoing([f"{first[:at]}{number}{first[at:]}", *attachments])


@dataclass(frozen=True, eq=False, slots=True)
class Variant:
    """One way to tell a count. Two variants are equal if they are the same object, which makes a quick key.

    Attributes:
        events: the names of its events.
        words: the event's name and argument for a page, its count, and whether the update tells of joins
            rather than of leaves.
        part: what of a count it tells; a client that has heard this part is not told it again.
    """

    events: frozenset[str]
    words: Callable[[str, Count, bool], tuple[str, Any]]
    part: Callable[[Count], object]


# What a client asks for with `updates`, and the variant it is told; a format without a row is told nothing.
VARIANTS: Mapping[Format, Variant] = {
    # The pair of the sample of 2011.
    Format.CLASSIC: Variant(
        events=frozenset({"user connected", "user disconnected"}),
        words=lambda page, count, joined: (
            "user connected" if joined else "user disconnected",
            count.visitors,
        ),
        part=lambda count: count.visitors,
    ),
    Format.AUDIENCE: Variant(
        events=frozenset({"audience"}),
        words=lambda page, count, joined: (
            "audience",
            {"page": page, **count.as_dict()},
        ),
        part=lambda count: count,
    ),
}


def encode_update(variant: Variant, page: str, count: Count, *, joined: bool) -> Outgoing:
    """Encodes an update.

    Args:
        variant: which words it has.
        page: the page's key.
        count: what is told.
        joined: whether it tells of joins rather than of leaves; some variants say so.
    """
    return Outgoing([encode_words(variant, page, count, joined=joined)])


def encode_words(variant: Variant, page: str, count: Count, *, joined: bool) -> Encoded:
    """The packet of an update, for whoever sends it with others; the arguments are `encode_update`'s."""
    return encode_message(encode_plain_event(page, variant.words(page, count, joined)))
