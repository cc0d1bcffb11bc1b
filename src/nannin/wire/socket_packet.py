"""Socket.IO v5 packets: events, acks, and the binary attachments that follow them.

A packet is encoded into one text and any number of `bytes`, its attachments, each of which is a message of
its own on the Engine.IO link below; a `Decoder` puts them together again.

Source: Socket.IO protocol, 5th revision, "Packet encoding".
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any

import msgspec

from nannin.errors import PacketError, StrayPacket
from nannin.wire import json_text
from nannin.wire.plain import BINARY_TYPES, explain, to_plain

# Events of the protocol's own life, which no peer may send. Source: socket.io-parser, RESERVED_EVENTS.
RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)

_HEAD = re.compile(r"([0-6])(?:([0-9]{1,6})-)?(?:(/[^,]*)(?:,|\Z))?([0-9]{1,400})?", re.ASCII)
_TOO_DEEP = "expected data that nests less deeply"
# Digits in the number of an ack: the largest integer that every JavaScript client can hold has 16.
_MAX_DIGITS = 16


class PacketType(enum.Enum):
    """The types of the protocol; the value is the digit on the wire."""

    __hash__ = object.__hash__  # Enum's own is written in Python, and members key tables

    CONNECT = "0"
    DISCONNECT = "1"
    EVENT = "2"
    ACK = "3"
    CONNECT_ERROR = "4"
    BINARY_EVENT = "5"
    BINARY_ACK = "6"


# Calling the enum is written in Python, and each packet needs this.
_TYPES = {kind.value: kind for kind in PacketType}
_CONNECT, _EVENT = PacketType.CONNECT.value, PacketType.EVENT.value
_ACK = PacketType.ACK
_PLACEHOLDER = "_placeholder"
_BINARY = {PacketType.BINARY_EVENT: PacketType.EVENT, PacketType.BINARY_ACK: PacketType.ACK}
_WITH_BINARY = {plain: binary for binary, plain in _BINARY.items()}
_KINDS = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    dict: "an object",
    list: "a list",
}


class Packet(msgspec.Struct, frozen=True):
    """One packet. `type` is EVENT or ACK for the binary types too: `data` shows whether bytes are in it.

    Args:
        type: what it is.
        namespace: `/` or `/name`.
        data: an object for CONNECT and CONNECT_ERROR, a list for EVENT and ACK, None where there is none.
        id: the number that an ack answers to.
    """

    type: PacketType
    namespace: str = "/"
    data: Any = None
    id: int | None = None


def encode_packet(packet: Packet) -> list[str | bytes]:
    """Encodes a packet: its text, then its attachments.

    Raises:
        TypeError: `data` holds something that JSON has no form for; the message says what, and where. What
            an object's own code raised is its cause.
        ValueError: `data` nests too deeply, or holds half a character (a lone surrogate).
    """
    attachments: list[bytes] = []
    data, kind, count = packet.data, packet.type, ""
    namespace = "" if packet.namespace == "/" else packet.namespace + ","
    number = "" if packet.id is None else str(packet.id)
    try:
        if kind in _WITH_BINARY and not _is_json(data):
            data = msgspec.to_builtins(data, builtin_types=BINARY_TYPES, str_keys=True, enc_hook=to_plain)
            with_placeholders = _take_out(data, attachments)
            if attachments:
                data, kind, count = with_placeholders, _WITH_BINARY[kind], f"{len(attachments)}-"
        payload = "" if data is None else msgspec.json.encode(data, enc_hook=to_plain).decode()
    except RecursionError:
        raise ValueError("the data nests too deeply, or holds itself") from None
    except (TypeError, ValueError) as error:
        kind_of_error = ValueError if isinstance(error, ValueError) else TypeError
        raise kind_of_error(_explain(packet) or str(error)) from error.__cause__
    return [f"{kind.value}{count}{namespace}{number}{payload}", *attachments]


def encode_connect(namespace: str, sid: str, pid: str | None = None) -> str:
    """Encodes the CONNECT packet that accepts a client. Each join costs one.

    Args:
        namespace: which it has joined.
        sid: its id there, which needs no escapes.
        pid: with what it may come back, which needs none either.
    """
    head = _CONNECT if namespace == "/" else f"{_CONNECT}{namespace},"
    return f'{head}{{"sid":"{sid}"}}' if pid is None else f'{head}{{"sid":"{sid}","pid":"{pid}"}}'


def payload_text(message: str) -> str:
    """The JSON in the text of a CONNECT packet, as it came; empty if there is none."""
    return message.partition(",")[2] if message.startswith("/", 1) else message[1:]


def encode_plain_event(namespace: str, data: tuple[str, Any]) -> str:
    """Encodes an event of ours, whose argument JSON has a form for as it is. Each join costs one.

    Args:
        namespace: to whose clients it goes.
        data: the event's name and its argument.
    """
    head = _EVENT if namespace == "/" else f"{_EVENT}{namespace},"
    return head + msgspec.json.encode(data).decode()


def _explain(packet: Packet) -> str:
    """Which argument of a packet can't be sent, and why; empty where it has no arguments."""
    if not isinstance(packet.data, list):
        return ""
    if packet.type is PacketType.EVENT:
        event, *arguments = packet.data
        return explain(arguments, event)
    return explain(packet.data)


