"""DirectWebSocket: messages both ways, slow clients, and requests that are none of its kind."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from websockets.frames import Opcode

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.direct import DirectWebSocket
from nannin.wire.outgoing import Outgoing
from support.peers import Peer, Recorder, attached, attaching, turn


async def test_an_attached_connection_keeps_no_task() -> None:
    tasks = asyncio.all_tasks()
    peer, _ = await attached()
    assert peer.state.tasks == set()
    assert asyncio.all_tasks() == tasks


async def test_a_message_goes_to_the_receiver_at_once() -> None:
    peer, recorder = await attached()
    peer.text("hello")
    peer.client.send_binary(b"\x00\x01")
    peer.send()
    assert recorder.told == ["hello", b"\x00\x01"]


async def test_messages_before_the_attach_are_not_lost_and_keep_their_order() -> None:
    recorder, gate = Recorder(), asyncio.Event()
    peer = Peer(attaching(recorder, before=gate))
    await peer.open()
    peer.hear()
    for text in ("one", "two", "three"):
        peer.text(text)
    gate.set()
    await turn()
    peer.text("four")
    assert recorder.told == ["one", "two", "three", "four"]


async def test_one_write_to_the_transport_carries_all_packets_of_an_outgoing() -> None:
    peer, _ = await attached()
    peer.socket.write(Outgoing(["4a", b"b"]))
    assert len(peer.transport.written) == 1
    assert [(frame.opcode, bytes(frame.data)) for frame in peer.hear()] == [
        (Opcode.TEXT, b"4a"),
        (Opcode.BINARY, b"b"),
    ]


async def test_a_blocked_client_gets_the_newest_of_each_key_and_nothing_older() -> None:
    peer, recorder = await attached()
    peer.transport.full = True
    peer.socket.write_newest("/", Outgoing(["1"]))
    for number in range(2, 500):
        peer.socket.write_newest("/", Outgoing([str(number)]))
    peer.socket.write_newest("/b", Outgoing(["b"]))
    assert len(peer.transport.written) == 1  # only what blocked it waits with the transport
    peer.transport.empty()
    assert [bytes(frame.data) for frame in peer.hear()] == [b"1", b"499", b"b"]
    assert recorder.told == ["BLOCKED", "DRAINED"]


async def test_what_was_taken_back_is_not_sent_after_the_block() -> None:
    peer, _ = await attached()
    peer.transport.full = True
    peer.socket.write_newest("/", Outgoing(["1"]))
    peer.socket.write_newest("/", Outgoing(["2"]))
    peer.socket.forget_newest("/")
    peer.transport.empty()
    assert [bytes(frame.data) for frame in peer.hear()] == [b"1"]


async def test_a_client_that_blocks_again_while_it_is_caught_up_still_ends_with_the_newest() -> None:
    peer, recorder = await attached()
    peer.transport.full = True
    for number in (1, 2):
        peer.socket.write_newest("/", Outgoing([str(number)]))
    peer.transport.waiting = b""
    peer.socket.resume_writing()  # the kernel is full again with the first write of it
    assert recorder.told == ["BLOCKED", "BLOCKED"]
    peer.socket.write_newest("/", Outgoing(["3"]))
    peer.transport.empty()
    assert [bytes(frame.data) for frame in peer.hear()] == [b"1", b"2", b"3"]


async def test_events_that_pile_up_beyond_the_bound_are_an_overflow() -> None:
    peer, recorder = await attached(max_outbox_bytes=100)
    peer.transport.full = True
    peer.socket.write(Outgoing(["4" + "x" * 500]))  # one large message alone is not
    await turn()
    peer.socket.write(Outgoing(["4" + "y" * 500]))  # nor is the next, since so far nothing piled up
    await turn()
    assert recorder.told == ["BLOCKED"]
    peer.socket.write(Outgoing(["4z"]))
    assert recorder.told == ["BLOCKED", "OVERFLOW"]


async def test_what_a_client_says_while_a_large_message_is_on_its_way_does_not_cut_it_off() -> None:
    peer, recorder = await attached(max_outbox_bytes=100)
    peer.transport.full = True
    peer.socket.write(Outgoing(["4" + "x" * 500_000]))
    await turn()
    peer.text("3")
    peer.client.send_ping(b"p")
    peer.send()
    await turn()
    assert recorder.told == ["BLOCKED", "3"]
    assert peer.transport.closed is None
    peer.transport.empty()
    assert [frame.opcode for frame in peer.hear()] == [Opcode.TEXT, Opcode.PONG]


async def test_a_large_answer_in_the_turn_of_its_question_does_not_cut_the_client_off() -> None:
    class Answering(Recorder):
        def receive(self, link: DirectWebSocket, message: str | bytes) -> None:
            link.write(Outgoing(["4" + "x" * 5_000_000]))

    recorder = Answering()
    peer = Peer(attaching(recorder))
    await peer.open()
    peer.hear()
    peer.transport.full = True
    peer.text("history")
    await turn()
    assert peer.transport.closed is None
    peer.transport.empty()
    assert [len(frame.data) for frame in peer.hear()] == [5_000_001]


async def test_a_blocked_client_that_reads_slowly_is_blocked_anew_but_no_other() -> None:
    peer, recorder = await attached()
    peer.transport.full = True
    peer.socket.write(Outgoing(["4" + "x" * 9_000]))
    blocked = peer.socket._blocked
    assert blocked is not None
    peer.transport.waiting = peer.transport.waiting[3_000:]
    peer.socket._look_at(blocked)
    assert recorder.told == ["BLOCKED", "BLOCKED"]
    peer.transport.waiting = peer.transport.waiting[10:]
    peer.socket._look_at(blocked)
    assert recorder.told == ["BLOCKED", "BLOCKED"]
    peer.lose()
    peer.socket._look_at(blocked)
    assert recorder.told == ["BLOCKED", "BLOCKED", "LOST"]


async def test_a_client_that_is_blocked_when_its_receiver_comes_is_told_of() -> None:
    recorder, gate = Recorder(), asyncio.Event()
    peer = Peer(attaching(recorder, before=gate))
    peer.transport.full = True
    await peer.open()
    gate.set()
    await turn()
    assert recorder.told == ["BLOCKED"]


async def test_a_pong_goes_out_before_what_the_messages_read_with_its_ping_make_us_write() -> None:
    class Echo(Recorder):
        def receive(self, link: DirectWebSocket, message: str | bytes) -> None:
            link.write(Outgoing([message]))

    peer = Peer(attaching(Echo()))
    await peer.open()
    peer.hear()
    peer.client.send_text(b"hel", fin=False)
    peer.client.send_ping(b"p")
    peer.client.send_continuation(b"lo", fin=True)
    peer.socket.data_received(b"".join(peer.client.data_to_send()))
    assert [bytes(frame.data) for frame in peer.hear()] == [b"p", b"hello"]


async def test_fragments_are_put_together_and_a_ping_between_them_is_answered() -> None:
    peer, recorder = await attached()
    peer.client.send_text(b"hel", fin=False)
    peer.client.send_ping(b"p")
    peer.client.send_continuation(b"lo", fin=True)
    peer.send()
    assert recorder.told == ["hello"]
    assert [frame.opcode for frame in peer.hear()] == [Opcode.PONG]


async def test_bytes_may_arrive_one_by_one() -> None:
    recorder = Recorder()
    peer = Peer(attaching(recorder))
    await peer.open()
    assert peer.hear()[0].status_code == 101
    peer.client.send_text(b"hello")
    for byte in b"".join(peer.client.data_to_send()):
        peer.socket.data_received(bytes([byte]))
    assert recorder.told == ["hello"]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade", 426),
        (b"GET / HTTP/1.1\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 426),
        (b"GET / HTTP/1.1\r\nSec-WebSocket-Version: 13", 400),
        (b"GET / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short", 400),
        (b"POST / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 400),
    ],
)
async def test_a_request_that_is_no_websocket_is_refused_without_the_app(
    head: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AT_THE_DOOR, "tally", Counter())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("never called")

    peer = Peer(app)
    peer.socket.data_received(head + b"\r\n\r\n")
    await turn()
    assert peer.transport.written[0].startswith(b"HTTP/1.1 %d" % status)
    assert peer.transport.closed == "close"
    assert AT_THE_DOOR.tally == {Refusal.REQUEST: 1}


async def test_a_header_with_a_line_break_is_never_sent() -> None:
    errors: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await send({"type": "websocket.accept", "headers": [(b"x", b"a\r\nSet-Cookie: b")]})
        except ValueError as error:
            errors.append(str(error))

    peer = Peer(app)
    await peer.open()
    assert b"Set-Cookie" not in b"".join(peer.transport.written)
    assert errors == ["a header holds a line break"]
