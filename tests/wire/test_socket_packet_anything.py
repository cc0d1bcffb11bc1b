"""Socket.IO packets: round trips of anything, and anything that a peer may send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.errors import PacketError
from nannin.wire.socket_packet import (
    RESERVED_EVENTS,
    Decoder,
    Packet,
    PacketType,
    encode_connect,
    encode_packet,
)
from support.socket_packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    decode,
    placeholder,
    quickly,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
# Integers that JSON readers agree on, and no fraction that a round trip could change.
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXTS
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
KEYS = TEXTS.filter(lambda key: key != "_placeholder")
DATA = st.recursive(
    SCALARS | NUMBERS | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
NAMESPACES = st.just("/") | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=","), min_size=1
).map("/".__add__)
IDS = st.integers(0, 10**16 - 1)
EVENTS = st.builds(
    lambda namespace, name, data, number: Packet(EVENT, namespace, [name, *data], number),
    NAMESPACES,
    TEXTS.filter(lambda name: name not in RESERVED_EVENTS) | st.integers(-(2**53), 2**53),
    st.lists(DATA, max_size=4),
    st.none() | IDS,
)
ACKS = st.builds(Packet, st.just(ACK), NAMESPACES, st.lists(DATA, max_size=4), IDS)
OBJECTS = st.dictionaries(TEXTS, SCALARS | st.lists(SCALARS), max_size=4)
OTHERS = (
    st.builds(Packet, st.just(CONNECT), NAMESPACES, st.none() | OBJECTS)
    | st.builds(Packet, st.just(DISCONNECT), NAMESPACES)
    | st.builds(Packet, st.just(CONNECT_ERROR), NAMESPACES, OBJECTS | TEXTS)
)


@quickly
@given(EVENTS | ACKS | OTHERS)
def test_any_packet_comes_back_from_its_messages(packet: Packet) -> None:
    messages = encode_packet(packet)
    assert decode(*messages, max_attachments=len(messages)) == packet


@quickly
@given(st.lists(EVENTS | ACKS | OTHERS, max_size=5))
def test_any_packets_come_back_one_after_the_other(packets: list[Packet]) -> None:
    decoder = Decoder(1_000)
    read = [decoder.receive(message) for packet in packets for message in encode_packet(packet)]
    assert [packet for packet in read if packet is not None] == packets


@quickly
@given(EVENTS | ACKS, st.data())
def test_any_event_or_ack_cut_anywhere_is_refused(packet: Packet, data: st.DataObject) -> None:
    text = encode_packet(packet)[0]
    assert isinstance(text, str)
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(PacketError):
        Decoder(1_000).receive(text[:cut])


NEARLY_PACKETS = st.lists(
    st.sampled_from(
        [
            *'0123456789-/,[]{}:"\\ x',
            '"_placeholder":true,"num":',
            '["x",',
            placeholder(0),
            "__proto__",
            "null",
            "1e9",
            "\u0661",
            "\x00",
            "\x1e",
            "\ud800",
        ]
    ),
    max_size=16,
).map("".join)


@quickly
@given(st.lists(st.text() | NEARLY_PACKETS | st.binary(max_size=4), max_size=6), st.integers(0, 10))
def test_any_messages_are_packets_or_a_packet_error(
    messages: list[str | bytes], max_attachments: int
) -> None:
    decoder = Decoder(max_attachments)
    for message in messages:
        try:
            packet = decoder.receive(message)
        except PacketError:
            return  # the session ends here, and the decoder with it
        if packet is not None:
            assert packet.namespace.startswith("/")
            assert packet.type in {CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR}
            assert packet.type is not ACK or packet.id is not None


@pytest.mark.parametrize("namespace", ["/", "/news/1"])
def test_the_accepting_connect_is_what_the_general_encoder_makes_of_it(namespace: str) -> None:
    packet = Packet(PacketType.CONNECT, namespace, {"sid": "aB-_9"})
    assert [encode_connect(namespace, "aB-_9")] == encode_packet(packet)
