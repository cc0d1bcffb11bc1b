"""A server that is full: who is turned away, who gives way, what it keeps for itself, and what is left."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import re
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from support.certificates import CERTIFICATE, KEY
from support.files import write
from support.raw_client import connect, masked_text, read_to_end, read_until, upgrade_request
from support.servers import Server, free_port, running
from support.waiting import until

LIMIT, SPARE = 120, 40
# Where uvloop is not installed, uvicorn runs asyncio's own loop.
NO_UVLOOP = 'raise ImportError("not here")\n'
REQUEST = b"GET /api/count HTTP/1.1\r\nHost: x\r\n\r\n"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
# An application that opens what it likes: files, of which each takes a descriptor.
HOARDER = """
    import os

    from nannin import Live

    live, kept = Live(), []

    @live.on("take")
    async def take(socket, number):
        try:
            kept.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(number))
        except OSError as error:
            return str(error)
        return "taken"

    @live.on("free")
    async def free(socket):
        while kept:
            os.close(kept.pop())
        return "freed"
"""


@pytest.fixture(params=["uvloop", "asyncio"])
def loop(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> dict[str, str]:
    """Variables that choose the loop of a server."""
    if request.param == "uvloop":
        return {}
    write(tmp_path / "without" / "uvloop.py", NO_UVLOOP)
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path / "without"), os.environ.get("PYTHONPATH", "")])}


@contextlib.contextmanager
def confined(
    env: dict[str, str], *arguments: str, limit: int = LIMIT, spare: int = SPARE, tls: bool = False
) -> Iterator[Server]:
    """`nannin serve` with a low limit of descriptors."""
    port = free_port()
    serve = [sys.executable, "-m", "nannin", "serve", "--port", str(port), *arguments]
    command = ["sh", "-c", f'ulimit -n {limit}; exec "$0" "$@"', *serve, "--spare-descriptors", str(spare)]
    with running(command, port, env=env, tls=tls, fresh=True) as server:
        try:
            yield server
        finally:
            print(server.log)


def descriptors(server: Server) -> int:
    assert server.process is not None
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def settle(server: Server, most: int, patience_s: float = 10.0) -> int:
    """How many descriptors the server has once it has no more than these, or after a while."""
    give_up_at = time.monotonic() + patience_s
    while (count := descriptors(server)) > most and time.monotonic() < give_up_at:
        time.sleep(0.05)
    return count


def cpu_s(server: Server) -> float:
    assert server.process is not None
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(server: Server) -> bytes:
    """The first line of what a newcomer is answered."""
    with connect(server, REQUEST) as client:
        return read_to_end(client).partition(b"\r\n")[0]


def join(server: Server) -> socket.socket | None:
    """A client that is on the page; None if it was turned away."""
    client = connect(server, upgrade_request(WEBSOCKET))
    if client.recv(12) != b"HTTP/1.1 101":
        client.close()
        return None
    read_until(client, b'"sid"')
    client.sendall(masked_text("40"))
    read_until(client, b"40{")
    return client


def warnings(server: Server) -> list[str]:
    return [line for line in server.log.splitlines() if not re.search(r" INFO nannin\.server: ", line)]


@contextlib.contextmanager
def filled(server: Server) -> Iterator[list[socket.socket]]:
    """As many clients on the page as are let in."""
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(2 * LIMIT):
            client = join(server)
            if client is None:
                break
            clients.append(stack.enter_context(client))
        else:
            pytest.fail("everybody was let in")
        yield clients


def test_newcomers_are_told_to_come_back_and_let_in_once_there_is_room(loop: dict[str, str]) -> None:
    with confined(loop) as server:
        before = descriptors(server)
        with filled(server) as clients:
            assert len(clients) == pytest.approx(LIMIT - SPARE - before, abs=8)
            for _ in range(20):
                with connect(server, REQUEST) as client:
                    answer = read_to_end(client)
                assert answer.startswith(b"HTTP/1.1 503 "), answer
                assert re.search(rb"\r\nretry-after: \d+\r\n", answer)
            assert join(server) is None
            assert settle(server, LIMIT - SPARE + 1) <= LIMIT - SPARE + 1, "nothing of them stays"
            clients.pop().close()

            def is_let_in() -> bool:
                with connect(server, REQUEST) as client:
                    return client.recv(65_536).startswith(b"HTTP/1.1 200 ")

            until(is_let_in)  # it looks for room a few times a second
            # Those who are in are told as ever.
            clients[0].sendall(masked_text("3"))
        assert settle(server, before + 1) <= before + 1
        assert [line for line in warnings(server) if "spare_descriptors" not in line] == []
        assert len(warnings(server)) == 1, server.log


def test_a_flood_of_refused_connections_is_cheap_and_leaves_nothing(loop: dict[str, str]) -> None:
    with confined(loop) as server:
        before = descriptors(server)
        with filled(server):
            for _ in range(30):
                flood = [connect(server) for _ in range(LIMIT)]  # they say nothing, and stay
                for client in flood:
                    client.close()
            with contextlib.ExitStack() as stack:
                late = [stack.enter_context(connect(server)) for _ in range(LIMIT)]
                time.sleep(0.3)  # so many at once, and none has sent its request yet
                for client in late:
                    client.sendall(REQUEST)
                for client in late:
                    answer = read_to_end(client)
                    # One of them may find the place of one that was refused a moment before.
                    assert answer.startswith((b"HTTP/1.1 503 ", b"HTTP/1.1 200 ")), answer
            idle_s = cpu_s(server)
            time.sleep(1)
            assert cpu_s(server) - idle_s < 0.5, "it does not spin"
        assert settle(server, before + 1) <= before + 1
        assert len(warnings(server)) == 1, server.log
        with connect(server, REQUEST) as client:
            assert read_until(client, b'"connections":0').startswith(b"HTTP/1.1 200 ")


def test_connections_that_are_kept_for_nothing_give_way(loop: dict[str, str]) -> None:
    with confined(loop) as server, contextlib.ExitStack() as stack:
        for _ in range(LIMIT):
            client = stack.enter_context(connect(server, REQUEST))
            if b"503" in client.recv(65_536):
                break
        else:
            pytest.fail("everybody was let in")
        time.sleep(1.2)  # they are idle now, and within the time for which a connection is kept
        newcomer = join(server)
        assert newcomer is not None
        newcomer.close()


def test_what_the_application_opens_is_kept_out_of_the_reach_of_clients(
    loop: dict[str, str], tmp_path: pathlib.Path
) -> None:
    app = write(tmp_path / "hoarder.py", HOARDER)
    with confined(loop, "--app", f"{app}:live") as server, filled(server) as clients:
        clients[0].sendall(masked_text(f'420["take",{SPARE // 2}]'))
        assert b"taken" in read_until(clients[0], b"430[")


def test_with_no_descriptor_left_newcomers_wait_and_are_served_later(
    loop: dict[str, str], tmp_path: pathlib.Path
) -> None:
    app = write(tmp_path / "hoarder.py", HOARDER)
    with confined(loop, "--app", f"{app}:live") as server:
        client = join(server)
        assert client is not None
        with client, connect(server) as reader:
            client.sendall(masked_text(f'420["take",{LIMIT}]'))
            assert b"Too many open files" in read_until(client, b"430[")
            connection = http.client.HTTPConnection("x")
            connection.sock = reader
            for path in ("/", "/nannin.js", "/static/index.css", "/embed"):
                connection.request("GET", path)
                response = connection.getresponse()
                response.read()
                assert response.status == 200, path
            time.sleep(0.5)
            with contextlib.ExitStack() as stack:
                waiting = [stack.enter_context(connect(server, REQUEST)) for _ in range(10)]
                used_s = cpu_s(server)
                time.sleep(1)
                assert cpu_s(server) - used_s < 0.5, "it does not spin"
                client.sendall(masked_text('421["free"]'))
                assert b"freed" in read_until(client, b"431[")
                for newcomer in waiting:
                    assert read_until(newcomer, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        assert len(warnings(server)) == 1, server.log


def test_handshakes_of_tls_that_go_nowhere_leave_what_is_kept_back(
    loop: dict[str, str], tmp_path: pathlib.Path
) -> None:
    certificate = write(tmp_path / "certificate.pem", CERTIFICATE)
    key = write(tmp_path / "key.pem", KEY)
    with confined(loop, "--ssl-certfile", certificate, "--ssl-keyfile", key, tls=True) as server:
        with contextlib.ExitStack() as stack:
            for _ in range(2 * LIMIT):
                stack.enter_context(connect(server))
            time.sleep(0.5)
            assert descriptors(server) <= LIMIT - 4
        assert settle(server, LIMIT // 2) <= LIMIT // 2


def test_a_number_of_connections_can_be_set() -> None:
    with confined({}, "--max-connections", "3") as server, contextlib.ExitStack() as stack:
        for _ in range(3):
            client = join(server)
            assert client is not None
            stack.enter_context(client)
        assert ask(server) == b"HTTP/1.1 503 Service Unavailable"
        assert len(warnings(server)) == 1
        assert "max_connections" in warnings(server)[0]
