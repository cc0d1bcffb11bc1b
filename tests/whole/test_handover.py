"""Any request reaches any worker: official clients in their default mode never hear of an unknown session."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from support.certificates import CERTIFICATE, KEY
from support.proxies import Service, nginx
from support.servers import NODE, Server, nannin
from support.waiting import until

CLIENTS = 45
WORKERS = 3


@pytest.fixture(scope="module")
def folder() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="nannin-test-") as name:
        folder = pathlib.Path(name)
        (folder / "certificate.pem").write_text(CERTIFICATE)
        (folder / "key.pem").write_text(KEY)
        yield folder


@pytest.fixture(scope="module", params=["http", "https"])
def server(request: pytest.FixtureRequest, folder: pathlib.Path) -> Iterator[Server]:
    files = ("--ssl-certfile", str(folder / "certificate.pem"), "--ssl-keyfile", str(folder / "key.pem"))
    is_tls = request.param == "https"
    with nannin("--workers", str(WORKERS), *(files if is_tls else ()), tls=is_tls) as server:
        until(lambda: f", with {WORKERS} workers" in server.log)
        yield server
        assert "WARNING" not in server.log
        assert "ERROR" not in server.log


def connect_many(url: str, clients: int, folder: pathlib.Path, *, alive: bool) -> dict[str, Any]:
    """Connects clients in their default mode, 20 at a time, and reports what they went through."""
    node = shutil.which("node")
    assert node, "node is missing"
    done = subprocess.run(
        [node, str(NODE / "many.mjs"), url, str(clients), "20", str(int(alive))],
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(folder / "certificate.pem")},
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def descriptors(server: Server) -> list[int]:
    """How many each worker has open."""
    assert server.process is not None
    pid = server.process.pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [len(os.listdir(f"/proc/{child}/fd")) for child in children]


@pytest.fixture(scope="module")
def idle(server: Server) -> list[int]:
    """How many descriptors each worker has open without a client.

    Of a server that has just started, so that it isn't by chance that all have as many: then there is no
    connection, or only the one by which its start was noticed.
    """

    def alike() -> list[int]:
        numbers = descriptors(server)
        return numbers if len(set(numbers)) == 1 else []

    return until(alike)


def check(report: dict[str, Any]) -> None:
    """Every client got through without a word, and the workers have about as many of them each.

    20 come at a time, and each worker shows how many it has a moment later: so not exactly as many.
    """
    assert (report["errors"], report["disconnects"]) == ({}, {})
    assert (report["connected"], report["upgraded"], report["alive"]) == (CLIENTS,) * 3
    assert len(report["marks"]) == WORKERS
    assert max(report["marks"].values()) < 2 * min(report["marks"].values())


@pytest.mark.parametrize("alive", [False, True], ids=["a connection a request", "kept alive"])
def test_clients_that_poll_and_upgrade_reach_their_sessions(
    server: Server, idle: list[int], folder: pathlib.Path, alive: bool
) -> None:
    check(connect_many(server.url, CLIENTS, folder, alive=alive))
    until(lambda: descriptors(server) == idle)


def test_behind_a_proxy_that_knows_of_no_workers(folder: pathlib.Path) -> None:
    with (
        contextlib.closing(Service(folder, "--workers", str(WORKERS))) as service,
        nginx(folder, service.path) as proxy,
    ):
        service.start()
        check(connect_many(proxy.url, CLIENTS, folder, alive=True))


def ask(server: Server, sid: str = "", *, body: str | None = None) -> tuple[int, str]:
    """The status and body of one poll, POST, or handshake."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    with contextlib.closing(connection):
        target = f"/socket.io/?EIO=4&transport=polling{sid and '&sid='}{sid}"
        connection.request("GET" if body is None else "POST", target, body)
        response = connection.getresponse()
        return response.status, response.read().decode()


def test_the_session_of_a_worker_that_was_killed_is_unknown_to_the_others_and_to_its_successor() -> None:
    # Fresh: which worker is which is read from their environment.
    with nannin("--workers", "2", "--ping-interval", "0.2", fresh=True) as server:
        until(lambda: ", with 2 workers" in server.log)
        sids: list[str] = []
        while not any(sid.startswith("B") for sid in sids):
            sids.append(json.loads(ask(server)[1][1:])["sid"])
        for _ in range(5):  # wherever it is asked
            assert ask(server, sids[-1]) == (200, "2")
            assert ask(server, sids[-1], body="3") == (200, "ok")
        assert server.process is not None
        pid = server.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        [child] = [
            child
            for child in children
            if b"\0_NANNIN_MESH=1," in b"\0" + pathlib.Path(f"/proc/{child}/environ").read_bytes()
        ]
        os.kill(int(child), signal.SIGKILL)
        for _ in range(20):
            status, body = ask(server, sids[-1])
            assert (status, json.loads(body)) == (400, {"code": 1, "message": "Session ID unknown"})
        until(lambda: json.loads(ask(server)[1][1:])["sid"].startswith("B"))
        assert ask(server, sids[-1])[0] == 400
