"""The WebSocket protocol class for uvicorn that offers direct writes: an idle client has no task or queue.

It speaks ASGI like any other. In its scope it offers an extension, `nannin.direct`: once a WebSocket is
accepted, the app may attach a receiver to it and return; then the connection lives on as this object alone,
whose `write` goes straight to the transport.

Source: RFC 6455; `websockets` reads the frames and knows how to close.
"""

from __future__ import annotations

import asyncio
import http
import logging
import re
from typing import Any, Protocol, cast
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol as WebSocketProtocol
from websockets.protocol import Side
from websockets.utils import accept_key

from nannin.engine.asgi_side import AsgiSide, ClientGone, Pairs
from nannin.wire.outgoing import Outgoing

EXTENSION = "nannin.direct"

logger = logging.getLogger("nannin.websocket")
logger.setLevel(logging.WARNING)  # below that, `websockets` tells of every open and close

# A peer has so long to answer a close frame; then its connection is cut.
CLOSE_TIMEOUT_S = 5.0
# 16 random bytes in base64. Source: RFC 6455, 4.1.
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_HANDSHAKE_HEADERS = frozenset({b"sec-websocket-version", b"sec-websocket-key"})

# Pongs may pile up so far for a peer that sends pings and reads nothing.
_MAX_PONGS_BYTES = 65_536


class Receiver(Protocol):
    """What is attached to a direct WebSocket, and told of everything from then on."""

    def receive(self, link: DirectWebSocket, message: str | bytes) -> None:
        """A message arrived."""

    def lose(self, link: DirectWebSocket, *, clean: bool) -> None:
        """The connection is gone, once and for good; cleanly, if the client sent a close frame."""

    def block(self, link: DirectWebSocket) -> None:
        """The client reads too slowly: something written waits here."""

    def drain(self, link: DirectWebSocket) -> None:
        """Nothing waits any more."""

    def overflow(self, link: DirectWebSocket) -> None:
        """More waits than may; the link is to be closed."""


