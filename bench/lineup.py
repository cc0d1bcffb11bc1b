"""The contenders: how each is started, and with what it starts to tell."""

from __future__ import annotations

import contextlib
import enum
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
CONTENDERS = HERE / "contenders"
NODE_MODULES = CONTENDERS / "node_modules"
INSTALL = "`npm ci --omit=peer --ignore-scripts` in bench/contenders installs it"
START_LIMIT_S = 20.0
STOP_LIMIT_S = 15.0


class Absent(Exception):
    """A contender can't be measured here; the message says why."""


class Mode(enum.StrEnum):
    """What a contender tells."""

    LOUD = "loud"  # the count, to everyone on each join and leave, or at a pace of its own
    QUIET = "quiet"  # the same, but nobody is told before SIGUSR2
    SHAPES = "shapes"  # no counts, but what the modules of bench/shapes ask for


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that takes part.

    Attributes:
        name: as in the table.
        command: what starts it on a port, in a mode; raises Absent where it can't be.
        tells_each: it tells everyone of each single join, so a storm is N * N messages. Such a one can be
            started quiet, so that its clients can join at all where they are many.
        largest: the most clients that it is measured with, because more of them take too long.
        in_short: whether the short form of the benchmark has it.
        in_shapes: whether it knows the mode SHAPES.
        environ: variables of its environment.
        processes: how many it has at least once it serves.
    """

    name: str
    command: Callable[[int, Mode], list[str]]
    tells_each: bool
    largest: int = 15_000
    in_short: bool = False
    in_shapes: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    processes: int = 1


def nannin_command(port: int, mode: Mode) -> list[str]:
    """nannin as it is served by default, or with the handlers that the shapes need."""
    app = ["--app", f"{CONTENDERS / 'shapes_app.py'}:app"] if mode is Mode.SHAPES else []
    return [sys.executable, "-m", "nannin", "serve", "--host", "127.0.0.1", "--port", str(port), *app]


def uvicorn_command(app: str, *options: str) -> Callable[[int, Mode], list[str]]:
    """An ASGI app of the folder `contenders`, on uvicorn; it finds its mode in the environment."""

    def command(port: int, mode: Mode) -> list[str]:
        where = ["--app-dir", str(CONTENDERS), "--host", "127.0.0.1", "--port", str(port)]
        return [sys.executable, "-m", "uvicorn", app, *where, "--log-level", "warning", *options]

    return command


def node_command(port: int, mode: Mode) -> list[str]:
    """Node's socket.io."""
    node = shutil.which("node")
    if node is None:
        raise Absent("Node.js is missing")
    if not (NODE_MODULES / "socket.io").is_dir():
        raise Absent(f"the package socket.io is missing; {INSTALL}")
    return [node, str(CONTENDERS / "node.mjs"), str(port), mode]


def bun_command(port: int, mode: Mode) -> list[str]:
    """Socket.IO on Bun, with the engine that Socket.IO has for it."""
    if not (NODE_MODULES / "@socket.io" / "bun-engine").is_dir():
        raise Absent(f"the package @socket.io/bun-engine is missing; {INSTALL}")
    return [find_bun(), str(CONTENDERS / "bun.mjs"), str(port), mode]


def find_bun() -> str:
    """Bun's program, in the package of this platform; `node_modules/.bin/bun` is a script around it.

    Raises:
        Absent: npm has none that starts here, or it is not installed.
    """
    for program in sorted((NODE_MODULES / "@oven").glob("bun-*/bin/bun")):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run([program, "--version"], check=True, capture_output=True, timeout=START_LIMIT_S)
            return str(program)
    raise Absent(f"the package bun is missing, or has no program that starts on this platform; {INSTALL}")


def python_floor_command(port: int, mode: Mode) -> list[str]:
    """The epoll loop in Python."""
    return [sys.executable, str(CONTENDERS / "epoll_floor.py"), str(port), mode]


def c_floor_command(port: int, mode: Mode) -> list[str]:
    """The epoll loop in C, compiled for this run."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Absent("no C compiler")
    program = pathlib.Path(tempfile.gettempdir()) / f"nannin-bench-{os.getuid()}" / "epoll_floor"
    program.parent.mkdir(mode=0o700, exist_ok=True)
    subprocess.run([compiler, "-O2", "-o", program, CONTENDERS / "epoll_floor.c"], check=True)
    return [str(program), str(port), mode]


# Those who take long, or are a variant, are measured with fewer clients.
ALL = [
    Contender("epoll loop in C", c_floor_command, tells_each=True, in_short=True),
    Contender("epoll loop in Python", python_floor_command, tells_each=True, largest=1_000),
    Contender("nannin", nannin_command, tells_each=False, in_short=True, in_shapes=True),
    Contender(
        "nannin, pure Python",
        nannin_command,
        tells_each=False,
        largest=1_000,
        environ={"NANNIN_PURE": "1"},
    ),
    Contender(
        "nannin, plain ASGI",
        uvicorn_command("plain_asgi_app:app", "--ws", "websockets-sansio"),
        tells_each=False,
        largest=1_000,
    ),
    Contender("Bun socket.io", bun_command, tells_each=True, in_short=True, in_shapes=True),
    Contender(
        "Node.js socket.io", node_command, tells_each=True, largest=5_000, in_short=True, in_shapes=True
    ),
    Contender("python-socketio", uvicorn_command("python_socketio_app:app"), tells_each=True, largest=5_000),
]


@contextlib.contextmanager
def running(contender: Contender, core: int | None, mode: Mode = Mode.LOUD) -> Iterator[tuple[str, int]]:
    """Runs a contender on one core for the time of a with-block: its address and the id of its process.

    Args:
        contender: which.
        core: None where there is no core of its own for it.
        mode: what it tells.
    """
    port = free_port()
    command = contender.command(port, mode)
    environ = {**os.environ, **contender.environ, "QUIET": "1" if mode is Mode.QUIET else "0"}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else a server compiles what it loads while it is measured
    environ["XDG_DATA_HOME"] = tempfile.gettempdir()  # the history of a benchmark is nobody's

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
