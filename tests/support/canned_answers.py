"""A socket for http.client with a server's answer at hand, and a server of such answers."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from typing import Any, NamedTuple

from nannin.cli.remote import Address


class CannedSocket:
    """It keeps what is sent, and has the answer to it at hand.

    Attributes:
        sent: what the client sent.
        timeout_s: what the client set as its patience, if it did.
    """

    def __init__(self, answer: bytes) -> None:
        self.sent = b""
        self.timeout_s: float | None = None
        self._answer = answer

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._answer)

    def settimeout(self, seconds: float) -> None:
        self.timeout_s = seconds

    def close(self) -> None:
        """Nothing is open."""


class Answer(NamedTuple):
    """What a server answers."""

    status: int
    body: bytes
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


class CannedServer:
    """Answers each request for a path with what a function makes of it, without a socket.

    Args:
        answer: gives the answer to a path with its query; it may raise what a connection does.

    Attributes:
        asked: the paths, with their queries.
        headers: those of the last request.
        opened: how many connections there were.
    """

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.opened = 0

    def connect(self, address: Address) -> http.client.HTTPConnection:
        """Stands in for `Address.connect`."""
        self.opened += 1
        return _CannedConnection(self, address.host)


class _CannedConnection(http.client.HTTPConnection):
    def __init__(self, server: CannedServer, host: str) -> None:
        super().__init__(host)
        self._server = server

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        self._server.asked.append(url)
        self._server.headers = dict(headers)

    def getresponse(self) -> http.client.HTTPResponse:
        answer = self._server.answer(self._server.asked[-1])
        headers = {
            "content-type": "application/json",
            "content-length": str(len(answer.body)),
            **answer.headers,
        }
        head = f"HTTP/1.1 {answer.status} As It Is\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        response = http.client.HTTPResponse(CannedSocket(f"{head}\r\n".encode() + answer.body))  # type: ignore[arg-type]
        response.begin()
        return response
