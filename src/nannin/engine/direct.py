"""The WebSocket protocol class for uvicorn that offers direct writes: an idle client has no task or queue.

It speaks ASGI like any other. In its scope it offers an extension, `nannin.direct`: once a WebSocket is
accepted, the app may attach a receiver to it and return; then the connection lives on as this object alone,
whose `write` goes straight to the transport.

Source: RFC 6455.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any, ClassVar

from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.asgi_side import AsgiSide, ClientGone, Pairs
from nannin.engine.blocked import LEAST_BYTES_PER_S, Blocked
from nannin.engine.link import EXTENSION
from nannin.engine.opener import open_at_once
from nannin.engine.opening import Opening, OpeningRefused, make_head, read_opening
from nannin.engine.reading import Phase, Reading
from nannin.engine.receiver import Receiver
from nannin.engine.too_large import tell_too_large
from nannin.errors import FrameError
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_limits import Limits
from nannin.wire.outbox import Newest
from nannin.wire.outgoing import Outgoing
from nannin.wire.websocket_frames import TOO_BIG, close_frame

# Looked up once, and not for each message: before Python 3.12 that takes longer than a call.
_OPEN, _CLOSING, _CLEAN, _BROKEN = Phase.OPEN, Phase.CLOSING, Phase.CLEAN, Phase.BROKEN
_SLOW = DisconnectReason.SLOW_CLIENT.close_code
# The headers that uvicorn's middleware reads.
_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})


class DirectWebSocket(Reading):
    """One WebSocket. Give uvicorn the class: `ws=nannin.DirectWebSocket` or `--ws nannin:DirectWebSocket`.

    Attributes:
        look_every_s: how often a receiver's client that reads too slowly is looked at.
    """

    __slots__ = (
        "_accept_key",
        "_app_state",
        "_asgi",
        "_blocked",
        "_config",
        "_head",
        "_max_outbox_bytes",
        "_receiver",
        "_state",
    )

    look_every_s: ClassVar[float] = 2.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config.ws_max_size)
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._accept_key: bytes | None = None  # None until the handshake has arrived
        self._asgi: AsgiSide | None = None
        self._receiver: Receiver[DirectWebSocket] | None = None
        self._max_outbox_bytes = 0
        self._blocked: Blocked | None = None  # None while the kernel takes everything
        self._head = b""  # of the answer to the opening handshake, until it is written

    @property
    def blocked(self) -> bool:
        """Whether something that was written still waits here."""
        return self._blocked is not None

    @property
    def descriptor(self) -> int:
        """Of its socket; -1 where what is written is not what goes over the wire, as with TLS."""
        sock = self._transport.get_extra_info("socket")
        if sys.platform == "win32" or sock is None or _is_sealed(self._transport):
            return -1
        return int(sock.fileno())

    @property
    def is_applications(self) -> bool:
        """Whether it is a WebSocket that the application accepted for itself, and no session's."""
        return self._asgi is not None and self._asgi.answered

    # asyncio's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The HTTP protocol hands its transport over."""
        self._transport = transport  # type: ignore[assignment]
        self._transport.set_protocol(self)  # not later: the opening is answered at once
        # Whatever the kernel does not take at once counts as waiting, be it one byte: what is written to the
        # descriptor must not overtake it. (0 would pause TLS for ever, which has no descriptor.)
        high = 1 if _is_sealed(self._transport) else 0
        self._transport.set_write_buffer_limits(high=high, low=0)
        if self._transport.get_write_buffer_size() > high:
            self.pause_writing()  # answers to earlier requests wait, of which the HTTP protocol was told
        self._state.connections.add(self)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, cleanly or not."""
        self._state.connections.discard(self)
        if self._blocked is not None:
            self._unblock()
        self._forget_reading()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lose(self, clean=self._phase is _CLEAN)
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
        while newest and self._blocked is None and self._phase is _OPEN:
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
        self._read(data)

    def eof_received(self) -> None:
        """The peer will send no more: the transport closes itself."""

    def shutdown(self) -> None:
        """Called by uvicorn when the server stops: the client is told to come back (1012)."""
        if self._asgi is not None and not self._asgi.answered:
            self._asgi.finish()
            return
        self.close(1012)
        self._transport.close()  # after what waits, or when its time to answer is over
        if self._receiver is not None:
            self._receiver.stop(self)

    # The link of a receiver

    def attach(self, receiver: Receiver[DirectWebSocket], limits: Limits) -> None:
        """Gives the connection to a receiver, and to it at once what arrived before.

        Args:
            receiver: told of everything from now on.
            limits: how much may wait for the client, and how large its messages may be, whatever the server's
                own limit is.
        """
        messages = self._asgi.take_messages() if self._asgi is not None else ()
        self._receiver, self._asgi = receiver, None
        self._max_bytes, self._max_outbox_bytes = limits.max_payload_bytes, limits.max_outbox_bytes
        if self._blocked is not None:
            self.pause_writing()  # now there is a receiver to tell
        for message in messages:
            receiver.receive(self, message)
        if self.is_closing() and self._receiver is not None:
            self._receiver = None
            receiver.lose(self, clean=self._phase is _CLEAN)
        elif self._reader is not None and self._turn is None:
            self._wait_turn()  # the beginning of a message has arrived, which may be too large by now

    def write(self, outgoing: Outgoing) -> None:
        """Sends each packet as a message of its own, in order, without blocking; nothing after `close`."""
        if self._phase is not _OPEN:
            return
        frames = outgoing.frames
        if self._head:
            frames, self._head = self._head + frames, b""
        self._transport.write(frames)
        if self._blocked is not None and self._receiver is not None and not self._blocked.add(len(frames)):
            self._receiver.overflow(self)

    def write_newest(self, key: str, outgoing: Outgoing) -> None:
        """As `write`; while something waits, only the newest of each key waits with it."""
        if self._blocked is not None:
            self._blocked.newest.put(key, outgoing)
        elif self._phase is _OPEN:
            self._transport.write(outgoing.frames)

    def forget_newest(self, key: str) -> None:
        """Takes back what waits under this key."""
        if self._blocked is not None:
            self._blocked.newest.forget(key)

    def close(self, code: int) -> None:
        """Closes the WebSocket after what was written, for which its client has `close_timeout_s`.

        One that is told that it reads too slowly (1008) is cut off at once, where something still waits.
        """
        if self._phase is _OPEN:
            self._phase = _CLOSING
            if not self._transport.is_closing():
                self._transport.write(close_frame(code))
                self._set_close_alarm()
        if self._blocked is not None and (code == _SLOW or self._transport.is_closing()):
            self._transport.abort()

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
            if blocked.taken_bytes() >= LEAST_BYTES_PER_S * self.look_every_s:
                self._receiver.block(self)
            self._look_later(blocked)

    # Frames

    def _receive_message(self, message: str | bytes) -> None:
        if self._receiver is not None:
            self._receiver.receive(self, message)
        elif self._asgi is not None:
            self._asgi.put_message(message)

    def _receive_others(self, count: int) -> None:
        if self._receiver is not None:
            self._receiver.receive_others(self, count)

    def _receive_close(self, code: int) -> None:
        if self._receiver is not None:
            self._receiver.stop(self)
        elif self._asgi is not None:
            self._asgi.put_disconnect(code)

    def _receive_error(self, error: FrameError) -> None:
        reason = DisconnectReason.PARSE_ERROR
        if error.close_code == TOO_BIG:
            theirs = "" if self._receiver is not None else ", or uvicorn's --ws-max-size"
            tell_too_large(self._max_bytes, f"max_payload{theirs}")
            reason = DisconnectReason.TOO_LARGE
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.refuse(self, reason)
        elif self._asgi is not None:
            self._asgi.put_disconnect(error.close_code)
            self._asgi.wake_writer()

    def _answer(self, pongs: bytes) -> None:
        """A peer that reads no answers is cut off."""
        if not self._transport.is_closing():
            self._transport.write(pongs)
            if self._blocked is not None and not self._blocked.add_answers(len(pongs)):
                self._transport.abort()

    # The ASGI side's connection

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._phase in (_CLEAN, _BROKEN) or self._transport.is_closing()

    def accept(self, headers: Pairs, subprotocol: str | None) -> None:
        """Answers the opening handshake with a WebSocket."""
        self._respond(self._accepting(headers, subprotocol))

    def begin(self, subprotocol: str | None) -> None:
        """Accepts the opening handshake; the answer goes out with what is written first."""
        self._head = self._accepting((), subprotocol)

    def _accepting(self, headers: Pairs, subprotocol: str | None) -> bytes:
        head = [
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Accept", self._accept_key or b""),
        ]
        self._accept_key = b""  # it isn't needed any more, and has 61 bytes
        if subprotocol:
            head.append((b"Sec-WebSocket-Protocol", subprotocol.encode()))
        return make_head(101, (*head, *self._state.default_headers, *headers))

    def deny(self, status: int, headers: Pairs, body: bytes) -> None:
        """Answers the opening handshake with another HTTP response."""
        given = {name.lower() for name, _ in headers}
        head = [(b"Connection", b"close"), (b"Content-Length", str(len(body)).encode())]
        if b"content-type" not in given:
            head.append((b"Content-Type", b"text/plain; charset=utf-8"))
        self._respond(make_head(status, (*head, *self._state.default_headers, *headers)) + body)
        self._transport.close()

    def _respond(self, response: bytes) -> None:
        if not self.is_closing():
            self._transport.write(response)

    def send(self, message: str | bytes) -> None:
        """Sends one message."""
        if self._phase is not _OPEN:
            raise ClientGone
        self._transport.write(Outgoing([message]).frames)

    # The opening handshake

    def _read_opening(self, data: bytes) -> None:
        self._accept_key = b""
        try:
            opening = read_opening(data)
        except OpeningRefused as refused:
            AT_THE_DOOR.add(Refusal.REQUEST)
            self.deny(refused.status, refused.headers, refused.body)
        else:
            self.open(opening)

    def open(self, opening: Opening) -> None:
        """Gives the connection to the app: at once if that is an opener which takes it, else by a call."""
        self._accept_key = opening.accept_key
        scope = opening.scope(self._config.root_path)
        scope |= {
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


def _is_sealed(transport: asyncio.Transport) -> bool:
    """Whether TLS is between what is written and its socket; not if another process relays the plain text."""
    return is_ssl(transport) and transport.get_extra_info("ends") is None


def _address(transport: asyncio.Transport, side: str) -> tuple[str, int | None] | None:
    """A host and a port, or the file of a Unix socket and None, as an ASGI scope has it."""
    address = transport.get_extra_info(side)
    if isinstance(address, tuple):
        return address[0], address[1]
    return (address, None) if side == "sockname" and isinstance(address, str) else None
