"""What there is to know of a connection while the kernel takes no more from it.

It is made when a client falls behind and dropped when the client has caught up, so that a connection whose
client reads costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

from nannin.wire.outbox import Backlog, Newest
from nannin.wire.outgoing import Outgoing

if sys.platform != "win32":
    import fcntl
    import termios

# How many bytes of pongs and other answers to its frames may wait for a peer that reads nothing.
MAX_ANSWERS_BYTES = 65_536
# How many bytes a second a client has to take; one that takes less counts as one that reads nothing.
LEAST_BYTES_PER_S = 1_024


class Blocked:
    """A connection that has to wait for its client.

    Args:
        transport: the connection's.
        max_outbox_bytes: how much may pile up.

    Attributes:
        newest: what is sent once the client has caught up.
        alarm: rings when the client is looked at next.
    """

    __slots__ = (
        "_answers_bytes",
        "_backlog",
        "_last_bytes",
        "_transport",
        "_written_bytes",
        "alarm",
        "newest",
    )

    def __init__(self, transport: asyncio.Transport, max_outbox_bytes: int) -> None:
        self.newest: Newest[Outgoing] = Newest()
        self.alarm: asyncio.TimerHandle | None = None
        self._transport = transport
        self._backlog = Backlog(max_outbox_bytes)
        self._answers_bytes = 0
        self._written_bytes = 0  # since the last look
        self._last_bytes = unread_bytes(transport)

    def add(self, size_bytes: int) -> bool:
        """Takes note of a message that was just written; False if too much had piled up before it."""
        if not self._backlog.is_fresh:
            asyncio.get_running_loop().call_soon(self._backlog.settle)
        self._written_bytes += size_bytes
        return self._backlog.add(size_bytes, self._transport.get_write_buffer_size() - size_bytes)

    def add_answers(self, size_bytes: int) -> bool:
        """Takes note of answers to the peer's frames; False if the peer lets too many of them wait."""
        self._answers_bytes += size_bytes
        self._written_bytes += size_bytes
        return self._answers_bytes <= MAX_ANSWERS_BYTES

    def taken_bytes(self) -> int:
        """How many bytes the client has taken since this was last asked."""
        unread = unread_bytes(self._transport)
        taken = self._last_bytes + self._written_bytes - unread
        self._last_bytes, self._written_bytes = unread, 0
        return taken


def unread_bytes(transport: asyncio.Transport) -> int:
    """How many bytes wait for a peer: in the transport's buffer and, where the system tells, in the kernel's.

    A kernel takes more only when a third of its buffer is free, which may be a megabyte, so the transport's
    buffer alone does not show that a slow client reads.
    """
    unread = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if sys.platform != "win32" and sock is not None:
        with contextlib.suppress(OSError, ValueError):
            queued = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
            unread += int.from_bytes(queued, sys.byteorder)
    return unread
