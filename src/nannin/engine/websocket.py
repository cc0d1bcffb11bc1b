"""Engine.IO over WebSocket, on any ASGI server."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable

from starlette.types import Message, Receive, Scope, Send

from nannin.access.addresses import FREE
from nannin.engine.at_once import AtOnce
from nannin.engine.denial import deny
from nannin.engine.engine import Engine
from nannin.engine.handshake import Handshake
from nannin.engine.link import EXTENSION, DirectLink, RequestRefused, retry_headers
from nannin.engine.reading import SHARE_FRAMES
from nannin.engine.receiver import Receiver
from nannin.engine.served_session import ServedSession
from nannin.wire.engine_request import EngineRequest, Refusal
from nannin.wire.outbox import Backlog, Newest
from nannin.wire.outgoing import Outgoing

logger = logging.getLogger("nannin.websocket")

# The codes of a WebSocket that ended without a close frame, and of a close frame without a code.
# Source: RFC 6455, 7.4.1.
_ABNORMAL, _NO_STATUS = 1006, 1005
# The close code that every server lets an application send.
_NORMAL = 1000


class AsgiLink:
    """Writes to one WebSocket through ASGI's `send`, which runs at once and has a task only where it waits.

    A client reads too slowly if `send` hasn't returned a turn of the loop after it was called, or when the
    next message is written.

    Args:
        send: ASGI's.
        at_once: runs `send`.
        max_outbox_bytes: how much may wait for a client that reads slowly.
        on_unsent: called with what the server raises when it can't send.

    Attributes:
        blocked: whether something that was written still waits for the client.
        close_timeout_s: how long the WebSocket may take to end after `close`.
    """

    close_timeout_s = 5.0
    descriptor = -1  # only the server knows its socket

    def __init__(
        self,
        send: Send,
        at_once: AtOnce,
        max_outbox_bytes: int,
        on_unsent: Callable[[Exception], None],
    ) -> None:
        self._on_unsent = on_unsent
        self._send = send
        self._at_once = at_once
        self._max_outbox_bytes = max_outbox_bytes
        self._outbox: deque[Outgoing] = deque()
        self._newest: Newest[Outgoing] = Newest()
        self._under_way: Outgoing | None = None
        self._backlog: Backlog | None = None  # while something waits for the client
        self._waiting_bytes = 0  # under way and in the outbox, while there is a backlog
        self._close_code: int | None = None
        self._takes_more = True  # until it is closed, lost, or too much waits
        self._is_flushing = False
        self._task: asyncio.Task[None] | None = None  # of its own, while `send` waits
        self._receiver: Receiver[AsgiLink] | None = None
        self._patience: asyncio.Timeout | None = None
        self._read_again: asyncio.Event | None = None
        self._end_within_s: float | None = None  # for whoever receives from the client next

    @property
    def blocked(self) -> bool:
        return self._backlog is not None

    def attach(self, receiver: Receiver[AsgiLink], patience: asyncio.Timeout) -> None:
        """Tells a receiver of the client from now on.

        Args:
            receiver: told how the client reads.
            patience: ends whoever receives from the client, if that doesn't end in time after `close`.
        """
        self._receiver, self._patience = receiver, patience
        if self.blocked:
            receiver.block(self)
        if self._end_within_s is not None:
            self._lose_patience(self._end_within_s)

    def write(self, outgoing: Outgoing) -> None:
        """Sends each packet as a message of its own; a client that lets too much wait is closed."""
        if not self._takes_more:
            return
        if self._under_way is not None and not self._may_wait(outgoing):
            return
        self._outbox.append(outgoing)
        if not self._is_flushing:
            self._start()

    def write_newest(self, key: str, outgoing: Outgoing) -> None:
        """As `write`; while an earlier message is under way, only the newest of each key waits."""
        if not self._takes_more:
            return
        if self._under_way is not None:
            self._block()
            self._newest.put(key, outgoing)
            return
        self._outbox.append(outgoing)
        if not self._is_flushing:
            self._start()

    def forget_newest(self, key: str) -> None:
        """Takes back what waits under this key."""
        self._newest.forget(key)

    def read_on(self, on: bool) -> None:
        """Goes on receiving from the client, or stops."""
        if not on:
            self._read_again = self._read_again or asyncio.Event()
        elif self._read_again is not None:
            self._read_again.set()
            self._read_again = None

    async def receive(self, receive: Receive) -> Message:
        """ASGI's receive, once the client is to be read from."""
        while self._read_again is not None:
            await self._read_again.wait()
        return await receive()

    def close(self, code: int) -> None:
        """Closes the WebSocket after what was written; a client that doesn't read then is cut off."""
        if self._close_code is None:
            self._takes_more, self._close_code = False, code
            if not self._is_flushing:
                self._start()
            self._lose_patience(self.close_timeout_s)

    def lose(self) -> None:
        """The WebSocket is gone: nothing is sent any more."""
        self._close_code, self._patience = _ABNORMAL, None
        self._drop_outbox()
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        self._is_flushing = True
        self._at_once.run(self._flush(), self._hold)

    async def _flush(self) -> None:
        send = self._send
        try:
            while self._outbox or self._newest:
                self._under_way = self._take()
                for packet in self._under_way.packets:
                    # Some servers take plain bytes alone, and not a `SharedBinary`.
                    part = {"text": packet} if isinstance(packet, str) else {"bytes": bytes(packet)}
                    await send({"type": "websocket.send", **part})
                if self._backlog is not None:
                    self._read(self._under_way)
            self._under_way = None
            if self._close_code is not None and self._close_code != _ABNORMAL:
                await self._send_close(self._close_code)
        except (OSError, RuntimeError):
            # The peer went away while we wrote. Servers say so in both ways; `receive` ends the session.
            self._drop_outbox()
        except Exception as error:  # noqa: BLE001 - servers raise what they like
            self._on_unsent(error)
            self._drop_outbox()
            self._lose_patience(0.0)
        finally:
            self._under_way, self._is_flushing, self._task = None, False, None
        if self._backlog is not None:
            self._backlog = None
            if self._receiver is not None:
                self._receiver.drain(self)

    def _take(self) -> Outgoing:
        """What is sent next."""
        if self._outbox:
            return self._outbox.popleft()
        outgoing = self._newest.take()
        self._waiting_bytes += outgoing.size_bytes
        return outgoing

    def _read(self, outgoing: Outgoing) -> None:
        """The client has read this, however slowly: its time to drain begins again."""
        self._waiting_bytes -= outgoing.size_bytes
        if self._receiver is not None:
            self._receiver.block(self)

    def _hold(self, task: asyncio.Task[None]) -> None:
        """The client reads too slowly, and this task waits for it."""
        self._task = task
        if self._close_code == _ABNORMAL:  # it was lost in the turn in which `send` began to wait
            task.cancel()
        elif self._under_way is not None and not (backlog := self._block()).is_fresh:
            backlog.settle()  # what waits was written before this turn

    async def _send_close(self, code: int) -> None:
        try:
            await self._send({"type": "websocket.close", "code": code})
        except (OSError, RuntimeError):
            raise
        except Exception:
            # Daphne lets an application close with 1000 and 3000 to 4999 only.
            logger.debug("the server refused the close code %s", code, exc_info=True)
            await self._send({"type": "websocket.close", "code": _NORMAL})

    def _may_wait(self, outgoing: Outgoing) -> bool:
        """Notes what is written while an earlier message is under way; False if that is too much."""
        backlog = self._block()
        if not backlog.is_fresh:
            asyncio.get_running_loop().call_soon(backlog.settle)
        if not backlog.add(outgoing.size_bytes, self._waiting_bytes) and self._receiver is not None:
            self._drop_outbox()
            self._receiver.overflow(self)
            return False
        self._waiting_bytes += outgoing.size_bytes
        return True

    def _block(self) -> Backlog:
        if self._backlog is None:
            self._backlog = Backlog(self._max_outbox_bytes)
            self._waiting_bytes = sum(waiting.size_bytes for waiting in self._outbox)
            if self._under_way is not None:
                self._waiting_bytes += self._under_way.size_bytes
            if self._receiver is not None:
                self._receiver.block(self)
        return self._backlog

    def _drop_outbox(self) -> None:
        self._takes_more = False
        self._outbox.clear()
        self._newest = Newest()

    def _lose_patience(self, within_s: float) -> None:
        if self._patience is None:
            self._end_within_s = within_s
        else:
            self._patience.reschedule(asyncio.get_running_loop().time() + within_s)


