"""What an application may send: the form of each object, and the words for what has none."""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import PurePosixPath
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, ByteSize, Field, HttpUrl, IPvAnyAddress, SecretStr

from nannin.wire.plain import explain, to_plain
from nannin.wire.socket_packet import Packet, PacketType, encode_packet

EVENT = PacketType.EVENT


class Markup(str):
    """As a template engine's safe text: a text that says more when it is shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Markup({super().__repr__()})"


class Meters(float):
    """A number with a unit."""

    __slots__ = ()


class Id(int):
    """A number with a meaning."""

    __slots__ = ()


class Kind(enum.StrEnum):
    NEWS = "news"


class Odd:
    """Nothing that JSON has a form for."""

    def __init__(self, text: str = "odd") -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"<{self.text}>"


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


class Note(msgspec.Struct):
    text: Any


@dataclass
class Card:
    inner: Any


class Site(BaseModel):
    url: HttpUrl
    host: IPvAnyAddress
    home: PurePosixPath
    size: ByteSize = ByteSize(5)
    key: SecretStr = SecretStr("secret")
    name: str = Field("n", serialization_alias="displayName")


class Picture(Site):
    content: bytes
    more: set[bytes] = set()


SITE = {"url": "https://example.org/", "host": "::1", "home": "/srv"}
SITE_SENT = (
    '{"url":"https://example.org/","host":"::1","home":"/srv","size":5,"key":"**********","displayName":"n"'
)


def sent(*arguments: Any) -> list[str | bytes]:
    return encode_packet(Packet(EVENT, "/", ["x", *arguments]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Markup("<b>x</b>"), '"<b>x</b>"'),
        (Meters(2.5), "2.5"),
        (Id(7), "7"),
        (Kind.NEWS, '"news"'),
        (deque([1, Id(2)]), "[1,2]"),
        (PurePosixPath("/srv/a"), '"/srv/a"'),
        (ip_address("127.0.0.1"), '"127.0.0.1"'),
        (ip_address("::1"), '"::1"'),
        (ip_network("10.0.0.0/8"), '"10.0.0.0/8"'),
        (HttpUrl("https://example.org/a"), '"https://example.org/a"'),
        (SecretStr("secret"), '"**********"'),
    ],
)
def test_an_object_is_sent_in_its_form_alone_inside_others_and_beside_bytes(value: Any, text: str) -> None:
    assert sent(value) == [f'2["x",{text}]']
    assert sent({"a": [value]}) == [f'2["x",{{"a":[{text}]}}]']
    assert sent([value], b"y") == [f'51-["x",[{text}],{{"_placeholder":true,"num":0}}]', b"y"]
    assert sent(Note(value)) == [f'2["x",{{"text":{text}}}]']


def test_keys_may_be_such_texts_and_numbers_too() -> None:
    assert sent({Markup("a"): 1, Id(2): 2}) == ['2["x",{"a":1,"2":2}]']


def test_a_model_is_sent_as_fastapi_sends_it() -> None:
    assert sent(Site.model_validate(SITE)) == [f'2["x",{SITE_SENT}}}]']


def test_the_bytes_of_a_model_stay_bytes_whatever_else_it_holds() -> None:
    [text, *attachments] = sent(Picture.model_validate({**SITE, "content": b"\xff", "more": [b"a"]}))
    assert text == (
        f'52-["x",{SITE_SENT},"content":{{"_placeholder":true,"num":0}},"more":[{{"_placeholder":true,"num":1}}]}}]'
    )
    assert attachments == [b"\xff", b"a"]


# What can't be sent


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        (Odd(), "JSON has no form for Odd, here <odd> ($)"),
        ({"a": [1, {"b": Odd()}]}, "JSON has no form for Odd, here <odd> ($.a[1].b)"),
        ({"an a": (Odd(),)}, "JSON has no form for Odd, here <odd> ($['an a'][0])"),
        ({2: Odd()}, "JSON has no form for Odd, here <odd> ($[2])"),
        ({"a": {None: 1}}, "JSON has no key such as None ($.a)"),
        ({(1, 2): Odd()}, "JSON has no key such as (1, 2) ($)"),
        ([Note(Card(deque([Odd()])))], "JSON has no form for Odd, here <odd> ($[0].text.inner[0])"),
        ({frozenset([1]): 1, "b": 2}, "JSON has no key such as frozenset({1}) ($)"),
        (1 + 2j, "JSON has no form for complex, here (1+2j) ($)"),
        (Odd("x" * 100), f"JSON has no form for Odd, here <{'x' * 79}... ($)"),
    ],
)
@pytest.mark.parametrize("more", [[], [b"y"]])
def test_what_cant_be_sent_is_named_with_its_place(argument: Any, problem: str, more: list[bytes]) -> None:
    with pytest.raises(TypeError) as raised:
        sent("first", argument, *more)
    assert str(raised.value) == f"argument 2 can't be sent: {problem}"


def test_an_acks_first_argument_is_the_first() -> None:
    with pytest.raises(TypeError, match=r"^argument 1 can't be sent: JSON has no form for Odd"):
        encode_packet(Packet(PacketType.ACK, "/", [Odd()], 1))


def test_a_refusals_data_has_no_arguments() -> None:
    with pytest.raises(TypeError, match=r"^JSON has no form for Odd$"):
        encode_packet(Packet(PacketType.CONNECT_ERROR, "/", {"data": Odd()}))


def test_an_object_that_cant_even_be_shown_is_named_by_its_type() -> None:
    with pytest.raises(TypeError, match=r"JSON has no form for Broken, here <.*Broken object at .*>"):
        sent(Broken())


def test_a_model_that_cant_be_sent_is_looked_into() -> None:
    class Loose(BaseModel):
        anything: Any

    class Free:
        """Dumps itself, as a model of pydantic's does."""

        def __init__(self) -> None:
            self.inner = Odd()

        def model_dump(self) -> dict[str, Any]:
            return {"inner": self.inner}

    for model in (Loose(anything=b"x"), Loose(anything=[1])):
        assert sent(model)
    with pytest.raises(TypeError, match=r"JSON has no form for Odd, here <odd> \(\$\.inner\)"):
        sent(Free())
    assert explain([Loose(anything=Odd())]) == (
        "argument 1 can't be sent: JSON has no form for Odd, here <odd> ($.anything)"
    )


