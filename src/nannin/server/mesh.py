"""What joins the processes that serve together: connections go from one to another, each knows all loads.

The supervisor makes it and keeps it. For each mark there is a pair of datagram sockets: any process may send
to one end, and the process of that mark reads from the other. So nothing has to be joined anew when one is
replaced, and what was sent to it meanwhile waits for its successor. Beside them a page of shared memory says
who is there, and how many sessions each has: the one that writes a number is the only one that does.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import mmap
import os
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any, Final, NamedTuple

import msgspec

from nannin.engine.ids import MAX_MARKS
from nannin.engine.neighbours import Ends
from nannin.once import Once

__all__ = ["Mesh", "Neighbourhood"]

# What a process finds in its environment: its mark, then the descriptors of the page, of its own end to read
# from, and of everybody's ends to send to, in the order of their marks.
VARIABLE: Final = "_NANNIN_MESH"
# How many bytes of a connection travel in the datagram; more go in a file of their own.
MAX_INLINE_BYTES: Final = 16_384
_MAX_DATAGRAM_BYTES: Final = MAX_INLINE_BYTES + 4_096
# How many connections may wait for a process whose queue in the kernel is full.
MAX_WAITING: Final = 1_024
# How many are taken up in one turn of the loop.
_TAKEN_AT_ONCE: Final = 32
# Another process gets a new session only where ours has over 10 % more, and some more than that, so that the
# first few are not sent about.
_MORE: Final = 1.1
_SOME: Final = 2
# Seconds after which a session that was sent to another process is in the number that this one shows.
_COUNTED_S: Final = 0.1
# The kernel has no room for it now. Source: Linux, unix(7).
_FULL: Final = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ETOOMANYREFS})

# The states of a process.
_GONE, _DRAINING, _OPEN = 0, 1, 2

logger = logging.getLogger("nannin.mesh")

Take = Callable[[int, bytes, Ends | None, int], None]


class _Page:
    """The shared memory: a state and a number of sessions for each mark."""

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, MAX_MARKS * 9)
        self._whole = memoryview(self._map)
        self.states = self._whole[:MAX_MARKS]
        self.sessions = self._whole[MAX_MARKS:].cast("Q")

    def close(self) -> None:
        for view in (self.states, self.sessions, self._whole):
            view.release()
        self._map.close()


class Mesh:
    """The supervisor's side.

    Args:
        marks: how many processes there may be at a time, those among them that are being replaced.
    """

    def __init__(self, marks: int) -> None:
        assert 0 < marks <= MAX_MARKS
        self._memory = _make_file()
        os.truncate(self._memory, MAX_MARKS * 9)
        self._page = _Page(self._memory)
        self._pairs = [_make_pair() for _ in range(marks)]

    def descriptors(self, mark: int) -> list[int]:
        """The descriptors that the process of this mark has to inherit."""
        return [
            self._memory,
            self._pairs[mark][1].fileno(),
            *[sending.fileno() for sending, _ in self._pairs],
        ]

    def environment(self, mark: int) -> dict[str, str]:
        """What the process of this mark has to find in its environment."""
        return {VARIABLE: ",".join(map(str, (mark, *self.descriptors(mark))))}

    def lost(self, mark: int) -> None:
        """Takes note that the process of this mark has ended.

        The connections that wait for it go to another process, which tells their clients that it doesn't know
        the session. Where there is none they wait for the next process of this mark.
        """
        self._page.states[mark] = _GONE
        self._page.sessions[mark] = 0
        living = [other for other in range(len(self._pairs)) if self._page.states[other] != _GONE]
        while living:
            try:
                packet, descriptors = _receive(self._pairs[mark][1])
            except BlockingIOError:
                return
            try:
                to, _ = self._pairs[living[0]]
                socket.send_fds(to, [packet], descriptors)
            except OSError:
                living.append(living.pop(0))  # it is full; this client will ask again
            for descriptor in descriptors:
                os.close(descriptor)

    def spare(self, mark: int) -> None:
        """Sends no new sessions to the process of this mark until it says again that it takes some."""
        if self._page.states[mark] == _OPEN:
            self._page.states[mark] = _DRAINING

    def close(self) -> None:
        """Closes all of it."""
        for ends in self._pairs:
            for end in ends:
                end.close()
        self._page.close()
        os.close(self._memory)

    @staticmethod
    def inherited(environ: MutableMapping[str, str] = os.environ) -> Neighbourhood | None:
        """The mesh as this process has inherited it; None if it serves alone."""
        numbers = [int(number) for number in environ.pop(VARIABLE, "").split(",") if number]
        if not numbers:
            return None
        for descriptor in numbers[1:]:
            os.set_inheritable(descriptor, False)
        mark, memory, receiving, *sending = numbers
        page = _Page(memory)
        os.close(memory)
        return Neighbourhood(
            mark,
            page,
            socket.socket(fileno=receiving),
            [socket.socket(fileno=descriptor) for descriptor in sending],
        )


class _Waiting(NamedTuple):
    """A connection that waits for room in another process's queue."""

    descriptor: int
    data: bytes
    ends: Ends | None
    hops: int


