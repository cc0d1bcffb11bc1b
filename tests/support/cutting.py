"""A network that fails: a TCP proxy in front of a server, whose links break when a test says so."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from support.servers import Server


class Cutter:
    """Carries bytes between clients and a server until it cuts their links; new links work again.

    Args:
        server: the server behind it.
    """

    def __init__(self, server: Server) -> None:
        self._server = (server.host, server.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._links: list[tuple[socket.socket, socket.socket]] = []
        self._forgotten: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}"

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
        for thread in self._threads:
            thread.join(5)
        for one in (self._listener, *(end for link in self._links for end in link)):
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._links.append((client, server))
                for source, sink in ((client, server), (server, client)):
                    thread = threading.Thread(target=self._carry, args=(source, sink), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        if sink not in self._forgotten:
            _break(sink)


def _break(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cutter(server: Server) -> Iterator[Cutter]:
    """A proxy in front of a server for the time of a with-block."""
    proxy = Cutter(server)
    try:
        yield proxy
    finally:
        proxy.close()
