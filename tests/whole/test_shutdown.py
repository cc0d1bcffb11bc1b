"""How the server ends: soon, without noise, and with a goodbye to every client."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import selectors
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator

import pytest

from support.commands import end
from support.files import write
from support.log_lines import noise
from support.raw_client import connect, get, masked_text, read_to_end, read_until, upgrade_request
from support.servers import Server, nannin

# An ASGI app of somebody else: it floods a WebSocket, and never ends a request by itself.
STUBBORN = """
    import asyncio

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while True:
                await send({"type": "websocket.send", "bytes": bytes(100_000)})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode(), "more_body": True})
        await asyncio.Event().wait()
"""


def open_websocket(server: Server) -> socket.socket:
    """A client that is on the page and says nothing."""
    client = connect(server, upgrade_request("/socket.io/?EIO=4&transport=websocket"))
    read_until(client, b'"sid"')
    client.sendall(masked_text("40"))
    read_until(client, b"40{")
    return client


def open_poll(server: Server) -> socket.socket:
    """A long poll that waits."""
    sid = json.loads(get(f"{server.url}/socket.io/?EIO=4&transport=polling")[1:])["sid"]
    path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    return connect(server, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def open_half_a_request(server: Server) -> socket.socket:
    return connect(server, b"GET / HTTP/1.1\r\nHo")


def open_half_a_body(server: Server) -> socket.socket:
    sid = json.loads(get(f"{server.url}/socket.io/?EIO=4&transport=polling")[1:])["sid"]
    path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    return connect(server, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n4".encode())


def open_silence(server: Server) -> socket.socket:
    return connect(server)


def open_kept_connection(server: Server) -> socket.socket:
    client = connect(server, b"GET /nannin.js HTTP/1.1\r\nHost: x\r\n\r\n")
    read_until(client, b"HTTP/1.1 200 OK")
    return client


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "open_client",
    [
        open_websocket,
        open_poll,
        open_half_a_request,
        open_half_a_body,
        open_silence,
        open_kept_connection,
    ],
)
def test_a_signal_ends_the_server_within_2_seconds_and_without_noise(
    open_client: Callable[[Server], socket.socket], how: signal.Signals
) -> None:
    with nannin() as server, open_client(server):
        get(f"{server.url}/")  # what the client has sent before this has arrived
        took, code = end(server, how)
        assert took < 2
        assert code == 0
        assert noise(server.log) == []


@pytest.mark.parametrize(
    "request_line",
    [b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", upgrade_request("/flood")],
    ids=["request", "websocket"],
)
def test_an_application_that_does_not_end_by_itself_is_ended(
    tmp_path: pathlib.Path, request_line: bytes
) -> None:
    app = write(tmp_path / "stubborn.py", STUBBORN)
    with nannin("--app", app) as server, connect(server, request_line, receive_buffer_bytes=4096) as client:
        read_until(client, b"HTTP/1.1 ")
        took, code = end(server, signal.SIGINT)
        assert took < 2
        assert code == 0
        assert noise(server.log) == []


def test_a_websocket_is_told_to_come_back_later() -> None:
    with nannin() as server, open_websocket(server) as client:
        end(server, signal.SIGINT)
        assert read_to_end(client).endswith(bytes([0x88, 2]) + (1012).to_bytes(2, "big"))


def test_a_waiting_poll_is_answered() -> None:
    with nannin() as server, open_poll(server) as client:
        get(f"{server.url}/")
        end(server, signal.SIGINT)
        response = read_to_end(client)
        assert response.startswith(b"HTTP/1.1 200 OK\r\n")
        assert response.endswith(b"\r\n\r\n6")  # nothing final: it polls again, and so comes back


@contextlib.contextmanager
def crowd(server: Server, number: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(open_websocket(server)) for _ in range(number)]


def goodbye_times(clients: list[socket.socket], since_s: float = 0.0) -> list[float]:
    """When each client was told to come back (1012), in seconds since a moment, in the order of the clients.

    A busy machine reads late, so that moment is no earlier goodbye, which may have been read late as well.
    """
    times: dict[socket.socket, float] = {}
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ)
        give_up_at = time.monotonic() + 10
        while selector.get_map() and time.monotonic() < give_up_at:
            for key, _ in selector.select(0.1):
                assert isinstance(key.fileobj, socket.socket)
                if (1012).to_bytes(2, "big") in key.fileobj.recv(65_536):
                    times[key.fileobj] = time.monotonic()
                    selector.unregister(key.fileobj)
    return [times[client] - since_s for client in clients if client in times]


def test_many_clients_are_told_one_after_another_and_the_service_manager_how_long_it_takes(
    tmp_path: pathlib.Path,
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(15)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with nannin(env=env) as server, crowd(server, 600) as clients:
            assert server.process is not None
            asked_s = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            times = sorted(goodbye_times(clients, asked_s))
            took, code = end(server)
            assert (len(times), code) == (600, 0)
            assert times[-1] > 0.15
            assert times[300] > 0.05, "half of them are told in the second half of the time"
            assert took < 2
            [line] = noise(server.log)
            assert line.endswith("telling 600 clients to come back, over 0.3 s")
            assert [manager.recv(100) for _ in range(3)] == [
                b"READY=1",
                b"STOPPING=1",
                b"EXTEND_TIMEOUT_USEC=5300000",
            ]


OWN = """
    from nannin import Live

    async def app(scope, receive, send):
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    live = Live(app)
"""


def test_websockets_of_the_application_itself_are_told_in_the_same_time(tmp_path: pathlib.Path) -> None:
    app = write(tmp_path / "own.py", OWN)
    with nannin("--app", f"{app}:live") as server, contextlib.ExitStack() as stack:
        own = [stack.enter_context(connect(server, upgrade_request("/own"))) for _ in range(300)]
        for client in own:
            read_until(client, b"\r\n\r\n")
        theirs = stack.enter_context(crowd(server, 300))
        assert server.process is not None
        asked_s = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        times = goodbye_times([*own, *theirs], asked_s)
        assert (len(times), end(server)[1]) == (600, 0)
        for each in (sorted(times[:300]), sorted(times[300:])):
            assert each[150] > 0.05, "half of them are told in the second half of the time"
            assert each[-1] > 0.29, "the last are told at the end of the time"
        [line] = noise(server.log)
        assert line.endswith("telling 600 clients to come back, over 0.3 s")


@pytest.mark.parametrize(
    ("arguments", "how"), [((), signal.SIGINT), (("--drain", "0"), signal.SIGTERM)], ids=["SIGINT", "drain 0"]
)
def test_ctrl_c_tells_all_at_once_and_so_does_a_server_that_is_not_to_drain(
    arguments: tuple[str, ...], how: signal.Signals
) -> None:
    with nannin(*arguments) as server, crowd(server, 300) as clients:
        took, code = end(server, how)
        assert took < 2
        assert len(goodbye_times(clients)) == 300
        assert (code, noise(server.log)) == (0, [])


def test_a_second_signal_ends_a_server_that_drains() -> None:
    with nannin() as server, crowd(server, 400):
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.15)  # it has noticed the first one, or will find both
        took, code = end(server, signal.SIGINT)
        assert took < 0.5
        assert code in (130, 0)


def lifespan_app(end: str) -> str:
    """An ASGI app whose lifespan ends with these lines."""
    return f"""
