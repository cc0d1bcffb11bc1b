"""Socket.IO packets: the protocol's examples, whole and cut, and text that is no packet."""

from __future__ import annotations

import json
import math
import re

import pytest

from nannin.errors import PacketError, StrayPacket
from nannin.wire.socket_packet import (
    RESERVED_EVENTS,
    Decoder,
    Packet,
    encode_packet,
    encode_plain_event,
    payload_text,
)
from support.socket_packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    EXAMPLES,
    MAX_ATTACHMENTS,
    decode,
)

# Examples of the protocol, both ways


@pytest.mark.parametrize(("packet", "messages"), EXAMPLES)
def test_a_packet_is_encoded_as_the_protocol_says(packet: Packet, messages: list[str | bytes]) -> None:
    assert encode_packet(packet) == messages


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
        "0[]",
        '0"x"',
        "0null0",
        "0true",
        "0/admin,[]",
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
    ],
)
def test_data_that_its_type_does_not_take_is_refused(text: str) -> None:
    with pytest.raises(PacketError):
        decode(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0[]", "expected an object or nothing after CONNECT, not an empty list"),
        ("1{}", "expected nothing after DISCONNECT, not an object"),
        ("2", "expected a list that starts with the event's name after EVENT, not nothing"),
        ('2"x"', "expected a list that starts with the event's name after EVENT, not a string"),
        ("2[[true]]", "... not a list that starts with a list that starts with a boolean"),
        ("2[1.5]", "... not a list that starts with a number"),
        ('2["connect"]', "... not the reserved name 'connect'"),
        ("3[]", "expected the number of an ack, and none came"),
        ("31{}", "expected a list of arguments after ACK, not an object"),
        ("4true", "expected an object or a string after CONNECT_ERROR, not a boolean"),
    ],
)
def test_what_is_refused_is_told_what_was_expected_and_what_came(text: str, message: str) -> None:
    with pytest.raises(PacketError, match=re.escape(message.removeprefix("... "))):
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


@pytest.mark.parametrize("text", ["00{}", "11", "2", "21", "3[]", "31", "2/news,", "2" + "9" * 17 + '["x"]'])
def test_a_packet_that_makes_no_sense_and_does_no_harm_is_stray_at_most(text: str) -> None:
    try:
        packet = decode(text)
    except StrayPacket:
        assert text[0] in "23"
    else:
        assert packet.type in (CONNECT, DISCONNECT)


@pytest.mark.parametrize("text", ["51-", "61-1", "51-" + "9" * 17 + '["x"]', '51-["x",' + "[" * 10_000])
def test_a_packet_whose_attachments_are_to_come_is_never_stray(text: str) -> None:
    with pytest.raises(PacketError) as caught:
        decode(text)
    assert not isinstance(caught.value, StrayPacket)


# JSON


def test_half_an_emoji_and_a_number_of_any_size_end_nothing() -> None:
    assert decode(r'2["say","Nice \ud83d",-1e400]').data == ["say", "Nice \ufffd", -math.inf]
    assert decode(r'0{"name":"\ud83d","age":1e400}').data == {"name": "\ufffd", "age": math.inf}


@pytest.mark.parametrize("text", ["2[1.5]", '2[1e400,"x"]', "2[" + "9" * 10_000 + "]"])
def test_an_event_that_is_named_by_a_fraction_or_beyond_any_float_is_stray(text: str) -> None:
    with pytest.raises(StrayPacket, match="not a list that starts with a number"):
        decode(text)


@pytest.mark.parametrize("text", ['2["x",{}]', "31[{}]", '0{{"a":{}}}', '50-["x",{}]'])
def test_data_that_nests_too_deeply_is_stray(text: str) -> None:
    with pytest.raises(StrayPacket, match="nests less deeply"):
        decode(text.format("[" * 10_000 + "]" * 10_000))


@pytest.mark.parametrize(
    "payload",
    [
        "NaN",
        "-NaN",
        "Infinity",
        "-Infinity",
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        "[" * 1_000_000,
        '"\x00"',
        '"\x1f"',
        '"a\nb"',
        "'x'",
        "undefined",
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


@pytest.mark.parametrize(
    ("message", "text"),
    [("0", ""), ("0/a", ""), ("0/a,", ""), ('0{"a":1}', '{"a":1}'), ('0/a{,{"a":"x,y"}', '{"a":"x,y"}')],
)
def test_the_payload_of_a_connect_can_be_had_as_it_came(message: str, text: str) -> None:
    assert payload_text(message) == text


@pytest.mark.parametrize(("namespace", "text"), [("/", '2["n",{"a":1}]'), ("/日", '2/日,["n",{"a":1}]')])
def test_an_event_of_ours_is_the_text_of_any_event(namespace: str, text: str) -> None:
    assert encode_plain_event(namespace, ("n", {"a": 1})) == text
    assert [text] == encode_packet(Packet(EVENT, namespace, ["n", {"a": 1}]))
