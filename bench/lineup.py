"""The contenders: how each is started, and with what it starts to tell."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
CONTENDERS = HERE / "contenders"
NODE_MODULES = ROOT / "tests" / "node" / "node_modules"
START_LIMIT_S = 20.0
STOP_LIMIT_S = 15.0


class Absent(Exception):
    """A contender can't be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that takes part.

    Attributes:
        name: as in the table.
        command: what starts it on a port; raises Absent where it can't be.
        tells_each: it tells everyone of each single join, so a storm is N * N messages. Such a one can be
            started quiet, so that its clients can join at all where they are many.
        rests: whether it has a heartbeat, whose cost at rest is worth a look.
    """

    name: str
    command: Callable[[int], list[str]]
    tells_each: bool
    rests: bool = True


def nannin_command(port: int) -> list[str]:
    """nannin as it is served by default."""
    return [sys.executable, "-m", "nannin", "serve", "--host", "127.0.0.1", "--port", str(port)]


def uvicorn_command(app: str, *options: str) -> Callable[[int], list[str]]:
    """An ASGI app of the folder `contenders`, on uvicorn."""

    def command(port: int) -> list[str]:
        where = ["--app-dir", str(CONTENDERS), "--host", "127.0.0.1", "--port", str(port)]
        return [sys.executable, "-m", "uvicorn", app, *where, "--log-level", "warning", *options]

    return command


def node_command(port: int) -> list[str]:
    """Node's socket.io, which the tests have installed."""
    node = shutil.which("node")
    if node is None or not (NODE_MODULES / "socket.io").is_dir():
        raise Absent("Node.js or its package socket.io is missing; `make node` installs it")
    return [node, str(CONTENDERS / "node.mjs"), str(port)]


def python_floor_command(port: int) -> list[str]:
    """The epoll loop in Python."""
    return [sys.executable, str(CONTENDERS / "epoll_floor.py"), str(port)]


def c_floor_command(port: int) -> list[str]:
    """The epoll loop in C, compiled for this run."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Absent("no C compiler")
    program = pathlib.Path(tempfile.gettempdir()) / f"nannin-bench-{os.getuid()}" / "epoll_floor"
    program.parent.mkdir(mode=0o700, exist_ok=True)
    subprocess.run([compiler, "-O2", "-o", program, CONTENDERS / "epoll_floor.c"], check=True)
    return [str(program), str(port)]


ALL = [
    Contender("epoll loop in C", c_floor_command, tells_each=True, rests=False),
    Contender("epoll loop in Python", python_floor_command, tells_each=True, rests=False),
    Contender("nannin", nannin_command, tells_each=False),
    Contender(
        "nannin, plain ASGI",
        uvicorn_command("plain_asgi_app:app", "--ws", "websockets-sansio"),
        tells_each=False,
    ),
    Contender("Node.js socket.io", node_command, tells_each=True),
    Contender("python-socketio", uvicorn_command("python_socketio_app:app"), tells_each=True),
]


@contextlib.contextmanager
def running(contender: Contender, core: int | None, *, quiet: bool = False) -> Iterator[tuple[str, int]]:
    """Runs a contender on one core for the time of a with-block: its address and the id of its process.

    Args:
        contender: which.
        core: None where there is no core of its own for it.
        quiet: it tells nobody before SIGUSR2.
    """
    port = free_port()
    command = contender.command(port)
    if quiet and "uvicorn" not in command:
        command.append("quiet")
    environ = {**os.environ, "QUIET": "1" if quiet else "0"}

    def pin() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})

    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env=environ, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, preexec_fn=pin
        )
        try:
            await_port(process, port)
            yield f"http://127.0.0.1:{port}", process.pid
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-2000:].decode(errors="replace"))
            raise
        finally:
            stop(process)


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(process: subprocess.Popen[bytes], port: int) -> None:
    """Returns once the port answers."""
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise Absent(f"it did not start within {START_LIMIT_S:.0f} s, or ended with {process.poll()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process within a bounded time."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
