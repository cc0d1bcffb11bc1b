"""Engine.IO over HTTP long-polling, on any ASGI server: GETs that wait, POSTs that carry packets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from nannin.access.origin import Headers
from nannin.engine.body import Unread, read_body
from nannin.engine.engine import Engine
from nannin.engine.handshake import Handshake
from nannin.engine.link import RequestRefused, retry_headers
from nannin.engine.served_session import ServedSession
from nannin.engine.too_large import tell_too_large
from nannin.wire.engine_packet import Encoded, cut_payload, encode_payload
from nannin.wire.engine_request import EngineRequest, Refusal
from nannin.wire.engine_session import Limits

_TEXT = (b"content-type", b"text/plain; charset=UTF-8")
_JSON = (b"content-type", b"application/json")
# Seconds that a GET waits for an upgrade packet which was sent before it over another connection.
_UPGRADE_HEAD_START_S = 0.05
# Maximum number of a POST's packets that are handled before other clients have their turn.
_PACKETS_AT_ONCE = 1_000
# A browser must not take a client's words for a page.
_ALWAYS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class _Poll:
    """A GET that waits; the engine answers it."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[Sequence[Encoded]] = asyncio.get_running_loop().create_future()

    def answer(self, packets: Sequence[Encoded]) -> None:
        if not self.future.done():
            self.future.set_result(packets)


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
    engine: Engine, request: EngineRequest, scope: Scope, receive: Receive, send: Send, headers: Headers
) -> None:
    """Answers one GET or POST.

    Args:
        engine: whose session it belongs to.
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
            await _serve_get(session, receive, send, headers)
        else:
            await _serve_post(session, scope, receive, send, headers, engine.limits)
    except RequestRefused as refused:
        await refuse(send, refused.refusal, headers)


async def _serve_get(session: ServedSession, receive: Receive, send: Send, headers: Headers) -> None:
    if session.is_upgrading:
        # The upgrade packet was sent before this GET, but travels on another connection: let it win.
        await asyncio.sleep(_UPGRADE_HEAD_START_S)
    poll = _Poll()
    session.receive_poll(poll)
    if not poll.future.done():
        gone = asyncio.ensure_future(_wait_until_gone(receive))
        try:
            await asyncio.wait((poll.future, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not poll.future.done():
                session.receive_poll_lost(poll)
    if poll.future.done():
        await respond(send, 200, encode_payload(poll.future.result()), headers)


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


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
