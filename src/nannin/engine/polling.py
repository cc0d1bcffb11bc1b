"""Engine.IO over HTTP long-polling, on any ASGI server: GETs that wait, POSTs that carry packets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from starlette.types import Receive, Scope, Send

from nannin.access.origin import Headers, find_header
from nannin.engine.at_once import AtOnce
from nannin.engine.body import Unread, read_body
from nannin.engine.engine import Engine
from nannin.engine.handshake import Handshake
from nannin.engine.link import RequestRefused, retry_headers
from nannin.engine.served_session import ServedSession
from nannin.engine.too_large import tell_too_large
from nannin.wire.engine_limits import Limits
from nannin.wire.engine_packet import Encoded, cut_payload, encode_payload
from nannin.wire.engine_request import EngineRequest, Refusal

_TEXT = (b"content-type", b"text/plain; charset=UTF-8")
_JSON = (b"content-type", b"application/json")
# Seconds that a GET waits for an upgrade packet which was sent before it over another connection.
_UPGRADE_HEAD_START_S = 0.05
# Maximum number of a POST's packets that are handled before other clients have their turn.
_PACKETS_AT_ONCE = 1_000
# A browser must not take a client's words for a page.
_ALWAYS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


# How the User-Agents begin of clients that come back after a close packet: JavaScript's, in browsers and in
# Node. For python-engineio's it is the end, so they have to find out that their session is gone.
_COME_BACK = ("Mozilla/", "node-XMLHttpRequest")


class _Poll:
    """A GET; the engine answers it, now or later.

    While it waits, its task waits for nothing but the client's leaving, and the answer is sent by whoever has
    it. A second task for one of the two would cost a fifth of what a poll calls.

    Args:
        send: ASGI's.
        at_once: runs it.
        headers: what CORS adds to the answer.
        asked: the headers of the request.

    Attributes:
        packets: the answer; None as long as there is none.
    """

    __slots__ = (
        "_asked",
        "_at_once",
        "_headers",
        "_is_over",
        "_send",
        "_sent",
        "_task",
        "_waiting",
        "packets",
    )

    def __init__(
        self, send: Send, at_once: AtOnce, headers: Headers, asked: Iterable[tuple[bytes, bytes]]
    ) -> None:
        self.packets: Sequence[Encoded] | None = None
        self._asked = asked
        self._send = send
        self._at_once = at_once
        self._headers = headers
        self._is_over = False
        self._waiting: asyncio.Timeout | None = None
        self._sent: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None  # of the answer, if the client doesn't take it at once

    @property
    def comes_back(self) -> bool:
        """Whether the client is known to come back by itself after a close packet."""
        return find_header(self._asked, b"user-agent").startswith(_COME_BACK)

    def answer(self, packets: Sequence[Encoded]) -> None:
        """Answers the GET, which is answered once."""
        if self.packets is None:
            self.packets = packets
            if self._waiting is not None:
                self._sent = asyncio.get_running_loop().create_future()
                self._at_once.run(self._respond_later(self._sent), self._hold)

    async def respond(self) -> None:
        """Sends the answer, which there is."""
        assert self.packets is not None
        await respond(self._send, 200, encode_payload(self.packets), self._headers)

    async def wait(self, receive: Receive) -> None:
        """Returns once the answer is sent, or the client is gone."""
        try:
            await self._wait_until_gone(receive)
            if self._sent is not None:
                await self._sent
        finally:
            self._is_over = True
            if self._task is not None:
                self._task.cancel()

    async def _wait_until_gone(self, receive: Receive) -> None:
        try:
            async with asyncio.timeout(None) as self._waiting:
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            if self._sent is None:
                raise
        finally:
            self._waiting = None

    async def _respond_later(self, sent: asyncio.Future[None]) -> None:
        try:
            await self.respond()
        except Exception as error:  # noqa: BLE001 - it is raised in the request's own task
            sent.set_exception(error)
        finally:
            if not sent.done():
                sent.set_result(None)
            if self._waiting is not None:  # most servers end `receive` now, but not all do
                self._waiting.reschedule(asyncio.get_running_loop().time())

    def _hold(self, task: asyncio.Task[None]) -> None:
        self._task = task
        if self._is_over:  # it was cancelled in the turn in which `send` began to wait
            task.cancel()


async def respond(
    send: Send, status: int, body: bytes, headers: Headers, kind: tuple[bytes, bytes] = _TEXT
) -> None:
    """Sends a whole HTTP response. A 204 has no body, and so it has neither a length nor a type."""
    if status != 204:
        headers = [kind, (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": [*_ALWAYS, *headers]})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, refusal: Refusal, headers: Headers) -> None:
    """Answers with what the protocol says of a refused request."""
    await respond(send, refusal.http_status, refusal.body, [*headers, *retry_headers(refusal)], _JSON)


async def serve_polling(
    engine: Engine,
    at_once: AtOnce,
    request: EngineRequest,
    scope: Scope,
    receive: Receive,
    send: Send,
    headers: Headers,
) -> None:
    """Answers one GET or POST.

    Args:
        engine: whose session it belongs to.
        at_once: runs `send` for whoever answers a GET that waits.
        request: what the request's query says.
        headers: what CORS adds to every answer.
    """
    try:
        if request.sid is None:
            handshake = Handshake(scope)
            _, opened = engine.open_by_poll(handshake, engine.seat(handshake))
            await respond(send, 200, encode_payload([opened]), headers)
            return
        session = engine.find(request.sid)
        if scope["method"] == "GET":
            poll = _Poll(send, at_once, headers, scope["headers"])
            if session.ended and engine.is_stopping and not poll.comes_back:
                raise RequestRefused(Refusal.SESSION_UNKNOWN)
            await _serve_get(session, receive, poll)
        else:
            await _serve_post(session, scope, receive, send, headers, engine.limits)
    except RequestRefused as refused:
        await refuse(send, refused.refusal, headers)


async def _serve_get(session: ServedSession, receive: Receive, poll: _Poll) -> None:
    if session.is_upgrading:
        # The upgrade packet was sent before this GET, but travels on another connection: let it win.
        await asyncio.sleep(_UPGRADE_HEAD_START_S)
    session.receive_poll(poll)
    if poll.packets is not None:
        await poll.respond()
        return
    try:
        await poll.wait(receive)
    finally:
        if poll.packets is None:
            session.receive_poll_lost(poll)


async def _serve_post(
    session: ServedSession, scope: Scope, receive: Receive, send: Send, headers: Headers, limits: Limits
) -> None:
    max_bytes = limits.max_payload_bytes
    session.receive_post()
    try:
        body = await read_body(scope, receive, max_bytes, timeout_s=limits.body_timeout_s)
        if isinstance(body, bytes):
            await _deliver(session, body)
    except RequestRefused:
        raise
    except BaseException:  # the server cancels the request, or its `receive` raises: packets are lost
        session.receive_post_lost()
        raise
    if isinstance(body, bytes):
        await respond(send, 200, b"ok", headers)
        return
    session.receive_post_lost()
    if body is Unread.TOO_LARGE:
        tell_too_large(max_bytes, "max_payload")
    if body is not Unread.GONE:
        status, text = body.value
        await respond(send, status, text, [*headers, (b"connection", b"close")])


async def _until_read(session: ServedSession) -> None:
    """Waits while the application has more from the client than it can handle."""
    if not session.reads:
        reads = asyncio.Event()
        session.wait_to_read(reads.set)
        await reads.wait()


async def _deliver(session: ServedSession, body: bytes) -> None:
    """Hands a POST's packets to the session; others have their turn between one part and the next."""
    parts = cut_payload(body, _PACKETS_AT_ONCE)
    part = next(parts)
    for following in parts:
        await _until_read(session)
        session.receive_payload(part, is_last=False)
        await asyncio.sleep(0)
        if session.ended:
            return
        part = following
    await _until_read(session)
    session.receive_payload(part)
