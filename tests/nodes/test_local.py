"""A worker's end of the channel, with the supervisor's end in the same process."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from nannin.audience.census_calls import Answer, Call, Read, Total, Totals, What
from nannin.errors import SettingsError
from nannin.nodes import local
from nannin.nodes.channel import (
    Alive,
    Buried,
    Calls,
    Cover,
    FromSupervisor,
    FromWorker,
    Heard,
    Named,
    Ready,
    Stopping,
)
from nannin.nodes.local import VARIABLE, Worker, installed_version, is_worker, join_workers, this_worker


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Its end of the channel, and the environment of the worker."""
    monkeypatch.setattr(local, "_this", None)
    monkeypatch.setattr(local, "BEAT_EVERY_S", 0.01)
    ours, its = socket.socketpair()
    with ours:
        ours.settimeout(10)
        yield ours, {VARIABLE: f"{installed_version()};1,3,4,{its.detach()};7,8;;9"}


def read(ours: socket.socket) -> FromWorker:
    size = int.from_bytes(ours.recv(4, socket.MSG_WAITALL), "big")
    message: FromWorker = msgspec.msgpack.decode(ours.recv(size, socket.MSG_WAITALL), type=FromWorker)
    return message


def joined(environ: dict[str, str]) -> Worker:
    worker = join_workers(environ)
    assert worker is not None
    return worker


class Listening:
    """Ears that note what they hear."""

    def __init__(self) -> None:
        self.noted: list[object] = []
        self.event = asyncio.Event()

    def found(self) -> None:
        self._note("found")

    def lost(self) -> None:
        self._note("lost")

    def unknown(self, calls: int) -> None:
        pass

    def refused(self) -> None:
        self._note("refused")

    def heard(self, messages: Sequence[Answer | What]) -> None:
        self._note(list(messages))

    def _note(self, what: object) -> None:
        self.noted.append(what)
        self.event.set()

    async def until(self, *noted: object) -> None:
        while self.noted != list(noted):
            self.event.clear()
            await asyncio.wait_for(self.event.wait(), 10)


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
    assert worker.listeners == [[7, 8], [], [9]]
    assert environ == {}
    assert is_worker(environ)
    assert join_workers({VARIABLE: "whatever"}) is worker is this_worker()


def test_a_worker_of_another_version_does_not_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_this", None)
    with pytest.raises(SettingsError, match=r"and nannin 0\.0\.1 has started it as a worker"):
        join_workers({VARIABLE: "0.0.1;1,3,4,5"})
    assert this_worker() is None


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


def say(ours: socket.socket, message: FromSupervisor) -> None:
    data = msgspec.msgpack.encode(message)
    ours.sendall(len(data).to_bytes(4, "big") + data)


def tell(ours: socket.socket, space: int, *messages: Answer | What) -> None:
    say(ours, Heard(space, messages))


def test_each_live_has_a_census_of_its_own(supervisor: tuple[socket.socket, dict[str, str]]) -> None:
    ours, environ = supervisor
    worker = joined(environ)
    connects = [worker.backplane(worker.next_space()) for _ in range(2)]
    total = Total("/", 1, 2, 2, 2)
    call: Call = Read(1, ["/"])

    async def work() -> None:
        early, late = Listening(), Listening()
        backplane = connects[1](early)
        backplane.send([call])  # nobody is there yet
        await worker.connect(lambda: None)
        await early.until("found")
        connects[0](late)
        await late.until("found")
        backplane.send([call, call])
        heard = [await asyncio.to_thread(read, ours) for _ in range(2)]
        assert Calls(1, [call, call]) in heard
        tell(ours, 1, Totals(1, [total]))
        tell(ours, 0, total)
        await early.until("found", [Totals(1, [total])])
        await late.until("found", [total])
        backplane.close()
        tell(ours, 1, total)
        ours.close()
        await late.until("found", [total], "lost")
        assert early.noted == ["found", [Totals(1, [total])]]

    asyncio.run(work())


