"""Engine.IO over WebSocket, on any ASGI server."""

from __future__ import annotations

import asyncio
from collections import deque

from starlette.types import Receive, Scope, Send

from nannin.engine.direct import EXTENSION, DirectWebSocket
from nannin.engine.engine import Engine, RequestRefused, Session
from nannin.engine.handshake import Handshake
from nannin.wire.engine_request import EngineRequest, Refusal
from nannin.wire.outgoing import Outgoing

# The codes of a WebSocket that ended without a close frame, and of a close frame without a code.
# Source: RFC 6455, 7.4.1.
_ABNORMAL, _NO_STATUS = 1006, 1005

# What is written in one turn of the loop waits for the next; more than this does not wait for that alone.
_BLOCKED_BYTES = 16_384


class AsgiLink:
    """Writes to one WebSocket through ASGI's `send`, which may wait: a task does, while there is work.

    Args:
        send: ASGI's.
        max_outbox_bytes: how much may wait for a client that reads slowly.
    """

    def __init__(self, send: Send, max_outbox_bytes: int) -> None:
        self._send = send
        self._max_outbox_bytes = max_outbox_bytes
        self._outbox: deque[Outgoing] = deque()
        self._outbox_bytes = 0
        self._newest: dict[str, Outgoing] = {}
        self._close_code: int | None = None
        self._flushing: asyncio.Task[None] | None = None
        self.session: Session | None = None

    @property
    def blocked(self) -> bool:
        """Whether so much waits here that the client must be reading slowly."""
        return self._outbox_bytes > _BLOCKED_BYTES

    def write(self, outgoing: Outgoing) -> None:
        """Sends each packet as a message of its own; a client that lets too much wait is closed."""
        if self._close_code is not None:
            return
        if self._outbox_bytes > self._max_outbox_bytes and self.session is not None:
            self._outbox.clear()
            self.session.overflow(self)
            return
        self._outbox.append(outgoing)
        self._outbox_bytes += outgoing.size_bytes
        self._start()

    def write_newest(self, key: str, outgoing: Outgoing) -> None:
        """As `write`; while an earlier message is under way, only the newest of each key waits."""
        if self._close_code is None:
            self._newest[key] = outgoing
            self._start()

    def forget_newest(self, key: str) -> None:
        """Takes back what waits under this key."""
        self._newest.pop(key, None)

    def close(self, code: int) -> None:
        """Closes the WebSocket behind what was written."""
        if self._close_code is None:
            self._close_code = code
            self._start()

    def lose(self) -> None:
        """The WebSocket is gone: nothing is sent any more."""
        self._close_code = 1006
        self._outbox.clear()
        if self._flushing is not None:
            self._flushing.cancel()

    def _start(self) -> None:
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self) -> None:
        try:
            while self._outbox or self._newest:
                if self._outbox:
                    outgoing = self._outbox.popleft()
                    await self._send_all(outgoing)
                    self._outbox_bytes -= outgoing.size_bytes
                else:
                    await self._send_all(self._newest.pop(next(iter(self._newest))))
            if self._close_code is not None:
                await self._send({"type": "websocket.close", "code": self._close_code})
        except (OSError, RuntimeError):
            # The peer went away while we wrote. Servers say so in both ways; `receive` ends the session.
            self._outbox.clear()
        finally:
            self._flushing = None

    async def _send_all(self, outgoing: Outgoing) -> None:
        for packet in outgoing.packets:
            kind = "text" if isinstance(packet, str) else "bytes"
            await self._send({"type": "websocket.send", kind: packet})


async def serve_websocket(
    engine: Engine, request: EngineRequest | Refusal, scope: Scope, receive: Receive, send: Send
) -> None:
    """Serves one WebSocket from its opening handshake to its end.

    Args:
        engine: whose session it becomes, or belongs to.
        request: what its query says, or why it is refused.
    """
    await receive()  # websocket.connect
    session: Session | None = None
    if isinstance(request, EngineRequest) and request.sid is not None:
        try:
            session = engine.find(request.sid)
        except RequestRefused as refused:
            request = refused.refusal
    if isinstance(request, Refusal):
        await _deny(scope, send, request)
        return
    direct = scope.get("extensions", {}).get(EXTENSION)
    link: AsgiLink | DirectWebSocket
    link = AsgiLink(send, engine.limits.max_outbox_bytes) if direct is None else direct["link"]
    if session is None:
        await send({"type": "websocket.accept"})
        session = engine.open_by_websocket(link, Handshake(scope))
    else:
        # The candidate is known before the client can know that it is open: a poll may follow at once.
        try:
            engine.receive_candidate(session, link)
        except RequestRefused:
            # Accepted and closed at once: the session's first WebSocket lives on.
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            await send({"type": "websocket.accept"})
        except BaseException:
            engine.receive_websocket_lost(session, link, clean=False)
            raise
    if isinstance(link, DirectWebSocket):
        link.attach(session, engine.limits.max_outbox_bytes)  # it needs this task no more
        return
    link.session = session
    clean = False
    try:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code", _ABNORMAL)
                # uvicorn's own class says 1005 of a link that broke, too, but only then gives no reason.
                clean = code != _ABNORMAL and (code != _NO_STATUS or "reason" in message)
                return
            text = message.get("text")
            engine.receive_websocket(session, link, text if text is not None else message["bytes"])
    finally:
        link.lose()
        engine.receive_websocket_lost(session, link, clean=clean)


async def _deny(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Refuses the opening handshake: with status and body where the server can, else as it does (403)."""
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"content-type", b"application/json")]
        status = refusal.http_status
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": refusal.body})
    else:
        await send({"type": "websocket.close", "code": 1008})
