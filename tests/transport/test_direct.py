"""DirectWebSocket by itself: a fake transport below, an ASGI app or a receiver above."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from nannin.transport.direct import EXTENSION, DirectWebSocket
from nannin.wire.outgoing import Outgoing

App = Callable[
    [dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]


class FakeTransport(asyncio.Transport):
    """Remembers what is written; with `full`, the kernel takes nothing and all of it waits here."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.waiting = b""
        self.protocol: asyncio.Protocol | None = None
        self.full = False
        self.reading = True
        self.closed: str | None = None

    def write(self, data: Any) -> None:
        if self.closed:
            return
        self.written.append(bytes(data))
        if self.full:
            blocked, self.waiting = bool(self.waiting), self.waiting + bytes(data)
            assert self.protocol is not None
            if not blocked:
                self.protocol.pause_writing()

    def empty(self) -> None:
        self.full, self.waiting = False, b""
        assert self.protocol is not None
        self.protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (1, 0)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 8124)}.get(name, default)

    def is_closing(self) -> bool:
        return self.closed is not None

    def close(self) -> None:
        self.closed = self.closed or "close"

    def abort(self) -> None:
        self.closed = "abort"

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Recorder:
    """A receiver that remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def receive(self, link: DirectWebSocket, message: str | bytes) -> None:
        self.told.append(message)

    def lose(self, link: DirectWebSocket) -> None:
        self.told.append("LOST")

    def block(self, link: DirectWebSocket) -> None:
        self.told.append("BLOCKED")

    def drain(self, link: DirectWebSocket) -> None:
        self.told.append("DRAINED")

    def overflow(self, link: DirectWebSocket) -> None:
        self.told.append("OVERFLOW")


class Peer:
    """A connection with a WebSocket client of `websockets` at its other end."""

    def __init__(self, app: App, *, max_size: int = 1_000) -> None:
        config = Config(app, ws_max_size=max_size, lifespan="off", log_config=None)
        config.load()
        self.state = ServerState()
        self.socket = DirectWebSocket(config, self.state, {})
        self.transport = FakeTransport()
        self.transport.protocol = self.socket
        self.socket.connection_made(self.transport)
        self.client = ClientProtocol(parse_uri("ws://127.0.0.1:8124/x?y=1"))

    async def open(self) -> None:
        self.client.send_request(self.client.connect())
        self.send()
        await turn()

    def send(self) -> None:
        for data in self.client.data_to_send():
            self.socket.data_received(data)

    def text(self, text: str) -> None:
        self.client.send_text(text.encode())
        self.send()

    def hear(self) -> list[Any]:
        """What the client has been sent since it last heard, as frames and responses."""
        written, self.transport.written = self.transport.written, []
        self.client.receive_data(b"".join(written))
        return self.client.events_received()

    def lose(self) -> None:
        self.socket.connection_lost(None)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def attaching(recorder: Recorder, *, max_outbox_bytes: int = 100, before: asyncio.Event | None = None) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        if before is not None:
            await before.wait()
        scope["extensions"][EXTENSION]["link"].attach(recorder, max_outbox_bytes)

    return app


async def attached(**options: Any) -> tuple[Peer, Recorder]:
    recorder = Recorder()
    peer = Peer(attaching(recorder, **options))
    await peer.open()
    assert peer.hear()[0].status_code == 101
    return peer, recorder


def test_an_attached_connection_keeps_no_task() -> None:
    async def scenario() -> None:
        peer, _ = await attached()
        assert peer.state.tasks == set()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())


def test_a_message_goes_to_the_receiver_at_once() -> None:
    async def scenario() -> None:
        peer, recorder = await attached()
        peer.text("hello")
        peer.client.send_binary(b"\x00\x01")
        peer.send()
        assert recorder.told == ["hello", b"\x00\x01"]

    asyncio.run(scenario())


def test_messages_before_the_attach_are_not_lost_and_keep_their_order() -> None:
    async def scenario() -> None:
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

    asyncio.run(scenario())


def test_a_client_that_is_gone_before_the_attach_is_lost_once() -> None:
    async def scenario() -> None:
        recorder, gate = Recorder(), asyncio.Event()
        peer = Peer(attaching(recorder, before=gate))
        await peer.open()
        peer.transport.close()
        peer.lose()
        gate.set()
        await turn()
        assert recorder.told == ["LOST"]

    asyncio.run(scenario())


def test_one_write_to_the_transport_carries_all_packets_of_an_outgoing() -> None:
    async def scenario() -> None:
        peer, _ = await attached()
        peer.socket.write(Outgoing(["4a", b"b"]))
        assert len(peer.transport.written) == 1
        assert [(frame.opcode, bytes(frame.data)) for frame in peer.hear()] == [
            (Opcode.TEXT, b"4a"),
            (Opcode.BINARY, b"b"),
        ]

    asyncio.run(scenario())


def test_a_blocked_client_gets_the_newest_of_each_key_and_nothing_older() -> None:
    async def scenario() -> None:
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

    asyncio.run(scenario())


def test_what_was_taken_back_is_not_sent_after_the_block() -> None:
    async def scenario() -> None:
        peer, _ = await attached()
        peer.transport.full = True
        peer.socket.write_newest("/", Outgoing(["1"]))
        peer.socket.write_newest("/", Outgoing(["2"]))
        peer.socket.forget_newest("/")
        peer.transport.empty()
        assert [bytes(frame.data) for frame in peer.hear()] == [b"1"]

    asyncio.run(scenario())


def test_a_client_that_blocks_again_while_it_is_caught_up_still_ends_with_the_newest() -> None:
    async def scenario() -> None:
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

    asyncio.run(scenario())


def test_events_that_pile_up_beyond_the_bound_are_an_overflow() -> None:
    async def scenario() -> None:
        peer, recorder = await attached(max_outbox_bytes=100)
        peer.transport.full = True
        peer.socket.write(Outgoing(["4" + "x" * 500]))  # one large message alone is not
        assert recorder.told == ["BLOCKED"]
        peer.socket.write(Outgoing(["4y"]))
        assert recorder.told == ["BLOCKED", "OVERFLOW"]

    asyncio.run(scenario())


def test_closing_a_blocked_client_cuts_it_off() -> None:
    async def scenario() -> None:
        peer, _ = await attached()
        peer.transport.full = True
        peer.socket.write(Outgoing(["4x"]))
        peer.socket.close(1008)
        assert peer.transport.closed == "abort"

    asyncio.run(scenario())


def test_closing_sends_the_code_and_ends_with_the_clients_answer() -> None:
    async def scenario() -> None:
        peer, recorder = await attached()
        peer.socket.close(1012)
        (frame,) = peer.hear()
        assert frame.opcode is Opcode.CLOSE
        assert bytes(frame.data)[:2] == (1012).to_bytes(2, "big")
        peer.send()  # the client's answer
        assert peer.transport.closed == "close"
        peer.lose()
        assert recorder.told == ["LOST"]

    asyncio.run(scenario())


def test_a_message_behind_our_close_is_not_delivered() -> None:
    async def scenario() -> None:
        peer, recorder = await attached()
        peer.client.send_text(b"late")
        peer.socket.close(1000)
        peer.send()
        assert recorder.told == []

    asyncio.run(scenario())


def test_fragments_are_put_together_and_a_ping_between_them_is_answered() -> None:
    async def scenario() -> None:
        peer, recorder = await attached()
        peer.client.send_text(b"hel", fin=False)
        peer.client.send_ping(b"p")
        peer.client.send_continuation(b"lo", fin=True)
        peer.send()
        assert recorder.told == ["hello"]
        assert [frame.opcode for frame in peer.hear()] == [Opcode.PONG]

    asyncio.run(scenario())


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
def test_a_bad_frame_ends_the_connection_with_its_code(frame: bytes, code: int) -> None:
    async def scenario() -> None:
        peer, recorder = await attached()
        peer.socket.data_received(frame)
        close = peer.hear()[-1]
        assert close.opcode is Opcode.CLOSE
        assert int.from_bytes(bytes(close.data)[:2], "big") == code
        assert peer.transport.closed == "close"
        peer.lose()
        assert recorder.told == ["LOST"]

    asyncio.run(scenario())


def test_bytes_may_arrive_one_by_one() -> None:
    async def scenario() -> None:
        recorder = Recorder()
        peer = Peer(attaching(recorder))
        await peer.open()
        assert peer.hear()[0].status_code == 101
        peer.client.send_text(b"hello")
        for byte in b"".join(peer.client.data_to_send()):
            peer.socket.data_received(bytes([byte]))
        assert recorder.told == ["hello"]

    asyncio.run(scenario())


def test_a_flood_of_pings_that_reads_no_pongs_is_cut_off() -> None:
    async def scenario() -> None:
        peer, _ = await attached()
        peer.transport.full = True
        ping = Frame(Opcode.PING, b"x" * 125).serialize(mask=True)
        for _ in range(2_000):
            peer.socket.data_received(ping)
            if peer.transport.closed:
                break
        assert peer.transport.closed == "abort"
        assert len(peer.transport.waiting) < 70_000

    asyncio.run(scenario())


def test_the_shutdown_of_the_server_tells_the_client_to_come_back() -> None:
    async def scenario() -> None:
        peer, _ = await attached()
        peer.socket.shutdown()
        (close,) = peer.hear()
        assert bytes(close.data)[:2] == (1012).to_bytes(2, "big")
        assert peer.transport.closed == "close"

    asyncio.run(scenario())


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
def test_a_request_that_is_no_websocket_is_refused_without_the_app(head: bytes, status: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("never called")

    async def scenario() -> None:
        peer = Peer(app)
        peer.socket.data_received(head + b"\r\n\r\n")
        await turn()
        assert peer.transport.written[0].startswith(b"HTTP/1.1 %d" % status)
        assert peer.transport.closed == "close"

    asyncio.run(scenario())


def test_a_header_with_a_line_break_is_never_sent() -> None:
    errors: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await send({"type": "websocket.accept", "headers": [(b"x", b"a\r\nSet-Cookie: b")]})
        except ValueError as error:
            errors.append(str(error))

    async def scenario() -> None:
        peer = Peer(app)
        await peer.open()
        assert b"Set-Cookie" not in b"".join(peer.transport.written)

    asyncio.run(scenario())
    assert errors == ["a header holds a line break"]
