"""Items 6, 7, 10 and 13: clients that vanish, clocks that jump, a loop that is held up."""

from __future__ import annotations

import json
import os
import signal
import time

from support.raw_links import Client
from support.raw_wire import Tcp, WaitingGet, get, polling, post
from support.servers import APPS
from torture.campaign import item
from torture.ground import Ground

_PATH = "/socket.io/"
STALL_S = 5.0
_QUICK = ("--ping-interval", "1", "--ping-timeout", "1", "--connect-timeout", "2", "--grace-lost", "1")


@item(6, "polling clients that vanish after the handshake, in a poll, between polls", *_QUICK)
def polling_clients_vanish(ground: Ground) -> None:
    number = ground.size(300, 30)
    in_polls = []
    for index in range(number):
        sid = json.loads(get(ground.server, polling(_PATH)).text[1:])["sid"]
        if index % 3:
            post(ground.server, polling(_PATH, sid), "40")
            get(ground.server, polling(_PATH, sid))
        if index % 3 == 1:
            in_polls.append(WaitingGet(ground.server, polling(_PATH, sid)))
    for poll in in_polls:
        poll.tcp.reset()
    began = time.monotonic()
    while ground.count():
        assert time.monotonic() < began + 8, "still counted after 8 s of 2 + 1"
        time.sleep(0.1)
    ground.note(f"{number} gone after {time.monotonic() - began:.1f} s")


@item(7, "WebSocket peers that vanish without a word", *_QUICK)
def websockets_vanish(ground: Ground) -> None:
    number = ground.size(300, 30)
    vanished = [Client(ground.server, "websocket") for _ in range(number)]
    assert ground.count() == number
    for client in vanished:  # not from the start: to open so many may take longer than a heartbeat
        client.stop_answering()
    began = time.monotonic()
    while ground.count():
        assert time.monotonic() < began + 8, "still counted after 8 s of 2 + 1"
        time.sleep(0.1)
    ground.note(f"{number} gone after {time.monotonic() - began:.1f} s")
    for client in vanished:
        client.close()


@item(13, "a loop that was held up judges nobody", *_QUICK)
def held_up(ground: Ground) -> None:
    clients = [Client(ground.server, "websocket") for _ in range(ground.size(100, 20))]
    waiting = Tcp(ground.server)
    waiting.send("GET /api/count HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
    assert waiting.status() == 200
    assert ground.server.process is not None
    os.kill(ground.server.process.pid, signal.SIGSTOP)
    waiting.send("GET /api/count HTTP/1.1\r\nHost: localhost\r\n\r\n")
    time.sleep(STALL_S)
    ground.stalled_ms = STALL_S * 1_000
    os.kill(ground.server.process.pid, signal.SIGCONT)
    time.sleep(1)
    assert ground.count() == len(clients), "a healthy client was timed out"
    ended = [client for client in clients if client.ended.is_set()]
    assert not ended, f"{len(ended)} healthy clients were ended"
    waiting.socket.close()
    for client in clients:
        client.close()


@item(
    10,
    "the wall clock jumps by an hour, and by 400 days",
    *_QUICK,
    "--app",
    str(APPS / "jumping_clock.py:live"),
)
def wall_clock(ground: Ground) -> None:
    clients = [Client(ground.server, "websocket") for _ in range(20)]
    vanished = [Client(ground.server, "websocket", answers_pings=False) for _ in range(20)]
    time.sleep(6)
    assert ground.count() == len(clients), "somebody expired, or somebody is immortal"
    ended = [client for client in clients if client.ended.is_set()]
    assert not ended, f"{len(ended)} healthy clients were ended"
    for client in clients + vanished:
        client.close()


@item(11, "SIGTERM with WebSocket, SSE and polling clients: each is told, and it ends")
def shutdown(ground: Ground) -> None:
    number = ground.size(1_000, 30)
    opened = [Client(ground.server, "websocket") for _ in range(number)]
    polled = [Client(ground.server, "polling") for _ in range(ground.size(100, 10))]
    streams = []
    for _ in range(number):
        tcp = Tcp(ground.server).send("GET /api/stream?page=/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert tcp.status() == 200
        streams.append(tcp)
    took_s = ground.stop()
    for client in opened + polled:
        client.wait_ended()
    for tcp in streams:
        tcp.read_to_end()
        tcp.socket.close()
    codes = {client.close_code for client in opened}
    assert codes <= {1001, 1012}, codes
    ground.note(f"{number} + {len(polled)} + {number} clients, ended after {took_s:.1f} s")
    assert took_s < 30