def test_where_everything_can_be_sent_there_is_nothing_to_explain() -> None:
    assert explain([1, {"a": [b"x"]}]) == ""
    with pytest.raises(TypeError, match="JSON has no form for Odd"):
        to_plain(Odd())


# What a client may not make others take for an attachment


def test_a_key_that_looks_like_our_placeholder_is_left_out_beside_bytes() -> None:
    evil = {"_placeholder": True, "num": 7}
    assert sent([evil, b"y"]) == ['51-["x",[{"num":7},{"_placeholder":true,"num":0}]]', b"y"]
    assert sent(Note({"_placeholder": 1, "num": 0}), b"y") == [
        '51-["x",{"text":{"num":0}},{"_placeholder":true,"num":0}]',
        b"y",
    ]


def test_without_bytes_it_is_a_key_like_any_other() -> None:
    evil = {"_placeholder": True, "num": 7}
    assert sent(evil) == ['2["x",{"_placeholder":true,"num":7}]']
    assert sent(Note(evil)) == ['2["x",{"text":{"_placeholder":true,"num":7}}]']


def test_a_subclass_of_bytes_is_sent_as_bytes() -> None:
    class Picture(bytes):
        pass

    text, attachment = encode_packet(Packet(EVENT, "/", ["got", {"picture": Picture(b"png")}]))
    assert text == '51-["got",{"picture":{"_placeholder":true,"num":0}}]'
    assert (type(attachment), attachment) == (bytes, b"png")
