"""What the hubs of several nodes say to each other: events, orders, questions, and their answers.

Each is an array on the wire that begins with a number for its kind, as msgspec encodes it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nannin.audience.recovery import Aim
from nannin.errors import PacketError
from nannin.wire.outgoing import Outgoing
from nannin.wire.plain import to_plain
from nannin.wire.socket_packet import Decoder, Packet, PacketType, encode_packet

# More attachments than any answer has.
_MANY = 1_000_000


class Emitted(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """An event of the application, encoded as its node encoded it.

    Attributes:
        aim: whom it is meant for.
        volatile: whether it is dropped for clients that can't take it at once.
        text: the event's packet.
        attachments: the binary packets that follow it.
    """

    aim: Aim
    volatile: bool
    text: str
    attachments: list[bytes]


class Ordered(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """What happens to the connections that an aim means: they join rooms, leave rooms, or leave the page.

    Attributes:
        aim: whom it is meant for.
        joins: the rooms that they join.
        leaves: the rooms that they leave.
        disconnects: whether they leave the page.
        closes: whether their sessions end with that.
    """

    aim: Aim
    joins: list[str] = []
    leaves: list[str] = []
    disconnects: bool = False
    closes: bool = False


class Sought(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Asks which connections an aim means. It is answered by `Reply`.

    Attributes:
        call: the question's number, among those of its node.
        aim: whom it is meant for.
        counts: whether their number is enough.
    """

    call: int
    aim: Aim
    counts: bool


class Called(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """An event that wants the acks of all whom an aim means. It is answered by one or more `Reply`.

    Attributes:
        call: the question's number, among those of its node.
        aim: whom it is meant for.
        text, attachments: the event, as in `Emitted`, without the number of an ack.
        last: its last argument, if that is a text; a client may take it for an offset.
        within_s: how long the node that asks waits, in seconds.
    """

    call: int
    aim: Aim
    text: str
    attachments: list[bytes]
    last: str | None
    within_s: float


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A connection of another node, as it was when that node was asked.

    Attributes:
        id: its id.
        visitor: its visitor's id; None for a visitor of its own.
        rooms: the rooms that it was in.
        data: the application's notes on it, encoded.
    """

    id: str
    visitor: str | None
    rooms: list[str]
    data: bytes


class Acked(msgspec.Struct, frozen=True, array_like=True):
    """What a client acknowledged, as a packet, which holds all that a client can send.

    Attributes:
        id: the client's.
        text: the packet.
        attachments: what follows it.
    """

    id: str
    text: str
    attachments: list[bytes]


class Reply(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """A part of what a node answers.

    Attributes:
        call: the question's number.
        number: how many connections there are, besides those of other replies.
        sockets: which ones these are, if that was asked.
        answers: those who acknowledged.
        is_last: whether no more follows.
    """

    call: int
    number: int = 0
    sockets: list[Seen] = []
    answers: list[Acked] = []
    is_last: bool = False


class Returned(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """A client has come to a node that is not the one it was on: who it was there is over.

    Attributes:
        pid: the secret of the ticket that it had.
    """

    pid: str


class Leaving(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """A node sends its clients away: that they are gone for a moment is no news.

    Attributes:
        for_s: over how many seconds.
    """

    for_s: float


NodeMessage = Emitted | Ordered | Sought | Called | Reply | Returned | Leaving

encode_message = msgspec.msgpack.Encoder().encode


def split(event: Outgoing) -> tuple[str, list[bytes]]:
    """An encoded event as its text and its attachments."""
    text, *attachments = event.packets
    return str(text), [bytes(one) for one in attachments if not isinstance(one, str)]


def join(text: str, attachments: list[bytes]) -> Outgoing:
    """The encoded event of these parts."""
    return Outgoing([text, *attachments])


def encode_data(data: dict[str, Any]) -> bytes:
    """The application's notes on a connection, without those that can't be sent to another process."""
    try:
        return _encode_data(data)
    except Exception:  # noqa: BLE001 - an object's own code may raise anything
        return _encode_data({key: value for key, value in data.items() if _can_be_sent(key, value)})


def decode_data(data: bytes) -> dict[str, Any]:
    """These notes, as plain objects: what was a dataclass there is a dictionary here."""
    found: dict[str, Any] = msgspec.msgpack.decode(data)
    return found


def pack_answer(id_: str, answer: Any) -> Acked:
    """What a client of this id acknowledged."""
    text, *attachments = encode_packet(Packet(PacketType.ACK, "/", [answer], 0))
    return Acked(id_, str(text), [one for one in attachments if isinstance(one, bytes)])


def unpack_answer(acked: Acked) -> Any:
    """What `pack_answer` packed.

    Raises:
        PacketError: it did not pack this.
    """
    decoder = Decoder(_MANY)
    packet = decoder.receive(acked.text)
    for attachment in acked.attachments:
        packet = decoder.receive(attachment)
    if packet is None or not packet.data:
        raise PacketError("expected an ack")
    return packet.data[0]


_encode_data = msgspec.msgpack.Encoder(enc_hook=to_plain).encode


def _can_be_sent(key: object, value: object) -> bool:
    try:
        _encode_data({key: value})
    except Exception:  # noqa: BLE001 - as above
        return False
    return True
