"""The WebSocket protocol class for uvicorn that offers direct writes: an idle client has no task or queue.

It speaks ASGI like any other. In its scope it offers an extension, `nannin.direct`: once a WebSocket is
accepted, the app may attach a receiver to it and return; then the connection lives on as this object alone,
whose `write` goes straight to the transport.

Source: RFC 6455; `websockets` reads the frames and knows how to close.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any, ClassVar, cast

from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState, PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol as WebSocketProtocol
from websockets.protocol import Side

from nannin.engine.asgi_side import AsgiSide, ClientGone, Pairs
from nannin.engine.blocked import Blocked
from nannin.engine.fragments import Fragments, TooManyFragments
from nannin.engine.link import EXTENSION
from nannin.engine.opener import open_at_once
from nannin.engine.opening import Opening, OpeningRefused, make_head, read_opening
from nannin.engine.receiver import Receiver
from nannin.engine.too_large import tell_too_large
from nannin.engine.whole_frames import read_whole_frames
from nannin.wire.outbox import Newest
from nannin.wire.outgoing import Outgoing

logger = logging.getLogger("nannin.websocket")
logger.setLevel(logging.WARNING)  # below that, `websockets` tells of every open and close

# The headers that uvicorn's middleware reads.
_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})
# How many bytes a second a blocked client has to take; one that takes less counts as one that reads nothing.
_LEAST_BYTES_PER_S = 1_024


class DirectWebSocket(asyncio.Protocol):
    """One WebSocket. Give uvicorn the class: `ws=nannin.DirectWebSocket` or `--ws nannin:DirectWebSocket`.

    Attributes:
        close_timeout_s: how long a peer has to answer a close frame before its connection is cut.
        look_every_s: how often a receiver's client that reads too slowly is looked at.
    """

    __slots__ = (
        "_accept_key",
        "_app_state",
        "_asgi",
        "_blocked",
        "_close_alarm",
        "_config",
        "_ended",
        "_fragments",
        "_max_outbox_bytes",
        "_protocol",
        "_receiver",
        "_state",
        "_transport",
    )

    close_timeout_s: ClassVar[float] = 5.0
    look_every_s: ClassVar[float] = 2.0

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
        self._protocol: WebSocketProtocol | None = None  # None while the client sends simple frames only
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._accept_key: str | None = None  # None until the handshake has arrived
        self._asgi: AsgiSide | None = None
        self._receiver: Receiver[DirectWebSocket] | None = None
        self._max_outbox_bytes = 0
        self._blocked: Blocked | None = None  # None while the kernel takes everything
        self._ended = False  # closed by us, or lost: nothing more is received or sent
        self._fragments: Fragments | None = None
        self._close_alarm: asyncio.TimerHandle | None = None

    @property
    def blocked(self) -> bool:
        """Whether something that was written still waits here."""
        return self._blocked is not None

    @property
    def descriptor(self) -> int:
        """Of its socket; -1 where what is written is not what goes over the wire, as with TLS."""
        sock = self._transport.get_extra_info("socket")
        if sys.platform == "win32" or sock is None or is_ssl(self._transport):
            return -1
        return int(sock.fileno())

    # asyncio's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The HTTP protocol hands its transport over."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_protocol(self)  # not later: the opening is answered at once
        # Whatever the kernel does not take at once counts as waiting, be it one byte: what is written to the
        # descriptor must not overtake it. (0 would pause TLS for ever, which has no descriptor.)
        high = 1 if is_ssl(self._transport) else 0
        self._transport.set_write_buffer_limits(high=high, low=0)
        if self._transport.get_write_buffer_size() > high:
            self.pause_writing()  # answers to earlier requests wait, of which the HTTP protocol was told
        self._state.connections.add(cast(Any, self))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, cleanly or not."""
        self._state.connections.discard(cast(Any, self))
        if self._close_alarm is not None:
            self._close_alarm.cancel()
        self._unblock()
        self._ended = True
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lose(self, clean=self._is_clean)
        if self._asgi is not None:
            self._asgi.wake_writer()
            self._asgi.put_disconnect(1006)

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        blocked = self._blocked = Blocked(self._transport, self._max_outbox_bytes)
        if self._receiver is not None:
            self._receiver.block(self)
            self._look_later(blocked)

    def resume_writing(self) -> None:
        """Everything has drained: the newest counts go out now."""
        newest = self._unblock()
        while newest and self._blocked is None:
            self._transport.write(newest.take().frames)
        if self._blocked is not None:
            self._blocked.newest = newest  # the kernel is full again
        elif self._receiver is not None:
            self._receiver.drain(self)
        if self._asgi is not None:
            self._asgi.wake_writer()

    def data_received(self, data: bytes) -> None:
        """Bytes arrived: the opening handshake, whole and from the HTTP protocol, then frames."""
        if self._accept_key is None:
            self._read_opening(data)
            return
        if self._protocol is None:
            messages, used = read_whole_frames(data, self._config.ws_max_size)
            for is_text, message in messages:
                if not self._ended:
                    self._receive_message(is_text, message)
            if used == len(data):
                if self._protocol is not None:  # a message made us end it
                    self._answer()
                return
            data = data[used:]
        self._conn.receive_data(data)
        frames = self._conn.events_received()
        if self._conn.close_rcvd is None and self._conn.parser_exc is None:
            self._answer()  # pongs go out before what the messages make the application send
        for frame in frames:
            self._receive_frame(cast(Frame, frame))
        self._answer()

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
        self._stop()

    # The link of a receiver

    def attach(self, receiver: Receiver[DirectWebSocket], max_outbox_bytes: int) -> None:
        """Gives the connection to a receiver, and to it at once what arrived before.

        Args:
            receiver: told of everything from now on.
            max_outbox_bytes: how much may wait for this client.
        """
        messages = self._asgi.take_messages() if self._asgi is not None else ()
        self._receiver, self._asgi = receiver, None
        self._max_outbox_bytes = max_outbox_bytes
        if self._blocked is not None:
            self.pause_writing()  # now there is a receiver to tell
        for message in messages:
            receiver.receive(self, message)
        if self._transport.is_closing() and self._receiver is not None:
            self._receiver, self._ended = None, True
            receiver.lose(self, clean=self._is_clean)

    def write(self, outgoing: Outgoing) -> None:
        """Sends each packet as a message of its own, in order, without blocking; nothing after `close`."""
        if self._ended:
            return
        frames = outgoing.frames
        self._transport.write(frames)
        if self._blocked is not None and self._receiver is not None and not self._blocked.add(len(frames)):
            self._receiver.overflow(self)

    def write_newest(self, key: str, outgoing: Outgoing) -> None:
        """As `write`; while something waits, only the newest of each key waits with it."""
        if self._blocked is not None:
            self._blocked.newest.put(key, outgoing)
        elif not self._ended:
            self._transport.write(outgoing.frames)

    def forget_newest(self, key: str) -> None:
        """Takes back what waits under this key."""
        if self._blocked is not None:
            self._blocked.newest.forget(key)

    def close(self, code: int) -> None:
        """Closes the WebSocket after what was written; at once where a receiver's client does not read."""
        self._ended = True
        if self._blocked is not None:
            self._blocked.newest = Newest()
        try:
            if not self._transport.is_closing():
                self._conn.send_close(code)
                self._write_protocol()
        except InvalidState:
            if self.blocked:
                self._transport.abort()
            return
        if self.blocked and (self._receiver is not None or self._transport.is_closing()):
            self._transport.abort()
        elif not self._transport.is_closing():
            loop = asyncio.get_running_loop()
            self._close_alarm = loop.call_later(self.close_timeout_s, self._transport.abort)

    def _stop(self) -> None:
        """The connection ends, though its receiver has not asked for that."""
        if self._receiver is not None:
            self._receiver.stop(self)

    def _unblock(self) -> Newest[Outgoing]:
        """Takes note that nothing waits in the transport; returns the counts that waited for this."""
        blocked, self._blocked = self._blocked, None
        if blocked is None:
            return Newest()
        if blocked.alarm is not None:
            blocked.alarm.cancel()
        return blocked.newest

    def _look_later(self, blocked: Blocked) -> None:
        blocked.alarm = asyncio.get_running_loop().call_later(self.look_every_s, self._look_at, blocked)

    def _look_at(self, blocked: Blocked) -> None:
        """Tells of a blocked client anew if it has read enough since the last look: its time begins again."""
        if self._receiver is not None:
            if blocked.taken_bytes() >= _LEAST_BYTES_PER_S * self.look_every_s:
                self._receiver.block(self)
            self._look_later(blocked)

    # Frames

    @property
    def _conn(self) -> WebSocketProtocol:
        """Reads what is not simple, and knows how to close.

        It begins in state OPEN. If it read the handshake, it would keep the request as long as it lives.
        """
        if self._protocol is None:
            self._protocol = WebSocketProtocol(Side.SERVER, max_size=self._config.ws_max_size, logger=logger)
        return self._protocol

    @property
    def _is_clean(self) -> bool:
        """Whether the client has sent a close frame."""
        return self._protocol is not None and self._protocol.close_rcvd is not None

    def _receive_frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._receive_data(frame)
        elif frame.opcode is Opcode.CLOSE and self._asgi is not None and self._conn.close_rcvd is not None:
            self._asgi.put_disconnect(self._conn.close_rcvd.code)

    def _receive_data(self, frame: Frame) -> None:
        if self._ended:  # not `close_sent`: a close frame read together with this is answered by now
            return
        fragments = self._fragments
        if fragments is None and frame.fin:
            self._receive_message(frame.opcode is Opcode.TEXT, bytes(frame.data))
        elif fragments is None:
            self._fragments = Fragments(frame)
        else:
            try:
                fragments.add(frame)
            except TooManyFragments:
                self._fail(CloseCode.MESSAGE_TOO_BIG, "too many empty fragments")
                return
            if frame.fin:
                self._fragments = None
                self._receive_message(fragments.is_text, bytes(fragments.data))

    def _receive_message(self, is_text: bool, data: bytes) -> None:
        try:
            message = data.decode() if is_text else data
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, "expected UTF-8")
            return
        if self._receiver is not None:
            self._receiver.receive(self, message)
        elif self._asgi is not None:
            self._asgi.put_message(message)

    def _fail(self, code: int, reason: str) -> None:
        """The peer broke a rule that `websockets` doesn't see to."""
        self._ended = True
        self._stop()
        self._conn.fail(code, reason)

    def _answer(self) -> None:
        """Writes what `websockets` answers to the peer's frames; a peer that reads no answers is cut off."""
        answers_bytes = self._write_protocol()
        if self._blocked is not None and not self._blocked.add_answers(answers_bytes):
            self._transport.abort()

    def _write_protocol(self) -> int:
        """Writes what `websockets` has to say (a message, a pong, a close frame); returns its size."""
        written_bytes = 0
        for data in self._conn.data_to_send():
            if data and not self._transport.is_closing():
                self._transport.write(data)
                written_bytes += len(data)
            elif not data:
                self._transport.close()
                self._stop()
        if self._conn.parser_exc is not None:
            if isinstance(self._conn.parser_exc, PayloadTooBig):
                tell_too_large(self._config.ws_max_size, "max_payload, or uvicorn's --ws-max-size")
            if self._asgi is not None and self._conn.close_sent is not None:
                self._asgi.put_disconnect(self._conn.close_sent.code)
            self._transport.close()
            self._stop()
        return written_bytes

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
        self._accept_key = ""  # it isn't needed any more, and has 77 bytes
        if subprotocol:
            head.append((b"Sec-WebSocket-Protocol", subprotocol.encode()))
        self._respond(101, (*head, *self._state.default_headers, *headers), b"")

    def deny(self, status: int, headers: Pairs, body: bytes) -> None:
        """Answers the opening handshake with another HTTP response."""
        given = {name.lower() for name, _ in headers}
        head = [(b"Connection", b"close"), (b"Content-Length", str(len(body)).encode())]
        if b"content-type" not in given:
            head.append((b"Content-Type", b"text/plain; charset=utf-8"))
        self._respond(status, (*head, *self._state.default_headers, *headers), body)
        self._transport.close()

    def _respond(self, status: int, headers: Pairs, body: bytes) -> None:
        head = make_head(status, headers)
        if not self._transport.is_closing():
            self._transport.write(head + body)

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
        if self._transport.is_closing():
            return
        if on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # The opening handshake

    def _read_opening(self, data: bytes) -> None:
        self._accept_key = ""
        try:
            opening = read_opening(data)
        except OpeningRefused as refused:
            self.deny(refused.status, refused.headers, refused.body)
        else:
            self.open(opening)

    def open(self, opening: Opening) -> None:
        """Gives the connection to the app: at once if that is an opener which takes it, else by a call."""
        self._accept_key = opening.accept_key
        scope = opening.scope(self._config.root_path) | {
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "scheme": "wss" if is_ssl(self._transport) else "ws",
            "server": _address(self._transport, "sockname"),
            "client": _address(self._transport, "peername"),
            "state": self._app_state.copy(),
            "extensions": {"websocket.http.response": {}, EXTENSION: {"link": self}},
        }
        if open_at_once(_below_proxy_headers(self._config.loaded_app, scope), scope, self):
            return
        self._asgi = AsgiSide(self, scope)
        task = asyncio.get_running_loop().create_task(self._run(self._asgi))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

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


def _below_proxy_headers(app: Any, scope: Scope) -> Any:
    """The app below the middleware that uvicorn puts in front of it, where that would change nothing."""
    if type(app) is ProxyHeadersMiddleware and _FORWARDED.isdisjoint(dict(scope["headers"])):
        return app.app
    return app


def _address(transport: asyncio.Transport, side: str) -> tuple[str, int | None] | None:
    """A host and a port, or the file of a Unix socket and None, as an ASGI scope has it."""
    address = transport.get_extra_info(side)
    if isinstance(address, tuple):
        return address[0], address[1]
    return (address, None) if side == "sockname" and isinstance(address, str) else None
