"""A TLS socket that one thread may read while another writes, which `ssl.SSLSocket` does not allow."""

from __future__ import annotations

import contextlib
import functools
import io
import socket
import ssl
import threading
from typing import Any

from support.certificates import CERTIFICATE


@functools.cache
def context() -> ssl.SSLContext:
    """What trusts the certificate of the tests."""
    return ssl.create_default_context(cadata=CERTIFICATE)


class _Reader(io.RawIOBase):
    def __init__(self, tls: TlsSocket) -> None:
        self._tls = tls

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._tls.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class TlsSocket:
    """As much of a socket as the raw clients use: TLS in memory, behind a lock, beside a plain socket."""

    def __init__(self, plain: socket.socket, server_hostname: str) -> None:
        self._plain = plain
        self._lock = threading.Lock()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context().wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(plain.recv(65_536))
        self._flush()

    def sendall(self, data: bytes) -> None:
        with self._lock:
            self._tls.write(data)
            self._flush()

    def recv(self, size: int) -> bytes:
        while True:
            with self._lock:
                try:
                    return self._tls.read(size)
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""
                except ssl.SSLWantReadError:
                    self._flush()
            received = self._plain.recv(65_536)
            with self._lock:
                if received:
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """What http.client reads a response from."""
        return io.BufferedReader(_Reader(self))

    def settimeout(self, timeout_s: float | None) -> None:
        self._plain.settimeout(timeout_s)

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        self._plain.setsockopt(level, name, value)

    def shutdown(self, how: int) -> None:
        self._plain.shutdown(how)

    def fileno(self) -> int:
        return self._plain.fileno()

    def close(self) -> None:
        self._plain.close()

    def _flush(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            if self._outgoing.pending:
                self._plain.sendall(self._outgoing.read())
