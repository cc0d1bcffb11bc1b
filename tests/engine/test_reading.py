"""A client is read a share at a time, and to its end; the others have their turn in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from nannin.engine import reading
from nannin.engine.direct import DirectWebSocket
from nannin.engine.reading import MAX_LATE_BYTES, SHARE_BYTES, SHARE_FRAMES
from nannin.wire.outgoing import Outgoing
from support.peers import Peer, Recorder, attached, attaching, turn

PING = Frame(Opcode.PING, b"p").serialize(mask=True)


def text(payload: str) -> bytes:
    return Frame(Opcode.TEXT, payload.encode()).serialize(mask=True)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stops the time; moves it when it is called."""
    now = [1_000.0]
    monkeypatch.setattr(reading, "monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


async def test_a_flood_gets_its_share_of_each_turn_and_nothing_is_lost(still: Any) -> None:
    peer, recorder = await attached()
    messages = [str(number) for number in range(3 * SHARE_FRAMES + 1)]
    peer.socket.data_received(b"".join(map(text, messages)))
    for shares in (1, 2, 3):
        assert recorder.told == messages[: shares * SHARE_FRAMES]
        assert not peer.transport.reading
        await asyncio.sleep(0)
    assert recorder.told == messages
    assert peer.transport.reading


async def test_what_arrives_while_a_client_waits_for_its_turn_waits_too(still: Any) -> None:
    peer, recorder = await attached()
    peer.socket.data_received((SHARE_FRAMES + 1) * text("x"))
    peer.socket.data_received(text("late"))
    assert len(recorder.told) == SHARE_FRAMES
    await turn()
    assert recorder.told[SHARE_FRAMES:] == ["x", "late"]


async def test_frames_that_are_no_messages_have_their_share_too(still: Any) -> None:
    peer, recorder = await attached()
    part = Frame(Opcode.CONT, b"", False).serialize(mask=True)
    begin = Frame(Opcode.TEXT, b"whole", False).serialize(mask=True)
    end = Frame(Opcode.CONT, b"", True).serialize(mask=True)
    pong = Frame(Opcode.PONG, b"").serialize(mask=True)
    peer.socket.data_received(begin + SHARE_FRAMES * (PING + pong + part) + end)
    assert 0 < recorder.others < SHARE_FRAMES, "the parts have their share of the frames, and don't count"
    await turn()
    assert (recorder.others, recorder.told) == (2 * SHARE_FRAMES, ["whole"])


async def test_slow_handlers_end_a_share_by_its_time(still: Callable[[float], None]) -> None:
    class Slow(Recorder):
        def receive(self, link: DirectWebSocket, message: str | bytes) -> None:
            super().receive(link, message)
            still(1.0)

    recorder = Slow()
    peer = Peer(attaching(recorder))
    await peer.open()
    peer.socket.data_received(5 * text("x"))
    assert len(recorder.told) == 2, "the time runs from the end of the first message"
    await asyncio.sleep(0)
    assert len(recorder.told) == 4
    await asyncio.sleep(0)
    assert len(recorder.told) == 5


async def test_many_bytes_are_a_share_too() -> None:
    peer, recorder = await attached()
    peer.socket._max_bytes = 4 * SHARE_BYTES
    data = text(2 * SHARE_BYTES * "x")
    peer.socket.data_received(data[:SHARE_BYTES])
    assert not peer.transport.reading
    await asyncio.sleep(0)
    assert peer.transport.reading
    peer.socket.data_received(data[SHARE_BYTES:])
    assert [len(message) for message in recorder.told] == [2 * SHARE_BYTES]


async def test_whoever_wants_no_more_gets_no_more_until_it_does() -> None:
    class Full(Recorder):
        def receive(self, link: DirectWebSocket, message: str | bytes) -> None:
            super().receive(link, message)
            if message == "two":
                link.read_on(False)

    recorder = Full()
    peer = Peer(attaching(recorder))
    await peer.open()
    peer.socket.data_received(text("one") + text("two") + text("three"))
    peer.socket.data_received(text("four"))
    await turn()
    assert recorder.told == ["one", "two"]
    assert not peer.transport.reading
    peer.socket.read_on(True)
    await turn()
    assert recorder.told == ["one", "two", "three", "four"]
    assert peer.transport.reading


async def test_whoever_stops_a_client_that_waits_for_its_turn_stops_it(still: Any) -> None:
    peer, recorder = await attached()
    peer.socket.data_received((SHARE_FRAMES + 1) * text("x"))
    peer.socket.read_on(False)
    await turn()
    assert len(recorder.told) == SHARE_FRAMES
    peer.socket.read_on(True)
    await turn()
    assert len(recorder.told) == SHARE_FRAMES + 1


async def test_a_client_that_goes_while_it_waits_leaves_nothing(still: Any) -> None:
    peer, recorder = await attached()
    peer.socket.data_received((SHARE_FRAMES + 1) * text("x"))
    peer.lose()
    peer.socket.read_on(True)
    await turn()
    assert recorder.told == [*SHARE_FRAMES * ["x"], "LOST"]
    assert peer.socket._reader is None


async def test_a_client_between_two_messages_keeps_no_reader() -> None:
    peer, _ = await attached()
    peer.socket.data_received(text("one") + PING + text("two")[:4])
    assert peer.socket._reader is not None
    peer.socket.data_received(text("two")[4:])
    assert peer.socket._reader is None


async def test_the_pings_of_a_share_are_answered_in_one_write(still: Any) -> None:
    peer, _ = await attached()
    peer.socket.data_received(3 * PING)
    assert len(peer.transport.written) == 1
    assert [bytes(frame.data) for frame in peer.hear()] == 3 * [b"p"]


async def test_pings_before_a_bad_frame_are_answered_and_then_its_code_is_told() -> None:
    peer, recorder = await attached()
    peer.socket.data_received(PING + b"\xf1\x80\0\0\0\0")
    assert [frame.opcode for frame in peer.hear()] == [Opcode.PONG, Opcode.CLOSE]
    assert recorder.told == ["parse error"]


async def test_the_receivers_limit_holds_for_what_has_begun_to_arrive_before_it_came() -> None:
    recorder, gate = Recorder(), asyncio.Event()
    peer = Peer(attaching(recorder, before=gate, max_message_bytes=100))
    await peer.open()
    peer.hear()
    peer.socket.data_received(text("x" * 101)[:50])
    assert peer.transport.reading
    gate.set()
    await turn()
    assert recorder.told == ["message too large"]
    (close,) = peer.hear()
    assert bytes(close.data)[:2] == (1009).to_bytes(2, "big")


async def test_the_receivers_limit_holds_where_it_is_higher_than_the_servers() -> None:
    peer, recorder = await attached(max_message_bytes=5_000)
    peer.socket.data_received(text("x" * 5_000))  # the limit of these peers' server is 1,000
    assert recorder.told == ["x" * 5_000]
    peer.socket.data_received(text("x" * 5_001))
    assert recorder.told[1:] == ["message too large"]


async def test_an_app_that_has_attached_nothing_has_the_servers_limit() -> None:
    received: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())
        await send({"type": "websocket.accept"})
        received.append(await receive())

    peer = Peer(app)
    await peer.open()
    peer.hear()
    peer.socket.data_received(text("x" * 1_001)[:4])  # its head is enough
    await turn()
    assert received[1] == {"type": "websocket.disconnect", "code": 1009, "reason": ""}
    (close,) = peer.hear()
    assert bytes(close.data)[:2] == (1009).to_bytes(2, "big")


