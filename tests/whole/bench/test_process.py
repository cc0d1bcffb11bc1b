"""What the operating system says of processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from nannin.cli.bench.process import Processes, find_listeners, with_children


def test_children_belong_to_a_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in with_children([os.getpid()])
        assert with_children([child.pid]) == [child.pid]
        assert child.stdin is not None
        child.stdin.close()


def test_cpu_time_grows_with_work() -> None:
    processes = Processes([os.getpid()])
    before = processes.cpu_s()
    while processes.cpu_s() == before:
        sum(range(10_000))
    assert processes.cpu_s() > before


def test_resident_memory_grows_with_what_is_held() -> None:
    processes = Processes([os.getpid()])
    before = processes.rss_bytes()
    held = bytearray(os.urandom(1)) * (64 * 2**20)
    assert processes.rss_bytes() - before > 32 * 2**20
    assert len(held) == 64 * 2**20


def test_a_process_that_is_gone_is_an_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    with pytest.raises(OSError, match="No such file"):
        Processes([child.pid]).cpu_s()


def test_whoever_listens_on_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert os.getpid() in find_listeners(port)
    assert find_listeners(port) == []
