"""What hubs say to each other arrives as it was said."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from nannin.audience.recovery import Aim
from nannin.errors import PacketError
from nannin.hub.encoding import encode_event
from nannin.hub.node_messages import (
    Acked,
    Called,
    Emitted,
    NodeMessage,
    Ordered,
    Reply,
    Returned,
    Seen,
    Sought,
    decode_data,
    encode_data,
    encode_message,
    join,
    pack_answer,
    split,
    unpack_answer,
)

decode_message = msgspec.msgpack.Decoder(NodeMessage).decode

AIM = Aim(frozenset({"a", "b"}), frozenset({"c"}))


@pytest.mark.parametrize(
    "message",
    [
        Emitted(Aim(), False, '42["e"]', []),
        Emitted(AIM, True, '451-["e",{"_placeholder":true,"num":0}]', [b"\x00"]),
        Ordered(AIM, joins=["x"], leaves=["y"], disconnects=True, closes=True),
        Sought(1, AIM, True),
        Called(2, AIM, '42["e"]', [], "e", float("inf")),
        Reply(3, 1, [Seen("id", None, ["x"], b"")], [Acked("id", "30[1]", [b"x"])], True),
        Returned("pid"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_each_message_comes_back(message: Any) -> None:
    assert decode_message(encode_message(message)) == message


def test_what_is_none_of_them_is_an_error() -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_message(b"\x91\x7f")


def test_an_event_is_split_into_text_and_bytes_and_joined_again() -> None:
    event = encode_event("/room", "e", (b"1", {"deep": b"2"}))
    text, attachments = split(event)
    assert (text[:2], attachments) == ("45", [b"1", b"2"])
    assert join(text, attachments).packets == event.packets


@pytest.mark.parametrize(
    "answer", [None, 0, 10**40, "text", b"\x00\xff", [1, [b"2"]], {"a": {"b": [None, b""]}}, [], float("inf")]
)
def test_an_answer_is_what_the_client_sent(answer: Any) -> None:
    acked = pack_answer("id", answer)
    wire = msgspec.msgpack.decode(msgspec.msgpack.encode(acked), type=Acked)
    assert unpack_answer(wire) == (None if answer == float("inf") else answer)


@pytest.mark.parametrize(
    "acked", [Acked("id", "", []), Acked("id", "30[]", []), Acked("id", '361-0[{"_placeholder":true}]', [])]
)
def test_what_is_no_answer_is_an_error(acked: Acked) -> None:
    with pytest.raises(PacketError):
        unpack_answer(acked)


@dataclasses.dataclass
class Person:
    name: str


def test_notes_arrive_as_plain_objects_without_what_cannot_be_sent() -> None:
    data = {
        "person": Person("Ann"),
        "bytes": b"\x00",
        "lock": object(),
        "set": {1},
        "huge": 10**40,
        5: "five",
    }
    assert decode_data(encode_data(data)) == {  # type: ignore[arg-type] # an application may do it
        "person": {"name": "Ann"},
        "bytes": b"\x00",
        "set": [1],
        5: "five",
    }
    assert decode_data(encode_data({})) == {}
