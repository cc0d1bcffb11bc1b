"""A receiver of webhooks in this process: it keeps what it got, and answers as a test says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Got(NamedTuple):
    """A request."""

    line: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Takes one request from each connection.

    Attributes:
        got: the requests.
        answers: what is answered next, as bytes or by a function that has the connection; then 200.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.got: list[Got] = []
        self.answers: list[bytes | Callable[[socket.socket], None]] = []
        self.connections = 0
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._changed = threading.Condition()
        self._ends = threading.Event()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http{'s' if self._context else ''}://127.0.0.1:{self.port}/hook?x=1"

    def wait_for(self, number: int, timeout: float = 10.0) -> list[Got]:
        """Returns once so many requests have come."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.got) >= number, timeout)
        assert came, f"{len(self.got)} requests came, not {number}"
        return self.got

    def run(self) -> None:
        while not self._ends.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(OSError), connection:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        with connection.makefile("rb") as file:
            line = file.readline().decode().strip()
            headers = {}
            while header := file.readline().decode().strip():
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            body = file.read(int(headers.get("content-length", 0)))
            with self._changed:
                self.got.append(Got(line, headers, body))
                self._changed.notify_all()
            answer = self.answers.pop(0) if self.answers else OK
            if isinstance(answer, bytes):
                connection.sendall(answer)
            else:
                answer(connection)

    def close(self) -> None:
        self._ends.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextlib.contextmanager
def receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that listens on loopback."""
    one = Receiver(context)
    thread = threading.Thread(target=one.run)
    thread.start()
    try:
        yield one
    finally:
        one.close()
        thread.join(15)
