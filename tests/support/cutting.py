"""A network that fails: a TCP proxy before a server, whose links break or fall silent when a test says so."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Protocol


class Behind(Protocol):
    """What a proxy stands in front of."""

    host: str
    port: int


class Cutter:
    """Carries bytes between clients and a server until it cuts their links; new links work again.

    Args:
        server: the server behind it.

    Attributes:
        opened: how many links clients have opened so far.
    """

    def __init__(self, server: Behind) -> None:
        self._server = (server.host, server.port)
        self.opened = 0
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._links: list[tuple[socket.socket, socket.socket]] = []
        self._forgotten: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def fall_silent(self) -> None:
        """Carries nothing, in either direction and on new links too, until `go_on`; nobody is told."""
        self._flows.clear()

    def go_on(self) -> None:
        """Carries what was held back, on links that are still there, and all that comes."""
        self._flows.set()

    def cut(self) -> None:
        """Breaks every link at both ends."""
        for client, server in self._links:
            _break(client)
            _break(server)

    def cut_at_the_client(self) -> None:
        """Breaks every link for the client; the server hears nothing more, and does not know."""
        for client, server in self._links:
            self._forgotten.add(server)
            _break(client)

    def close(self) -> None:
        """Ends it, with all its links."""
        _break(self._listener)
        self.cut()
        self.go_on()
        for thread in self._threads:
            thread.join(5)
        for one in (self._listener, *(end for link in self._links for end in link)):
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.opened += 1
                try:
                    server = socket.create_connection(self._server)
                except OSError:  # it is away, which is how a client sees it, too
                    client.close()
                    continue
                self._links.append((client, server))
                for source, sink in ((client, server), (server, client)):
                    thread = threading.Thread(target=self._carry, args=(source, sink), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                self._flows.wait()
                sink.sendall(piece)
        if sink not in self._forgotten:
            _break(sink)


def _break(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cutter(server: Behind) -> Iterator[Cutter]:
    """A proxy in front of a server for the time of a with-block."""
    proxy = Cutter(server)
    try:
        yield proxy
    finally:
        proxy.close()
