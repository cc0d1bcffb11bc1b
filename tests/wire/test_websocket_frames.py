"""Clients' WebSocket frames are read as `websockets` reads them, one at a time and within limits."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import Protocol, Side

from nannin.errors import FrameError
from nannin.wire.websocket_frames import (
    BINARY,
    CLOSE,
    LEAST_SHORT,
    MAX_SMALL,
    MOST_SHORT,
    PART,
    PING,
    PONG,
    SMALL_BYTES,
    TEXT,
    FrameReader,
    close_frame,
    pong_frame,
    read_close,
    read_short_text,
)

LARGE = 1_000_000
MANY_BYTES = 3_000


def frame(opcode: Opcode, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A client's frame."""
    return Frame(opcode, payload, fin).serialize(mask=True)


def text(payload: bytes) -> bytes:
    return frame(Opcode.TEXT, payload)


def read_all(reader: FrameReader, max_bytes: int = LARGE) -> list[tuple[int, str | bytes]]:
    found = []
    while (each := reader.read(max_bytes)) is not None:
        found.append(each)
    return found


def read(data: bytes, max_bytes: int = LARGE) -> list[tuple[int, str | bytes]]:
    return read_all(FrameReader(data), max_bytes)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 126, 127, 65_535, 65_536, 100_000])
def test_a_message_of_any_length_is_read(size: int) -> None:
    payload = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert read(frame(Opcode.BINARY, payload)) == [(BINARY, payload)]


def test_several_frames_in_one_piece_are_read_in_order() -> None:
    data = text("人".encode()) + frame(Opcode.PING, b"p") + frame(Opcode.PONG) + frame(Opcode.BINARY, b"\0\1")
    data += frame(Opcode.CLOSE, b"\x03\xe8")
    assert read(data) == [(TEXT, "人"), (PING, b"p"), (PONG, b""), (BINARY, b"\0\1"), (CLOSE, b"\x03\xe8")]


def test_no_more_is_read_than_is_asked_for() -> None:
    reader = FrameReader()
    reader.feed(text(b"one") + text(b"\xff\xfe"))
    assert reader.read(LARGE) == (TEXT, "one")
    assert not reader.is_empty
    with pytest.raises(FrameError):
        reader.read(LARGE)


