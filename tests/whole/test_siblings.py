"""Processes that serve at one address, each by itself, are told of it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

from support.raw_client import get
from support.servers import ROOT, free_port
from whole.test_workers import until

TOLD = re.compile(
    r"another process \((\d+)\) serves 127\.0\.0\.1, port (\d+) as well, and each counts by itself"
)


@contextlib.contextmanager
def process(command: list[str], log: pathlib.Path, *passed: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process and its log."""
    with (
        log.open("wb") as file,
        subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, pass_fds=passed) as popen,
    ):
        try:
            yield popen
        finally:
            popen.send_signal(signal.SIGTERM)


def test_two_processes_on_one_socket_find_each_other(tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api/count"
        command = [sys.executable, "-m", "nannin", "serve", "--fd", str(listener.fileno())]
        logs = [tmp_path / "one", tmp_path / "two"]
        both = [stack.enter_context(process(command, log, listener.fileno())) for log in logs]
        until(lambda: all(b"listens on" in log.read_bytes() for log in logs))
        for other in both:
            os.kill(other.pid, signal.SIGSTOP)  # so that the one that is left answers
            get(url)
            os.kill(other.pid, signal.SIGCONT)
        until(lambda: any(TOLD.search(log.read_text()) for log in logs))
        told = [match for log in logs if (match := TOLD.search(log.read_text()))]
        assert len(told) == 1
        assert int(told[0][1]) in {popen.pid for popen in both}


def test_workers_of_uvicorn_are_told_at_once(tmp_path: pathlib.Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "nannin:Live", "--factory", "--workers", "2"]
    with process([*command, "--port", str(port)], tmp_path / "log"):
        until(lambda: "this host runs 2 workers, and each counts by itself" in (tmp_path / "log").read_text())
