"""Engine.IO v4 packets, and the payloads that carry several of them over HTTP.

An encoded packet is a `str` that starts with its type's digit, or `bytes`, which is a binary message and
travels as it is over WebSocket and as base64 over polling.

Source: Engine.IO protocol, 4th revision, "Packet encoding".
"""

from __future__ import annotations

import base64
import binascii
import enum
import functools
from collections.abc import Sequence
from typing import NamedTuple

from nannin.errors import PacketError

SEPARATOR = "\x1e"
BINARY_PREFIX = "b"

Encoded = str | bytes


class SharedBinary(bytes):
    """A binary message that may go to many clients: what stands for it in a payload is made once for all."""

    @functools.cached_property
    def in_payload(self) -> str:
        """The message as a payload holds it: base64 after the binary prefix."""
        return _encode_binary(self)


class EnginePacketType(enum.Enum):
    """The types of the protocol; the value is the digit on the wire."""

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    MESSAGE = "4"
    UPGRADE = "5"
    NOOP = "6"


class EnginePacket(NamedTuple):
    """One packet: `data` is text for every type, and bytes for a binary MESSAGE only."""

    type: EnginePacketType
    data: str | bytes = ""


# A dictionary of the seven ASCII digits: str.isdigit() would let other scripts' digits through.
_TYPES = {kind.value: kind for kind in EnginePacketType}

CLOSE: str = EnginePacketType.CLOSE.value
PING: str = EnginePacketType.PING.value
NOOP: str = EnginePacketType.NOOP.value
PROBE_ANSWER: str = EnginePacketType.PONG.value + "probe"


def encode_message(data: str | bytes) -> Encoded:
    """Makes a MESSAGE packet of what the application sends."""
    return EnginePacketType.MESSAGE.value + data if isinstance(data, str) else data


def decode_packet(encoded: Encoded) -> EnginePacket:
    """Reads one packet as it arrives in a WebSocket message.

    Raises:
        PacketError: the packet is empty or its type is not one of the protocol's.
    """
    if isinstance(encoded, bytes):
        return EnginePacket(EnginePacketType.MESSAGE, encoded)
    kind = _TYPES.get(encoded[:1])
    if kind is None:
        raise PacketError(f"expected a packet type from 0 to 6, not {encoded[:1]!r}")
    return EnginePacket(kind, encoded[1:])


def encode_payload(packets: Sequence[Encoded]) -> bytes:
    """Joins encoded packets into the body of one HTTP response."""
    return SEPARATOR.join(map(_in_payload, packets)).encode()


def _in_payload(packet: Encoded) -> str:
    if isinstance(packet, str):
        return packet
    return packet.in_payload if isinstance(packet, SharedBinary) else _encode_binary(packet)


def _encode_binary(packet: bytes) -> str:
    return BINARY_PREFIX + base64.b64encode(packet).decode("ascii")


def decode_payload(body: bytes, *, max_packets: int) -> list[EnginePacket]:
    """Reads the body of one POST.

    Args:
        body: the whole body, as UTF-8.
        max_packets: how many packets it may hold.

    Raises:
        PacketError: not UTF-8, bad base64, an empty or unknown packet, or too many of them.
    """
    # Counted before anything is split: a megabyte of separators must cost nothing.
    count = body.count(b"\x1e") + 1
    if count > max_packets:
        raise PacketError(f"expected at most {max_packets} packets in a payload, not {count}")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise PacketError("expected a payload in UTF-8") from None
    return [_decode_payload_part(part) for part in text.split(SEPARATOR)]


def _decode_payload_part(part: str) -> EnginePacket:
    if not part.startswith(BINARY_PREFIX):
        return decode_packet(part)
    try:
        return EnginePacket(EnginePacketType.MESSAGE, base64.b64decode(part[1:], validate=True))
    except (binascii.Error, ValueError):
        raise PacketError("expected base64 after the binary prefix") from None
