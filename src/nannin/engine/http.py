"""uvicorn's HTTP protocol with limits on a request's head, which it leaves to a proxy."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from nannin.access.hosts import has_one_host, take_authority
from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.bounded_http import BoundedHttp, bare_answer
from nannin.engine.patience import Patience
from nannin.engine.turned_away import GivesWay

MAX_HEAD_BYTES = 65_536
# A URL is ASCII (RFC 3986, 2.1), and the parser takes no other byte in its query.
_NOT_ASCII = (
    "The request is not HTTP: its URL has characters other than ASCII. "
    "Percent-encode them, such as %E4%BA%BA for U+4EBA.\n"
)


# Two of them are two servers: one to whoever passes the request on, and one to us. Source: RFC 9112, 3.2.
_NOT_ONE_HOST = "The request is not HTTP/1.1: expected one Host header, not none and not several.\n"


class HeadTooLarge(Exception):
    """Ends the parsing of a request; the client gets a 431."""


class NotOneHost(Exception):
    """Ends the parsing of a request; the client gets a 400."""


class LimitedHttp(BoundedHttp, GivesWay):
    """One HTTP connection. Slow, endless and overlong heads end it with 408 or 431.

    Attributes:
        head_timeout_s: how long a connection has to send its first byte, and a request to complete its head.
        max_headers: how many headers a request may have.
        max_line_bytes: how long each of them may be, and the first line.
    """

    head_timeout_s: ClassVar[float] = 10.0
    max_headers: ClassVar[int] = 100
    max_line_bytes: ClassVar[int] = 8_192

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._too_large = False
        self._has_one_host = True
        self._is_ascii = True  # what has come last: the parser stops at the first byte that it does not take
        self._patience: Patience | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._make(transport)
        self._begin_patience()

    def go_on(self, transport: asyncio.Transport, until_s: float) -> None:
        """Takes over a connection that has been waited on.

        Args:
            transport: the connection's.
            until_s: when the first head has to be whole, by the loop's time.
        """
        transport.set_protocol(self)
        self._make(transport)
        self._begin_patience(until_s)

    def _make(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if (ends := transport.get_extra_info("ends")) is not None:
            self.client, self.server = ends  # uvicorn asks the socket

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_patience()
        super().connection_lost(exc)

    def idle_since_s(self) -> float | None:
        if self.cycle is not None and not self.cycle.response_complete:
            return None
        if self._patience is not None:
            return self._patience.when() - self.head_timeout_s
        return None if self.cycle is None else self._idle_until_s - self.timeout_keep_alive

    def give_way(self) -> None:
        self.transport.close()

    def _parse(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        self._is_ascii = data.isascii()
        super()._parse(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431)

    def handle_websocket_upgrade(self) -> None:
        self._end_patience()
        super().handle_websocket_upgrade()
        # They refer to each other: both go at once, 2 KB a connection, and need no garbage collection.
        del self.parser

    def send_400_response(self, msg: str) -> None:
        if self._too_large:
            self._refuse(431)
        else:
            AT_THE_DOOR.add(Refusal.HTTP)
            msg = msg if self._is_ascii else _NOT_ASCII
            super().send_400_response(msg if self._has_one_host else _NOT_ONE_HOST)

    # The parser's callbacks

    def on_message_begin(self) -> None:
        if not self._in_head:
            self._in_head, self._head_bytes = True, 0
            self._begin_patience()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._check(len(self.url) <= self.max_line_bytes)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._check(len(self.headers) <= self.max_headers and len(name) + len(value) <= self.max_line_bytes)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._end_patience()
        self._has_one_host = has_one_host(self.headers, self.parser.get_http_version())
        if not self._has_one_host:
            raise NotOneHost
        self.url = take_authority(self.url, self.headers)
        super().on_headers_complete()

    def _check(self, fits: bool) -> None:
        if not fits:
            self._too_large = True
            raise HeadTooLarge

    def _begin_patience(self, until_s: float | None = None) -> None:
        self._end_patience()
        until_s = self.loop.time() + self.head_timeout_s if until_s is None else until_s
        self._patience = Patience(self.loop, until_s, self._refuse, 408)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _refuse(self, status: int) -> None:
        refuse(self.transport, status)


def refuse(transport: asyncio.Transport, status: int) -> None:
    """Ends a connection with an answer that is nothing but this status, and tallies that."""
    if not transport.is_closing():
        AT_THE_DOOR.add(Refusal.HTTP)
        transport.write(bare_answer(status))
        transport.close()
