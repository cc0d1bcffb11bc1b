"""The ground of an attack: a server as a process, a witness, and what must be as before once it is over."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from support.places import ROOT
from support.raw_wire import get
from support.servers import Server, free_port, nannin, running
from torture.witness import PAGE

WITNESS_P99_MS = 1_000.0
"""Within so many milliseconds others have to be told, whatever an attacker does."""
WITNESS_SHORT_P99_MS = 6_000.0
"""The same in the short form, in which six servers and their attackers share the machine with other tests."""
SETTLE_S = 20.0
# Descriptors that a server opens once, a second after its first request or at a first need: the claim to its
# address, and one that libuv keeps back.
OPENED_ONCE = 2
"""So long the server has to free what an attack has left."""
MEMORY_LEFT_MB = 40.0
"""So much more memory than before it may hold in the end: an allocator's share, no leak."""
MOST_LINES = 100
"""So many lines the log may have after an attack: each cause has one, however often it is repeated."""


@dataclasses.dataclass
class Figures:
    """What one item came to."""

    witness_p99_ms: float = 0.0
    memory_mb: float = 0.0
    notes: list[str] = dataclasses.field(default_factory=list)


class Witness:
    """The process that watches.

    Args:
        server: what it watches.
    """

    def __init__(self, server: Server) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "torture.witness", server.host, str(server.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT / "tests",
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def stop(self) -> dict[str, float]:
        """Its figures."""
        said, _ = self._process.communicate(timeout=60)
        figures: dict[str, float] = json.loads(said)
        return figures

    def judge(self, most_ms: float, *, may_miss: bool = False) -> float:
        """Stops it.

        Returns:
            Within how many milliseconds it was told, p99.

        Raises:
            AssertionError: it was not always told, and within this time.
        """
        told = self.stop()
        assert not told["ended"], "the witness was disconnected"
        assert told["missed"] == 0 or may_miss, f"the witness was not told {told['missed']} times"
        assert told["told"], "the witness was told nothing"
        assert told["p99_ms"] < most_ms, f"the witness was told after {told['p99_ms']:.0f} ms (p99)"
        return told["p99_ms"]

    def kill(self) -> None:
        """Ends it, if it has not ended."""
        with self._process:
            self._process.kill()


def check_log(log: str) -> None:
    """Holds what a server has logged since an attack began to what is always true.

    Raises:
        AssertionError: it logged a traceback, or line after line.
    """
    assert "Traceback" not in log, log[-4000:]
    assert log.count("\n") < MOST_LINES, f"the log has {log.count(chr(10))} lines:\n{log[-4000:]}"


def memory_mb(pid: int) -> float:
    """The memory that a process holds now."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def descriptors(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


class Ground:
    """A server that is attacked.

    Args:
        server: it runs.
        folder: where it keeps its history, if it keeps any.
        is_full: whether each load has its full size; else one that a test has time for.

    Attributes:
        server, folder: as above.
        pid: the server's process.
        figures: what is worth knowing of the attack.
        stalled_ms: for how long the attack itself has stopped the server.
        left_mb: how much more memory the server may hold in the end.
        turns_away: whether newcomers are turned away meanwhile, of whom the witness then hears nothing.
    """

    def __init__(self, server: Server, folder: pathlib.Path = pathlib.Path(), *, is_full: bool) -> None:
        self.server = server
        self.folder = folder
        self.figures = Figures()
        self.stalled_ms = 0.0
        self.left_mb = MEMORY_LEFT_MB
        self.turns_away = False
        self._is_full = is_full
        assert server.process is not None
        self.pid = server.process.pid
        get(server, "/")  # what is loaded at the first request is not a leak
        self._before = self._tables()
        self._memory_mb = self.memory_mb()
        self._logged = len(server.log)
        self._witness = Witness(server)
        self._is_over = False

    def size(self, full: int, short: int) -> int:
        """How many of something, in full or for a test."""
        return full if self._is_full else short

    def note(self, text: str) -> None:
        """Keeps one thing that the table shows."""
        self.figures.notes.append(text)

    def memory_mb(self) -> float:
        """The memory that the server holds now."""
        return memory_mb(self.pid)

    def cpu_s(self) -> float:
        """How many seconds of CPU the server has used so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return descriptors(self.pid)

    def count(self, page: str = "/") -> int:
        """How many connections it counts on a page."""
        counted: int = json.loads(get(self.server, f"/api/count?page={page}").text)["connections"]
        return counted

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Ends the server, and with it what `check` looks at.

        Returns:
            How many seconds it took.
        """
        self._witness.stop()
        self._is_over = True
        return self.server.stop(how)

    def leave(self) -> None:
        """Ends what belongs to the ground, and not to the attack."""
        self._witness.kill()

    def check(self) -> None:
        """Holds the server to what is always true, unless the attack was to stop it.

        Raises:
            AssertionError: it is another process or none, others were not told in time, something is left, or
                it logged a traceback, or line after line.
        """
        if self._is_over:
            return
        process = self.server.process
        assert process is not None
        assert process.poll() is None, f"the server ended:\n{self.server.log[-2000:]}"
        most_ms = (WITNESS_P99_MS if self._is_full else WITNESS_SHORT_P99_MS) + self.stalled_ms
        self.figures.witness_p99_ms = self._witness.judge(most_ms, may_miss=self.turns_away)
        self._wait_settled()
        self.figures.memory_mb = self.memory_mb() - self._memory_mb
        assert self.figures.memory_mb < self.left_mb, f"{self.figures.memory_mb:.0f} MB are left"
        check_log(self.server.log[self._logged :])

    def _tables(self) -> dict[str, int]:
        explained = json.loads(get(self.server, f"/api/explain?page={PAGE}").text)
        assert explained["check"]["agrees"], explained
        return {
            "descriptors": self.descriptors(),
            "connections on /": self.count("/"),
            "connections of the witness": explained["count"]["connections"],
            "observers": explained["not_counted"]["observers"],
        }

    def _is_as_before(self, tables: dict[str, int]) -> bool:
        few = tables["descriptors"] - self._before["descriptors"] <= OPENED_ONCE
        return few and {**tables, "descriptors": 0} == {**self._before, "descriptors": 0}

    def _wait_settled(self) -> None:
        give_up_at = time.monotonic() + SETTLE_S
        while not self._is_as_before(tables := self._tables()):
            assert time.monotonic() < give_up_at, f"left behind: {tables}, before: {self._before}"
            time.sleep(0.1)


def _poor(descriptors: int, *settings: str) -> contextlib.AbstractContextManager[Server]:
    port = free_port()
    serve = [sys.executable, "-m", "nannin", "serve", "--port", str(port), *settings]
    return running(["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *serve], port)


@contextlib.contextmanager
def _with_history(*settings: str, folder: pathlib.Path) -> Iterator[Server]:
    env = {"NANNIN_HISTORY": "on", "NANNIN_DATA_DIR": str(folder)}
    with nannin(*settings, env=env) as server:
        give_up_at = time.monotonic() + SETTLE_S
        while not (folder / "history.sqlite3-wal").exists():
            assert time.monotonic() < give_up_at, f"it keeps no history:\n{server.log}"
            time.sleep(0.1)
        yield server


@contextlib.contextmanager
def attacked(
    *settings: str, is_full: bool, descriptors: int | None = None, keeps_history: bool = False
) -> Iterator[Ground]:
    """Runs a server with these flags for the time of one item, and checks it at the end.

    Args:
        settings: flags of the server.
        is_full: as for `Ground`.
        descriptors: how many files and sockets it may have open; None for as many as we may.
        keeps_history: whether it keeps history.
    """
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nannin-")))
        if keeps_history:
            server = stack.enter_context(_with_history(*settings, folder=folder))
        elif descriptors is None:
            server = stack.enter_context(nannin(*settings))
        else:
            server = stack.enter_context(_poor(descriptors, *settings))
        ground = Ground(server, folder, is_full=is_full)
        try:
            yield ground
            ground.check()
        finally:
            ground.leave()
