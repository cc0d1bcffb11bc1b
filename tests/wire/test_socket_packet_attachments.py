"""Socket.IO packets with attachments, and what the application sends."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import msgspec
import pytest

from nannin.errors import PacketError
from nannin.wire.engine_packet import SharedBinary
from nannin.wire.socket_packet import Decoder, Packet, encode_packet
from support.socket_packets import ACK, CONNECT_ERROR, EVENT, EXAMPLES, MAX_ATTACHMENTS, decode, placeholder

# Attachments


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
    assert encode_packet(Packet(EVENT, "/", ["x", (part,)])) == [
        '51-["x",[{"_placeholder":true,"num":0}]]',
        b"\x01",
    ]


def test_encoding_leaves_the_data_as_it_was() -> None:
    data = ["x", {"a": b"\x01", "b": [b"\x02"]}]
    encode_packet(Packet(EVENT, "/", data))
    assert data == ["x", {"a": b"\x01", "b": [b"\x02"]}]


@pytest.mark.parametrize("value", [object(), 1j, {(1, 2): 3}])
def test_data_that_json_has_no_form_for_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        encode_packet(Packet(EVENT, "/", ["x", value]))


@pytest.mark.parametrize("data", [["x", "\ud800"], ["x", {"\udfff": 1}], ["x", b"\x01", "\ud800"]])
def test_text_that_is_no_unicode_is_a_value_error(data: list[object]) -> None:
    with pytest.raises(ValueError):
        encode_packet(Packet(EVENT, "/", data))


def test_an_acks_first_argument_is_the_first() -> None:
    with pytest.raises(TypeError, match=r"^argument 1 can't be sent: JSON has no form for object"):
        encode_packet(Packet(ACK, "/", [object()], 1))


def test_a_refusals_data_has_no_arguments() -> None:
    with pytest.raises(TypeError, match=r"^JSON has no form for object$"):
        encode_packet(Packet(CONNECT_ERROR, "/", {"data": object()}))


def test_data_that_holds_itself_is_a_value_error() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ValueError, match="nests too deeply"):
        encode_packet(Packet(EVENT, "/", ["x", ring]))


def test_a_number_that_json_can_not_hold_is_null() -> None:
    assert encode_packet(Packet(EVENT, "/", ["x", math.nan, math.inf])) == ['2["x",null,null]']


# Objects that hold something


@dataclasses.dataclass
class Picture:
    name: str
    content: bytes


class Note(msgspec.Struct):
    text: str
    pictures: list[Picture] = []


class Model:
    """What a model of pydantic looks like."""

    def model_dump(self) -> dict[str, object]:
        return {"a": 1, "content": b"\x02"}


def test_bytes_in_an_object_travel_as_bytes() -> None:
    text, *attachments = encode_packet(Packet(EVENT, "/", ["x", Note("hi", [Picture("p", b"\x01")]), {1: 2}]))
    assert isinstance(text, str)
    note = {"text": "hi", "pictures": [{"name": "p", "content": {"_placeholder": True, "num": 0}}]}
    assert json.loads(text.removeprefix("51-")) == ["x", note, {"1": 2}]
    assert attachments == [b"\x01"]


def test_an_object_without_bytes_is_plain_json() -> None:
    assert encode_packet(Packet(EVENT, "/", ["x", Note("hi")])) == ['2["x",{"text":"hi","pictures":[]}]']


def test_a_model_is_sent_as_what_it_dumps() -> None:
    assert encode_packet(Packet(EVENT, "/", ["x", Model()])) == [
        '51-["x",{"a":1,"content":{"_placeholder":true,"num":0}}]',
        b"\x02",
    ]


def test_what_json_has_no_form_for_is_named() -> None:
    with pytest.raises(TypeError, match="JSON has no form for object"):
        encode_packet(Packet(EVENT, "/", ["x", object()]))


def test_an_attachment_that_many_share_is_plain_bytes_when_it_is_read() -> None:
    decoder = Decoder(1)
    decoder.receive('51-["a",{"_placeholder":true,"num":0}]')
    packet = decoder.receive(SharedBinary(b"\x01"))
    assert packet is not None
    assert [type(part) for part in packet.data] == [str, bytes]


def test_attachments_that_nobody_reads_are_dropped_with_their_packets() -> None:
    decoder = Decoder(2, keeps_attachments=False)
    assert decoder.receive('52-["a",{"_placeholder":true,"num":0}]') is None
    assert [decoder.receive(b"x" * 1_000), decoder.receive(b"y")] == [None, None]
    assert decoder.receive('50-["a"]') is None
    assert decoder.receive('2["b"]') == Packet(EVENT, "/", ["b"])


def test_more_attachments_than_may_come_are_refused_though_nobody_reads_them() -> None:
    with pytest.raises(PacketError):
        Decoder(2, keeps_attachments=False).receive('53-["a"]')