class _Header(msgspec.Struct, array_like=True):
    """What a datagram says before the bytes that were read.

    Attributes:
        is_spilled: whether those bytes are in a file whose descriptor comes with the connection's.
        ends: addresses of the connection, where they aren't those of its descriptor.
        hops: how often it was sent on in a row.
    """

    is_spilled: bool
    ends: Ends | None
    hops: int = 0


class Neighbourhood:
    """One process's side; `Mesh.inherited` makes it.

    Attributes:
        mark: this process's.
    """

    def __init__(
        self, mark: int, page: _Page, receiving: socket.socket, sending: list[socket.socket]
    ) -> None:
        self.mark = mark
        self._page = page
        self._receiving = receiving
        self._sending = sending
        self._waiting: dict[int, deque[_Waiting]] = {}
        self._placed: dict[int, tuple[float, int]] = {}  # when a session was last sent there; how many it has
        self._once = Once(1)
        self._loop: asyncio.AbstractEventLoop
        self._take: Take
        self._count: Callable[[], int]

    def open(self, loop: asyncio.AbstractEventLoop, take: Take, count: Callable[[], int]) -> None:
        """Takes part.

        Args:
            loop: the running one.
            take: called with each connection that comes: its descriptor, which is the callee's to close, what
                was read from it, its addresses where they aren't those of the descriptor, and how often it
                was sent on in a row.
            count: how many sessions this process has.
        """
        self._loop, self._take, self._count = loop, take, count
        self._page.sessions[self.mark] = count()
        self._page.states[self.mark] = _OPEN
        loop.add_reader(self._receiving.fileno(), self._read)

    def show(self, *, is_open: bool) -> None:
        """Shows the others how many sessions this process has, and whether it takes new ones from them."""
        self._page.sessions[self.mark] = self._count()
        self._page.states[self.mark] = _OPEN if is_open else _DRAINING

    def close(self) -> None:
        """Takes part no more; closes the connections that still wait to be sent."""
        self._page.states[self.mark] = _GONE
        self._loop.remove_reader(self._receiving.fileno())
        for mark, waiting in self._waiting.items():
            self._loop.remove_writer(self._sending[mark].fileno())
            for one in waiting:
                os.close(one.descriptor)
        self._waiting.clear()
        for end in (self._receiving, *self._sending):
            end.close()
        self._sending.clear()  # nobody is there any more

    # The port of the engine

    def is_there(self, mark: int) -> bool:
        """Whether there is another process with this mark."""
        return mark < len(self._sending) and mark != self.mark and self._page.states[mark] != _GONE

    def for_new_session(self) -> int | None:
        """The process with the fewest sessions, if ours has over 10 % more or takes none; None for ours."""
        page, ours, now = self._page, self._count(), self._loop.time()
        page.sessions[self.mark] = ours
        least, target = ours if page.states[self.mark] == _OPEN else sys.maxsize, self.mark
        for mark in range(len(self._sending)):
            if page.states[mark] == _OPEN and mark != self.mark and (has := self._load(mark, now)) < least:
                least, target = has, mark
        if target == self.mark or (page.states[self.mark] == _OPEN and ours <= least * _MORE + _SOME):
            return None
        self._placed[target] = (now, least + 1)
        return target

    def send(self, mark: int, descriptor: int, data: bytes, ends: Ends | None, hops: int = 0) -> None:
        """Sends a connection to another process; takes it up here if that one can't have it."""
        waiting = self._waiting.get(mark)
        one = _Waiting(descriptor, data, ends, hops)
        if waiting is None:
            if not self._send(mark, one):
                self._waiting[mark] = deque([one])
                self._loop.add_writer(self._sending[mark].fileno(), self._go_on, mark)
        elif len(waiting) < MAX_WAITING:
            waiting.append(one)
        else:
            self._take(*one)

    # Inside

    def _load(self, mark: int, now: float) -> int:
        """How many sessions another process has, those among them that were just sent there."""
        shown = self._page.sessions[mark]
        placed_s, has = self._placed.get(mark, (0.0, 0))
        return max(shown, has) if now - placed_s < _COUNTED_S else shown

    def _go_on(self, mark: int) -> None:
        """There is room again, or nobody who would make some."""
        waiting = self._waiting[mark]
        while waiting and self._send(mark, waiting[0]):
            waiting.popleft()
        if not waiting:
            del self._waiting[mark]
            self._loop.remove_writer(self._sending[mark].fileno())

    def _send(self, mark: int, one: _Waiting) -> bool:
        """Whether a connection has left; False if its process has no room for it now."""
        if not self.is_there(mark):
            self._take(*one)
            return True
        descriptors, data = [one.descriptor], one.data
        is_spilled = len(data) > MAX_INLINE_BYTES
        try:
            if is_spilled:
                descriptors.append(_make_file(data))
                data = b""
            header = msgspec.msgpack.encode(_Header(is_spilled, one.ends, one.hops))
            socket.send_fds(self._sending[mark], [bytes([len(header)]), header, data], descriptors)
        except OSError as error:
            if error.errno in _FULL:
                return False
            if self._once.is_first("send"):
                logger.warning("a connection could not be sent to its worker: %s", str(error))
            self._take(*one)
            return True
        finally:
            for descriptor in descriptors[1:]:
                os.close(descriptor)
        os.close(one.descriptor)
        return True

    def _read(self) -> None:
        for _ in range(_TAKEN_AT_ONCE):
            try:
                packet, descriptors = _receive(self._receiving)
            except OSError:
                return
            header = msgspec.msgpack.decode(packet[1 : 1 + packet[0]], type=_Header)
            if (
                len(descriptors) <= header.is_spilled
            ):  # no room here for more: the system has closed the others
                for descriptor in descriptors:
                    os.close(descriptor)
                continue
            data = packet[1 + packet[0] :]
            if header.is_spilled:
                with open(descriptors.pop(), "rb") as file:
                    file.seek(0)
                    data = file.read()
            self._take(descriptors[0], data, header.ends, header.hops)


def _make_pair() -> tuple[socket.socket, socket.socket]:
    """The end to send to, and the end to read from."""
    sending, receiving = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for end in (sending, receiving):
        end.setblocking(False)
    return sending, receiving


def _make_file(data: bytes = b"") -> int:
    """The descriptor of a file without a name that holds these bytes."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("nannin")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    return descriptor


def _receive(end: socket.socket) -> tuple[bytes, list[int]]:
    """One datagram and the descriptors that came with it.

    Raises:
        BlockingIOError: there is none.
    """
    flags: Any = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
    packet, descriptors, _, _ = socket.recv_fds(end, _MAX_DATAGRAM_BYTES, 2, flags)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return packet, descriptors