class Decoder:
    """Puts the packets of one client together from text and binary messages.

    Args:
        max_attachments: how many a packet may announce; one that announces more is an error.
        keeps_attachments: whether anybody reads what is in them. If not, packets with attachments are
        dropped.

    Attributes:
        packet_bytes: how large the packet that was completed last is, with its attachments.
    """

    __slots__ = (
        "_attachments",
        "_awaited",
        "_keeps_attachments",
        "_max_attachments",
        "_packet",
        "packet_bytes",
    )

    def __init__(self, max_attachments: int, *, keeps_attachments: bool = True) -> None:
        self._max_attachments = max_attachments
        self._keeps_attachments = keeps_attachments
        self._packet: Packet | None = None
        self._awaited = 0
        self._attachments: list[bytes] = []
        self.packet_bytes = 0

    def receive(self, message: str | bytes) -> Packet | None:
        """Takes one message; returns the packet that it completes, if it does.

        Raises:
            StrayPacket: a packet that is to be ignored. No part of it is kept.
            PacketError: the message is not a packet of the protocol, or not the kind that was awaited.
        """
        if isinstance(message, bytes):
            return self._receive_attachment(message)
        if self._packet is not None:
            raise PacketError(f"expected {self._awaited} more attachments, not text")
        self.packet_bytes = len(message)
        packet, count = _decode(message)
        if count is None:
            return packet
        if count > self._max_attachments:
            raise PacketError(f"expected at most {self._max_attachments} attachments, not {count}")
        if count == 0:
            return _complete(packet, []) if self._keeps_attachments else None
        self._packet, self._awaited = packet, count
        return None

    def _receive_attachment(self, attachment: bytes) -> Packet | None:
        if self._packet is None:
            raise PacketError("expected text, not an attachment that no packet announced")
        self.packet_bytes += len(attachment)
        if self._keeps_attachments:
            self._attachments.append(bytes(attachment))  # and not a SharedBinary, which is ours alone
        self._awaited -= 1
        if self._awaited:
            return None
        if not self._keeps_attachments:
            self._packet = None
            return None
        packet, attachments = self._packet, self._attachments
        self._packet, self._attachments = None, []
        return _complete(packet, attachments)


def _complete(packet: Packet, attachments: list[bytes]) -> Packet:
    try:
        return Packet(packet.type, packet.namespace, put_in(packet.data, attachments), packet.id)
    except RecursionError:
        raise StrayPacket(_TOO_DEEP) from None


def _decode(text: str) -> tuple[Packet, int | None]:
    """Reads a packet's text: the packet, with placeholders still in it, and its number of attachments.

    The number is None for a packet that is not binary: what looks like a placeholder there is plain data.
    """
    head = _HEAD.match(text)
    if head is None:
        # No more of it: it may be somebody's token or id, and this ends up in the log.
        raise PacketError(f"expected a Socket.IO packet, not a text that begins with {text[:1]!r}")
    kind = _TYPES[head[1]]
    if (head[2] is not None) is not (kind in _BINARY):
        raise PacketError("expected a number of attachments for a binary packet, and for no other")
    count = None if head[2] is None else int(head[2])
    namespace = head[3] or "/"
    number = None if head[4] is None else int(head[4])
    try:
        packet = Packet(_BINARY.get(kind, kind), namespace, _decode_json(text[head.end() :]), number)
        _check(packet)
    except StrayPacket as stray:
        if count:
            raise PacketError(str(stray)) from None  # its attachments are still to come
        raise
    return packet, count


