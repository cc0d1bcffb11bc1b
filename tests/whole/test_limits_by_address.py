"""One address over its limits, while others are served: over each transport, under forged headers."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from support.raw_client import connect, masked_text, read_to_end, read_until
from support.servers import Server, nannin
from support.waiting import until

QUERY = "/socket.io/?EIO=4&transport="
ATTACKER, OTHER = "203.0.113.9", "198.51.100.7"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    patient = ("--connect-timeout", "600", "--ping-interval", "600")  # however busy the machine is
    with nannin("--max-per-address", "5", "--new-per-address", "200", *patient) as server:
        yield server


def poll(server: Server, came_for: str, **headers: str) -> httpx.Response:
    """Asks for a session over polling, as a proxy of this machine passes it on."""
    return httpx.get(f"{server.url}{QUERY}polling", headers={"x-forwarded-for": came_for, **headers})


def open_websocket(server: Server, came_for: str) -> tuple[socket.socket, bytes]:
    """Asks for a session over WebSocket; returns the first bytes of the answer."""
    request = (
        f"GET {QUERY}websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\nX-Forwarded-For: {came_for}\r\n\r\n"
    )
    client = connect(server, request.encode())
    return client, client.recv(12)


def refused(server: Server, reason: str) -> int:
    """How many were turned away for this reason since the start."""
    explained = httpx.get(f"{server.url}/api/explain").json()
    return int(explained["not_counted"]["refused_since_start"].get(reason, 0))


def test_an_address_over_its_limit_is_refused_on_every_path_and_others_are_served(server: Server) -> None:
    before = refused(server, "address")
    taken = [open_websocket(server, ATTACKER) for _ in range(3)]
    assert [answer for _, answer in taken] == [b"HTTP/1.1 101"] * 3
    assert poll(server, ATTACKER).status_code == 200
    stream = connect(
        server, f"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {ATTACKER}\r\n\r\n".encode()
    )
    read_until(stream, b"retry: ")

    turned_away = poll(server, ATTACKER)
    assert (turned_away.status_code, turned_away.headers["retry-after"]) == (429, "5")
    assert turned_away.json() == {"code": 6, "message": "Too many requests"}
    over_websocket, answer = open_websocket(server, ATTACKER)
    assert answer == b"HTTP/1.1 429"
    assert b"retry-after: 5" in read_to_end(over_websocket)
    over_stream = httpx.get(f"{server.url}/api/stream", headers={"x-forwarded-for": ATTACKER})
    assert over_stream.status_code == 429
    assert "too many connections" in json.dumps(over_stream.json())
    # An answer that has cost a busy machine much is kept for a while.
    until(lambda: refused(server, "address") - before == 3)

    witness, answer = open_websocket(server, OTHER)
    assert answer == b"HTTP/1.1 101"
    witness.sendall(masked_text("40"))
    read_until(witness, b"40{")
    for client in (taken[0][0], stream, witness, over_websocket):
        client.close()
    for _ in range(100):
        if poll(server, ATTACKER).status_code == 200:
            break
    else:
        pytest.fail("a place that was left is not given again")
    assert server.log.count("max_per_address allows no more") == 1
    assert ATTACKER not in server.log


def test_an_address_cant_write_itself_another_one(server: Server) -> None:
    statuses = [
        poll(server, f"192.0.2.{number}, <script>, 192.0.3.{number}, 203.0.113.77").status_code
        for number in range(20)
    ]
    assert statuses == [200] * 5 + [429] * 15


def test_a_whole_network_of_ipv6_is_one_address(server: Server) -> None:
    statuses = [poll(server, f"2001:db8::{number:x}").status_code for number in range(1, 21)]
    assert statuses == [200] * 5 + [429] * 15
    assert poll(server, "2001:db8:0:1::1").status_code == 200


def test_what_connects_from_this_machine_is_not_limited(server: Server) -> None:
    assert {httpx.get(f"{server.url}{QUERY}polling").status_code for _ in range(20)} == {200}


def test_new_connections_of_an_address_come_at_a_rate() -> None:
    with nannin("--new-per-address", "1") as server:
        began_s = time.monotonic()
        statuses = [poll(server, ATTACKER).status_code for _ in range(12)]
        assert statuses[0] == 200
        assert statuses.count(200) <= 2 + (time.monotonic() - began_s)
        assert statuses.count(200) + statuses.count(429) == 12
        assert poll(server, OTHER).status_code == 200
        assert server.log.count("new_per_address allows no more") == 1
