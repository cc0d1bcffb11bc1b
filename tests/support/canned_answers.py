"""A socket for http.client with a server's answer at hand."""

from __future__ import annotations

import io


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