@pytest.mark.parametrize("size", [3, 200, 70_000])
def test_a_frame_that_is_cut_anywhere_is_read_once_it_is_whole(size: int) -> None:
    data = text(b"x" * size) + text(b"next")
    for cut in (1, 2, 3, 5, size // 2 + 6, size + 7, len(data) - 1):
        reader = FrameReader()
        reader.feed(data[:cut])
        found = read_all(reader)
        assert not reader.is_idle
        reader.feed(data[cut : cut + 1])
        reader.feed(data[cut + 1 :])
        assert found + read_all(reader) == [(TEXT, "x" * size), (TEXT, "next")]
        assert reader.is_idle


def test_fragments_are_one_message_whatever_comes_between_them() -> None:
    data = frame(Opcode.TEXT, "人".encode()[:1], fin=False) + frame(Opcode.PING, b"p")
    data += frame(Opcode.CONT, "人".encode()[1:], fin=False) + frame(Opcode.CONT)
    reader = FrameReader()
    reader.feed(data)
    assert reader.read(LARGE) == (PART, b"")
    assert not reader.is_idle
    assert read_all(reader) == [(PING, b"p"), (PART, b""), (TEXT, "人")]
    assert reader.is_idle


BROKEN = {
    "unmasked": (Frame(Opcode.TEXT, b"x").serialize(mask=False), 1002),
    "unmasked and large": (Frame(Opcode.TEXT, b"x" * 300).serialize(mask=False), 1002),
    "deflated": (b"\xc1\x81\0\0\0\0x", 1002),
    "reserved bit": (b"\xa1\x81\0\0\0\0x", 1002),
    "reserved opcode": (b"\x83\x81\0\0\0\0x", 1002),
    "reserved control opcode": (b"\x8b\x80\0\0\0\0", 1002),
    "ping in fragments": (b"\x09\x80\0\0\0\0", 1002),
    "large ping": (b"\x89\xfe\0\x7e\0\0\0\0" + 126 * b"x", 1002),
    "rest without a beginning": (frame(Opcode.CONT, b"x"), 1002),
    "beginning in a message": (frame(Opcode.TEXT, b"x", fin=False) + text(b"y"), 1002),
    "no UTF-8": (text(b"\xff\xfe"), 1007),
    "half a character": (frame(Opcode.TEXT, "人".encode()[:2], fin=False) + frame(Opcode.CONT), 1007),
    "oversize": (text(b"x" * (LARGE + 1)), 1009),
    "oversize in fragments": (frame(Opcode.TEXT, b"x" * LARGE, fin=False) + frame(Opcode.CONT, b"x"), 1009),
}


# What `websockets` reads all the same.
BROKEN_FOR_US = {
    "two bytes for a small size": (b"\x81\xfe\0\x7d\0\0\0\0" + 125 * b"x", 1002),
    "eight bytes for a size of two": (b"\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0" + 65_535 * b"x", 1002),
}


@pytest.mark.parametrize("name", BROKEN | BROKEN_FOR_US)
def test_a_frame_that_breaks_a_rule_is_refused_with_its_code(name: str) -> None:
    data, code = (BROKEN | BROKEN_FOR_US)[name]
    reader = FrameReader()
    reader.feed(text(b"before") + data)
    assert reader.read(LARGE) == (TEXT, "before")
    with pytest.raises(FrameError) as caught:
        read_all(reader)
    assert caught.value.close_code == code
    assert caught.value.reason


@pytest.mark.parametrize("head", [b"\x81\xfe\x03\xe9", b"\x82\xff" + bytes(4) + b"\xff\xff\xff\xff"])
def test_a_message_over_the_limit_is_refused_from_its_head(head: bytes) -> None:
    with pytest.raises(FrameError, match="1009"):
        read(head, 1_000)
    with pytest.raises(FrameError, match="1009"):
        read(frame(Opcode.TEXT, b"x", fin=False) + b"\x80\xfe\x03\xe8", 1_000)


def test_the_limit_is_that_of_the_moment() -> None:
    reader = FrameReader()
    reader.feed(b"\x81\xfe\x03\xe8")
    assert reader.read(1_000) is None
    with pytest.raises(FrameError, match="1009"):
        reader.read(999)


def test_a_control_frame_may_come_whatever_the_limit() -> None:
    assert read(frame(Opcode.PING, b"x" * 125), 10) == [(PING, b"x" * 125)]


def test_small_fragments_are_bounded_by_number() -> None:
    for payload in (b"", b"x", b"x" * (SMALL_BYTES - 1)):
        part = frame(Opcode.CONT, payload, fin=False)
        begins = frame(Opcode.BINARY, b"x" * SMALL_BYTES, fin=False) + MAX_SMALL * part
        assert read(begins) == (MAX_SMALL + 1) * [(PART, b"")]
        with pytest.raises(FrameError, match="1009"):
            read(begins + part)
        # The next message may have as many again.
        assert len(read(2 * (begins + frame(Opcode.CONT)))) == 2 * (MAX_SMALL + 2)


def test_fragments_that_carry_enough_are_bounded_by_the_limit_alone() -> None:
    part = frame(Opcode.CONT, b"x" * SMALL_BYTES, fin=False)
    data = frame(Opcode.BINARY, b"", fin=False) + 5 * MAX_SMALL * part + frame(Opcode.CONT)
    assert read(data)[-1] == (BINARY, 5 * MAX_SMALL * SMALL_BYTES * b"x")


def test_what_has_been_read_is_not_kept() -> None:
    reader, data = FrameReader(), text(b"x" * LARGE)
    reader.feed(data[:-1])
    assert reader.read(LARGE) is None
    reader.feed(data[-1:] + b"\x81")
    read_all(reader)
    reader.feed(b"\x80")
    assert len(reader._data) == 2


@given(st.binary(max_size=200), st.lists(st.integers(1, 20), max_size=20))
def test_any_bytes_in_any_pieces_are_read_as_websockets_reads_them(data: bytes, cuts: list[int]) -> None:
    compare(data, cuts)


pieces = st.one_of(
    st.builds(
        lambda opcode, payload, fin, mask: Frame(opcode, payload, fin or opcode > Opcode.BINARY).serialize(
            mask=mask
        ),
        st.sampled_from(Opcode),
        st.one_of(st.binary(max_size=10), st.text(max_size=30).map(str.encode), st.just(b"x" * 120)),
        st.booleans(),
        st.sampled_from([True, True, True, True, False]),
    ),
    st.sampled_from([data for data, _ in BROKEN.values() if len(data) < MANY_BYTES]),
)


@given(st.lists(pieces, max_size=12), st.lists(st.integers(1, 150), max_size=30))
def test_any_frames_in_any_pieces_are_read_as_websockets_reads_them(
    frames: list[bytes], cuts: list[int]
) -> None:
    compare(b"".join(frames), cuts)


def compare(data: bytes, cuts: list[int]) -> None:
    """Reads data that arrives in pieces, with ours and with `websockets`."""
    theirs = Protocol(Side.SERVER, max_size=LARGE)
    reader, code = FrameReader(), None
    ours: list[tuple[int, str | bytes]] = []
    rest, stop = data, False
    try:
        for cut in [*cuts, len(data) + 1]:
            if stop:
                break
            piece, rest = rest[:cut], rest[cut:]
            reader.feed(piece)
            while not stop and (each := reader.read(LARGE)) is not None:
                kind, payload = each
                if kind == CLOSE:
                    assert isinstance(payload, bytes)
                    read_close(payload)
                    stop = True
                ours.append(each)
    except FrameError as error:
        code = error.close_code
    theirs.receive_data(data)
    found = messages_of(theirs.events_received())
    assert ours == (found[: len(ours)] if code is not None or stop else found)
    if code == 1007:
        return  # `websockets` leaves the text of a message to its caller, and reads on
    refused = theirs.close_sent.code if theirs.parser_exc is not None and theirs.close_sent else None
    # It waits for the payload of a frame that is refused here from its head.
    assert refused in (None, code)


def messages_of(events: list[Any]) -> list[tuple[int, str | bytes]]:
    """What `websockets` has read, put together as ours is."""
    found: list[tuple[int, str | bytes]] = []
    message, is_text = b"", False
    for event in events:
        if event.opcode > Opcode.BINARY:
            found.append((event.opcode, bytes(event.data)))
            continue
        if event.opcode is not Opcode.CONT:
            message, is_text = b"", event.opcode is Opcode.TEXT
        message += event.data
        if not event.fin:
            found.append((PART, b""))
        elif is_text:
            try:
                found.append((TEXT, message.decode()))
            except UnicodeDecodeError:  # `websockets` leaves that to its caller
                return found
        else:
            found.append((BINARY, message))
    return found


@pytest.mark.parametrize("message", ["3", "\0", "\x7f", "日", "40", "a" * 124, "a" * 125])
def test_a_short_text_is_read_at_once(message: str) -> None:
    data = text(message.encode())
    assert LEAST_SHORT <= len(data) <= MOST_SHORT
    assert read_short_text(data, len(message.encode())) == message


@pytest.mark.parametrize(
    "data",
    [
        b"\x82\x81mask3",
        b"\x89\x81mask3",
        b"\x88\x81mask3",
        b"\x01\x81mask3",
        b"\xc1\x81mask3",
        b"\x81\x05hello",
        b"\x81\x81\x80ask\x00",
        b"\x81\x82mask3",
        b"\x81\x80mask\x81",
        text(b"a" * 126)[:MOST_SHORT],
    ],
    ids=[
        "binary",
        "ping",
        "close",
        "a fragment",
        "reserved bit",
        "not masked",
        "no UTF-8",
        "not whole",
        "more than one",
        "the beginning of a longer one",
    ],
)
def test_another_frame_is_left_to_a_reader(data: bytes) -> None:
    assert LEAST_SHORT <= len(data) <= MOST_SHORT
    assert read_short_text(data, LARGE) is None


def test_a_short_text_over_the_limit_is_left_to_a_reader() -> None:
    assert read_short_text(text(b"hello"), 4) is None


@given(
    st.binary(min_size=LEAST_SHORT, max_size=MOST_SHORT)
    | st.text(min_size=1, max_size=30).map(str.encode).map(text)
)
def test_what_is_read_at_once_is_what_a_reader_reads(data: bytes) -> None:
    message = read_short_text(data, LARGE) if len(data) <= MOST_SHORT else None
    if message is not None:
        assert read(data) == [(TEXT, message)]


def test_frames_are_read_without_the_extension_of_websockets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    spec = importlib.util.find_spec("nannin.wire.websocket_frames")
    assert spec is not None
    assert spec.loader is not None
    slow = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(slow)
    assert slow.FrameReader(text(b"hello")).read(LARGE) == (TEXT, "hello")


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1014, 3000, 4999])
def test_a_close_frame_says_its_code(code: int) -> None:
    assert read_close(Close(code, "so long").serialize()) == code


def test_a_close_frame_may_say_nothing() -> None:
    assert read_close(b"") == 1005


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xe7", 1002), (b"\x0b\xb7", 1002), (b"\x03\xe8\xff", 1007)],
    ids=["one byte", "1005", "999", "2999", "no UTF-8"],
)
def test_a_close_frame_that_breaks_a_rule_is_refused(payload: bytes, code: int) -> None:
    with pytest.raises(FrameError) as caught:
        read_close(payload)
    assert caught.value.close_code == code


@pytest.mark.parametrize("code", [1000, 1008, 4000])
def test_what_we_answer_is_what_websockets_answers(code: int) -> None:
    close = Close(code, "why").serialize()
    assert close_frame(code, "why") == Frame(Opcode.CLOSE, close).serialize(mask=False)
    assert close_frame(1005) == Frame(Opcode.CLOSE, b"").serialize(mask=False)
    assert pong_frame(b"p" * 125) == Frame(Opcode.PONG, b"p" * 125).serialize(mask=False)
