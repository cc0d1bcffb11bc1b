"""`nannin serve --workers N`: the process that holds the sockets, and starts and ends those that serve."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from nannin.app.siblings import Siblings
from nannin.errors import SettingsError
from nannin.nodes.census_server import CensusServer, Line
from nannin.nodes.channel import (
    Alive,
    Ask,
    Buried,
    Calls,
    Channel,
    Cover,
    FromSupervisor,
    FromWorker,
    Named,
    Ready,
    Reply,
    Stopping,
)
from nannin.nodes.gathering_server import GatheringServer, Member
from nannin.nodes.local import VARIABLE, installed_version
from nannin.server.child import start_server
from nannin.server.crew import END_S, Crew
from nannin.server.listening import (
    adopt,
    bind_each,
    bind_file,
    check_certificate,
    place_of,
    socket_file,
)
from nannin.server.logs import begin_logging
from nannin.server.mesh import Mesh
from nannin.server.systemd import notify, passed_sockets
from nannin.settings import SETTINGS, Settings

__all__ = ["serve_with_workers"]

# Seconds between two looks at the processes.
LOOK_EVERY_S: Final = 0.25
# Of how many nodes that have ended a process that starts hears.
MAX_BURIED: Final = 200
# How many connections may wait in the kernel's queue of a worker that is not there yet, as uvicorn has it.
BACKLOG: Final = 2048

logger = logging.getLogger("nannin.server")


def serve_with_workers(settings: Settings, announce: Callable[[bool, Settings], None]) -> int:
    """Runs several servers on the same address until a signal ends them.

    Args:
        settings: as for `nannin.server.process.serve`; `workers` is at least 2.
        announce: called once all serve, with whether nannin's own page is at `/`, and the settings with the
            place where they listen.

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, and that of the first worker if it could not start.

    Raises:
        SettingsError: something is wrong before anything was started.
        BindError: the port or the socket file is taken, or this user may not have it.
    """
    if sys.platform == "win32":
        raise SettingsError("workers needs a system that passes sockets on to processes, unlike Windows")
    _fill_standard_descriptors()
    begin_logging(settings)
    check_certificate(settings)
    with _sockets(settings) as sockets:
        return Supervisor(settings, sockets, announce).serve()


@contextlib.contextmanager
def _sockets(settings: Settings) -> Iterator[list[list[socket.socket]]]:
    """The sockets of each worker; where each has the same, they are shared."""
    given = passed_sockets() if settings.fd is None else [settings.fd]
    with contextlib.ExitStack() as stack:
        if given:
            sockets = [adopt(given)] * settings.workers
        elif settings.uds:
            stack.enter_context(socket_file(settings.uds))
            sockets = [[bind_file(settings.uds)]] * settings.workers
        else:
            sockets = bind_each(settings.host, settings.port, settings.workers)
        for listener in itertools.chain(*sockets):
            stack.callback(listener.close)
        yield sockets


class _Child:
    """A process that serves, and the channel to it."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.popen = popen
        self.channel: Channel | None = None
        self.covers: list[int] = []
        self.epochs: list[str] = []  # of the nodes that it is, of a census elsewhere

    @property
    def pid(self) -> int:
        return self.popen.pid

    def send_signal(self, number: int, /) -> None:
        self.popen.send_signal(number)

    def send(self, message: FromSupervisor) -> None:
        if self.channel is not None:
            self.channel.send(msgspec.msgpack.encode(message))