def _decode_json(text: str) -> Any:
    if not text:
        return None
    try:
        return json_text.decode(text)
    except ValueError as error:
        raise PacketError(f"expected JSON: {error}") from None
    except RecursionError:  # JavaScript reads it
        raise StrayPacket(_TOO_DEEP) from None


def _check(packet: Packet) -> None:
    """Raises PacketError where the data is not what the type asks for, StrayPacket if that does no harm."""
    data = packet.data
    is_valid, expected = _EXPECTED[packet.type]
    if not is_valid(data):
        # Node's server reads no data where there is none, and takes any number for an event's name.
        error = StrayPacket if data is None or _is_event_of_a_fraction(packet) else PacketError
        raise error(f"expected {expected} after {packet.type.name}, not {_kind(data)}")
    if packet.id is None:
        if packet.type is _ACK:
            raise StrayPacket("expected the number of an ack, and none came")
    elif packet.id >= 10**_MAX_DIGITS:
        raise StrayPacket(f"expected the number of an ack in up to {_MAX_DIGITS} digits")


def _is_event(data: object) -> bool:
    return isinstance(data, list) and bool(data) and _is_event_name(data[0])


def _is_object(data: object) -> bool:
    return data is None or isinstance(data, dict)


# What the data of each type have to be, and its words.
_EXPECTED: dict[PacketType, tuple[Callable[[object], bool], str]] = {
    PacketType.CONNECT: (_is_object, "an object or nothing"),
    PacketType.CONNECT_ERROR: (lambda data: isinstance(data, dict | str), "an object or a string"),
    PacketType.DISCONNECT: (lambda data: data is None, "nothing"),
    PacketType.EVENT: (_is_event, "a list that starts with the event's name"),
    PacketType.ACK: (lambda data: isinstance(data, list), "a list of arguments"),
}


def _is_event_of_a_fraction(packet: Packet) -> bool:
    match packet.type, packet.data:
        case PacketType.EVENT, [float(), *_]:
            return True
        case _:
            return False


def _kind(data: object) -> str:
    """What came, in the words of an error message."""
    match data:
        case None:
            return "nothing"
        case []:
            return "an empty list"
        case [str(name), *_] if name in RESERVED_EVENTS:
            return f"the reserved name {name!r}"
        case [name, *_]:
            return f"a list that starts with {_kind(name)}"
        case _:
            return _KINDS[type(data)]


def _is_event_name(name: object) -> bool:
    if isinstance(name, str):
        return name not in RESERVED_EVENTS
    return isinstance(name, int) and not isinstance(name, bool)


def _is_json(data: object) -> bool:
    """Whether JSON holds it as it is: neither bytes nor an object that may hold some."""
    if isinstance(data, dict):
        return all(map(_is_json, data.values()))
    if isinstance(data, list | tuple):
        return all(map(_is_json, data))
    return data is None or isinstance(data, str | int | float)


def _take_out(data: Any, attachments: list[bytes]) -> Any:
    """Copies `data` with a placeholder for each binary part, which goes to `attachments`.

    The key `_placeholder` of the data itself is left out: the client would take it for one of ours, and end
    its session, or show an attachment that was meant for another place. Clients can make up such a key.
    """
    if isinstance(data, BINARY_TYPES):
        attachments.append(bytes(data))
        return {_PLACEHOLDER: True, "num": len(attachments) - 1}
    if isinstance(data, dict):
        return {key: _take_out(value, attachments) for key, value in data.items() if key != _PLACEHOLDER}
    if isinstance(data, list | tuple):
        return [_take_out(value, attachments) for value in data]
    return data


def put_in(data: Any, attachments: list[bytes]) -> Any:
    """Copies `data` with each placeholder replaced by its attachment.

    Raises:
        PacketError: a placeholder names no attachment.
    """
    if isinstance(data, dict):
        if data.get(_PLACEHOLDER) is True:
            number = data.get("num")
            # `type` and not isinstance: True is no index, though Python would take it for 1.
            if type(number) is not int or not 0 <= number < len(attachments):
                raise PacketError("expected a placeholder that names an attachment")
            return attachments[number]
        return {key: put_in(value, attachments) for key, value in data.items()}
    if isinstance(data, list):
        return [put_in(value, attachments) for value in data]
    return data
