"""Accepts connections from listening sockets, and can pause: clients then wait in the kernel's queue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final

__all__ = ["HANDSHAKE_S", "Accepting"]

logger = logging.getLogger("nannin.server")

# How many connections asyncio's own loop accepts in one turn; uvloop accepts one. Clients that are in have
# their turn in between, so a crowd that comes back at once holds up nobody. And three turns go by before we
# see the first of them, whose descriptors must not use up those that are kept back.
ACCEPTED_PER_TURN: Final = 4
# Seconds that a client has for its part of TLS's handshake.
HANDSHAKE_S: Final = 10.0
# What asyncio's loop says where accept() finds no free descriptor, and when it tries again after a second,
# though we have closed that server meanwhile.
_NO_DESCRIPTOR: Final = (
    "socket.accept() out of system resource",
    "Exception in callback BaseSelectorEventLoop._start_serving",
)


class Accepting:
    """Accepts from these sockets on the running loop.

    Neither asyncio nor uvloop can pause a server. But a listening socket lives as long as one of its
    descriptors: the loop gets a copy, which it closes with its server, and another one later.

    Args:
        sockets: where to listen; closed at the end.
        make_protocol: called for each connection.
        context: for TLS.
        backlog: how many connections may wait in the kernel's queue.
        handshake_s: how many seconds a client has for its part of TLS's handshake.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        make_protocol: Callable[[], asyncio.Protocol],
        *,
        context: ssl.SSLContext | None,
        backlog: int,
        handshake_s: float = HANDSHAKE_S,
    ) -> None:
        self._sockets = list(sockets)
        self._covered: list[socket.socket] = []
        self._make_protocol = make_protocol
        self._context = context
        self._backlog = backlog
        self._handshake_s = None if context is None else handshake_s
        self._servers: list[asyncio.Server] = []

    @property
    def is_open(self) -> bool:
        """Whether it accepts."""
        return bool(self._servers)

    @property
    def closed(self) -> int:
        """How many descriptors `resume` takes."""
        return len(self._sockets) + len(self._covered) - len(self._servers)

    async def open(self) -> None:
        """Accepts, from now on or again.

        Raises:
            OSError: a socket can't be listened on, or there is no descriptor for it.
        """
        loop = asyncio.get_running_loop()
        if loop.get_exception_handler() is None:
            loop.set_exception_handler(_handle)
        for listener in [*self._sockets, *self._covered]:
            copy = listener.dup()
            try:
                server = await loop.create_server(
                    self._make_protocol,
                    sock=copy,
                    ssl=self._context,
                    backlog=ACCEPTED_PER_TURN,
                    ssl_handshake_timeout=self._handshake_s,
                )
            except OSError:
                copy.close()
                self.pause()
                raise
            self._servers.append(server)
            listener.listen(self._backlog)

    def pause(self) -> None:
        """Accepts nobody until `open`; whoever comes waits."""
        for server in self._servers:
            _close(server)
        self._servers.clear()

    async def cover(self, sockets: Sequence[socket.socket]) -> None:
        """Accepts from these sockets of others as well, and no more from those of the last call.

        Args:
            sockets: they stay the caller's.
        """
        was_open = self.is_open
        self.pause()
        self._covered = list(sockets)
        if was_open:
            await self.resume()

    async def resume(self) -> None:
        """Accepts again, if there are descriptors for that."""
        if not self._servers and self._sockets:
            with contextlib.suppress(OSError):
                await self.open()

    def close(self) -> None:
        """Accepts nobody any more; the addresses are free."""
        self.pause()
        for listener in self._sockets:
            listener.close()
        self._sockets.clear()


def _close(server: asyncio.Server) -> None:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, asyncio.SelectorEventLoop):
        server.close()
        return
    # What asyncio has accepted in this turn finds its server in the next one, or is lost with its descriptor.
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    loop.call_soon(loop.call_soon, server.close)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Leaves it to the door to tell that the descriptors are used up; the loop would, again and again."""
    if not str(context.get("message")).startswith(_NO_DESCRIPTOR):
        loop.default_exception_handler(context)
