"""Engine.IO packets and payloads: whole, cut anywhere, joined, and anything else that a peer may send."""

from __future__ import annotations

import base64
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nannin.errors import PacketError
from nannin.wire.engine_packet import (
    CLOSE,
    NOOP,
    PING,
    PROBE_ANSWER,
    SEPARATOR,
    Encoded,
    EnginePacket,
    EnginePacketType,
    SharedBinary,
    count_packets,
    cut_payload,
    decode_packet,
    decode_payload,
    encode_message,
    encode_payload,
    size_bytes,
)

quickly = settings(
    deadline=None, max_examples=150, database=None, suppress_health_check=[HealthCheck.too_slow]
)

# What can travel in a payload: the separator can't be escaped, and a lone surrogate has no UTF-8.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=SEPARATOR))
MESSAGES = TEXTS | st.binary()
TYPES = st.sampled_from(EnginePacketType)

WIRE_ALPHABET = st.sampled_from([*"0123456789bAQ=/+-{}", "\x1e", "é", "\u0664", "\x00"])
NEARLY_PAYLOADS = st.lists(WIRE_ALPHABET).map("".join).map(str.encode)


# One packet


@pytest.mark.parametrize("kind", EnginePacketType)
def test_each_type_is_read_with_what_stands_behind_it(kind: EnginePacketType) -> None:
    assert decode_packet(kind.value + "probe") == EnginePacket(kind, "probe")


@pytest.mark.parametrize("kind", EnginePacketType)
def test_each_type_is_read_when_nothing_stands_behind_it(kind: EnginePacketType) -> None:
    assert decode_packet(kind.value) == EnginePacket(kind, "")


def test_the_types_are_those_of_the_protocol() -> None:
    names = ["OPEN", "CLOSE", "PING", "PONG", "MESSAGE", "UPGRADE", "NOOP"]
    assert [decode_packet(str(digit)).type.name for digit in range(7)] == names


def test_the_packets_without_data_are_those_of_the_protocol() -> None:
    assert (CLOSE, PING, NOOP, PROBE_ANSWER) == ("1", "2", "6", "3probe")


def test_a_text_message_gets_its_digit() -> None:
    assert encode_message("hello") == "4hello"


def test_a_binary_message_travels_as_it_is() -> None:
    assert encode_message(b"\x01\x02") == b"\x01\x02"


def test_bytes_are_a_binary_message_whatever_they_begin_with() -> None:
    assert decode_packet(b"1") == EnginePacket(EnginePacketType.MESSAGE, b"1")


@pytest.mark.parametrize(("encoded", "data"), [("b", b""), ("bAQI=", b"\x01\x02")])
def test_a_text_in_base64_is_a_binary_message(encoded: str, data: bytes) -> None:
    assert decode_packet(encoded) == EnginePacket(EnginePacketType.MESSAGE, data)


def test_no_bytes_at_all_are_an_empty_binary_message() -> None:
    assert decode_packet(b"") == EnginePacket(EnginePacketType.MESSAGE, b"")


@pytest.mark.parametrize(
    ("packet", "size"),
    [("", 0), ("4abc", 4), ("4é", 3), ("4人", 4), ("4\U0001f642", 5), ("4\ud83d", 4), (b"\xe4\xba", 2)],
)
def test_the_size_of_a_packet_is_in_bytes(packet: Encoded, size: int) -> None:
    assert size_bytes(packet) == size


def test_a_separator_inside_one_packet_is_data() -> None:
    assert decode_packet("4a\x1e1") == EnginePacket(EnginePacketType.MESSAGE, "a\x1e1")


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "7",
        "9hello",
        "-1",
        " 4hello",
        "\n4",
        "bAQ=",
        "b AQ==",
        "abc",
        "\x00",
        "\x1e",
        "\u0664hello",  # ARABIC-INDIC DIGIT FOUR: str.isdigit() and int() take it
        "\uff14hello",  # FULLWIDTH DIGIT FOUR
        "\u2074hello",  # SUPERSCRIPT FOUR
        "\U0001d7d2",  # MATHEMATICAL BOLD DIGIT FOUR
        "\ud800",  # a lone surrogate
        "__proto__",
    ],
)
def test_what_begins_with_no_type_is_refused(encoded: str) -> None:
    with pytest.raises(PacketError):
        decode_packet(encoded)


