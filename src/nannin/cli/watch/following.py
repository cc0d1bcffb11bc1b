"""Follows the stream of a server, over lost connections."""

from __future__ import annotations

import contextlib
import http.client
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NoReturn, Protocol
from urllib.parse import urlencode

from nannin.cli.remote import Address, describe, refusal_of
from nannin.cli.watch.events import EventParser, Update
from nannin.errors import RemoteError

__all__ = ["Display", "follow"]

EVERY_PAGE: Final = "*"
STALLED_S: Final = 40.0  # the server sends something every 15 s
_FIRST_DELAY_S, _LAST_DELAY_S = 0.5, 15.0
_STEADY_S: Final = 10.0  # a stream that lasted this long is asked for again without a longer delay
_PIECE_BYTES: Final = 65536


class Display(Protocol):
    """How counts are shown."""

    def opened(self) -> None:
        """A stream begins: its counts replace all earlier ones."""

    def update(self, update: Update) -> None:
        """The server told a page's count."""

    def lost(self, reason: str) -> None:
        """The stream broke off, and will be asked for again. Not called again until it is back."""


def follow(
    address: Address,
    pages: Sequence[str],
    display: Display,
    *,
    token: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
    stalled_s: float = STALLED_S,
) -> NoReturn:
    """Shows the counts of these pages, for ever.

    Args:
        address: the server.
        pages: page keys, or `*` for every page that somebody is on.
        display: shows them.
        token: the server's `read_token`, if it is known.
        sleep: waits the given number of seconds before the next attempt.
        stalled_s: seconds of silence after which a stream is lost.

    Raises:
        RemoteError: there is no such server, or it refuses; only before it has answered once.
    """
    has_answered, is_lost, delay_s = False, False, _FIRST_DELAY_S
    while True:
        opened = None
        try:
            with _stream(address, pages, token, stalled_s) as counts:
                has_answered, is_lost, opened = True, False, time.monotonic()
                display.opened()
                for update in counts:
                    display.update(update)
            reason = "the server ended the stream"
        except BrokenPipeError:
            raise  # the reader of our output is gone; a server that is gone resets or ends its stream
        except (OSError, http.client.HTTPException, UnicodeError, RemoteError) as error:
            reason = describe(error, address)
            if not has_answered:
                raise RemoteError(f"{address.url}: {reason}") from None
        if not is_lost:
            is_lost = True
            display.lost(reason)
        if opened is not None and time.monotonic() - opened > _STEADY_S:
            delay_s = _FIRST_DELAY_S
        sleep(delay_s * random.uniform(0.5, 1))  # noqa: S311 - spreads the attempts, and is not a secret
        delay_s = min(2 * delay_s, _LAST_DELAY_S)


@contextlib.contextmanager
def _stream(
    address: Address, pages: Sequence[str], token: str | None, stalled_s: float
) -> Iterator[Iterator[Update]]:
    with contextlib.closing(address.connect()) as connection:
        connection.connect()
        # The response may take the socket away from its connection.
        sock = connection.sock
        query = urlencode([("page", page) for page in pages], safe="/*")
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store", "User-Agent": "nannin-watch"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request("GET", f"{address.path}/api/stream?{query}", headers=headers)
        with connection.getresponse() as response:
            if response.status != 200 or response.headers.get_content_type() != "text/event-stream":
                raise RemoteError(refusal_of(response, "/api/stream"))
            sock.settimeout(stalled_s)
            yield _counts(response, stalled_s)


def _counts(response: http.client.HTTPResponse, stalled_s: float) -> Iterator[Update]:
    parser = EventParser()
    while True:
        try:
            piece = response.read1(_PIECE_BYTES)
        except TimeoutError:
            raise RemoteError(f"nothing came for {stalled_s:g} s") from None
        except http.client.HTTPException:
            raise RemoteError("the connection broke off") from None
        if not piece:
            return
        yield from parser.feed(piece)
