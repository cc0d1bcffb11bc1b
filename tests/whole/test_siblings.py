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

from nannin.app.siblings import Claims
from support.raw_client import get
from support.servers import ROOT, free_port
from support.waiting import until

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


def test_a_process_and_a_supervisor_find_another_on_their_socket(tmp_path: pathlib.Path) -> None:
    other = Claims()
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        port = listener.getsockname()[1]
        assert other.claim(f"127.0.0.1, port {port}") is None
        command = [sys.executable, "-m", "nannin", "serve", "--fd", str(listener.fileno())]
        logs = [tmp_path / "process", tmp_path / "supervisor"]
        for log, arguments in zip(logs, ([], ["--workers", "2"]), strict=True):
            stack.enter_context(process([*command, *arguments], log, listener.fileno()))
        until(lambda: all(b"listens on" in log.read_bytes() for log in logs))
        # The process looks with its first request, and any of them may answer.
        until(
            lambda: (
                get(f"http://127.0.0.1:{port}/api/count")
                and all(TOLD.search(log.read_text()) for log in logs)
            )
        )
        for log in logs:
            assert TOLD.findall(log.read_text()) == [(str(os.getpid()), str(port))]
        other.release()


def test_workers_of_uvicorn_are_told_at_once(tmp_path: pathlib.Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "nannin:Live", "--factory", "--workers", "2"]
    with process([*command, "--port", str(port)], tmp_path / "log"):
        until(lambda: "this host runs 2 workers, and each counts by itself" in (tmp_path / "log").read_text())
