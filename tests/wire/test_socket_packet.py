"""Socket.IO packets: whole, in pieces, cut anywhere, and anything else that a peer may send."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nannin.errors import PacketError
from nannin.wire.socket_packet import RESERVED_EVENTS, Decoder, Packet, PacketType, encode, encode_connect

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


# Examples of the protocol, both ways

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


@pytest.mark.parametrize(("packet", "messages"), EXAMPLES)
def test_a_packet_is_encoded_as_the_protocol_says(packet: Packet, messages: list[str | bytes]) -> None:
    assert encode(packet) == messages


@pytest.mark.parametrize(("packet", "messages"), EXAMPLES)
def test_a_packet_is_read_as_the_protocol_says(packet: Packet, messages: list[str | bytes]) -> None:
    assert decode(*messages) == packet


# A CONNECT or DISCONNECT that is cut in its namespace is a whole one of another page.
CUTTABLE = [row for row in EXAMPLES if row[0].type in (EVENT, ACK, CONNECT_ERROR)]


@pytest.mark.parametrize(("packet", "messages"), CUTTABLE)
def test_a_packet_cut_anywhere_is_refused(packet: Packet, messages: list[str | bytes]) -> None:
    text = messages[0]
    assert isinstance(text, str)
    for cut in range(len(text)):
        with pytest.raises(PacketError):
            Decoder(MAX_ATTACHMENTS).receive(text[:cut])


@pytest.mark.parametrize(("packet", "messages"), [row for row in EXAMPLES if row[0].data is not None])
def test_anything_behind_a_packet_is_refused(packet: Packet, messages: list[str | bytes]) -> None:
    text = messages[0]
    assert isinstance(text, str)
    for trailing in ("x", "]", "1", "{}", "\x1e", "\x00"):
        with pytest.raises(PacketError):
            Decoder(MAX_ATTACHMENTS).receive(text + trailing)


# Namespaces


@pytest.mark.parametrize("text", ["0/custom", "0/custom,"])
def test_a_namespace_at_the_end_needs_no_comma(text: str) -> None:
    assert decode(text) == Packet(CONNECT, "/custom")


def test_the_root_namespace_may_be_written_out() -> None:
    assert decode('2/,["x"]') == Packet(EVENT, "/", ["x"])


def test_a_namespace_may_hold_digits_dashes_slashes_and_any_script() -> None:
    assert decode('2/news/2011-8/何人,12["x"]') == Packet(EVENT, "/news/2011-8/何人", ["x"], 12)


def test_a_namespace_without_its_comma_swallows_what_follows() -> None:
    with pytest.raises(PacketError):
        decode('2/custom["x"]')


# Text that is no packet


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "9[]",
        "-",
        "[]",
        '"hello"',
        " 2[]",
        "\n2[]",
        "b",
        "\x00",
        "__proto__",
        '\u0662["x"]',  # ARABIC-INDIC DIGIT TWO
        '\uff12["x"]',  # FULLWIDTH DIGIT TWO
        '\u00b2["x"]',  # SUPERSCRIPT TWO
        "\ud800",
    ],
)
def test_what_begins_with_no_type_is_refused(text: str) -> None:
    with pytest.raises(PacketError):
        decode(text)


@pytest.mark.parametrize(
    "text",
    [
        "5-",
        "50-",
        "511-",
        "59999999999-",
        "5",
        '5["x"]',
        '5-["x"]',
        '5-1-["x"]',
        '51["x"]',
        '5 1-["x"]',
        '5+1-["x"]',
        '51.0-["x"]',
        '51--["x"]',
        '5/admin,1-["x"]',
        '5\u0661-["x"]',  # ARABIC-INDIC DIGIT ONE
        '5\uff11-["x"]',  # FULLWIDTH DIGIT ONE
        "6-",
        "61-",
        "61-[]",
        '61-["no id"]',
        "69999999999-",
        '511-["x"]',
        '5999999-["x"]',
        '59999999-["x"]',
        "5" + "9" * 10_000 + '-["x"]',
    ],
)
def test_a_bad_number_of_attachments_is_refused(text: str) -> None:
    with pytest.raises(PacketError):
        decode(text)


@pytest.mark.parametrize("text", ["01-", '01-{"a":1}', "11-", '21-["x"]', "31-1[]", '41-{"message":"x"}'])
def test_attachments_of_a_packet_that_can_have_none_are_refused(text: str) -> None:
    with pytest.raises(PacketError):
        decode(text)


@pytest.mark.parametrize(
    "text",
    [
        '21\u0662["x"]',
        '2\u0661["x"]',
        '2-1["x"]',
        '2+1["x"]',
        '2 1["x"]',
        '21e3["x"]',
        "2" + "9" * 17 + '["x"]',
        "2" + "9" * 100 + '["x"]',
        "3" + "9" * 100 + "[]",
        "2" + "9" * 10_000 + '["x"]',
        "3[]",
        "3",
        "31",
        '31{"a":1}',
        '31"x"',
    ],
)
def test_a_bad_or_missing_ack_id_is_refused(text: str) -> None:
    with pytest.raises(PacketError):
        decode(text)


def test_the_greatest_ack_id_is_read() -> None:
    assert decode("2" + "9" * 16 + '["x"]').id == 9_999_999_999_999_999


@pytest.mark.parametrize(
    "text",
    [
        "01",
        "0[]",
        '0"x"',
        "0null0",
        "0true",
        "0/admin,[]",
        "11",
        "1{}",
        '1["x"]',
        "1/admin,{}",
        "2",
        "2{}",
        "2[]",
        "2[null]",
        "2[{}]",
        "2[[]]",
        "2[true]",
        "2[1.5]",
        '2"x"',
        "21",
        "4",
        "4[]",
        "41",
        "4null",
        '41{"message":"x"}',
    ],
)
def test_data_that_its_type_does_not_take_is_refused(text: str) -> None:
    with pytest.raises(PacketError):
        decode(text)


@pytest.mark.parametrize("event", sorted(RESERVED_EVENTS))
def test_no_peer_may_send_a_reserved_event(event: str) -> None:
    with pytest.raises(PacketError):
        decode(f'2["{event}"]')


def test_the_reserved_events_are_those_of_the_official_parser() -> None:
    assert {
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    } == RESERVED_EVENTS


@pytest.mark.parametrize("event", ["", "message", "Connect", "__proto__", "constructor", "何人", "<script>"])
def test_any_other_event_may_be_sent(event: str) -> None:
    assert decode(f"2[{json.dumps(event)}]").data == [event]


# JSON


@pytest.mark.parametrize(
    "payload",
    [
        "NaN",
        "-NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "1" * 10_000,
        "-" + "1" * 10_000,
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        "[" * 1_000_000,
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\ud800"',
        '"\x00"',
        '"\x1f"',
        '"a\nb"',
        "'x'",
        "undefined",
        "01",
        "+1",
        ".5",
        "1,",
        "/**/1",
        '{"a"}',
        "{a:1}",
        '{"a":1,}',
    ],
    ids=lambda payload: ascii(payload[:12]),
)
def test_what_is_no_json_is_refused(payload: str) -> None:
    with pytest.raises(PacketError):
        decode(f'2["x",{payload}]')


def test_an_error_about_json_is_short() -> None:
    with pytest.raises(PacketError) as caught:
        decode('2["x",' + "y" * 100_000 + "]")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ('{"__proto__":{"admin":true}}', {"__proto__": {"admin": True}}),
        ('{"constructor":{"prototype":1}}', {"constructor": {"prototype": 1}}),
        ('{"a":1,"a":2}', {"a": 2}),  # of duplicate keys the last counts, as in JavaScript
        ('"\\u0000\\u001e\\n"', "\x00\x1e\n"),
        ('"\\ud83d\\ude00"', "😀"),
        ("1" * 25, int("1" * 25)),
        ('"<script>alert(1)</script>"', "<script>alert(1)</script>"),
        ('{"' + "k" * 1_000_000 + '":1}', {"k" * 1_000_000: 1}),
        ("[" * 100 + "]" * 100, json.loads("[" * 100 + "]" * 100)),
    ],
    ids=lambda value: ascii(value)[:12],
)
def test_strange_but_valid_json_is_plain_data(payload: str, value: object) -> None:
    assert decode(f'2["x",{payload}]').data == ["x", value]


# Attachments


def placeholder(number: object) -> str:
    """The JSON of a placeholder, true or forged."""
    return json.dumps({"_placeholder": True, "num": number})


def test_attachments_go_where_their_placeholders_are_not_where_they_come() -> None:
    packet = decode(f'52-["x",{placeholder(1)},{placeholder(0)}]', b"first", b"second")
    assert packet.data == ["x", b"second", b"first"]


def test_an_attachment_that_no_placeholder_names_is_dropped() -> None:
    assert decode('51-["x"]', b"unused").data == ["x"]


@pytest.mark.parametrize(
    "number", [-1, 1, 99, 10**30, "0", "length", "__proto__", True, False, None, 0.0, 0.5, [], [0], {}]
)
def test_a_forged_placeholder_is_refused(number: object) -> None:
    decoder = Decoder(MAX_ATTACHMENTS)
    assert decoder.receive(f'51-["x",{placeholder(number)}]') is None
    with pytest.raises(PacketError):
        decoder.receive(b"\x01")


def test_a_placeholder_without_its_number_is_refused() -> None:
    decoder = Decoder(MAX_ATTACHMENTS)
    assert decoder.receive('51-["x",{"_placeholder":true}]') is None
    with pytest.raises(PacketError):
        decoder.receive(b"\x01")


@pytest.mark.parametrize("mark", [1, "true", None, False, {}, []])
def test_only_true_marks_a_placeholder(mark: object) -> None:
    data = {"_placeholder": mark, "num": 0}
    assert decode(f'51-["x",{json.dumps(data)}]', b"\x01").data == ["x", data]


def test_in_a_packet_without_binary_a_placeholder_is_plain_data() -> None:
    assert decode(f'2["x",{placeholder(0)}]').data == ["x", {"_placeholder": True, "num": 0}]


def test_a_binary_packet_without_attachments_is_whole_at_once() -> None:
    assert decode('50-["x",1]') == Packet(EVENT, "/", ["x", 1])


@pytest.mark.parametrize("number", [-1, 0, "0", 99, True])
def test_a_forged_placeholder_in_a_binary_packet_without_attachments_is_refused(number: object) -> None:
    with pytest.raises(PacketError):
        decode(f'50-["x",{placeholder(number)}]')


def test_an_events_name_is_no_attachment() -> None:
    with pytest.raises(PacketError):
        decode(f"51-[{placeholder(0)}]", b"x")


def test_text_while_attachments_are_awaited_is_refused() -> None:
    decoder = Decoder(MAX_ATTACHMENTS)
    decoder.receive(f'52-["x",{placeholder(0)},{placeholder(1)}]')
    decoder.receive(b"\x01")
    with pytest.raises(PacketError, match="1 more"):
        decoder.receive('2["y"]')


def test_an_attachment_that_no_packet_announced_is_refused() -> None:
    with pytest.raises(PacketError):
        Decoder(MAX_ATTACHMENTS).receive(b"\x01")


def test_an_attachment_too_many_is_refused() -> None:
    decoder = Decoder(MAX_ATTACHMENTS)
    decoder.receive(f'51-["x",{placeholder(0)}]')
    assert decoder.receive(b"\x01") == Packet(EVENT, "/", ["x", b"\x01"])
    with pytest.raises(PacketError):
        decoder.receive(b"\x02")


def test_as_many_attachments_as_allowed_are_taken_and_no_more() -> None:
    assert decode('52-["x"]', b"", b"", max_attachments=2) == Packet(EVENT, "/", ["x"])
    with pytest.raises(PacketError, match="at most 2"):
        decode('53-["x"]', max_attachments=2)


def test_where_no_binary_is_taken_none_is_awaited() -> None:
    with pytest.raises(PacketError):
        decode('51-["x"]', max_attachments=0)


def test_attachments_in_data_that_nests_too_deeply_are_refused() -> None:
    refused = 0
    for depth in range(300, 1_100, 50):
        decoder = Decoder(MAX_ATTACHMENTS)
        try:
            decoder.receive(f'51-["x",{"[" * depth}{placeholder(0)}{"]" * depth}]')
            decoder.receive(b"\x01")
        except PacketError:
            refused += 1
    assert refused > 0


def test_a_decoder_reads_one_packet_after_another() -> None:
    decoder = Decoder(MAX_ATTACHMENTS)
    for _, messages in EXAMPLES * 2:
        *parts, last = messages
        assert [decoder.receive(part) for part in parts] == [None] * len(parts)
        assert decoder.receive(last) is not None


# What the application sends


@pytest.mark.parametrize("part", [b"\x01", bytearray(b"\x01"), memoryview(b"\x01")])
def test_every_kind_of_bytes_is_an_attachment(part: object) -> None:
    assert encode(Packet(EVENT, "/", ["x", (part,)])) == [
        '51-["x",[{"_placeholder":true,"num":0}]]',
        b"\x01",
    ]


def test_encoding_leaves_the_data_as_it_was() -> None:
    data = ["x", {"a": b"\x01", "b": [b"\x02"]}]
    encode(Packet(EVENT, "/", data))
    assert data == ["x", {"a": b"\x01", "b": [b"\x02"]}]


@pytest.mark.parametrize("value", [object(), 1j, {(1, 2): 3}])
def test_data_that_json_has_no_form_for_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        encode(Packet(EVENT, "/", ["x", value]))


@pytest.mark.parametrize("data", [["x", "\ud800"], ["x", {"\udfff": 1}], ["x", b"\x01", "\ud800"]])
def test_text_that_is_no_unicode_is_a_value_error(data: list[object]) -> None:
    with pytest.raises(ValueError):
        encode(Packet(EVENT, "/", data))


def test_data_that_holds_itself_is_a_value_error() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ValueError, match="nests too deeply"):
        encode(Packet(EVENT, "/", ["x", ring]))


def test_a_number_that_json_can_not_hold_is_null() -> None:
    assert encode(Packet(EVENT, "/", ["x", math.nan, math.inf])) == ['2["x",null,null]']


# Anything

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
    messages = encode(packet)
    assert decode(*messages, max_attachments=len(messages)) == packet


@quickly
@given(st.lists(EVENTS | ACKS | OTHERS, max_size=5))
def test_any_packets_come_back_one_after_the_other(packets: list[Packet]) -> None:
    decoder = Decoder(1_000)
    read = [decoder.receive(message) for packet in packets for message in encode(packet)]
    assert [packet for packet in read if packet is not None] == packets


@quickly
@given(EVENTS | ACKS, st.data())
def test_any_event_or_ack_cut_anywhere_is_refused(packet: Packet, data: st.DataObject) -> None:
    text = encode(packet)[0]
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
    assert [encode_connect(namespace, "aB-_9")] == encode(packet)