class Supervisor:
    """Starts processes, listens to them, and tells them what to do.

    Args:
        settings: as for `serve_with_workers`.
        sockets: of each worker.
        announce: as for `serve_with_workers`.
    """

    def __init__(
        self,
        settings: Settings,
        sockets: Sequence[Sequence[socket.socket]],
        announce: Callable[[bool, Settings], None],
    ) -> None:
        self._settings = settings
        self._sockets = sockets
        self._announce = announce
        self._began_s = time.monotonic()
        self._signal: signal.Signals | None = None
        self._has_page = False
        self._children: list[_Child] = []
        self._crew = Crew(
            len(sockets), self._hire, drain_s=settings.drain, on_open=self._open, on_rolled=self._rolled
        )
        # Where each worker has sockets of its own, others can take their connections while it is away.
        self._can_cover = sockets[0][0] is not sockets[1][0]
        self._mesh = Mesh(self._crew.marks)
        self._gathering = GatheringServer(self._members)
        self._decode = msgspec.msgpack.Decoder(FromWorker).decode
        self._buried: deque[str] = deque(maxlen=MAX_BURIED)  # epochs of processes that have ended
        self._tasks: set[asyncio.Task[object]] = set()
        self._had_terminal = _has_terminal()
        self._version = installed_version()  # what is installed may change
        self._siblings = Siblings()
        self._census: CensusServer
        self._wake: asyncio.Event

    def serve(self) -> int:
        """Serves until a signal ends it; returns the exit code."""
        for listener in itertools.chain(*self._sockets):
            listener.listen(BACKLOG)  # who comes before the first process is ready waits
        try:
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                return runner.run(self._run())
        finally:
            self._siblings.release()
            for child in self._children:
                child.popen.kill()
                child.popen.wait()
            self._mesh.close()

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        self._census = CensusServer(loop.call_soon)
        self._wake = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end, number)
        loop.add_signal_handler(signal.SIGHUP, self._roll)
        self._crew.begin(time.monotonic())
        if self._settings.redis is None:  # with it, all who serve somewhere come to one count
            name = self._sockets[0][0].getsockname()
            self._siblings.notice((name[0], name[1]) if isinstance(name, tuple) else (str(name), None))
        while self._crew.exit_code is None:
            self._crew.look(time.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()
            self._wake.clear()
            self._look_for_ended()
            self._cover()
        if self._signal is not None:
            took = datetime.timedelta(seconds=round(time.monotonic() - self._began_s))
            logger.info("stopped by %s after %s", self._signal.name, took)
        return self._crew.exit_code

    def _hire(self, slot: int, mark: int) -> _Child:
        """Starts a process."""
        ours, its = socket.socketpair()
        variables = {
            VARIABLE: f"{self._version};{slot},{mark},{len(self._sockets)},{its.fileno()}",
            SETTINGS["workers"].variable: str(len(self._sockets)),
            SETTINGS["open"].variable: "false",
            "NOTIFY_SOCKET": "",  # systemd hears of this process alone
            **self._mesh.environment(mark),
        }
        everybodys = [[listener.fileno() for listener in one] for one in self._sockets]
        with its:
            passed = [its.fileno(), *self._mesh.descriptors(mark)]
            if self._can_cover:
                passed += itertools.chain(*everybodys)
                others = [[] if one is everybodys[slot] else one for one in everybodys]
                variables[VARIABLE] += ";" + ";".join(",".join(map(str, one)) for one in others)
            child = _Child(start_server(everybodys[slot], variables, passed, apart=True))
        self._children.append(child)
        task: asyncio.Task[object] = asyncio.ensure_future(self._connect(child, ours))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return child

    async def _connect(self, child: _Child, ours: socket.socket) -> None:
        def lose() -> None:
            self._census.lost(line)
            self._wake.set()

        channel = Channel(lambda message: self._hear(child, line, message), lose, lambda: line.flush())
        line = self._census.line(channel)
        child.channel = channel
        ours.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: channel, sock=ours)

    def _hear(self, child: _Child, line: Line, data: bytes) -> None:
        message = self._decode(data)
        if isinstance(message, Calls):
            self._census.receive(line, message.space, message.calls)
        elif isinstance(message, Named):
            child.epochs.append(message.epoch)
            child.send(Buried(list(self._buried)))
        elif (process := self._crew.process_of(child)) is not None:
            if isinstance(message, Ready):
                self._has_page = message.has_page
                self._crew.ready(process, time.monotonic())
            elif isinstance(message, Alive):
                self._crew.beat(process, time.monotonic())
            elif isinstance(message, Ask | Reply):
                self._gathering.receive(process.mark, message)

    def _members(self) -> Iterator[Member]:
        """The processes that can be asked what they have to say."""
        for child in self._children:
            process = self._crew.process_of(child)
            if process is not None and process.is_at_work and child.channel is not None:
                yield Member(process.mark, process.label, child.channel)

    def _look_for_ended(self) -> None:
        for child in list(self._children):
            if (code := child.popen.poll()) is not None:
                self._children.remove(child)
                self._bury(child)
                if child.channel is not None:
                    child.channel.close()  # its own processes may hold the other end
                if (process := self._crew.process_of(child)) is not None:
                    self._mesh.lost(process.mark)
                    self._crew.ended(process, code, time.monotonic())

    def _bury(self, ended: _Child) -> None:
        """Tells the others of the nodes that a process was: nobody need wait until they seem to be gone."""
        if ended.epochs:
            self._buried += ended.epochs
            for child in self._children:
                if child.epochs:
                    child.send(Buried(ended.epochs))

    def _cover(self) -> None:
        """Has workers that serve accept the connections of those that don't."""
        now = time.monotonic()
        for process in self._crew.slow(now):
            self._mesh.spare(process.mark)
        if self._can_cover:
            for process, slots in self._crew.covers(now).items():
                child = process.child
                if isinstance(child, _Child) and child.channel is not None and child.covers != slots:
                    child.covers = slots
                    child.send(Cover(slots))

    def _open(self) -> None:
        place = place_of(self._settings, self._sockets[0][0])
        self._announce(self._has_page, place)
        notify("READY=1")

    def _rolled(self) -> None:
        notify("READY=1")

    def _roll(self) -> None:
        if self._had_terminal and not _has_terminal():  # its window was closed
            self._end(signal.SIGTERM)
            return
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        self._crew.roll(time.monotonic())
        self._wake.set()

    def _end(self, number: int) -> None:
        how = signal.Signals(number)
        if self._signal is None:
            notify("STOPPING=1")
            if how is signal.SIGTERM:
                notify(f"EXTEND_TIMEOUT_USEC={round((self._settings.drain + 2 * END_S) * 1e6)}")
            for child in self._children:  # before any of them sends a client away, and tells the census
                child.send(Stopping())
        self._signal = how
        self._crew.end(how, time.monotonic())
        self._wake.set()


def _fill_standard_descriptors() -> None:
    """Sees to it that no socket of ours or of a worker gets one of the numbers 0 to 2, which loops refuse."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for number in range(3):
        os.set_inheritable(number, True)


def _has_terminal() -> bool:
    return any(os.isatty(number) for number in range(3))


def _new_loop() -> asyncio.AbstractEventLoop:
    """The quickest loop that there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
