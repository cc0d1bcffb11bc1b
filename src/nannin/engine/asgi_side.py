"""One WebSocket's ASGI side: what a connection needs only while an ASGI app receives from it.

Source: the ASGI specification, "WebSocket", version 2.4.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from starlette.types import Message, Scope

from nannin.wire.engine_packet import size_bytes

Pairs = Iterable[tuple[bytes, bytes]]

# How many bytes may wait for the app to receive them before reading from its client stops.
MAX_QUEUED_BYTES = 65_536


class ClientGone(OSError):
    """Raised by `send` when the client has gone, as the specification asks."""


class Connection(Protocol):
    """What the ASGI side asks of the connection below it."""

    @property
    def blocked(self) -> bool:
        """Whether something that was written still waits."""

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""

    def accept(self, headers: Pairs, subprotocol: str | None) -> None:
        """Answers the opening handshake with a WebSocket."""

    def deny(self, status: int, headers: Pairs, body: bytes) -> None:
        """Answers the opening handshake with another HTTP response."""

    def send(self, message: str | bytes) -> None:
        """Sends one message. Raises ClientGone after a close frame."""

    def close(self, code: int) -> None:
        """Sends a close frame."""

    def read_on(self, on: bool) -> None:
        """Goes on reading from the client, or stops."""


class AsgiSide:
    """The `receive` and `send` of one ASGI WebSocket.

    Args:
        connection: what it speaks through.
        scope: what the app is called with.
    """

    __slots__ = (
        "_connection",
        "_denial",
        "_denial_body",
        "_queued_bytes",
        "_waiter",
        "_writable",
        "answered",
        "messages",
        "scope",
    )

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self.scope = scope
        self.answered = False  # whether the opening handshake was answered
        self.messages: deque[Message] = deque([{"type": "websocket.connect"}])
        self._connection = connection
        self._queued_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._denial: Message | None = None
        self._denial_body = b""

    # For the connection

    def put_message(self, message: str | bytes) -> None:
        """A message arrived."""
        self._queued_bytes += size_bytes(message)
        if self._queued_bytes > MAX_QUEUED_BYTES:
            self._connection.read_on(False)
        self._put({"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message})

    def put_disconnect(self, code: int) -> None:
        """The client has gone, or is being sent away."""
        self._put({"type": "websocket.disconnect", "code": code, "reason": ""})

    def wake_writer(self) -> None:
        """The connection is no longer blocked, or gone."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def take_messages(self) -> list[str | bytes]:
        """Returns the messages that arrived and that the app has not received."""
        received = [message for message in self.messages if message["type"] == "websocket.receive"]
        self._read_on()
        return [message["text"] if "text" in message else message["bytes"] for message in received]

    # For the app

    async def receive(self) -> Message:
        """ASGI's receive."""
        while not self.messages:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        message = self.messages.popleft()
        if not self.messages:
            self._read_on()
        return message

    async def send(self, message: Message) -> None:
        """ASGI's send.

        Raises:
            ClientGone: there is nobody to send to.
            RuntimeError: the message makes no sense in this state.
        """
        connection, kind = self._connection, message["type"]
        while connection.blocked and not connection.is_closing():
            self._writable = self._writable or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._writable)
        if connection.is_closing():
            raise ClientGone
        if self.answered:
            self._send_open(kind, message)
        elif kind == "websocket.accept":
            self.answered = True
            connection.accept(message.get("headers", ()), message.get("subprotocol"))
        elif kind == "websocket.close":
            self._deny(403, (), b"")
        elif kind == "websocket.http.response.start":
            self._denial = message
        elif kind == "websocket.http.response.body" and self._denial is not None:
            self._denial_body += message.get("body", b"")
            if not message.get("more_body", False):
                self._deny(self._denial["status"], self._denial.get("headers", ()), self._denial_body)
        else:
            raise RuntimeError(f"expected websocket.accept, websocket.close or a response, not {kind}")

    def finish(self) -> None:
        """The app has returned: what it left open is closed."""
        if not self.answered:
            self._deny(500, (), b"Internal Server Error")
        else:
            self._connection.close(1011)

    def _send_open(self, kind: str, message: Message) -> None:
        if kind == "websocket.send":
            text = message.get("text")
            self._connection.send(text if text is not None else message.get("bytes") or b"")
        elif kind == "websocket.close":
            self._connection.close(message.get("code", 1000))
        else:
            raise RuntimeError(f"expected websocket.send or websocket.close, not {kind}")

    def _deny(self, status: int, headers: Pairs, body: bytes) -> None:
        self.answered = True
        self._connection.deny(status, headers, body)
        self.put_disconnect(1006)

    def _put(self, message: Message) -> None:
        self.messages.append(message)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _read_on(self) -> None:
        if self._queued_bytes > MAX_QUEUED_BYTES:
            self._connection.read_on(True)
        self._queued_bytes = 0
