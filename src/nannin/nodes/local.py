"""This process as one of several workers: what it is told by its supervisor, and what it tells it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, MutableMapping
from typing import Final

import msgspec

from nannin.nodes.channel import Channel

__all__ = ["BEAT_EVERY_S", "VARIABLE", "Alive", "Ready", "Worker", "is_worker", "join_workers", "this_worker"]

# What the supervisor tells the worker: its number, its mark, how many workers there are, and the descriptor
# of its end of the channel.
VARIABLE: Final = "_NANNIN_WORKER"
# Seconds between two beats.
BEAT_EVERY_S: Final = 1.0


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=100):
    """The worker accepts connections.

    Attributes:
        has_page: whether it shows nannin's own page at `/`.
    """

    has_page: bool


class Alive(msgspec.Struct, frozen=True, array_like=True, tag=101):
    """The worker's loop turns."""


class Worker:
    """This process as a worker.

    Args:
        slot: the worker's number, from 0.
        mark: a number that no other living process of this server has.
        workers: how many workers there are.
        sock: its end of the channel to the supervisor.
    """

    def __init__(self, slot: int, mark: int, workers: int, sock: socket.socket) -> None:
        self.slot = slot
        self.mark = mark
        self.workers = workers
        self._socket = sock
        self._channel: Channel | None = None
        self._encode = msgspec.msgpack.Encoder().encode

    async def connect(self, on_lost: Callable[[], None]) -> None:
        """Opens the channel on the running loop, and begins to beat.

        Args:
            on_lost: called when the supervisor has gone.
        """
        loop = asyncio.get_running_loop()
        self._channel = Channel(self._hear, on_lost)
        channel = self._channel
        await loop.create_unix_connection(lambda: channel, sock=self._socket)
        self._beat()

    def ready(self, *, has_page: bool) -> None:
        """Tells the supervisor that this process accepts connections."""
        self._send(Ready(has_page))

    def _beat(self) -> None:
        self._send(Alive())
        asyncio.get_running_loop().call_later(BEAT_EVERY_S, self._beat)

    def _send(self, message: Ready | Alive) -> None:
        if self._channel is not None:
            self._channel.send(self._encode(message))

    def _hear(self, message: bytes) -> None:
        pass


_this: Worker | None = None


def is_worker(environ: MutableMapping[str, str] = os.environ) -> bool:
    """Whether this process was started as a worker, whether or not it has joined the others yet."""
    return VARIABLE in environ or _this is not None


def join_workers(environ: MutableMapping[str, str] = os.environ) -> Worker | None:
    """Takes what the supervisor has passed to this process; None where there is none.

    The variable is taken out of the environment, so that no child process takes itself for the worker.
    """
    global _this
    if (text := environ.pop(VARIABLE, "")) and _this is None:
        slot, mark, workers, descriptor = map(int, text.split(","))
        sock = socket.socket(fileno=descriptor)
        sock.set_inheritable(False)
        sock.setblocking(False)
        _this = Worker(slot, mark, workers, sock)
    return _this


def this_worker() -> Worker | None:
    """This process as a worker; None where it is the only one."""
    return _this
