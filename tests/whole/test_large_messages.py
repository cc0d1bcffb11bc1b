"""Large messages to clients that read, over a Unix socket with a small buffer, as behind a proxy."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, unix_connect

from support.servers import APPS

SIZES = [90_000, 200_000, 600_000, 5_000_000]
PATIENCE_S = 20.0


class Own:
    """A server on a Unix socket.

    Attributes:
        path: of the socket.
        log: the file that it writes to.
    """

    def __init__(self, path: pathlib.Path, log: pathlib.Path) -> None:
        self.path, self.log = path, log

    def complaints(self) -> list[str]:
        """What the server logged, without the word that a large message took its time."""
        return [line for line in self.log.read_text().splitlines() if "held up the server" not in line]

    @contextlib.contextmanager
    def connect(self, target: str) -> Iterator[ClientConnection]:
        """Opens a WebSocket."""
        with unix_connect(
            str(self.path), f"ws://localhost{target}", max_size=None, open_timeout=PATIENCE_S
        ) as client:
            yield client

    @contextlib.contextmanager
    def join(self) -> Iterator[ClientConnection]:
        """A Socket.IO client on the page "/"."""
        with self.connect("/socket.io/?EIO=4&transport=websocket") as client:
            assert str(client.recv(PATIENCE_S)).startswith("0{")
            client.send("40")
            assert str(client.recv(PATIENCE_S)).startswith("40{")
            yield client


def listens(path: pathlib.Path) -> bool:
    """Whether a server takes connections there; its file is there a moment earlier."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    folder = tmp_path_factory.mktemp("large")
    own = Own(folder / "s", folder / "log")
    with own.log.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(APPS / "large_app.py"), str(own.path)], stdout=log, stderr=log
        )
        try:
            give_up_at = time.monotonic() + PATIENCE_S
            while not listens(own.path):
                assert process.poll() is None, own.log.read_text()
                assert time.monotonic() < give_up_at
                time.sleep(0.02)
            yield own
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
    assert own.complaints() == []


@pytest.mark.parametrize("size", SIZES)
def test_an_event_arrives_whole(server: Own, size: int) -> None:
    with server.join() as client:
        client.send(json.dumps(["event", size]).join(["42", ""]))
        assert client.recv(PATIENCE_S) == '42["large","' + "x" * size + '"]'


@pytest.mark.parametrize("size", SIZES)
def test_an_attachment_arrives_whole(server: Own, size: int) -> None:
    with server.join() as client:
        client.send(f'42["bytes",{size}]')
        assert str(client.recv(PATIENCE_S)).startswith('451-["large",')
        assert client.recv(PATIENCE_S) == bytes(size)


@pytest.mark.parametrize("size", SIZES)
def test_an_acknowledgement_arrives_whole(server: Own, size: int) -> None:
    with server.join() as client:
        client.send(f'427["ack",{size}]')
        assert client.recv(PATIENCE_S) == '437["' + "x" * size + '"]'


def test_a_burst_of_events_arrives_whole(server: Own) -> None:
    with server.join() as client:
        client.send('42["burst",1000,1000]')
        for number in range(1_000):
            assert client.recv(PATIENCE_S) == f'42["piece",{number},"' + "x" * 1_000 + '"]'


@pytest.mark.parametrize("size", SIZES)
def test_a_client_that_is_sent_away_gets_first_what_it_was_sent(server: Own, size: int) -> None:
    with server.join() as client:
        client.send(f'42["farewell",{size}]')
        heard = [client.recv(PATIENCE_S) for _ in range(3)]
        assert heard == ['42["large","' + "x" * size + '"]', '42["last"]', "41"]
        with pytest.raises(ConnectionClosedOK):
            client.recv(PATIENCE_S)


def test_a_client_that_speaks_while_a_large_event_comes_gets_that_and_its_answers(
    server: Own,
) -> None:
    with server.join() as client:
        client.send('42["event",5000000]')
        for number in range(5):
            client.ping()
            client.send(f'42{number}["ack",1]')
        assert len(client.recv(PATIENCE_S)) > 5_000_000
        for number in range(5):
            assert client.recv(PATIENCE_S) == f'43{number}["x"]'


@pytest.mark.parametrize("size", SIZES)
def test_the_applications_own_websocket_loses_nothing(server: Own, size: int) -> None:
    with server.connect("/own") as client:
        for _ in range(2):
            client.send(str(size))
            client.ping()
        for _ in range(2):
            assert client.recv(PATIENCE_S) == "x" * size


@pytest.mark.parametrize("target", ["/own", "/socket.io/?EIO=4&transport=websocket"])
def test_a_client_that_vanishes_leaves_no_word_in_the_log(server: Own, target: str) -> None:
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(server.connect(target))
        client.socket.shutdown(socket.SHUT_RDWR)
    with server.join() as client:  # the server has seen it by then
        client.send('427["ack",1]')
        assert client.recv(PATIENCE_S) == '437["x"]'
    assert server.complaints() == []


def test_a_flood_of_pings_whose_pongs_nobody_reads_is_cut_off(server: Own) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(PATIENCE_S)
        raw.connect(str(server.path))
        raw.sendall(
            b"GET /own HTTP/1.1\r\nHost: localhost\r\n"
            b"Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert raw.recv(12) == b"HTTP/1.1 101"
        pings = 100_000 * Frame(Opcode.PING, b"x" * 125).serialize(mask=True)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            raw.sendall(pings)