class DirectWebSocket(asyncio.Protocol):
    """One WebSocket. Give uvicorn the class: `ws=nannin.DirectWebSocket` or `--ws nannin:DirectWebSocket`."""

    __slots__ = (
        "_accept_key",
        "_app_state",
        "_asgi",
        "_close_alarm",
        "_config",
        "_conn",
        "_ended",
        "_fragments",
        "_max_outbox_bytes",
        "_newest",
        "_receiver",
        "_state",
        "_transport",
        "blocked",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._state = server_state
        self._app_state = app_state
        # From OPEN on: reading the handshake by it would keep the whole request for the connection's life.
        self._conn = WebSocketProtocol(Side.SERVER, max_size=config.ws_max_size, logger=logger)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._accept_key: str | None = None  # None until the handshake has arrived
        self._asgi: AsgiSide | None = None
        self._receiver: Receiver | None = None
        self._newest: dict[str, Outgoing] | None = None
        self._max_outbox_bytes = 0
        self._ended = False  # by us: nothing more is received
        self._fragments: list[bytes] | None = None
        self._close_alarm: asyncio.TimerHandle | None = None
        self.blocked = False

    # asyncio's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The HTTP protocol hands its transport over."""
        self._transport = cast(asyncio.Transport, transport)
        # Whatever the kernel does not take at once counts as waiting. (0 would pause TLS for ever.)
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._state.connections.add(cast(Any, self))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, cleanly or not."""
        self._state.connections.discard(cast(Any, self))
        if self._close_alarm is not None:
            self._close_alarm.cancel()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lose(self, clean=self._conn.close_rcvd is not None)
        if self._asgi is not None:
            self._asgi.wake_writer()
            self._asgi.put_disconnect(1006)

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        self.blocked = True
        if self._receiver is not None:
            self._receiver.block(self)

    def resume_writing(self) -> None:
        """All has drained: what is newest goes out now."""
        self.blocked = False
        newest, self._newest = self._newest, None
        for key, outgoing in (newest or {}).items():
            self.write_newest(key, outgoing)
        if self._receiver is not None and not self.blocked:
            self._receiver.drain(self)
        if self._asgi is not None:
            self._asgi.wake_writer()

    def data_received(self, data: bytes) -> None:
        """Bytes arrived: the opening handshake, whole and from the HTTP protocol, then frames."""
        if self._accept_key is None:
            self._receive_handshake(data)
            return
        self._conn.receive_data(data)
        for event in self._conn.events_received():
            self._receive_frame(cast(Frame, event))
        self._write_protocol()

    def eof_received(self) -> None:
        """The peer will send no more: the transport closes itself."""

    def shutdown(self) -> None:
        """Called by uvicorn when the server stops: the client is told to come back (1012)."""
        if self._asgi is not None and not self._asgi.answered:
            self._asgi.finish()
            return
        self.close(1012)
        if self.blocked:
            self._transport.abort()
        else:
            self._transport.close()

    # The link of a receiver

    def attach(self, receiver: Receiver, max_outbox_bytes: int) -> None:
        """Gives the connection to a receiver, and to it at once what arrived before.

        Args:
            receiver: told of everything from now on.
            max_outbox_bytes: how much may wait for this client.
        """
        assert self._asgi is not None
        messages = self._asgi.take_messages()
        self._receiver, self._asgi = receiver, None
        self._max_outbox_bytes = max_outbox_bytes
        for message in messages:
            receiver.receive(self, message)
        if self._transport.is_closing() and self._receiver is not None:
            self._receiver = None
            receiver.lose(self, clean=self._conn.close_rcvd is not None)

    def write(self, outgoing: Outgoing) -> None:
        """Sends each packet as a message of its own, in order, without blocking."""
        self._transport.write(outgoing.frames)
        if self.blocked and self._receiver is not None:
            # One message alone may be larger than the limit: what piles up behind it ends a client.
            waiting = self._transport.get_write_buffer_size() - len(outgoing.frames)
            if waiting > self._max_outbox_bytes:
                self._receiver.overflow(self)

    def write_newest(self, key: str, outgoing: Outgoing) -> None:
        """As `write`; while something waits, only the newest of each key does."""
        if not self.blocked:
            self._transport.write(outgoing.frames)
        elif self._newest is None:
            self._newest = {key: outgoing}
        else:
            self._newest[key] = outgoing

    def forget_newest(self, key: str) -> None:
        """Takes back what waits under this key."""
        if self._newest is not None:
            self._newest.pop(key, None)

    def close(self, code: int) -> None:
        """Closes the WebSocket behind what was written; at once where a receiver's client does not read."""
        self._newest, self._ended = None, True
        try:
            self._conn.send_close(code)
        except InvalidState:
            if self.blocked:
                self._transport.abort()
            return
        self._write_protocol()
        if self.blocked and self._receiver is not None:
            self._transport.abort()
        elif not self._transport.is_closing():
            loop = asyncio.get_running_loop()
            self._close_alarm = loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    # Frames

    def _receive_frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._receive_data(frame)
        elif frame.opcode is Opcode.CLOSE and self._asgi is not None and self._conn.close_rcvd is not None:
            self._asgi.put_disconnect(self._conn.close_rcvd.code)

    def _receive_data(self, frame: Frame) -> None:
        if frame.fin and self._fragments is None:
            self._receive_message(frame.opcode is Opcode.TEXT, bytes(frame.data))
            return
        if self._fragments is None:
            self._fragments = [b"text" if frame.opcode is Opcode.TEXT else b"binary"]
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            (kind, *parts), self._fragments = self._fragments, None
            self._receive_message(kind == b"text", b"".join(parts))

    def _receive_message(self, is_text: bool, data: bytes) -> None:
        if self._ended:  # not `close_sent`: a close frame read together with this is answered by now
            return
        try:
            message = data.decode() if is_text else data
        except UnicodeDecodeError:
            self._ended = True
            self._conn.fail(1007, "expected UTF-8")
            return
        if self._receiver is not None:
            self._receiver.receive(self, message)
        elif self._asgi is not None:
            self._asgi.put_message(message)

    def _write_protocol(self) -> None:
        """Writes what `websockets` has to say: the handshake, a pong, a close frame, the end."""
        for data in self._conn.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
        if self._conn.parser_exc is not None:
            if self._asgi is not None and self._conn.close_sent is not None:
                self._asgi.put_disconnect(self._conn.close_sent.code)
            self._transport.close()
        if (
            self.blocked
            and self._transport.get_write_buffer_size() > self._max_outbox_bytes + _MAX_PONGS_BYTES
        ):
            self._transport.abort()

    # The ASGI side's connection

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport.is_closing()

    def accept(self, headers: Pairs, subprotocol: str | None) -> None:
        """Answers the opening handshake with a WebSocket."""
        head = [
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Accept", (self._accept_key or "").encode()),
        ]
        if subprotocol:
            head.append((b"Sec-WebSocket-Protocol", subprotocol.encode()))
        self._respond(101, (*head, *self._state.default_headers, *headers), b"")

    def deny(self, status: int, headers: Pairs, body: bytes) -> None:
        """Answers it with something else."""
        given = {name.lower() for name, _ in headers}
        head = [(b"Connection", b"close"), (b"Content-Length", str(len(body)).encode())]
        if b"content-type" not in given:
            head.append((b"Content-Type", b"text/plain; charset=utf-8"))
        self._respond(status, (*head, *self._state.default_headers, *headers), body)
        self._transport.close()

    def _respond(self, status: int, headers: Pairs, body: bytes) -> None:
        lines = [b"HTTP/1.1 %d %b" % (status, http.HTTPStatus(status).phrase.encode())]
        lines += [name + b": " + value for name, value in headers]
        if any(b"\r" in line or b"\n" in line for line in lines):
            raise ValueError("a header holds a line break")
        self._transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def send(self, message: str | bytes) -> None:
        """Sends one message."""
        try:
            if isinstance(message, str):
                self._conn.send_text(message.encode())
            else:
                self._conn.send_binary(message)
        except InvalidState:
            raise ClientGone from None
        self._write_protocol()

    def read_on(self, on: bool) -> None:
        """Goes on reading from the client, or stops."""
        if on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _receive_handshake(self, data: bytes) -> None:
        """The request's head, as uvicorn's HTTP protocols write it anew: whole and valid."""
        self._accept_key = ""
        request, *lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
        headers = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]
        wanted = {name: value for name, value in reversed(headers) if name in _HANDSHAKE_HEADERS}
        version, key = (
            wanted.get(b"sec-websocket-version", b""),
            wanted.get(b"sec-websocket-key", b"").strip(),
        )
        method, _, rest = request.partition(b" ")
        if version.strip() != b"13":
            self.deny(426, [(b"Sec-WebSocket-Version", b"13")], b"expected WebSocket version 13")
            return
        if method != b"GET" or not _KEY.fullmatch(key):
            self.deny(400, (), b"expected the opening handshake of a WebSocket")
            return
        self._accept_key = accept_key(key.decode("latin-1"))
        target = rest.rpartition(b" ")[0]
        self._asgi = AsgiSide(self, self._make_scope(target, headers))
        task = asyncio.get_running_loop().create_task(self._run(self._asgi))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _make_scope(self, target: bytes, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
        raw_path, _, query = target.partition(b"?")
        root_path = self._config.root_path
        protocols = b",".join(value for name, value in headers if name == b"sec-websocket-protocol")
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self._transport) else "ws",
            "server": get_local_addr(self._transport),
            "client": get_remote_addr(self._transport),
            "root_path": root_path,
            "path": root_path + unquote(raw_path.decode("ascii")),
            "raw_path": root_path.encode("ascii") + raw_path,
            "query_string": query,
            "headers": headers,
            "subprotocols": [name.strip() for name in protocols.decode("latin-1").split(",") if name.strip()],
            "state": self._app_state.copy(),
            "extensions": {"websocket.http.response": {}, EXTENSION: {"link": self}},
        }

    async def _run(self, asgi: AsgiSide) -> None:
        try:
            await self._config.loaded_app(asgi.scope, asgi.receive, asgi.send)
        except ClientGone:
            pass
        except asyncio.CancelledError:
            self._transport.abort()
            raise
        except Exception:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
        if self._asgi is not None:
            asgi.finish()
