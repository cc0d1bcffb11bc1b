"""A worker's end of the channel, with the supervisor's end in the same process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import msgspec
import pytest

from nannin.nodes import local
from nannin.nodes.local import VARIABLE, Alive, Ready, is_worker, join_workers, this_worker


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Its end of the channel, and the environment of the worker."""
    monkeypatch.setattr(local, "_this", None)
    monkeypatch.setattr(local, "BEAT_EVERY_S", 0.01)
    ours, its = socket.socketpair()
    with ours:
        ours.settimeout(10)
        yield ours, {VARIABLE: f"1,3,4,{its.detach()}"}


def read(ours: socket.socket) -> Ready | Alive:
    size = int.from_bytes(ours.recv(4, socket.MSG_WAITALL), "big")
    return msgspec.msgpack.decode(ours.recv(size, socket.MSG_WAITALL), type=Ready | Alive)


def test_a_process_without_a_supervisor_is_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_this", None)
    assert not is_worker({})
    assert join_workers({}) is None
    assert this_worker() is None


def test_a_worker_joins_once_and_is_one_from_then_on(
    supervisor: tuple[socket.socket, dict[str, str]],
) -> None:
    _, environ = supervisor
    assert is_worker(environ)
    worker = join_workers(environ)
    assert worker is not None
    assert (worker.slot, worker.mark, worker.workers) == (1, 3, 4)
    assert environ == {}
    assert is_worker(environ)
    assert join_workers({VARIABLE: "7,7,7,7"}) is worker is this_worker()


def test_it_says_that_it_serves_and_that_its_loop_turns(
    supervisor: tuple[socket.socket, dict[str, str]],
) -> None:
    ours, environ = supervisor
    worker = join_workers(environ)
    assert worker is not None
    worker.ready(has_page=True)  # nobody hears it yet

    async def work() -> None:
        await worker.connect(lambda: None)
        worker.ready(has_page=True)
        heard = [await asyncio.to_thread(read, ours) for _ in range(4)]
        assert heard == [Alive(), Ready(True), Alive(), Alive()]

    asyncio.run(work())


def test_it_notices_that_its_supervisor_has_gone(supervisor: tuple[socket.socket, dict[str, str]]) -> None:
    ours, environ = supervisor
    worker = join_workers(environ)
    assert worker is not None

    async def work() -> None:
        gone = asyncio.Event()
        await worker.connect(gone.set)
        ours.close()
        await asyncio.wait_for(gone.wait(), 10)

    asyncio.run(work())
