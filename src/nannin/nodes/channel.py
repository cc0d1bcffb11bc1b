"""Messages between a worker and its supervisor, over a pair of connected sockets.

Each message is four bytes with its length, and then so many bytes.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Sequence
from typing import Final, cast

import msgspec

from nannin.audience.census_calls import Answer, Call, What

__all__ = [
    "MAX_MESSAGE_BYTES",
    "Alive",
    "Ask",
    "Asked",
    "Buried",
    "Calls",
    "Channel",
    "Cover",
    "FromSupervisor",
    "FromWorker",
    "Heard",
    "Named",
    "Ready",
    "Reply",
    "Said",
    "Stopping",
    "Who",
]

logger = logging.getLogger("nannin.nodes")

# Maximum bytes of a message, and of what waits to be sent. The other side is our own process, which reads or
# is ended within seconds; what goes beyond this is a mistake, and must not use up the memory.
MAX_MESSAGE_BYTES: Final = 64 * 2**20
_LENGTH: Final = struct.Struct("!I")


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=100):
    """The worker accepts connections.

    Attributes:
        has_page: whether it shows nannin's own page at `/`.
    """

    has_page: bool


class Alive(msgspec.Struct, frozen=True, array_like=True, tag=101):
    """The worker's loop turns."""


class Named(msgspec.Struct, frozen=True, array_like=True, tag=105):
    """The worker is a node of a census that the supervisor doesn't hold.

    Attributes:
        epoch: the node's.
    """

    epoch: str


class Calls(msgspec.Struct, frozen=True, array_like=True, tag=102):
    """Calls to the census.

    Attributes:
        space: which census: each Live of a process has pages of its own.
        calls: in this order.
    """

    space: int
    calls: Sequence[Call]


class Heard(msgspec.Struct, frozen=True, array_like=True, tag=103):
    """What the census answers and tells.

    Attributes:
        space: which census.
        messages: in this order.
    """

    space: int
    messages: Sequence[Answer | What]


class Cover(msgspec.Struct, frozen=True, array_like=True, tag=104):
    """The worker is to accept the connections of others, too, who don't serve at the moment.

    Attributes:
        slots: the numbers of these workers; those of an earlier message serve again.
    """

    slots: Sequence[int]


class Buried(msgspec.Struct, frozen=True, array_like=True, tag=106):
    """Processes of this server have ended.

    Attributes:
        epochs: those of the nodes that they were.
    """

    epochs: Sequence[str]


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=107):
    """Asks all other workers for what each has to say. It is answered by `Who`, and then by `Said`.

    Attributes:
        space: of which Live of each process.
        call: the question's number, among those of this Live.
    """

    space: int
    call: int


class Asked(msgspec.Struct, frozen=True, array_like=True, tag=108):
    """Another worker asks. It is answered by `Reply`.

    Attributes:
        space, call: as in `Ask`.
        asker: the mark of that worker's process.
    """

    space: int
    call: int
    asker: int


class Reply(msgspec.Struct, frozen=True, array_like=True, tag=109):
    """What this worker has to say to another that has asked.

    Attributes:
        space, call, asker: as in `Asked`.
        said: the answer.
    """

    space: int
    call: int
    asker: int
    said: bytes


class Who(msgspec.Struct, frozen=True, array_like=True, tag=110):
    """Who was asked.

    Attributes:
        space, call: as in `Ask`.
        you: the name of the worker that asks.
        others: those of the others who were asked.
    """

    space: int
    call: int
    you: str
    others: Sequence[str]


class Said(msgspec.Struct, frozen=True, array_like=True, tag=111):
    """What one of them has to say.

    Attributes:
        space, call: as in `Ask`.
        name: whose answer it is.
        said: the answer.
    """

    space: int
    call: int
    name: str
    said: bytes


class Stopping(msgspec.Struct, frozen=True, array_like=True, tag=112):
    """The whole server stops. Whoever leaves after this may have been sent away for it."""


FromWorker = Ready | Alive | Named | Calls | Ask | Reply
FromSupervisor = Heard | Cover | Buried | Asked | Who | Said | Stopping


class Channel(asyncio.Protocol):
    """One end of the pair.

    Args:
        on_message: called with each message.
        on_lost: called once the other side has gone.
        on_room: called when the other side reads again, after `is_full`.

    Attributes:
        is_full: whether the other side reads slowly, so that what need not be sent now should wait.
    """

    def __init__(
        self,
        on_message: Callable[[bytes], None],
        on_lost: Callable[[], None],
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        self.is_full = False
        self._on_message = on_message
        self._on_lost = on_lost
        self._on_room = on_room
        self._transport: asyncio.Transport | None = None
        self._kept = bytearray()  # the start of a message whose rest is under way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Messages can be sent from now on."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side has gone, or this one has closed."""
        self._transport = None
        self._on_lost()

    def pause_writing(self) -> None:
        """The other side reads slowly."""
        self.is_full = True

    def resume_writing(self) -> None:
        """The other side reads again."""
        self.is_full = False
        self._on_room()

    def send(self, message: bytes) -> None:
        """Sends a message; nothing happens once the other side has gone."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(_LENGTH.pack(len(message)) + message)
        if transport.get_write_buffer_size() > MAX_MESSAGE_BYTES:
            logger.error("a process of this server has read nothing for long: it is given up")
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Takes the messages out of what has come."""
        kept = self._kept
        kept += data
        at = 0
        while len(kept) - at >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(kept, at)
            begin = at + _LENGTH.size
            if size > MAX_MESSAGE_BYTES:
                self.close()
                return
            if len(kept) - begin < size:
                break
            at = begin + size
            self._on_message(bytes(kept[begin:at]))
        del kept[:at]

    def close(self) -> None:
        """Ends it; what was sent still arrives."""
        if self._transport is not None:
            self._transport.close()