def test_an_error_says_how_it_ends_a_link() -> None:
    with pytest.raises(PacketError) as caught:
        decode_packet("7")
    assert "'7'" in str(caught.value)


def test_an_error_does_not_repeat_all_that_came() -> None:
    with pytest.raises(PacketError) as caught:
        decode_packet("x" * 100_000)
    assert len(str(caught.value)) < 200


@quickly
@given(MESSAGES)
def test_any_message_comes_back_from_its_packet(message: str | bytes) -> None:
    assert decode_packet(encode_message(message)) == EnginePacket(EnginePacketType.MESSAGE, message)


@quickly
@given(st.text() | st.lists(WIRE_ALPHABET).map("".join))
def test_any_text_is_a_packet_or_a_packet_error(text: str) -> None:
    try:
        packet = decode_packet(text)
    except PacketError:
        assert text[:1] not in set("0123456")
        return
    if isinstance(packet.data, bytes):
        assert text[:1] == "b"
    else:
        assert packet.type.value + packet.data == text


# Payloads


def test_a_payload_of_one_packet_is_that_packet() -> None:
    assert encode_payload(["4hello"]) == b"4hello"
    assert decode_payload(b"4hello") == [EnginePacket(EnginePacketType.MESSAGE, "hello")]


def test_packets_are_joined_by_the_record_separator() -> None:
    assert encode_payload(["4hello", "2", "4world"]) == b"4hello\x1e2\x1e4world"


def test_packets_are_read_in_their_order() -> None:
    assert decode_payload(b"4hello\x1e3\x1e4world") == [
        EnginePacket(EnginePacketType.MESSAGE, "hello"),
        EnginePacket(EnginePacketType.PONG),
        EnginePacket(EnginePacketType.MESSAGE, "world"),
    ]


def test_binary_travels_as_base64_behind_a_b() -> None:
    assert encode_payload(["4hello", b"\x01\x02\x03\x04"]) == b"4hello\x1ebAQIDBA=="
    assert decode_payload(b"4hello\x1ebAQIDBA==") == [
        EnginePacket(EnginePacketType.MESSAGE, "hello"),
        EnginePacket(EnginePacketType.MESSAGE, b"\x01\x02\x03\x04"),
    ]


def test_an_empty_binary_message_is_a_b_alone() -> None:
    assert encode_payload([b""]) == b"b"
    assert decode_payload(b"b") == [EnginePacket(EnginePacketType.MESSAGE, b"")]


def test_a_payload_is_utf8() -> None:
    assert encode_payload(["4何人€😀"]) == "4何人€😀".encode()
    assert decode_payload("4何人€😀".encode()) == [EnginePacket(EnginePacketType.MESSAGE, "何人€😀")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x1e",
        b"\x1e\x1e\x1e",
        b"\x1e4hello",
        b"4hello\x1e",
        b"4hello\x1e\x1e4world",
        b"4hello\x1e7",
        b"abc",
        "\u0664hello".encode(),
    ],
)
def test_a_payload_with_an_empty_or_unknown_packet_is_refused(body: bytes) -> None:
    with pytest.raises(PacketError):
        decode_payload(body)


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AQ",
        "AQ=",
        "AQ===",
        "AQ==AQ==",
        "A Q=",
        "AQ=\n=",
        "=",
        "====",
        "!!!!",
        "A-_=",
        "é",
        "\u0664",
        "bAQ==",
    ],
)
def test_bad_base64_is_refused(text: str) -> None:
    with pytest.raises(PacketError):
        decode_payload(b"b" + text.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"4\xff",
        b"4\xc3",  # cut in the middle of a character
        b"4\xc0\x80",  # an overlong form
        b"4\xed\xa0\x80",  # a surrogate
        b"b\xff",
        b"\xfe\xff\x004",
    ],
)
def test_a_payload_that_is_no_utf8_is_refused(body: bytes) -> None:
    with pytest.raises(PacketError):
        decode_payload(body)


