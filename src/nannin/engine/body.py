"""A request's body, read within limits of size and time."""

from __future__ import annotations

import asyncio
import enum

from starlette.types import Receive, Scope

from nannin.access.origin import find_header
from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.patience import Patience


class Unread(enum.Enum):
    """Why a body was not read to its end: the status and text of the answer."""

    GONE = (None, b"")
    TOO_LARGE = (413, b"Payload too large")
    TOO_SLOW = (408, b"Request timeout")


async def read_body(scope: Scope, receive: Receive, max_bytes: int, *, timeout_s: float) -> bytes | Unread:
    """Reads a body; one that is too large is refused before the rest of it is waited for."""
    declared = find_header(scope["headers"], b"content-length")
    if declared.isdecimal() and int(declared) > max_bytes:
        return Unread.TOO_LARGE
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as timeout:
            patience = Patience(loop, loop.time() + timeout_s, lambda: timeout.reschedule(loop.time()))
            try:
                return await _read(receive, max_bytes)
            finally:
                patience.cancel()
    except TimeoutError:
        AT_THE_DOOR.add(Refusal.HTTP)
        return Unread.TOO_SLOW


async def _read(receive: Receive, max_bytes: int) -> bytes | Unread:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return Unread.GONE
        body += message.get("body", b"")
        if len(body) > max_bytes:
            return Unread.TOO_LARGE
        if not message.get("more_body", False):
            return bytes(body)
