"""One WebSocket client that floods or breaks the rules, beside a witness, on a real server."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from websockets.frames import Frame, Opcode

from support.raw_links import Client
from support.raw_wire import WebSocket, websocket
from support.servers import APPS, Server, nannin

FLOOD_S = 1.0
PATIENCE_S = 20.0
# How many answers the witness gets meanwhile, one after the other: 500 to 1,500 were seen. A client that is
# read for as long as it sends leaves it three.
LEAST_ANSWERS = 50


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # Nobody is ended here for sending too much: what is tried is how it is read.
    with nannin("--app", f"{APPS / 'flood_app.py'}:live", "--max-messages", "1000000000") as server:
        yield server
        assert "Traceback" not in server.log


def frame(opcode: Opcode, payload: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=True)


def join(server: Server) -> WebSocket:
    client = WebSocket(server, websocket("/socket.io/"))
    assert str(client.receive()).startswith("0")
    client.send("40")
    assert str(client.receive()).startswith("40")
    return client


def ask(witness: Client) -> None:
    """Emits an event and waits for its ack."""
    witness.emit("look", ack=7)
    while not str(witness.receive()).startswith("437"):
        pass


class Flood:
    """Sends the same bytes again and again, as fast as the server takes them, and reads what comes."""

    def __init__(self, server: Server, data: bytes) -> None:
        self._client, self._data = join(server), data
        self._until_s = time.monotonic() + FLOOD_S
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._send, self._hear)]
        for thread in self._threads:
            thread.start()

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self._until_s

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._client.tcp.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._client.tcp.socket.close()

    def _send(self) -> None:
        with contextlib.suppress(OSError):
            while time.monotonic() < self._until_s:
                self._client.tcp.socket.sendall(self._data)

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            while self._client.tcp.socket.recv(65_536):
                pass


FLOODS = {
    "empty pings": frame(Opcode.PING),
    "empty pongs": frame(Opcode.PONG),
    "messages that are no packets of Engine.IO's protocol but pongs": frame(Opcode.TEXT, b"3"),
    "events": frame(Opcode.TEXT, b'42["nobody listens"]'),
    "repeated CONNECTs": frame(Opcode.TEXT, b"40"),
}


@pytest.mark.parametrize("name", FLOODS)
def test_whoever_sends_as_fast_as_it_can_leaves_the_others_their_turns(server: Server, name: str) -> None:
    witness = Client(server, "websocket")
    ask(witness)
    flood = Flood(server, FLOODS[name] * 10_000)
    waits_s = []
    while flood.goes_on:
        asked_s = time.monotonic()
        ask(witness)
        waits_s.append(time.monotonic() - asked_s)
    flood.end()
    witness.close()
    assert len(waits_s) >= LEAST_ANSWERS
    assert sorted(waits_s)[-1 - len(waits_s) // 100] < 1.0


ENDS = {
    "unmasked": (Frame(Opcode.TEXT, b"x").serialize(mask=False), 1002),
    "reserved bits": (b"\xb1\x81\0\0\0\0x", 1002),
    "deflated, which nobody negotiated": (b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00", 1002),
    "reserved opcode": (b"\x83\x80\0\0\0\0", 1002),
    "large ping": (b"\x89\xfe\0\x7e\0\0\0\0" + 126 * b"x", 1002),
    "a beginning in a message": (2 * frame(Opcode.TEXT, b"42", fin=False), 1002),
    "an end without a beginning": (frame(Opcode.CONT, b"x"), 1002),
    "close code that nobody may send": (frame(Opcode.CLOSE, b"\x03\xed"), 1002),
    "no UTF-8": (frame(Opcode.TEXT, b"42\xff"), 1007),
    "no UTF-8 across fragments": (
        frame(Opcode.TEXT, b"42\xe4", fin=False) + frame(Opcode.CONT, b"\xba", fin=True), 1007,
    ),
    "oversize, whole": (frame(Opcode.TEXT, 1_000_001 * b"x"), 1009),
    "oversize, its head alone": (b"\x81\xff" + (2**40).to_bytes(8, "big"), 1009),
    "oversize in fragments": (
        frame(Opcode.TEXT, 999_999 * b"x", fin=False) + frame(Opcode.CONT, b"xx", fin=False), 1009,
    ),
    "empty fragments without end": (
        frame(Opcode.TEXT, fin=False) + 20_000 * frame(Opcode.CONT, fin=False), 1009,
    ),
    "small fragments without end": (
        frame(Opcode.TEXT, fin=False) + 20_000 * frame(Opcode.CONT, b"xx", fin=False), 1009,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_a_client_that_breaks_a_rule_hears_which_and_nobody_else_does(server: Server, name: str) -> None:
    data, code = ENDS[name]
    witness, client = Client(server, "websocket"), join(server)
    client.tcp.send_beside(data)
    assert client.receive_end() == code
    ask(witness)
    client.tcp.socket.close()
    witness.close()


def test_a_message_that_goes_on_after_it_was_refused_is_cut_off(server: Server) -> None:
    client = join(server)
    client.tcp.send(b"\x81\xff" + (2**30).to_bytes(8, "big"))
    assert client.receive_end() == 1009
    assert not client.tcp.try_send(bytes(100_000_000))
    client.tcp.socket.close()