def test_a_supervisor_that_does_not_answer_is_lost_until_it_says_something(
    supervisor: tuple[socket.socket, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(local, "REPLY_S", 0.1)
    ours, environ = supervisor
    worker = joined(environ)
    call: Call = Read(1, ["/"])

    async def work() -> None:
        await worker.connect(lambda: None)
        ears, late = Listening(), Listening()
        backplane = worker.backplane(0)(ears)
        await ears.until("found")
        backplane.send([call])
        tell(ours, 0, Totals(1, []))
        await ears.until("found", [Totals(1, [])])
        await asyncio.sleep(0.15)
        backplane.send([call])
        await asyncio.sleep(0.05)
        backplane.send([call])
        await ears.until("found", [Totals(1, [])], "lost")
        backplane.send([call])  # it is dropped
        worker.backplane(1)(late)
        tell(ours, 0, Totals(2, []))
        await ears.until("found", [Totals(1, [])], "lost", "found", [Totals(2, [])])
        await late.until("found")
        await asyncio.sleep(0.15)
        backplane.send([call])
        await ears.until("found", [Totals(1, [])], "lost", "found", [Totals(2, [])], "lost")
        ours.close()
        await asyncio.sleep(0.05)
        assert (ears.noted.count("lost"), late.noted) == (2, ["found", "lost"])

    asyncio.run(work())
    assert caplog.messages == ["the supervisor has not answered for 0.1 s"] * 2


def test_a_supervisor_is_not_lost_by_a_worker_that_stood_still_itself(
    supervisor: tuple[socket.socket, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "REPLY_S", 0.1)
    monkeypatch.setattr(local, "_LATE_S", 0.05)
    ours, environ = supervisor
    worker = joined(environ)

    async def work() -> None:
        await worker.connect(lambda: None)
        ears = Listening()
        backplane = worker.backplane(0)(ears)
        await ears.until("found")
        backplane.send([Read(1, ["/"])])
        tell(ours, 0, Totals(1, []))
        time.sleep(0.3)
        await ears.until("found", [Totals(1, [])])
        await asyncio.sleep(0.15)
        assert ears.noted == ["found", [Totals(1, [])]]

    asyncio.run(work())


def test_what_is_closed_at_once_is_not_found(supervisor: tuple[socket.socket, dict[str, str]]) -> None:
    _, environ = supervisor
    worker = joined(environ)

    async def work() -> None:
        await worker.connect(lambda: None)
        ears = Listening()
        worker.backplane(0)(ears).close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert ears.noted == []

    asyncio.run(work())


def test_it_hears_whose_connections_it_is_to_take(supervisor: tuple[socket.socket, dict[str, str]]) -> None:
    ours, environ = supervisor
    worker = joined(environ)

    async def work() -> None:
        await worker.connect(lambda: None)
        say(ours, Cover([3]))  # before anybody can do so
        heard: asyncio.Queue[Sequence[int]] = asyncio.Queue()
        await asyncio.sleep(0.05)
        worker.on_cover = heard.put_nowait
        say(ours, Cover([0, 2]))
        assert await asyncio.wait_for(heard.get(), 10) == [0, 2]

    asyncio.run(work())


def test_it_hears_that_the_server_stops_before_anybody_leaves_for_that(
    supervisor: tuple[socket.socket, dict[str, str]],
) -> None:
    ours, environ = supervisor
    worker = joined(environ)

    async def work() -> None:
        ears = Listening()
        backplane = worker.backplane(worker.next_space())(ears)
        await worker.connect(lambda: None)
        worker.on_stopping.append(lambda: ears._note("stopping"))
        say(ours, Stopping())
        tell(ours, 0, left := Total("/", 2, 0, 0, 0))
        await ears.until("found", "stopping", [left])
        backplane.close()

    asyncio.run(work())


def test_it_names_the_nodes_that_it_is_elsewhere_and_hears_of_those_that_others_were(
    supervisor: tuple[socket.socket, dict[str, str]],
) -> None:
    ours, environ = supervisor
    worker = joined(environ)

    async def work() -> None:
        early: asyncio.Queue[Sequence[str]] = asyncio.Queue()
        late: asyncio.Queue[Sequence[str]] = asyncio.Queue()
        worker.name("early", early.put_nowait)
        await worker.connect(lambda: None)
        worker.name("late", late.put_nowait)
        heard = [await asyncio.to_thread(read, ours) for _ in range(3)]
        assert [message for message in heard if message != Alive()][:2] == [Named("early"), Named("late")]
        say(ours, Buried(["dead"]))
        assert await asyncio.wait_for(early.get(), 10) == ["dead"]
        assert await asyncio.wait_for(late.get(), 10) == ["dead"]

    asyncio.run(work())
