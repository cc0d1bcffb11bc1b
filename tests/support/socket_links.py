"""The server's end of a WebSocket on a real socket, so that it can be sent to with many others at once."""

from __future__ import annotations

import contextlib
import os
import socket
import weakref
from collections.abc import Callable

from nannin.wire.engine_packet import Encoded
from nannin.wire.outgoing import Outgoing
from support.fakes import FakeLink


class SocketLink(FakeLink):
    """A link whose client reads frames from the other end of a pair of sockets.

    Once it has ended, its descriptor is closed, and the system gives it to the next one that is opened.

    Attributes:
        asked: how many times it was asked to write; what is sent to many at once is not among them.
        on_blocked: called when the kernel takes no more.
    """

    def __init__(
        self,
        receive: Callable[[Encoded], None] = lambda packet: None,
        be_closed: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(receive, be_closed)
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self.descriptor = self._ours.fileno()
        # A test need not see to the end of each of its clients.
        weakref.finalize(self, close_both, self._ours, self._theirs)
        self.asked = 0
        self.on_blocked: Callable[[], None] = lambda: None
        self._unsent = b""
        self._received = b""

    def write(self, outgoing: Outgoing) -> None:
        assert self.close_code is None, f"{outgoing.packets} is written after the close"
        self.asked += 1
        self._unsent += outgoing.frames
        if not self.blocked:
            self._send()

    def shrink(self) -> None:
        """Makes the kernel's buffer as small as it can be."""
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

    def drain(self) -> None:
        while self._unsent:
            self.pull()
            self._send()
        super().drain()

    def _send(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._unsent = self._unsent[os.write(self.descriptor, self._unsent) :]
        if self._unsent and not self.blocked:
            self.blocked = True
            self.on_blocked()

    def close(self, code: int) -> None:
        super().close(code)
        self.end()

    def end(self) -> None:
        self.pull()
        close_both(self._ours, self._theirs)

    def pull(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while data := self._theirs.recv(65_536):
                self._received += data
        while (packet := self._next_packet()) is not None:
            self.writes += 1
            self.packets.append(packet)
            self._receive(packet)

    def _next_packet(self) -> Encoded | None:
        """The next whole frame that was received. Source: RFC 6455, 5.2."""
        received = self._received
        if len(received) < 2:
            return None
        size, start = received[1], 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(received[2:start], "big")
        if len(received) < start + size:
            return None
        payload, self._received = received[start : start + size], received[start + size :]
        assert received[0] in (0x81, 0x82)
        return payload.decode() if received[0] == 0x81 else payload


def close_both(ours: socket.socket, theirs: socket.socket) -> None:
    ours.close()
    theirs.close()