async def test_what_a_client_sends_after_it_broke_a_rule_is_not_read_and_soon_too_much() -> None:
    peer, recorder = await attached()
    peer.socket.data_received(b"\xf1\x80\0\0\0\0")
    peer.socket.data_received(text("x") + PING + bytes(MAX_LATE_BYTES - 20))
    assert peer.transport.closed is None
    peer.socket.data_received(bytes(20))
    assert peer.transport.closed == "abort"
    assert recorder.told == ["parse error"]


async def test_a_client_that_goes_on_sending_after_our_close_frame_is_cut_off() -> None:
    peer, recorder = await attached()
    peer.socket.close(1008)
    peer.socket.data_received(PING + text("x"))
    assert [frame.opcode for frame in peer.hear()] == [Opcode.CLOSE]
    for _ in range(MAX_LATE_BYTES // SHARE_BYTES + 1):
        peer.socket.data_received(text("x" * 900) * (SHARE_BYTES // 900))
        await asyncio.sleep(0)
    assert peer.transport.closed == "abort"
    assert recorder.told == []


@pytest.mark.parametrize("end", ["bad frame", "close"])
async def test_a_client_that_never_closes_its_side_is_cut_off(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DirectWebSocket, "close_timeout_s", 0.0)
    peer, _ = await attached()
    if end == "close":
        peer.socket.close(1000)
    else:
        peer.socket.data_received(b"\xf1\x80\0\0\0\0")
    await asyncio.sleep(0.01)
    assert peer.transport.closed == "abort"


async def test_a_bad_frame_after_our_close_frame_is_told_nothing_more() -> None:
    peer, _ = await attached()
    peer.socket.close(1000)
    peer.hear()
    peer.socket.data_received(b"\xf1\x80\0\0\0\0")
    assert peer.transport.written == []
    assert peer.transport.ended


async def test_a_transport_that_has_but_one_end_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    peer, _ = await attached()
    monkeypatch.setattr(peer.transport, "can_write_eof", lambda: False)  # as with TLS
    peer.socket.data_received(b"\xf1\x80\0\0\0\0")
    assert peer.transport.closed == "close"


async def test_nothing_is_written_after_a_bad_frame_to_a_client_that_reads_again() -> None:
    peer, _ = await attached()
    peer.transport.full = True
    peer.socket.write_newest("/", Outgoing(["1"]))
    peer.socket.write_newest("/", Outgoing(["2"]))
    peer.socket.data_received(b"\xf1\x80\0\0\0\0")
    peer.socket.write(Outgoing(["3"]))
    peer.transport.empty()
    peer.socket.write_newest("/", Outgoing(["4"]))
    assert [frame.opcode for frame in peer.hear()] == [Opcode.TEXT, Opcode.CLOSE]
