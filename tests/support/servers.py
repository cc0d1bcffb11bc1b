"""Starts real servers as processes, for the tests at the top of the house."""

from __future__ import annotations

import contextlib
import enum
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from support.certificates import CERTIFICATE, KEY
from support.forks import MODULES, Fork
from support.places import ROOT as ROOT

APPS = ROOT / "tests" / "support" / "apps"
NODE = ROOT / "tests" / "support" / "node"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0


class Server:
    """A server in a process of its own, at `url`, with its output in `log`.

    Args:
        command: starts it.
        host: where it listens.
        port: where it listens.
        env: variables besides our own.
        tls: whether it speaks TLS.
        fresh: whether its interpreter starts anew, instead of being forked with everything imported.
        within_s: how long it may take to answer.
    """

    def __init__(
        self,
        command: list[str],
        host: str,
        port: int,
        env: dict[str, str] | None = None,
        *,
        tls: bool = False,
        fresh: bool = False,
        within_s: float = START_TIMEOUT_S,
    ) -> None:
        self.host, self.port, self.tls, self._within_s = host, port, tls, within_s
        self._command = command
        # What a test serves is not to be found in anybody's home later.
        ours = {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "NANNIN_HISTORY": "off"}
        self._env = {**os.environ, **ours, **(env or {})}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        # What starts with variables of Python's own, or is not Python, has to start by itself.
        self._fresh = fresh or command[:2] != [sys.executable, "-m"] or command[2] not in MODULES
        self._fresh = self._fresh or any(name.startswith("PYTHON") for name in env or ())
        self.process: subprocess.Popen[bytes] | Fork | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://{self.host}:{self.port}"

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def start(self) -> None:
        """Starts the process and returns once its port answers."""
        if self._fresh:
            self.process = subprocess.Popen(
                self._command, stdout=self._log, stderr=subprocess.STDOUT, env=self._env, cwd=ROOT
            )
        else:
            _, _, module, *arguments = self._command
            self.process = Fork(module, arguments, env=self._env, cwd=str(ROOT), output=self._log.fileno())
        give_up_at = time.monotonic() + self._within_s
        while time.monotonic() < give_up_at:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self._command} ended at once:\n{self.log}")
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self._command} did not answer on port {self.port}:\n{self.log}")

    def close(self) -> None:
        """Ends the process and drops its log."""
        self.stop()
        self._log.close()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Ends the process; returns how many seconds that took."""
        if self.process is None:
            return 0.0
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(STOP_TIMEOUT_S)
        took = time.monotonic() - started
        self.process = None
        return took


def children(server: Server) -> list[int]:
    """The processes of the workers."""
    assert server.process is not None
    pid = server.process.pid
    return [int(number) for number in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[str],
    port: int,
    *,
    host: str = "127.0.0.1",
    env: dict[str, str] | None = None,
    tls: bool = False,
    fresh: bool = False,
    within_s: float = START_TIMEOUT_S,
) -> Iterator[Server]:
    """Runs `command`, which must listen on `port`, for the time of a with-block."""
    server = Server(command, host, port, env, tls=tls, fresh=fresh, within_s=within_s)
    try:
        server.start()
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def nannin(
    *arguments: str,
    port: int | None = None,
    env: dict[str, str] | None = None,
    tls: bool = False,
    fresh: bool = False,
) -> Iterator[Server]:
    """Runs `nannin serve` with these arguments on a free port."""
    port = port or free_port()
    serve = [sys.executable, "-m", "nannin", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with running([*serve, *arguments], port, env=env, tls=tls, fresh=fresh) as server:
        yield server


class Way(enum.Enum):
    """How a server is run: every protocol and client test passes in each of these ways."""

    DIRECT = "nannin serve, which writes straight to the transport"
    PLAIN = "plain ASGI: uvicorn with its own WebSocket class"
    TLS = "nannin serve with https"


def patience(*, ping_interval: float, ping_timeout: float, connect_timeout: float = 10) -> tuple[str, ...]:
    """The flags of a server that takes large messages and waits so many seconds for its clients."""
    times = ("--ping-interval", ping_interval, "--ping-timeout", ping_timeout)
    return (*map(str, times), "--connect-timeout", str(connect_timeout), "--max-payload", "1000000")


@contextlib.contextmanager
def served(way: Way, app: str | None, *settings: str) -> Iterator[Server]:
    """Runs an application on a free port.

    Args:
        way: how.
        app: `FILE:NAME` below tests/support/apps; None for nannin as it comes.
        settings: flags of `nannin serve`.
    """
    if way is Way.PLAIN:
        port = free_port()
        path, _, name = (app or "").partition(":")
        target = f"{pathlib.Path(path).stem}:{name}" if app else "nannin:Live"
        command = [sys.executable, "-m", "uvicorn", target, *([] if app else ["--factory"])]
        command += ["--app-dir", str((APPS / path).parent), "--port", str(port), "--ws", "websockets-sansio"]
        names = ["NANNIN_" + flag.removeprefix("--").replace("-", "_").upper() for flag in settings[::2]]
        with running(command, port, env=dict(zip(names, settings[1::2], strict=True))) as server:
            yield server
        return
    arguments = ["--app", str(APPS / app), *settings] if app else list(settings)
    if way is Way.DIRECT:
        with nannin(*arguments) as server:
            yield server
        return
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = pathlib.Path(folder, "certificate.pem"), pathlib.Path(folder, "key.pem")
        certificate.write_text(CERTIFICATE)
        key.write_text(KEY)
        arguments += ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key)]
        with nannin(*arguments, tls=True) as server:
            yield server
