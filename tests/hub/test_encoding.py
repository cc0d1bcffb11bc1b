"""The exact packets in which a count is told."""

from __future__ import annotations

from typing import Any

import pytest

from nannin.access.connect import Format
from nannin.audience.roster import Count
from nannin.hub.encoding import (
    MAX_ATTACHMENTS,
    VARIANTS,
    add_number,
    add_text,
    encode_event,
    encode_packet,
    encode_update,
)
from nannin.wire.socket_packet import Packet, PacketType

CLASSIC, AUDIENCE = VARIANTS[Format.CLASSIC], VARIANTS[Format.AUDIENCE]
COUNT = Count(connections=5, visitors=3, visible=2)


@pytest.mark.parametrize(
    ("page", "joined", "packet"),
    [
        ("/", True, '42["user connected",3]'),
        ("/", False, '42["user disconnected",3]'),
        ("/news/1", True, '42/news/1,["user connected",3]'),
        ("/news/1", False, '42/news/1,["user disconnected",3]'),
    ],
)
def test_the_classic_pair_tells_the_visitors(page: str, joined: bool, packet: str) -> None:
    assert list(encode_update(CLASSIC, page, COUNT, joined=joined).packets) == [packet]


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize(
    ("page", "packet"),
    [
        ("/", '42["audience",{"page":"/","connections":5,"visitors":3,"visible":2}]'),
        ("/news/1", '42/news/1,["audience",{"page":"/news/1","connections":5,"visitors":3,"visible":2}]'),
    ],
)
def test_the_audience_event_tells_the_page_and_its_whole_count(page: str, packet: str, joined: bool) -> None:
    assert list(encode_update(AUDIENCE, page, COUNT, joined=joined).packets) == [packet]


def test_a_page_key_in_another_script_and_with_quotes_is_told_as_it_is() -> None:
    packets = encode_update(AUDIENCE, '/何人"', COUNT, joined=True).packets
    assert list(packets) == [
        '42/何人",["audience",{"page":"/何人\\"","connections":5,"visitors":3,"visible":2}]'
    ]


def test_the_formats_are_what_a_client_may_ask_for() -> None:
    assert [form.value for form in Format] == ["classic", "audience", "none"]


def test_an_event_is_one_packet() -> None:
    assert list(encode_event("/", "say", ("hello", {"a": [1, None]})).packets) == [
        '42["say","hello",{"a":[1,null]}]'
    ]


def test_an_event_without_arguments_is_its_name() -> None:
    assert list(encode_event("/news/1", "say", ()).packets) == ['42/news/1,["say"]']


def test_the_binary_parts_of_an_event_follow_it_as_packets_of_their_own() -> None:
    assert list(encode_event("/", "say", (b"\x01", {"a": b"\x02"})).packets) == [
        '452-["say",{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]',
        b"\x01",
        b"\x02",
    ]


@pytest.mark.parametrize(
    ("args", "packet"),
    [((), '42["say","a\\"b"]'), (({"a": [1]},), '42["say",{"a":[1]},"a\\"b"]')],
)
def test_one_more_text_stands_after_the_arguments(args: tuple[object, ...], packet: str) -> None:
    assert list(add_text(encode_event("/", "say", args), 'a"b').packets) == [packet]


def test_one_more_text_leaves_the_attachments_as_they_are() -> None:
    packets = list(add_text(encode_event("/", "say", (b"\x01",)), "text").packets)
    assert packets == ['451-["say",{"_placeholder":true,"num":0},"text"]', b"\x01"]


def test_an_event_that_json_has_no_form_for_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        encode_event("/", "say", (object(),))


def test_an_event_that_is_no_unicode_is_a_value_error() -> None:
    with pytest.raises(ValueError):
        encode_event("/", "say", ("\ud800",))


def test_as_many_attachments_are_sent_as_clients_take() -> None:
    assert len(encode_event("/", "x", ([b"x"] * MAX_ATTACHMENTS,)).packets) == 1 + MAX_ATTACHMENTS
    with pytest.raises(ValueError, match=r"expected at most 10 binary values, .* not 11"):
        encode_event("/", "x", ([b"x"] * (MAX_ATTACHMENTS + 1),))


@pytest.mark.parametrize("page", ["/", "/room", "/a[b", "/42[/51-["])
@pytest.mark.parametrize("args", [(), ("a",), (b"1", [b"2"], {"/room,": "[/,"})])
def test_an_event_gets_the_number_of_its_ack_without_being_encoded_again(
    page: str, args: tuple[Any, ...]
) -> None:
    whole = encode_packet(Packet(PacketType.EVENT, page, ["e", *args], 17))
    assert add_number(encode_event(page, "e", args), page, 17).packets == whole.packets
