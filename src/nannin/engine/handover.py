"""Hands a connection over to another process that serves the same address, with what was read from it.

Its descriptor goes there. Here the transport is dropped, which closes our descriptor, but not the connection:
that lives as long as one of its descriptors does. What the client sends meanwhile waits in the kernel.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any, Protocol

from nannin.engine.neighbours import Ends, Neighbours
from nannin.engine.relay import Relay, Relayed

__all__ = ["Resuming", "hand_over", "take_up"]


def hand_over(
    transport: asyncio.Transport,
    neighbours: Neighbours,
    mark: int,
    data: bytes,
    connections: set[Any],
    hops: int = 0,
) -> bool:
    """Hands over a connection, of which its protocol hears no more.

    Args:
        transport: the connection. Nothing that was written to it may wait there.
        neighbours: takes it there.
        mark: whose it is from now on.
        data: what was read from the connection and is not answered.
        connections: those of the server.
        hops: how often this was done in a row, this time among them, while requests waited for their answers.

    Returns:
        False if nothing was done, since there are no descriptors left for it.
    """
    transport.pause_reading()
    ends: Ends | None = transport.get_extra_info("ends")
    try:
        if ends is None and transport.get_extra_info("sslcontext"):
            descriptor = Relay(transport, connections).far.detach()
            ends = _ends_of(transport)
        else:
            descriptor = os.dup(transport.get_extra_info("socket").fileno())
            transport.set_protocol(asyncio.Protocol())
            transport.abort()
    except OSError:
        transport.resume_reading()
        return False
    neighbours.send(mark, descriptor, data, ends, hops)
    return True


class Resuming(Protocol):
    """The protocol of a connection from which another process has read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""

    def resume(self, data: bytes, hops: int) -> None:
        """Goes on with what was read there."""


async def take_up(
    descriptor: int, data: bytes, ends: Ends | None, make: Callable[[], Resuming], hops: int = 0
) -> None:
    """Takes up a connection from another process.

    Args:
        descriptor: of the connection.
        data: what was read from it.
        ends: its addresses, where another process relays it.
        make: makes its protocol.
        hops: as `hand_over` got it.
    """
    sock = socket.socket(fileno=descriptor)
    try:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: _Adopting(data, ends, make, hops), sock
        )
    except OSError:  # the client has gone
        sock.close()
    except BaseException:
        sock.close()
        raise


class _Adopting(asyncio.Protocol):
    """A connection that is being taken up: the protocol that it had there follows."""

    def __init__(self, data: bytes, ends: Ends | None, make: Callable[[], Resuming], hops: int) -> None:
        self._data, self._ends, self._make, self._hops = data, ends, make, hops

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection: Any = self._make()
        given: Any = transport if self._ends is None else Relayed(transport, self._ends)  # type: ignore[arg-type]
        given.set_protocol(connection)
        connection.connection_made(given)
        if given.get_protocol() is connection and not given.is_closing():  # it was not turned away
            connection.resume(self._data, self._hops)


def _ends_of(transport: asyncio.Transport) -> Ends:
    client, server = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    return Ends(
        client[:2] if isinstance(client, tuple) else None,
        server[:2] if isinstance(server, tuple) else (server, None) if isinstance(server, str) else None,
    )