def open_websocket(engine: Engine, scope: Scope, link: DirectLink) -> None:
    """Opens a session over a WebSocket whose server needs no ASGI messages for that, or denies it."""
    handshake = Handshake(scope)
    try:
        seat = engine.seat(handshake)
    except RequestRefused as refused:
        link.deny(refused.refusal.http_status, _denial_headers(refused.refusal), refused.refusal.body)
        return
    link.begin(_subprotocol(scope))
    session = engine.open_by_websocket(link, handshake, seat)
    if session.handshake is not None:
        session.handshake.pack()
    link.attach(session, engine.limits)


async def serve_websocket(
    engine: Engine,
    at_once: AtOnce,
    request: EngineRequest | Refusal,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Serves one WebSocket from its opening handshake to its end.

    Args:
        engine: whose session it becomes, or belongs to.
        at_once: runs `send`, where the server offers no direct writes.
        request: what its query says, or why it is refused.
    """
    await receive()  # websocket.connect
    session: ServedSession | None = None
    handshake, seat = Handshake(scope), FREE
    if isinstance(request, EngineRequest):
        try:
            if request.sid is not None:
                session = engine.find(request.sid)
            else:
                seat = engine.seat(handshake)
        except RequestRefused as refused:
            request = refused.refusal
    if isinstance(request, Refusal):
        await deny(scope, send, request.http_status, _denial_headers(request), request.body)
        return
    direct = scope.get("extensions", {}).get(EXTENSION)
    link: AsgiLink | DirectLink
    if direct is None:
        link = AsgiLink(send, at_once, engine.limits.max_outbox_bytes, engine.note_unsent)
    else:
        link = direct["link"]
    if session is None:
        try:
            await send(_accept(scope))
        except BaseException:
            seat.leave()
            raise
        session = engine.open_by_websocket(link, handshake, seat)
    elif not await _try_candidate(session, link, scope, send):
        return
    if isinstance(link, AsgiLink):
        await _receive_all(session, link, receive)
    else:
        link.attach(session, engine.limits)  # it needs this task no more


async def _try_candidate(
    session: ServedSession, link: AsgiLink | DirectLink, scope: Scope, send: Send
) -> bool:
    """Accepts a WebSocket to which a session may upgrade; False if the session has one already."""
    # The candidate is known before the client can know that it is open: a poll may follow at once.
    try:
        session.receive_candidate(link)
    except RequestRefused:
        # Accepted and closed at once: the session's first WebSocket lives on.
        await send(_accept(scope))
        await send({"type": "websocket.close", "code": 1008})
        return False
    try:
        await send(_accept(scope))
    except BaseException:
        session.lose(link, clean=False)
        raise
    return True


async def _receive_all(session: ServedSession, link: AsgiLink, receive: Receive) -> None:
    """Gives the session what arrives, until the WebSocket is gone."""
    clean = False
    try:
        async with asyncio.timeout(None) as patience:
            link.attach(session, patience)
            for number in itertools.count(1):
                message = await link.receive(receive)
                if number % SHARE_FRAMES == 0:
                    await asyncio.sleep(0)  # `receive` may find a message each time, and never wait
                if message["type"] == "websocket.disconnect":
                    code = message.get("code", _ABNORMAL)
                    # uvicorn's own class says 1005 of a link that broke, too, but only then gives no reason.
                    clean = code != _ABNORMAL and (code != _NO_STATUS or "reason" in message)
                    return
                text = message.get("text")
                session.receive(link, text if text is not None else message["bytes"])
    except TimeoutError:
        if not patience.expired():
            raise
    finally:
        link.lose()
        session.lose(link, clean=clean)


def _accept(scope: Scope) -> Message:
    """Accepts the opening handshake."""
    subprotocol = _subprotocol(scope)
    return {"type": "websocket.accept", **({"subprotocol": subprotocol} if subprotocol else {})}


def _subprotocol(scope: Scope) -> str | None:
    """The first subprotocol of those that the client offers.

    Engine.IO names no subprotocol, but a client that offers some fails without one. Node's server does this.
    """
    offered = scope.get("subprotocols")
    return offered[0] if offered else None


def _denial_headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", b"application/json"), *retry_headers(refusal)]
