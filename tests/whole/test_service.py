"""The server as a service: sockets that outlive it, and what it tells systemd."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from support.commands import run
from support.log_lines import noise, place

NANNIN = [sys.executable, "-m", "nannin", "serve"]


@contextlib.contextmanager
def listening(path: pathlib.Path | None) -> Iterator[socket.socket]:
    """A socket as systemd holds one: it listens before there is a server, and after."""
    with socket.socket(socket.AF_UNIX if path else socket.AF_INET) as listener:
        listener.bind(str(path) if path else ("127.0.0.1", 0))
        listener.listen(64)
        yield listener


# Puts a socket where systemd would, and becomes the server.
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


def start(
    listener: socket.socket, *, as_systemd: bool, env: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Starts a server on that socket, and returns at once."""
    number = str(listener.fileno())
    command = [*NANNIN, "--fd", number]
    if as_systemd:
        command = [sys.executable, "-c", AS_SYSTEMD, number, *NANNIN]
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, pass_fds=[int(number)], env={**os.environ, **(env or {})}
    )


def ask(listener: socket.socket) -> int:
    """The status of one request; it waits as long as nobody accepts it."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(listener.family)
    connection.sock.settimeout(15)
    with contextlib.closing(connection):
        connection.sock.connect(listener.getsockname())
        connection.request("GET", "/api/count")
        return connection.getresponse().status


@pytest.mark.parametrize("as_systemd", [False, True], ids=["--fd", "systemd"])
@pytest.mark.parametrize("is_file", [False, True], ids=["TCP", "Unix"])
def test_no_request_is_refused_while_the_server_starts_again(
    tmp_path: pathlib.Path, is_file: bool, as_systemd: bool
) -> None:
    path = tmp_path / "n.sock" if is_file else None
    with listening(path) as listener:
        for _ in range(2):
            with start(listener, as_systemd=as_systemd) as process:
                assert ask(listener) == 200  # asked before the server was there
                process.send_signal(signal.SIGTERM)
                assert process.stderr is not None
                log = process.stderr.read()
            assert process.returncode == 0
            assert noise(log) == []
            shown = f"the socket {path}" if path else f"http://127.0.0.1:{listener.getsockname()[1]}/"
            assert place(log) == shown
        assert path is None or path.exists()


def test_systemd_hears_that_the_service_is_ready_and_that_it_stops(tmp_path: pathlib.Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, listening(None) as listener:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(15)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with start(listener, as_systemd=True, env=env) as process:
            assert systemd.recv(100) == b"READY=1"
            assert ask(listener) == 200
            process.send_signal(signal.SIGTERM)
            assert systemd.recv(100) == b"STOPPING=1"


def test_a_descriptor_that_is_not_there_is_one_line_and_code_1() -> None:
    line = "nannin: can't listen on descriptor 77: Bad file descriptor\n"
    assert run("--fd", "77") == (1, "", line)
