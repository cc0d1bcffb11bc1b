"""The simple frames are read as `websockets` would read them, and the others are left for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from nannin.engine.whole_frames import read_whole_frames

LARGE = 1_000_000


def text(payload: bytes) -> bytes:
    return Frame(Opcode.TEXT, payload).serialize(mask=True)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 126, 127, 65_535])
def test_a_message_of_any_length_up_to_two_bytes_of_it_is_read(size: int) -> None:
    payload = bytes(range(256)) * (size // 256 + 1)
    frame = Frame(Opcode.BINARY, payload[:size]).serialize(mask=True)
    assert read_whole_frames(frame, LARGE) == ([(False, payload[:size])], len(frame))


def test_several_in_one_piece_are_read_in_order() -> None:
    data = text(b"2probe") + Frame(Opcode.BINARY, b"\0\1").serialize(mask=True) + text(b"5")
    assert read_whole_frames(data, LARGE) == ([(True, b"2probe"), (False, b"\0\1"), (True, b"5")], len(data))


@pytest.mark.parametrize(
    "other",
    [
        Frame(Opcode.PING, b"x").serialize(mask=True),
        Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True),
        Frame(Opcode.CONT, b"x").serialize(mask=True),
        Frame(Opcode.TEXT, b"begins", fin=False).serialize(mask=True),
        b"\xc1\x81\0\0\0\0x",
        Frame(Opcode.TEXT, b"unmasked").serialize(mask=False),
        text(b"x" * 65_536),
        text(b"too large for the limit"),
        b"\x81\xfe\x00\x05\0\0\0\0hello",
    ],
    ids=["ping", "close", "rest", "fragment", "extension", "unmasked", "64 KiB", "limit", "long form"],
)  # fmt: skip
def test_whatever_is_not_so_simple_is_left_with_all_after_it(other: bytes) -> None:
    before, after = text(b"before"), text(b"after")
    limit = 22 if len(other) == len(text(b"too large for the limit")) else LARGE
    assert read_whole_frames(before + other + after, limit) == ([(True, b"before")], len(before))


@pytest.mark.parametrize(
    "cut",
    [text(b"cut")[:-1], text(b"x" * 200)[:3], text(b"x" * 200)[:7], b"\x81", b""],
    ids=["in the payload", "in the length", "in the mask", "after a byte", "nothing"],
)
def test_what_is_not_whole_yet_is_left(cut: bytes) -> None:
    before = text(b"before")
    assert read_whole_frames(before + cut, LARGE) == ([(True, b"before")], len(before))


@given(
    st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=5),
    st.binary(max_size=20),
)
def test_what_is_read_is_what_websockets_reads(messages: list[tuple[bool, bytes]], rest: bytes) -> None:
    data = b"".join(
        Frame(Opcode.TEXT if is_text else Opcode.BINARY, payload).serialize(mask=True)
        for is_text, payload in messages
    )
    read, used = read_whole_frames(data + rest, LARGE)
    assert read[: len(messages)] == messages
    ours, theirs = Protocol(Side.SERVER), Protocol(Side.SERVER)
    ours.receive_data((data + rest)[used:])
    theirs.receive_data(data + rest)
    later = [(frame.opcode is Opcode.TEXT, bytes(frame.data)) for frame in theirs.events_received()]  # type: ignore[union-attr]
    assert read == later[: len(read)]
    assert str(ours.parser_exc) == str(theirs.parser_exc)
