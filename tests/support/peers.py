"""A DirectWebSocket by itself: a fake transport below, an ASGI app or a receiver above."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from nannin.engine.direct import DirectWebSocket
from nannin.engine.link import EXTENSION
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_limits import Limits

App = Callable[
    [dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]


class FakeTransport(asyncio.Transport):
    """Remembers what is written; with `full`, the kernel takes `room` bytes more and the rest waits here.

    As asyncio's and uvloop's do, it says that it is full when more waits than its limit. As uvloop's does,
    it raises when something is written after the connection is lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.waiting = b""
        self.protocol: asyncio.Protocol | None = None
        self.full = False
        self.room = 0
        self.high = 65_536
        self.reading = True
        self.closed: str | None = None
        self.ended = False  # whether it has said that it will write no more
        self.can_half_close = True
        self.info: dict[str, Any] = {"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 8124)}

    def write(self, data: Any) -> None:
        if self.closed == "lost":
            raise RuntimeError("unable to perform operation on a closed transport; the handler is closed")
        if self.ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.closed:
            return
        self.written.append(bytes(data))
        if self.full:
            paused = len(self.waiting) > self.high
            self.waiting += bytes(data)[self.room :]
            self.room = max(0, self.room - len(data))
            assert self.protocol is not None
            if not paused and len(self.waiting) > self.high:
                self.protocol.pause_writing()

    def empty(self) -> None:
        self.full, self.waiting = False, b""
        assert self.protocol is not None
        self.protocol.resume_writing()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None
        assert low == 0
        self.high = high

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.info.get(name, default)

    def is_closing(self) -> bool:
        return self.closed is not None

    def can_write_eof(self) -> bool:
        return self.can_half_close

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = self.closed or "close"

    def abort(self) -> None:
        self.closed = "abort"

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Recorder:
    """A receiver that remembers what it is told.

    Attributes:
        stopped: whether the link ends by itself.
        others: how many frames came that were no messages.
    """

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.stopped = False
        self.others = 0

    def receive(self, link: DirectWebSocket, message: str | bytes) -> None:
        self.told.append(message)

    def receive_others(self, link: DirectWebSocket, count: int) -> None:
        self.others += count

    def refuse(self, link: DirectWebSocket, reason: DisconnectReason) -> None:
        self.told.append(reason)

    def lose(self, link: DirectWebSocket, *, clean: bool) -> None:
        self.told.append("CLOSED" if clean else "LOST")

    def block(self, link: DirectWebSocket) -> None:
        self.told.append("BLOCKED")

    def drain(self, link: DirectWebSocket) -> None:
        self.told.append("DRAINED")

    def stop(self, link: DirectWebSocket) -> None:
        self.stopped = True

    def overflow(self, link: DirectWebSocket) -> None:
        self.told.append("OVERFLOW")


class Peer:
    """A connection with a WebSocket client of `websockets` at its other end."""

    def __init__(
        self,
        app: App,
        *,
        max_size: int = 1_000,
        target: str = "/x?y=1",
        waiting: bytes = b"",
        info: dict[str, Any] | None = None,
        proxy_headers: bool = True,
        root_path: str = "",
    ) -> None:
        config = Config(
            app,
            ws="none",
            ws_max_size=max_size,
            lifespan="off",
            log_config=None,
            proxy_headers=proxy_headers,
            root_path=root_path,
        )
        config.load()
        self.state = ServerState()
        self.socket = DirectWebSocket(config, self.state, {})
        self.transport = FakeTransport()
        self.transport.protocol = self.socket
        self.transport.full, self.transport.waiting = bool(waiting), waiting
        self.transport.info |= info or {}
        self.socket.connection_made(self.transport)
        self.client = ClientProtocol(parse_uri(f"ws://127.0.0.1:8124{target}"), max_size=None)

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
        self.transport.closed = "lost"
        self.socket.connection_lost(None)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def attaching(
    recorder: Recorder,
    *,
    max_outbox_bytes: int = 100,
    max_message_bytes: int = 1_000,
    before: asyncio.Event | None = None,
) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        if before is not None:
            await before.wait()
        limits = Limits(max_outbox_bytes=max_outbox_bytes, max_payload_bytes=max_message_bytes)
        scope["extensions"][EXTENSION]["link"].attach(recorder, limits)

    return app


async def attached(*, info: dict[str, Any] | None = None, **options: Any) -> tuple[Peer, Recorder]:
    recorder = Recorder()
    peer = Peer(attaching(recorder, **options), info=info)
    await peer.open()
    assert peer.hear()[0].status_code == 101
    return peer, recorder
