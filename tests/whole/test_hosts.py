"""Names by which a running server is called: rebound ones, a proxy's, none, two, and those set."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from support.raw_client import connect
from support.servers import Server, nannin

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
TARGETS = [
    ("/socket.io/?EIO=4&transport=polling", "", 200),
    ("/socket.io/?EIO=4&transport=websocket", UPGRADE, 101),
    ("/api/count", "", 200),
    ("/api/pages", "", 200),
    ("/api/stream?page=*", "", 200),
    ("/", "", 200),
    ("/nannin.js", "", 200),
]


@pytest.fixture(scope="module", params=["", "--no-public"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with nannin(*request.param.split()) as server:
        yield server


def status(client: socket.socket, target: str, heads: str, version: str = "1.1") -> int:
    with contextlib.closing(client):
        client.settimeout(10)
        client.sendall(f"GET {target} HTTP/{version}\r\n{heads}\r\n".encode())
        return int(client.recv(4_096).split()[1])


@pytest.mark.parametrize(("target", "heads", "_"), TARGETS)
def test_a_name_that_a_foreign_site_has_led_here_gets_nothing(
    server: Server, target: str, heads: str, _: int
) -> None:
    port = int(server.url.rpartition(":")[2])
    for host in (f"evil.example:{port}", "evil.example"):
        for origin in ("", f"Origin: http://{host}\r\n"):
            assert status(connect(server), target, f"Host: {host}\r\n{origin}{heads}") == 421
    forged = "X-Forwarded-For: 8.8.8.8\r\nX-Forwarded-Proto: https\r\n"
    assert status(connect(server), target, f"Host: evil.example:{port}\r\n{forged}{heads}") == 421


@pytest.mark.parametrize(("target", "heads", "expected"), TARGETS)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "live.localhost", "nas"])
def test_a_name_that_no_site_can_have_is_answered(
    server: Server, host: str, target: str, heads: str, expected: int
) -> None:
    is_list = "pages" in target or "*" in target
    expected = 403 if is_list and host not in ("localhost", "127.0.0.1", "[::1]") else expected
    assert status(connect(server), target, f"Host: {host}:1\r\n{heads}") == expected


@pytest.mark.parametrize(("target", "heads", "expected"), TARGETS)
def test_a_proxy_here_passes_on_the_name_by_which_the_world_calls_it(
    server: Server, target: str, heads: str, expected: int
) -> None:
    proxied = "Host: live.example.org\r\nX-Forwarded-For: 8.8.8.8\r\nX-Forwarded-Proto: https\r\n"
    expected = 403 if "pages" in target or "*" in target else expected
    assert status(connect(server), target, proxied + heads) == expected


@pytest.mark.parametrize("hosts", ["", "Host: localhost\r\nHost: localhost\r\n", "Host: a b\r\n"])
@pytest.mark.parametrize(("target", "heads", "_"), TARGETS)
def test_no_host_two_or_a_malformed_one_is_a_bad_request(
    server: Server, hosts: str, target: str, heads: str, _: int
) -> None:
    assert status(connect(server), target, hosts + heads) == 400


def test_http_1_0_needs_no_host(server: Server) -> None:
    assert status(connect(server), "/api/count", "", "1.0") == 200


def test_where_names_are_set_no_other_is_answered() -> None:
    with nannin("--hosts", "live.example.org,*.example.net", "--allow-origins", "*") as server:
        for target, heads, expected in TARGETS[:3]:
            for host in ("live.example.org", "a.example.net:8124", "127.0.0.1:1"):
                assert status(connect(server), target, f"Host: {host}\r\n{heads}") == expected
            for host in ("evil.example", "example.net", "192.0.2.7", "nas"):
                proxied = f"Host: {host}\r\nX-Forwarded-For: 8.8.8.8\r\n"
                assert status(connect(server), target, proxied + heads) == 421
        assert server.log.count("--hosts") == 1


def test_over_a_unix_socket_every_name_is_answered(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "nannin.sock")
    command = [sys.executable, "-m", "nannin", "--uds", path]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()  # it listens
        for target, heads, expected in TARGETS[:3]:
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            assert status(client, target, f"Host: live.example.org\r\n{heads}") == expected
        process.terminate()
        process.wait(10)
