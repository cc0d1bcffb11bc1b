"""What the crowd's clients say, and how they read a server's bytes."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from nannin.cli.bench.frames import (
    PONG,
    Heard,
    make_connect,
    make_handshake,
    mask,
    read_frames,
    read_response,
)

OPEN = '0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16384}'


def text(payload: str) -> bytes:
    return Frame(Opcode.TEXT, payload.encode()).serialize(mask=False)


def unmask(frame: bytes) -> bytes:
    key = frame[2:6]
    return bytes(byte ^ key[at % 4] for at, byte in enumerate(frame[6:]))


def test_a_clients_frame_is_masked_and_reads_as_its_payload() -> None:
    connect = make_connect("/", {})
    assert connect[:2] == bytes((0x81, 0x82))
    assert connect[6:] != b"40"
    assert unmask(connect) == b"40"


def test_a_client_joins_a_page_with_what_it_says_of_itself() -> None:
    assert unmask(make_connect("/news", {})) == b"40/news,"
    assert unmask(make_connect("/", {"token": "t"})) == b'40{"token": "t"}'
    assert unmask(make_connect("/news", {"token": "t"})) == b'40/news,{"token": "t"}'


def test_the_handshake_asks_for_a_websocket() -> None:
    head = make_handshake("example.org:8124", "/socket.io/?EIO=4")
    assert head.startswith(b"GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: example.org:8124\r\n")
    assert b"\r\nUpgrade: websocket\r\n" in head
    assert head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("end", range(1, 30))
def test_half_a_response_is_no_response(end: int) -> None:
    assert read_response(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"[:end]) is None


def test_a_response_has_a_status_and_what_follows() -> None:
    assert read_response(b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n\x81\x012") == (101, b"\x81\x012")


def test_a_response_that_is_no_http_has_status_0() -> None:
    assert read_response(b"hello\r\n\r\n") == (0, b"")


def test_nothing_says_nothing() -> None:
    assert read_frames(b"") == Heard()


def test_an_open_packet_tells_the_interval_of_the_heartbeat() -> None:
    heard = read_frames(text(OPEN))
    assert heard.opened
    assert heard.ping_interval_s == 25.0
    assert heard.updates == 0


def test_the_answer_to_connect_and_the_first_count_are_read_at_once() -> None:
    heard = read_frames(text('40{"sid":"b"}') + text('42["user connected",7]'))
    assert (heard.joined, heard.messages, heard.updates, heard.number) == (True, 2, 1, 7)


def test_the_last_of_several_counts_holds() -> None:
    heard = read_frames(text('42["user connected",8]') + text('42["user disconnected",7]'))
    assert (heard.updates, heard.number) == (2, 7)


def test_an_audience_update_on_a_page_is_a_count_too() -> None:
    update = '42/news,["audience",{"page":"/news","connections":12,"visitors":9}]'
    assert read_frames(text(update)).number == 12


@pytest.mark.parametrize("event", ['42["welcome",7]', '42["user connected"]', '42["user connected",{}]'])
def test_other_events_are_messages_and_no_updates(event: str) -> None:
    heard = read_frames(text(event))
    assert (heard.messages, heard.updates, heard.number) == (1, 0, None)


def test_a_heartbeat_is_answered() -> None:
    assert read_frames(text("2")).answer == PONG


def test_a_ping_of_the_websocket_is_answered_with_its_payload() -> None:
    heard = read_frames(Frame(Opcode.PING, b"abc").serialize(mask=False))
    assert heard.answer == mask(0xA, b"abc")


def test_a_close_frame_tells_its_code() -> None:
    frame = Frame(Opcode.CLOSE, (1008).to_bytes(2, "big")).serialize(mask=False)
    assert read_frames(frame).refusal == "closed with 1008"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ('44{"message":"Invalid namespace"}', "Invalid namespace"),
        ('44/news,{"message":"Invalid token: it is for /"}', "Invalid token: it is for /"),
        ('44"no"', '"no"'),
        ("44{no", "{no"),
    ],
)
def test_a_connect_error_is_a_refusal(payload: str, reason: str) -> None:
    assert read_frames(text(payload)).refusal == reason


@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536])
def test_frames_of_every_length_are_read(size: int) -> None:
    heard = read_frames(text("4" * size) + text('42["user connected",3]'))
    assert (heard.messages, heard.number, heard.rest) == (2, 3, b"")


def test_frames_that_come_byte_by_byte_say_the_same() -> None:
    whole = text('40{"sid":"b"}') + text("x" * 300) + text('42["user connected",7]')
    rest, messages, number = b"", 0, None
    for byte in whole:
        heard = read_frames(rest + bytes((byte,)))
        rest, messages, number = heard.rest, messages + heard.messages, heard.number or number
    assert (rest, messages, number) == (b"", 3, 7)
