"""A request's body: read whole, or why not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from nannin.engine.body import Unread, read_body

SOON_S = 5.0
MAX_BYTES = 10


class Pieces:
    """What a server hands over, piece by piece; then nothing more comes."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self.asked = 0

    async def __call__(self) -> Message:
        self.asked += 1
        if self._messages:
            return self._messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")


def piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def scope(**headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "headers": pairs}


@pytest.mark.parametrize("pieces", [[b"", b"0123456789"], [b"01234", b"56789"], [b"0123456789"], [b""]])
async def test_a_body_is_whole_however_many_pieces_it_comes_in(pieces: list[bytes]) -> None:
    receive = Pieces(*(piece(part, more=index < len(pieces) - 1) for index, part in enumerate(pieces)))
    assert await read_body(scope(), receive, MAX_BYTES, timeout_s=SOON_S) == b"".join(pieces)


async def test_a_body_that_says_it_is_too_large_is_not_waited_for() -> None:
    receive = Pieces()
    assert (
        await read_body(scope(content_length="11"), receive, MAX_BYTES, timeout_s=SOON_S) is Unread.TOO_LARGE
    )
    assert receive.asked == 0


@pytest.mark.parametrize("declared", ["10", "-1", "1e9", "many", ""])
async def test_what_a_body_says_of_itself_is_not_believed(declared: str) -> None:
    receive = Pieces(piece(b"012345"), piece(b"67890"), piece(b"never asked for"))
    assert (
        await read_body(scope(content_length=declared), receive, MAX_BYTES, timeout_s=SOON_S)
        is Unread.TOO_LARGE
    )
    assert receive.asked == 2


async def test_a_client_that_leaves_has_no_body() -> None:
    assert (
        await read_body(
            scope(), Pieces(piece(b"01"), {"type": "http.disconnect"}), MAX_BYTES, timeout_s=SOON_S
        )
        is Unread.GONE
    )


async def test_a_body_that_does_not_come_in_time_is_given_up() -> None:
    assert await read_body(scope(), Pieces(piece(b"01")), MAX_BYTES, timeout_s=0.01) is Unread.TOO_SLOW
