"""Clients that never read, beside a healthy one, on a real server."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.raw_links import Client
from support.raw_wire import WebSocket, websocket
from support.servers import APPS, Server, nannin

SIZE, EVENTS, ROUNDS = 10_000, 20, 40
PATIENCE_S = 20.0


@pytest.fixture
def server() -> Iterator[Server]:
    with nannin("--app", f"{APPS / 'flood_app.py'}:live") as server:
        yield server


def join_deaf(server: Server) -> WebSocket:
    """A client that joins and reads nothing more, with as little room in the kernel as it gets."""
    deaf = WebSocket(server, websocket("/socket.io/"))
    deaf.tcp.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    assert str(deaf.receive()).startswith("0")
    deaf.send("40")
    assert str(deaf.receive()).startswith("40")
    return deaf


def ask(client: Client, *event: Any) -> Any:
    """Emits an event and waits for its ack, past all that was sent before it."""
    client.emit(*event, ack=7)
    while not str(packet := client.receive()).startswith("437"):
        assert str(packet).startswith('42["drop"')
    return packet


def test_clients_that_never_read_are_ended_and_a_healthy_one_hears_everything(server: Server) -> None:
    healthy = Client(server, "websocket")
    deaf = [join_deaf(server) for _ in range(5)]
    for _ in range(ROUNDS):
        healthy.emit("flood", EVENTS, SIZE)
        assert [healthy.receive_event()[1] for _ in range(EVENTS)] == list(range(EVENTS))
    give_up_at = time.monotonic() + PATIENCE_S
    expected = f"437[1,[{','.join(5 * [chr(34) + 'slow client' + chr(34)])}]]"
    while (seen := ask(healthy, "look")) != expected:
        assert time.monotonic() < give_up_at, seen
        time.sleep(0.05)
    for client in deaf:
        client.tcp.socket.close()
    healthy.close()
