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
from pydantic import BaseModel, ByteSize, Field, HttpUrl, IPvAnyAddress, SecretStr, field_serializer
from pydantic_core import PydanticSerializationError

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
        (Odd(), "JSON has no form for Odd, here <odd>"),
        ({"a": [1, {"b": Odd()}]}, "JSON has no form for Odd, here <odd> ($.a[1].b)"),
        ({"an a": (Odd(),)}, "JSON has no form for Odd, here <odd> ($['an a'][0])"),
        ({2: Odd()}, "JSON has no form for Odd, here <odd> ($[2])"),
        ({"a": {None: 1}}, "JSON has no key such as None ($.a)"),
        ({(1, 2): Odd()}, "JSON has no key such as (1, 2)"),
        ([Note(Card(deque([Odd()])))], "JSON has no form for Odd, here <odd> ($[0].text.inner[0])"),
        ({frozenset([1]): 1, "b": 2}, "JSON has no key such as frozenset({1})"),
        (1 + 2j, "JSON has no form for complex, here (1+2j)"),
        (Odd("x" * 100), f"JSON has no form for Odd, here <{'x' * 79}..."),
    ],
)
@pytest.mark.parametrize("more", [[], [b"y"]])
def test_what_cant_be_sent_is_named_with_its_place(argument: Any, problem: str, more: list[bytes]) -> None:
    with pytest.raises(TypeError) as raised:
        sent("first", argument, *more)
    assert str(raised.value) == f"argument 2 of 'x' can't be sent: {problem}"


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("Nice \ud83d", r"half a character (a lone surrogate) in 'Nice \ud83d'"),
        (Markup("\udc00"), r"half a character (a lone surrogate) in Markup('\udc00')"),
        ({"a": [1, "\ud83d"]}, r"half a character (a lone surrogate) in '\ud83d' ($.a[1])"),
        ({"a": {"\ud83d": 1}}, r"half a character (a lone surrogate) in the key '\ud83d' ($.a)"),
        (Note("\ud83d"), r"half a character (a lone surrogate) in '\ud83d' ($.text)"),
    ],
)
@pytest.mark.parametrize("more", [[], [b"y"]])
def test_half_a_character_is_named_with_its_place(argument: Any, problem: str, more: list[bytes]) -> None:
    with pytest.raises(ValueError) as raised:
        sent("first", argument, *more)
    assert str(raised.value) == f"argument 2 of 'x' can't be sent: {problem}"
    assert raised.value.__cause__ is None


def test_half_a_character_in_the_events_name_is_named() -> None:
    with pytest.raises(ValueError) as raised:
        encode_packet(Packet(EVENT, "/", ["sa\ud800y", 1]))
    assert str(raised.value) == (
        r"an event of this name can't be sent: half a character (a lone surrogate), 'sa\ud800y'"
    )


def test_an_integer_with_more_digits_than_python_writes_is_named() -> None:
    with pytest.raises(ValueError, match=r"^argument 1 of 'x' can't be sent: Exceeds the limit .*<int"):
        sent(10**5_000)


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
    with pytest.raises(TypeError) as raised:
        sent({"a": Loose(anything=Odd())})
    assert str(raised.value) == (
        "argument 1 of 'x' can't be sent: JSON has no form for Odd, here <odd> ($.a.anything)"
    )
    assert isinstance(raised.value.__cause__, PydanticSerializationError)


def test_what_a_models_own_code_raises_is_told_and_is_the_cause() -> None:
    class Own(BaseModel):
        inner: int

        @field_serializer("inner")
        def write(self, inner: int) -> str:
            raise KeyError("x")

    class Slotted:
        __slots__ = ()

        def __repr__(self) -> str:
            return "<slotted>"

        def model_dump(self) -> dict[str, Any]:
            raise OSError("no disk" * 50)

    with pytest.raises(TypeError) as raised:
        sent(Own(inner=1))
    assert str(raised.value) == (
        "argument 1 of 'x' can't be sent: the model_dump of Own raised "
        "PydanticSerializationError(Error calling function `write`: KeyError: 'x'), here Own(inner=1)"
    )
    assert isinstance(raised.value.__cause__, PydanticSerializationError)
    with pytest.raises(TypeError, match=r"raised OSError\('no disk.*\.\.\., here <slotted>$") as raised:
        sent(Slotted())
    assert isinstance(raised.value.__cause__, OSError)


def test_a_model_that_nests_too_deeply_is_as_any_other_data_that_does() -> None:
    class Endless:
        def model_dump(self) -> dict[str, Any]:
            return self.model_dump()

    with pytest.raises(ValueError, match="nests too deeply"):
        sent(Endless())


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
