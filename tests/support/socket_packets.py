"""What the tests of Socket.IO packets share."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, settings

from nannin.wire.socket_packet import Decoder, Packet, PacketType

quickly = settings(
    deadline=None, max_examples=150, database=None, suppress_health_check=[HealthCheck.too_slow]
)

CONNECT, DISCONNECT = PacketType.CONNECT, PacketType.DISCONNECT
EVENT, ACK = PacketType.EVENT, PacketType.ACK
CONNECT_ERROR = PacketType.CONNECT_ERROR

MAX_ATTACHMENTS = 10


def decode(*messages: str | bytes, max_attachments: int = MAX_ATTACHMENTS) -> Packet:
    """Feeds all messages to a new decoder; the last one, and no other, has to complete a packet."""
    decoder = Decoder(max_attachments)
    *parts, last = messages
    assert [decoder.receive(part) for part in parts] == [None] * len(parts)
    packet = decoder.receive(last)
    assert packet is not None
    return packet


EXAMPLES: list[tuple[Packet, list[str | bytes]]] = [
    (Packet(CONNECT), ["0"]),
    (Packet(CONNECT, "/", {"sid": "abc"}), ['0{"sid":"abc"}']),
    (Packet(CONNECT, "/admin", {"token": "123"}), ['0/admin,{"token":"123"}']),
    (Packet(CONNECT, "/admin"), ["0/admin,"]),
    (Packet(CONNECT_ERROR, "/", {"message": "no"}), ['4{"message":"no"}']),
    (Packet(CONNECT_ERROR, "/admin", {"message": "no"}), ['4/admin,{"message":"no"}']),
    (Packet(CONNECT_ERROR, "/", "no"), ['4"no"']),
    (Packet(DISCONNECT), ["1"]),
    (Packet(DISCONNECT, "/admin"), ["1/admin,"]),
    (Packet(EVENT, "/", ["hello", 1]), ['2["hello",1]']),
    (Packet(EVENT, "/admin", ["hello"], 456), ['2/admin,456["hello"]']),
    (Packet(EVENT, "/", ["hello"], 0), ['20["hello"]']),
    (Packet(EVENT, "/", [7, "a number for a name"]), ['2[7,"a number for a name"]']),
    (Packet(ACK, "/", [], 12), ["312[]"]),
    (Packet(ACK, "/admin", ["ok", None], 456), ['3/admin,456["ok",null]']),
    (Packet(EVENT, "/", ["x", b"\x01"]), ['51-["x",{"_placeholder":true,"num":0}]', b"\x01"]),
    (
        Packet(EVENT, "/admin", ["x", {"a": [b"\x01", b""]}], 7),
        [
            '52-/admin,7["x",{"a":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]}]',
            b"\x01",
            b"",
        ],
    ),
    (
        Packet(ACK, "/admin", [b"\x01"], 456),
        ['61-/admin,456[{"_placeholder":true,"num":0}]', b"\x01"],
    ),
]


def placeholder(number: object) -> str:
    """The JSON of a placeholder, true or forged."""
    return json.dumps({"_placeholder": True, "num": number})
