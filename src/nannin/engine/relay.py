"""Relays a TLS connection in plain text, so that another process can serve it.

TLS's keys are in this process, and its descriptor alone is of no use elsewhere. So one end of a pair of Unix
sockets goes there in its place, and this process passes on what comes at either end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, ClassVar

from nannin.engine.blocked import LEAST_BYTES_PER_S, unread_bytes
from nannin.engine.neighbours import Ends


class Relay(asyncio.Protocol):
    """A TLS connection whose plain text goes over a pair of Unix sockets.

    Args:
        transport: the connection; this becomes its protocol.
        connections: those of the server, of which this one stays one.

    Attributes:
        transport: as above.
        far: the end for whoever serves the connection.
        unread_timeout_s: how long a client may read too slowly. Meanwhile nothing is read from the other
            process, so that it can't end the connection.

    Raises:
        OSError: there is no descriptor for the pair.
    """

    unread_timeout_s: ClassVar[float] = 10.0

    def __init__(self, transport: asyncio.Transport, connections: set[Any]) -> None:
        near, self.far = socket.socketpair()
        self.transport = transport
        self._near: asyncio.Transport | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._connections = connections
        connections.add(self)
        transport.set_protocol(self)
        transport.pause_reading()
        loop = asyncio.get_running_loop()
        self._opening = loop.create_task(loop.connect_accepted_socket(lambda: _Near(self), near))

    def open(self, near: asyncio.Transport) -> None:
        """The pair is there."""
        self._near = near
        if self.transport.is_closing():
            near.close()
        else:
            self.transport.resume_reading()

    def close(self) -> None:
        """Ends both sides, once what was written to each has gone."""
        self.transport.close()
        if self._near is not None:
            self._near.close()

    def shutdown(self) -> None:
        """Called when the server stops."""
        self.close()

    # The protocol of the TLS side

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._connections.discard(self)
        self._cancel_alarm()
        if self._near is not None:
            self._near.close()

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        if self._near is not None:
            self._near.write(data)

    def eof_received(self) -> None:
        """The client says that it will send no more; TLS then closes by itself."""
        if self._near is not None and not self._near.is_closing():
            with contextlib.suppress(OSError):  # the other process has gone
                self._near.write_eof()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to."""
        if self._near is not None:
            self._near.pause_reading()
        self._look_later()

    def resume_writing(self) -> None:
        """The client has read."""
        self._cancel_alarm()
        if self._near is not None:
            self._near.resume_reading()

    def _look_later(self) -> None:
        self._alarm = asyncio.get_running_loop().call_later(
            self.unread_timeout_s, self._look, unread_bytes(self.transport)
        )

    def _look(self, before_bytes: int) -> None:
        if before_bytes - unread_bytes(self.transport) < LEAST_BYTES_PER_S * self.unread_timeout_s:
            self.transport.abort()
        else:
            self._look_later()

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


class _Near(asyncio.Protocol):
    """Our end of the pair."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._relay.open(transport)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.close()

    def data_received(self, data: bytes) -> None:
        self._relay.transport.write(data)

    def pause_writing(self) -> None:
        self._relay.transport.pause_reading()

    def resume_writing(self) -> None:
        self._relay.transport.resume_reading()


class Relayed(asyncio.Transport):
    """The far end, as a transport that tells the addresses of the client's connection, and that it is TLS.

    Args:
        transport: of the Unix socket.
        ends: those addresses.
    """

    def __init__(self, transport: asyncio.Transport, ends: Ends) -> None:
        super().__init__()
        self._transport = transport
        self._ends = ends

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As the TLS connection has it, but for `socket`, and `ends`: the addresses that it was made with."""
        if name == "peername":
            return self._ends.client
        if name == "sockname":
            return self._ends.server
        if name == "sslcontext":
            return True
        return self._ends if name == "ends" else self._transport.get_extra_info(name, default)

    def can_write_eof(self) -> bool:
        """TLS can't, so that this is of no use."""
        return False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Has the protocol told of what comes."""
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is told of what comes."""
        return self._transport.get_protocol()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Closes it once what was written has gone."""
        self._transport.close()

    def abort(self) -> None:
        """Closes it at once."""
        self._transport.abort()

    def is_reading(self) -> bool:
        """Whether what comes is read."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Reads nothing for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Reads again."""
        self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Sets from how many bytes that wait on the protocol is asked to pause, and until how many."""
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """These limits, the lower one first."""
        return self._transport.get_write_buffer_limits()

    def get_write_buffer_size(self) -> int:
        """How many bytes wait."""
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends bytes."""
        self._transport.write(data)
