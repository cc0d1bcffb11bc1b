"""Packets on their way: what they weigh, and their form as WebSocket frames."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from nannin.wire.engine_packet import Encoded, encode_message, encode_payload
from nannin.wire.outgoing import Outgoing


def read_frames(data: bytes) -> list[Encoded]:
    """Reads a server's frames as a client does."""
    client = Protocol(CLIENT, state=OPEN, max_size=None)
    client.receive_data(data)
    assert client.parser_exc is None
    packets: list[Encoded] = []
    for frame in client.events_received():
        assert isinstance(frame, Frame)
        assert frame.fin
        packets.append(bytes(frame.data) if frame.opcode is Opcode.BINARY else bytes(frame.data).decode())
    return packets


def test_the_packets_keep_their_order_and_are_never_changed() -> None:
    packets: list[Encoded] = ["4a", b"b"]
    outgoing = Outgoing(packets)
    packets.append("4c")
    assert outgoing.packets == ("4a", b"b")


def test_the_size_is_that_of_all_packets_together() -> None:
    assert Outgoing(["4abc", b"\x00\x01"]).size_bytes == 6


def test_the_size_is_in_bytes_and_not_in_characters() -> None:
    outgoing = Outgoing(["4" + "人" * 10_000])
    assert outgoing.size_bytes == 30_001 == len(outgoing.frames) - 4


def test_nothing_weighs_nothing_and_makes_no_frame() -> None:
    assert (Outgoing([]).size_bytes, Outgoing([]).frames) == (0, b"")


def test_text_becomes_an_unmasked_text_frame() -> None:
    assert Outgoing(["4hi"]).frames == b"\x81\x034hi"


def test_bytes_become_an_unmasked_binary_frame() -> None:
    assert Outgoing([b"\xff\x00"]).frames == b"\x82\x02\xff\x00"


def test_the_frames_are_made_once_for_all() -> None:
    outgoing = Outgoing(["4hello"])
    assert outgoing.frames is outgoing.frames


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.binary(), max_size=5))
@settings(deadline=None, max_examples=100, database=None)
def test_a_client_reads_the_frames_as_the_packets_that_they_were(packets: list[Encoded]) -> None:
    assert read_frames(Outgoing(packets).frames) == packets


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
def test_a_packet_of_any_length_is_one_frame(size: int) -> None:
    packets: list[Encoded] = ["x" * size, bytes(size)]
    assert read_frames(Outgoing(packets).frames) == packets


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536])
def test_a_frame_is_what_websockets_would_make_of_it(size: int) -> None:
    assert Outgoing([bytes(size)]).frames == Frame(Opcode.BINARY, bytes(size)).serialize(mask=False)


def test_it_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="frame"):
        _ = Outgoing(["4x"]).frame


def test_what_is_binary_is_made_base64_once_for_all_who_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[bytes] = []

    def count(data: bytes) -> bytes:
        encoded.append(data)
        return b64encode(data)

    monkeypatch.setattr("nannin.wire.engine_packet.base64.b64encode", count)
    outgoing = Outgoing(["451-", encode_message(b"\x01\x02")])
    payloads = {encode_payload(outgoing.packets) for _ in range(5)}
    assert (payloads, encoded) == ({b"451-\x1ebAQI="}, [b"\x01\x02"])


@pytest.mark.parametrize("taken_bytes", [1, 7, 20])
def test_the_rest_of_it_is_what_a_client_has_not_got_yet_of_the_frames(taken_bytes: int) -> None:
    outgoing = Outgoing(["42[1]", b"\x01" * 20])
    rest = outgoing.rest(taken_bytes)
    assert isinstance(rest.frames, memoryview), "thousands may have to be sent the same rest"
    assert outgoing.frames[:taken_bytes] + rest.frames == outgoing.frames
    assert rest.packets == ()


def test_a_namespace_is_spelled_anew_where_it_is_one() -> None:
    outgoing = Outgoing(
        ['40/%41,{"sid":"/%41,"}', '451-/%41,7["/%41,"]', b"4/%41,", "42/b,[]", "2", "41/%41,"]
    )
    spelled = outgoing.respelled("/%41", "/A")
    assert spelled.packets == (
        '40/A,{"sid":"/%41,"}',
        '451-/A,7["/%41,"]',
        b"4/%41,",
        "42/b,[]",
        "2",
        "41/A,",
    )
    assert outgoing.respelled("/%41", "/A") is spelled
    assert outgoing.respelled("/%41", "/B").packets[-1] == "41/B,"
