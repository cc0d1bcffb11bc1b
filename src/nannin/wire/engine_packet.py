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
from collections.abc import Iterator, Sequence

import msgspec

from nannin.errors import PacketError

SEPARATOR = "\x1e"
_SEPARATOR = SEPARATOR.encode()
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

    __hash__ = object.__hash__  # Enum's own is written in Python, and members key tables

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    MESSAGE = "4"
    UPGRADE = "5"
    NOOP = "6"


class EnginePacket(msgspec.Struct, frozen=True, gc=False):
    """One packet: `data` is text for every type, and bytes for a binary MESSAGE only."""

    type: EnginePacketType
    data: str | bytes = ""


# A dictionary of the seven ASCII digits: str.isdigit() would let other scripts' digits through.
_TYPES = {kind.value: kind for kind in EnginePacketType}

MESSAGE: str = EnginePacketType.MESSAGE.value
CLOSE: str = EnginePacketType.CLOSE.value
PING: str = EnginePacketType.PING.value
PONG: str = EnginePacketType.PONG.value
NOOP: str = EnginePacketType.NOOP.value
PROBE_ANSWER: str = EnginePacketType.PONG.value + "probe"


def encode_message(data: str | bytes) -> Encoded:
    """Makes a MESSAGE packet of what the application sends."""
    return MESSAGE + data if isinstance(data, str) else SharedBinary(data)


def size_bytes(packet: Encoded) -> int:
    """How many bytes a packet has; a text is measured in UTF-8."""
    if isinstance(packet, bytes) or packet.isascii():
        return len(packet)
    return len(packet.encode(errors="surrogatepass"))  # a server may let half a character through


def decode_packet(encoded: Encoded) -> EnginePacket:
    """Reads one packet as it arrives in a WebSocket message, or as a part of a payload.

    A text that begins with the binary prefix is a binary message: clients with `forceBase64` send it over a
    WebSocket as well. Source: engine.io-parser, `decodePacket`.

    Raises:
        PacketError: the packet is empty, its type is not one of the protocol's, or its base64 is bad.
    """
    if isinstance(encoded, bytes):
        return EnginePacket(EnginePacketType.MESSAGE, encoded)
    kind = _TYPES.get(encoded[:1])
    if kind is not None:
        return EnginePacket(kind, encoded[1:])
    if not encoded.startswith(BINARY_PREFIX):
        raise PacketError(f"expected a packet type from 0 to 6, not {encoded[:1]!r}")
    try:
        return EnginePacket(EnginePacketType.MESSAGE, base64.b64decode(encoded[1:], validate=True))
    except (binascii.Error, ValueError):
        raise PacketError("expected base64 after the binary prefix") from None


def encode_payload(packets: Sequence[Encoded]) -> bytes:
    """Joins encoded packets into the body of one HTTP response."""
    return SEPARATOR.join(map(_in_payload, packets)).encode()


def _in_payload(packet: Encoded) -> str:
    if isinstance(packet, str):
        return packet
    return packet.in_payload if isinstance(packet, SharedBinary) else _encode_binary(packet)


def _encode_binary(packet: bytes) -> str:
    return BINARY_PREFIX + base64.b64encode(packet).decode("ascii")


def count_packets(payload: bytes) -> int:
    """How many packets a payload has, well-formed or not."""
    return payload.count(_SEPARATOR) + 1


def cut_payload(body: bytes, max_packets: int) -> Iterator[bytes]:
    """Cuts the body of one POST into shorter payloads, without a copy of the whole.

    Args:
        body: the whole body.
        max_packets: the maximum number of packets in each part.
    """
    start = end = 0
    while True:
        for _ in range(max_packets):
            end = body.find(_SEPARATOR, end) + 1
            if end == 0:
                yield body[start:]
                return
        yield body[start : end - 1]
        start = end


def decode_payload(body: bytes) -> list[EnginePacket]:
    """Reads the body of one POST, or a part that `cut_payload` made of it.

    Args:
        body: the payload, as UTF-8.

    Raises:
        PacketError: not UTF-8, bad base64, or an empty or unknown packet.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise PacketError("expected a payload in UTF-8") from None
    return [decode_packet(part) for part in text.split(SEPARATOR)]
