"""This process as one of several workers: what it is told by its supervisor, and what it tells it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from collections.abc import Callable, MutableMapping, Sequence
from typing import Final, Protocol

import msgspec

from nannin.audience.census_calls import Call
from nannin.errors import SettingsError
from nannin.nodes.backplane import Connect, Ears
from nannin.nodes.channel import (
    Alive,
    Asked,
    Buried,
    Calls,
    Channel,
    Cover,
    FromSupervisor,
    FromWorker,
    Heard,
    Named,
    Ready,
    Said,
    Stopping,
    Who,
)

__all__ = [
    "BEAT_EVERY_S",
    "VARIABLE",
    "Worker",
    "installed_version",
    "is_worker",
    "join_workers",
    "this_worker",
]

logger = logging.getLogger("nannin.nodes")

# What the supervisor tells the worker: its own version; after a semicolon the worker's number, its mark, how
# many there are, and the descriptor of its end of the channel; then for each those of its listening sockets.
VARIABLE: Final = "_NANNIN_WORKER"
# Seconds between two beats.
BEAT_EVERY_S: Final = 1.0
# Seconds within which the supervisor says something to a worker that calls: who joins may wait as long.
REPLY_S: Final = 2.0
# By how many seconds a timer may be late before this process is taken to have stood still itself.
_LATE_S: Final = 0.5


class Gatherer(Protocol):
    """Who asks the other workers, and answers them."""

    def hear(self, message: Asked | Who | Said) -> None:
        """The supervisor passes a question or an answer on."""


class Worker:
    """This process as a worker.

    Args:
        slot: the worker's number, from 0.
        mark: a number that no other living process of this server has.
        workers: how many workers there are.
        sock: its end of the channel to the supervisor.
        listeners: for each worker the descriptors of its listening sockets, but for this one; empty where
            all have the same.

    Attributes:
        on_cover: called with the numbers of the workers whose connections this one is to accept as well.
        on_stopping: each is called when the whole server stops, before this process hears of any client that
            is sent away for that.
        gatherings: who asks the other workers, and answers them, for each Live of this process: in the order
            in which these were made, which is the same in all workers.
    """

    def __init__(
        self,
        slot: int,
        mark: int,
        workers: int,
        sock: socket.socket,
        listeners: Sequence[Sequence[int]] = (),
    ) -> None:
        self.on_cover: Callable[[Sequence[int]], None] = lambda slots: None
        self.on_stopping: list[Callable[[], None]] = []
        self.gatherings: list[Gatherer] = []
        self.listeners = listeners
        self.slot = slot
        self.mark = mark
        self.workers = workers
        self._socket = sock
        self._channel: Channel | None = None  # while the supervisor is there
        self._is_silent = False  # whether it is there and does not answer
        self._called_at_s: float | None = None  # the first call since anything was heard
        self._is_waiting = False
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(FromSupervisor).decode
        self._spaces = itertools.count()
        self._ears: dict[int, Ears] = {}
        self._named: list[tuple[str, Callable[[Sequence[str]], None]]] = []

    def next_space(self) -> int:
        """A number for one more Live of this process, whose pages are those of no other Live.

        All workers make their Lives in the same order, so that the first of each has the same pages.
        """
        return next(self._spaces)

    def backplane(self, space: int) -> Connect:
        """How a Live reaches the census of its pages.

        Args:
            space: from `next_space`.
        """

        def connect(ears: Ears) -> _LocalBackplane:
            self._ears[space] = ears
            backplane = _LocalBackplane(self, space)
            if self._channel is not None:
                asyncio.get_running_loop().call_soon(backplane.find)
            return backplane

        return connect

    def name(self, epoch: str, on_buried: Callable[[Sequence[str]], None]) -> None:
        """This process is also a node of a census elsewhere.

        Args:
            epoch: the node's.
            on_buried: called with the epochs of other processes of this server that have ended, as soon as
                the supervisor sees that; a census elsewhere would wait until they have been silent for long.
        """
        self._named.append((epoch, on_buried))
        self.send(Named(epoch))

    async def connect(self, on_lost: Callable[[], None]) -> None:
        """Opens the channel on the running loop, and begins to beat.

        Args:
            on_lost: called when the supervisor has gone.
        """

        def lose() -> None:
            self._channel = None
            if not self._is_silent:
                self._tell_lost()
            on_lost()

        channel = self._channel = Channel(self._hear, lose)
        await asyncio.get_running_loop().create_unix_connection(lambda: channel, sock=self._socket)
        self._beat()
        for epoch, _ in self._named:
            self.send(Named(epoch))
        for ears in list(self._ears.values()):
            ears.found()

    def ready(self, *, has_page: bool) -> None:
        """Tells the supervisor that this process accepts connections.

        Args:
            has_page: whether it shows nannin's own page at `/`.
        """
        self.send(Ready(has_page))

    def send(self, message: FromWorker) -> None:
        """Sends something to the supervisor, if it is there."""
        if self._channel is not None:
            self._channel.send(self._encode(message))

    def forget(self, space: int) -> None:
        """Hears no more of these pages."""
        self._ears.pop(space, None)

    def hears(self, space: int) -> Ears | None:
        """Who hears of these pages, while the supervisor is there."""
        return self._ears.get(space) if self._channel is not None and not self._is_silent else None

    def call(self, space: int, calls: Sequence[Call]) -> None:
        """Sends calls to a census, with one write; while the supervisor does not answer, they are dropped."""
        if self._channel is None or self._is_silent:
            return
        self.send(Calls(space, calls))
        if self._called_at_s is None:
            self._called_at_s = asyncio.get_running_loop().time()
            if not self._is_waiting:
                self._wait(REPLY_S)

    def _wait(self, for_s: float) -> None:
        self._is_waiting = True
        loop = asyncio.get_running_loop()
        loop.call_later(for_s, self._look, loop.time() + for_s)

    def _look(self, due_s: float) -> None:
        """Whether the supervisor has said anything since it was called."""
        self._is_waiting = False
        if self._called_at_s is None or self._channel is None:
            return
        now = asyncio.get_running_loop().time()
        if now - due_s > _LATE_S:
            self._wait(REPLY_S)  # what it has said is perhaps not read yet
        elif now - self._called_at_s < REPLY_S:
            self._wait(self._called_at_s + REPLY_S - now)
        else:
            self._is_silent, self._called_at_s = True, None
            logger.warning("the supervisor has not answered for %g s", REPLY_S)
            self._tell_lost()

    def _tell_lost(self) -> None:
        for ears in list(self._ears.values()):
            ears.lost()

    def _beat(self) -> None:
        if self._channel is not None:
            self.send(Alive())
            asyncio.get_running_loop().call_later(BEAT_EVERY_S, self._beat)

    def _hear(self, data: bytes) -> None:
        message = self._decode(data)
        self._called_at_s = None
        if self._is_silent:
            self._is_silent = False
            for each in list(self._ears.values()):
                each.found()
        if isinstance(message, Cover):
            self.on_cover(message.slots)
        elif isinstance(message, Buried):
            for _, on_buried in self._named:
                on_buried(message.epochs)
        elif isinstance(message, Stopping):
            for on_stopping in self.on_stopping:
                on_stopping()
        elif isinstance(message, Heard):
            if (ears := self._ears.get(message.space)) is not None:
                ears.heard(message.messages)
        elif message.space < len(self.gatherings):
            self.gatherings[message.space].hear(message)


class _LocalBackplane:
    """The census of one Live's pages, which the supervisor holds."""

    def __init__(self, worker: Worker, space: int) -> None:
        self._worker = worker
        self._space = space

    def find(self) -> None:
        if (ears := self._worker.hears(self._space)) is not None:
            ears.found()

    def send(self, calls: Sequence[Call]) -> None:
        """Sends calls with one write."""
        self._worker.call(self._space, calls)

    def close(self) -> None:
        """Hears no more."""
        self._worker.forget(self._space)

    async def wait_closed(self) -> None:
        """Returns at once: the supervisor sees that this process ends."""


