"""`nannin serve --workers N`: processes that start, take over from each other, and end."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from support.commands import end, run
from support.files import write
from support.log_lines import noise, place
from support.raw_client import connect, read_to_end, read_until, upgrade_request
from support.servers import ROOT, Server, children, free_port, nannin
from support.waiting import PATIENCE_S, until


def is_there(pid: int) -> bool:
    return pathlib.Path(f"/proc/{pid}").exists()


@contextlib.contextmanager
def workers(number: int, *arguments: str, port: int | None = None) -> Iterator[Server]:
    """A server with so many workers, once all of them serve."""
    with nannin("--workers", str(number), *arguments, port=port) as server:
        until(lambda: f", with {number} workers" in server.log)
        yield server


def ask(server: Server) -> int:
    """The status of one request, on a connection of its own."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=15)
    with contextlib.closing(connection):
        connection.request("GET", "/api/count", headers={"Connection": "close"})
        return connection.getresponse().status


def open_websocket(server: Server) -> socket.socket:
    client = connect(server, upgrade_request("/socket.io/?EIO=4&transport=websocket"))
    read_until(client, b'"sid"')
    return client


def established(pid: int, port: int) -> int:
    """How many connections to this port a process has."""
    inodes = set()
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link)):
                inodes.add(match[1])
    rows = [row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    here = f":{port:04X}"
    return sum(row[1].endswith(here) and row[3] == "01" and row[9] in inodes for row in rows)


def test_connections_are_spread_over_processes_that_end_with_the_server() -> None:
    with workers(3) as server, contextlib.ExitStack() as clients:
        pids = children(server)
        assert len(pids) == 3
        assert [ask(server) for _ in range(20)] == [200] * 20
        for _ in range(60):
            clients.enter_context(open_websocket(server))
        # Those of the requests end a moment later.
        until(lambda: sum(established(pid, server.port) for pid in pids) == 60)
        assert min(established(pid, server.port) for pid in pids) > 0
        took, code = end(server, signal.SIGTERM)
        assert (code, took < 9) == (0, True)
        assert [is_there(pid) for pid in pids] == [False] * 3
        assert noise(server.log) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_every_client_is_told_to_come_back(how: signal.Signals) -> None:
    with workers(2) as server, contextlib.ExitStack() as clients:
        sockets = [clients.enter_context(open_websocket(server)) for _ in range(20)]
        took, code = end(server, how)
        assert (code, took < 9) == (0, True)
        for client in sockets:
            assert b"\x88" in read_to_end(client)


def test_a_second_signal_ends_all_at_once() -> None:
    with workers(2) as server:
        pids = children(server)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        took, code = end(server, signal.SIGINT, signal.SIGTERM)
        assert (code in (128 + signal.SIGINT, 128 + signal.SIGTERM), took < 2) == (True, True)
        assert [is_there(pid) for pid in pids] == [False, False]


def test_a_process_that_dies_is_replaced_and_requests_are_answered_meanwhile() -> None:
    with workers(2) as server:
        first, second = children(server)
        os.kill(first, signal.SIGKILL)
        assert [ask(server) for _ in range(10)] == [200] * 10
        until(lambda: len(children(server)) == 2)
        assert second in children(server)
        assert f"(process {first}) was ended by SIGKILL" in server.log


def test_nobody_waits_for_a_worker_or_a_supervisor_that_does_not_answer() -> None:
    with workers(3) as server, contextlib.ExitStack() as clients:
        first, second, _ = children(server)
        os.kill(first, signal.SIGSTOP)
        os.kill(second, signal.SIGSTOP)
        try:
            for _ in range(30):
                began_s = time.monotonic()
                assert ask(server) == 200
                assert time.monotonic() - began_s < 8
        finally:
            os.kill(first, signal.SIGCONT)
            os.kill(second, signal.SIGCONT)
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        try:
            client = clients.enter_context(open_websocket(server))
            client.sendall(b"\x81\x82\x00\x00\x00\x0040")
            read_until(client, b'40{"sid"')
            until(lambda: "counts are marked stale" in server.log)
        finally:
            server.process.send_signal(signal.SIGCONT)
        until(lambda: "counts are exact again" in server.log)
        assert "the supervisor has not answered for 2 s" in server.log


def test_all_are_replaced_in_turn_and_no_request_is_refused() -> None:
    """Nor is one that comes a moment after its connection, whoever has accepted that."""
    statuses: list[int | str] = []
    done = threading.Event()

    def keep_asking(server: Server) -> None:
        late: list[http.client.HTTPConnection] = []
        while not done.is_set() or late:
            if not done.is_set():
                late.append(http.client.HTTPConnection(server.host, server.port, timeout=15))
                late[-1].connect()
            try:
                if not done.is_set():
                    statuses.append(ask(server))
                if len(late) > 20 or done.is_set():
                    with contextlib.closing(late.pop(0)) as connection:
                        connection.request("GET", "/api/count", headers={"Connection": "close"})
                        statuses.append(connection.getresponse().status)
            except OSError as error:
                statuses.append(repr(error))
            time.sleep(0.01)

    with workers(2) as server:
        before = children(server)
        asking = threading.Thread(target=keep_asking, args=(server,))
        asking.start()
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        try:
            until(lambda: "the processes of all 2 workers were replaced" in server.log)
        finally:
            done.set()
            asking.join()
        assert len(children(server)) == 2
        assert not set(before) & set(children(server))
        assert set(statuses) == {200}
        assert end(server, signal.SIGTERM)[1] == 0


def test_a_broken_application_replaces_nobody(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "app.py"
    write(path, "from nannin import Live\nlive = Live()")
    with workers(2, "--app", str(path)) as server:
        before = children(server)
        write(path, "1 / 0")
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "are not replaced" in server.log)
        assert children(server) == before
        assert ask(server) == 200


def test_an_application_that_can_not_be_loaded_is_one_line_and_code_2(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "app.py", "1 / 0")
    code, out, err = run("--workers", "4", "--port", "0", "--app", str(tmp_path / "app.py"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "ZeroDivisionError" in err


def test_a_port_that_is_taken_is_one_line_and_code_1() -> None:
    with workers(2) as server:
        port = str(server.port)
        for number in ("1", "2"):
            code, _, err = run("--workers", number, "--port", port)
            assert code == 1
            assert err.startswith(f"nannin: can't listen on 127.0.0.1, port {port}: Address already in use")


def test_workers_end_without_the_process_that_started_them() -> None:
    with workers(2) as server, open_websocket(server) as client:
        pids = children(server)
        assert server.process is not None
        server.process.kill()
        until(lambda: not any(map(is_there, pids)))
        assert b"\x88" in read_to_end(client)
        assert "[worker 1]: the process that started this one has gone: ending" in server.log


def test_workers_share_a_socket_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "n.sock"
    command = [sys.executable, "-m", "nannin", "serve", "--uds", str(path), "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert place(line) == f"the socket {path}, with 2 workers"
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(path))
            client.sendall(b"GET /api/count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
    assert process.returncode == 0
    assert noise(line + rest) == []
    assert not path.exists()


def test_systemd_hears_of_all_workers_at_once(tmp_path: pathlib.Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        command = [sys.executable, "-m", "nannin", "serve", "--workers", "2", "--port", str(free_port())]
        env = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env) as process:
            assert systemd.recv(100) == b"READY=1"
            process.send_signal(signal.SIGHUP)
            assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", systemd.recv(100))
            assert systemd.recv(100) == b"READY=1"
            process.send_signal(signal.SIGTERM)
            assert systemd.recv(100) == b"STOPPING=1"
            assert systemd.recv(100).startswith(b"EXTEND_TIMEOUT_USEC=")
        assert process.returncode == 0
