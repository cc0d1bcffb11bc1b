"""The end of a direct WebSocket: by a close frame, by a break, by a bad frame, by either side."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from nannin.engine.direct import DirectWebSocket
from nannin.engine.reading import SHARE_FRAMES
from nannin.wire.outgoing import Outgoing
from support.peers import Peer, Recorder, attached, attaching, turn


async def test_a_client_that_is_gone_before_the_attach_is_lost_once() -> None:
    recorder, gate = Recorder(), asyncio.Event()
    peer = Peer(attaching(recorder, before=gate))
    await peer.open()
    peer.transport.close()
    peer.lose()
    gate.set()
    await turn()
    assert recorder.told == ["LOST"]


async def test_closing_sends_what_waits_first_and_cuts_off_who_does_not_read_it_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DirectWebSocket, "close_timeout_s", 0.01)
    peer, _ = await attached()
    peer.transport.full = True
    peer.socket.write(Outgoing(["4x"]))
    peer.socket.close(1000)
    assert peer.transport.closed is None
    assert [frame.opcode for frame in peer.hear()] == [Opcode.TEXT, Opcode.CLOSE]
    await asyncio.sleep(0.05)
    assert peer.transport.closed == "abort"


async def test_closing_a_client_that_reads_too_slowly_cuts_it_off() -> None:
    peer, _ = await attached()
    peer.transport.full = True
    peer.socket.write(Outgoing(["4x"]))
    peer.socket.close(1008)
    assert peer.transport.closed == "abort"


async def test_closing_sends_the_code_and_ends_with_the_clients_answer() -> None:
    peer, recorder = await attached()
    peer.socket.close(1012)
    (frame,) = peer.hear()
    assert frame.opcode is Opcode.CLOSE
    assert bytes(frame.data)[:2] == (1012).to_bytes(2, "big")
    peer.send()  # the client's answer
    assert peer.transport.closed == "close"
    peer.lose()
    assert recorder.told == ["CLOSED"]


async def test_it_is_known_which_connections_are_the_applications_own() -> None:
    gate = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        await send({"type": "websocket.accept"})
        await asyncio.Event().wait()

    peer = Peer(app)
    await peer.open()
    assert not peer.socket.is_applications, "it has not decided yet"
    gate.set()
    await turn()
    assert peer.socket.is_applications
    assert not (await attached())[0].socket.is_applications


async def test_a_message_behind_our_close_is_not_delivered() -> None:
    peer, recorder = await attached()
    peer.client.send_text(b"late")
    peer.socket.close(1000)
    peer.send()
    assert recorder.told == []


async def test_messages_that_arrive_together_with_the_clients_close_frame_are_delivered() -> None:
    peer, recorder = await attached()
    peer.client.send_text(b"one")
    peer.client.send_text(b"two")
    peer.client.send_close(1000)
    peer.socket.data_received(b"".join(peer.client.data_to_send()))
    peer.lose()
    assert recorder.told == ["one", "two", "CLOSED"]


async def test_a_message_in_one_piece_with_a_bad_frame_is_delivered_and_nothing_after_it() -> None:
    peer, recorder = await attached()
    good = Frame(Opcode.TEXT, b"good").serialize(mask=True)
    bad = Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True)
    peer.socket.data_received(good + bad + good)
    peer.lose()
    assert recorder.told == ["good", "parse error"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True), 1007),
        (Frame(Opcode.TEXT, b"x").serialize(mask=False), 1002),
        (b"\xc1\x81\0\0\0\0x", 1002),
        (Frame(Opcode.CONT, b"x").serialize(mask=True), 1002),
        (Frame(Opcode.TEXT, b"x" * 1_001).serialize(mask=True), 1009),
        (Frame(Opcode.TEXT, b"x" * 600, fin=False).serialize(mask=True)
         + Frame(Opcode.CONT, b"x" * 600, fin=False).serialize(mask=True), 1009),
    ],
    ids=["bad UTF-8", "unmasked", "reserved bit", "stray continuation", "oversize", "oversize in fragments"],
)  # fmt: skip
async def test_a_bad_frame_ends_the_connection_with_its_code(frame: bytes, code: int) -> None:
    peer, recorder = await attached()
    peer.socket.data_received(frame)
    close = peer.hear()[-1]
    assert close.opcode is Opcode.CLOSE
    assert int.from_bytes(bytes(close.data)[:2], "big") == code
    assert recorder.told == ["message too large" if code == 1009 else "parse error"]
    assert peer.transport.ended, "it hears of it, and nothing after the close frame"
    assert peer.transport.closed is None
    peer.lose()
    assert len(recorder.told) == 1


async def test_what_was_too_large_is_told_once_with_the_setting(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        peer, _ = await attached(max_outbox_bytes=100)
        peer.socket.data_received(Frame(Opcode.TEXT, b"x" * 1_001).serialize(mask=True))
        peer.lose()
    assert [record.message for record in caplog.records] == [
        "a client sent more than 1000 bytes in one message, and was disconnected; "
        "to allow it, raise max_payload"
    ]


async def test_empty_fragments_without_end_are_too_large_a_message() -> None:
    peer, recorder = await attached()
    peer.client.send_text(b"", fin=False)
    for _ in range(2_000):
        peer.client.send_continuation(b"", fin=False)
    peer.client.send_continuation(b"late", fin=True)
    peer.socket.data_received(b"".join(peer.client.data_to_send()))
    for _ in range(2_000 // SHARE_FRAMES):
        await asyncio.sleep(0)
    close = peer.hear()[-1]
    assert int.from_bytes(bytes(close.data)[:2], "big") == 1009
    assert peer.transport.ended
    assert recorder.told == ["message too large"]


@pytest.mark.parametrize("accepts", [False, True])
async def test_a_client_that_vanishes_from_an_app_that_only_receives_leaves_no_error(accepts: bool) -> None:
    errors: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        if accepts:
            await send({"type": "websocket.accept"})
        assert await receive() == {"type": "websocket.disconnect", "code": 1006, "reason": ""}

    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    peer = Peer(app)
    await peer.open()
    tasks = list(peer.state.tasks)
    peer.lose()
    await asyncio.gather(*tasks)
    assert errors == []


async def test_a_flood_of_pings_that_reads_no_pongs_is_cut_off() -> None:
    peer, _ = await attached()
    peer.transport.full = True
    ping = Frame(Opcode.PING, b"x" * 125).serialize(mask=True)
    for _ in range(2_000):
        peer.socket.data_received(ping)
        if peer.transport.closed:
            break
    assert peer.transport.closed == "abort"
    assert len(peer.transport.waiting) < 70_000


async def test_the_shutdown_of_the_server_tells_the_client_to_come_back() -> None:
    peer, recorder = await attached()
    peer.socket.shutdown()
    (close,) = peer.hear()
    assert recorder.stopped
    assert bytes(close.data)[:2] == (1012).to_bytes(2, "big")
    assert peer.transport.closed == "close"


async def test_a_client_that_sends_a_close_frame_has_closed() -> None:
    peer, recorder = await attached()
    peer.client.send_close(1001)
    peer.send()
    assert recorder.stopped
    assert peer.transport.closed == "close"
    peer.lose()
    assert recorder.told == ["CLOSED"]


async def test_a_close_frame_without_a_code_is_one_too() -> None:
    peer, recorder = await attached()
    peer.client.send_close()
    peer.send()
    peer.lose()
    assert recorder.told == ["CLOSED"]


@pytest.mark.parametrize("error", [None, ConnectionResetError("reset"), TimeoutError("no keep-alive")])
async def test_a_connection_that_breaks_is_lost(error: Exception | None) -> None:
    peer, recorder = await attached()
    peer.socket.eof_received()
    peer.socket.connection_lost(error)
    assert recorder.told == ["LOST"]


async def test_half_a_close_frame_is_none() -> None:
    peer, recorder = await attached()
    peer.client.send_close(1001)
    peer.socket.data_received(b"".join(peer.client.data_to_send())[:-1])
    peer.lose()
    assert recorder.told == ["LOST"]


async def test_our_own_close_that_nobody_answers_is_a_loss() -> None:
    peer, recorder = await attached()
    peer.socket.close(1000)
    peer.lose()
    assert recorder.told == ["LOST"]


async def test_a_client_that_closes_before_the_attach_has_closed() -> None:
    recorder, gate = Recorder(), asyncio.Event()
    peer = Peer(attaching(recorder, before=gate))
    await peer.open()
    peer.hear()
    peer.client.send_close(1001)
    peer.send()
    peer.lose()
    gate.set()
    await turn()
    assert recorder.told == ["CLOSED"]