_this: Worker | None = None


def is_worker(environ: MutableMapping[str, str] = os.environ) -> bool:
    """Whether this process was started as a worker, whether or not it has joined the others yet."""
    return VARIABLE in environ or _this is not None


def join_workers(environ: MutableMapping[str, str] = os.environ) -> Worker | None:
    """Takes what the supervisor has passed to this process; None where there is none.

    The variable is taken out of the environment, so that no child process takes itself for the worker.

    Raises:
        SettingsError: the supervisor is of another version, and the two would not understand each other.
    """
    global _this
    if (text := environ.pop(VARIABLE, "")) and _this is None:
        theirs, numbers, *others = text.split(";")
        if theirs != (ours := installed_version()):
            raise SettingsError(
                f"this is nannin {ours}, and nannin {theirs} has started it as a worker: "
                "after an update the whole server has to be started again"
            )
        slot, mark, workers, descriptor = map(int, numbers.split(","))
        sock = socket.socket(fileno=descriptor)
        sock.set_inheritable(False)
        sock.setblocking(False)
        listeners = [[int(number) for number in one.split(",") if number] for one in others]
        _this = Worker(slot, mark, workers, sock, listeners)
    return _this


def installed_version() -> str:
    """The version of nannin that a process which starts now is of."""
    from importlib.metadata import version  # takes 20 ms, which a server without workers need not pay

    return version("nannin")


def this_worker() -> Worker | None:
    """This process as a worker; None where it is the only one."""
    return _this