def test_a_payload_may_hold_any_number_of_packets() -> None:
    body = b"\x1e".join([b"4"] * 5_000)
    assert decode_payload(body) == [EnginePacket(EnginePacketType.MESSAGE)] * 5_000


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"", [b""]),
        (b"4a", [b"4a"]),
        (b"4a\x1e4b", [b"4a\x1e4b"]),
        (b"4a\x1e4b\x1e4c", [b"4a\x1e4b", b"4c"]),
        (b"4a\x1e4b\x1e", [b"4a\x1e4b", b""]),
        (b"\x1e\x1e\x1e", [b"\x1e", b"\x1e"]),
    ],
)
def test_a_payload_is_cut_into_parts_of_some_packets(body: bytes, parts: list[bytes]) -> None:
    assert list(cut_payload(body, 2)) == parts


def test_a_million_separators_cost_no_memory_before_the_first_part_is_read() -> None:
    body = b"\x1e" * 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(PacketError):
            decode_payload(next(cut_payload(body, 1_000)))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 100_000


@quickly
@given(st.binary() | NEARLY_PAYLOADS, st.integers(1, 5))
def test_the_parts_of_a_payload_hold_what_the_whole_holds(body: bytes, max_packets: int) -> None:
    parts = list(cut_payload(body, max_packets))
    assert b"\x1e".join(parts) == body
    assert all(part.count(b"\x1e") < max_packets for part in parts)


@quickly
@given(st.lists(MESSAGES, min_size=1))
def test_any_messages_come_back_from_their_payload(messages: list[str | bytes]) -> None:
    body = encode_payload([encode_message(message) for message in messages])
    expected = [EnginePacket(EnginePacketType.MESSAGE, message) for message in messages]
    assert decode_payload(body) == expected


@quickly
@given(st.lists(st.tuples(TYPES, TEXTS), min_size=1))
def test_packets_of_any_type_come_back_from_their_payload(
    packets: list[tuple[EnginePacketType, str]],
) -> None:
    body = encode_payload([kind.value + text for kind, text in packets])
    assert decode_payload(body) == [EnginePacket(*packet) for packet in packets]


@quickly
@given(st.lists(MESSAGES, min_size=1, max_size=4))
def test_a_payload_cut_anywhere_is_refused_or_gives_whole_packets_up_to_the_cut(
    messages: list[str | bytes],
) -> None:
    packets: list[Encoded] = [encode_message(message) for message in messages]
    whole = [decode_packet(packet) for packet in packets]
    body = encode_payload(packets)
    for cut in range(len(body)):
        try:
            decoded = decode_payload(body[:cut])
        except PacketError:
            continue
        assert decoded[:-1] == whole[: len(decoded) - 1]
        assert decoded[-1].type is EnginePacketType.MESSAGE


@quickly
@given(st.binary() | NEARLY_PAYLOADS)
def test_any_bytes_are_a_payload_or_a_packet_error(body: bytes) -> None:
    try:
        packets = decode_payload(body)
    except PacketError:
        return
    parts = body.decode().split(SEPARATOR)
    assert len(packets) == len(parts)
    for packet, part in zip(packets, parts, strict=True):
        if isinstance(packet.data, bytes):
            assert packet.data == base64.b64decode(part.removeprefix("b"))
        else:
            assert packet.type.value + packet.data == part


def test_a_binary_message_for_many_is_made_text_once_for_all_payloads() -> None:
    shared = SharedBinary(b"\x01\xff")
    payloads = [encode_payload([shared]), encode_payload(["4a", shared])]
    assert payloads == [b"bAf8=", b"4a\x1ebAf8="]
    assert shared.in_payload is shared.in_payload
    assert next(iter(decode_payload(payloads[0]))).data == b"\x01\xff"


@pytest.mark.parametrize(("payload", "packets"), [(b"", 1), (b"2", 1), (b"40\x1e2", 2), (b"\x1e\x1e", 3)])
def test_packets_are_counted_before_they_are_read(payload: bytes, packets: int) -> None:
    assert count_packets(payload) == packets