import asyncio, time

async def hang():
    print("closing", flush=True)
    await asyncio.Event().wait()

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
{textwrap.indent(textwrap.dedent(end), "        ")}
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body"}})
"""


CLOSES_IN_TIME = """
    await asyncio.sleep(0.3)
    print("closed", flush=True)
    await send({"type": "lifespan.shutdown.complete"})
    return
"""
HANGS = "await hang()"
HANGS_TWICE = """
    try:
        await hang()
    finally:
        await hang()
"""
HANGS_FOR_EVER = """
    while True:
        try:
            await hang()
        except asyncio.CancelledError:
            pass
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("lifespan", [HANGS, HANGS_TWICE, HANGS_FOR_EVER], ids=["once", "twice", "for ever"])
def test_an_application_that_hangs_while_it_closes_is_cut_off(
    tmp_path: pathlib.Path, lifespan: str, how: signal.Signals
) -> None:
    with nannin("--app", write(tmp_path / "hangs.py", lifespan_app(lifespan))) as server:
        get(f"{server.url}/")
        took, code = end(server, how)
        assert took < 2
        assert code == 0
        lines = [line for line in noise(server.log) if line != "closing"]
        assert len(lines) == 1, server.log
        assert re.search(r": the application took over 1\.\d s to shut down, and was cut off$", lines[0])


def test_an_application_gets_the_time_that_no_client_takes_to_close_what_it_holds(
    tmp_path: pathlib.Path,
) -> None:
    with nannin("--app", write(tmp_path / "closes.py", lifespan_app(CLOSES_IN_TIME))) as server:
        get(f"{server.url}/")
        assert end(server, signal.SIGINT)[1] == 0
        assert noise(server.log) == ["closed"]


def test_a_second_signal_ends_at_once_what_takes_its_time(tmp_path: pathlib.Path) -> None:
    slow = 'print("closing", flush=True)\ntime.sleep(30)'  # what blocks the loop can't be cut off
    app, path = write(tmp_path / "slow.py", lifespan_app(slow)), tmp_path / "n.sock"
    command = [sys.executable, "-m", "nannin", "--uds", str(path), "--app", app]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "listens on" in line:
                process.send_signal(signal.SIGINT)
            if line == "closing\n":
                break
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=10)
        assert time.monotonic() - started < 0.5
    assert process.returncode == 130
    assert rest == ""
    assert not path.exists()
