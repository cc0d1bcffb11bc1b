"""Item 24: connections that say nothing, say it slowly, or end in the middle."""

from __future__ import annotations

import time

from support.raw_wire import Tcp, polling, websocket
from torture.campaign import item
from torture.ground import Ground

_GET = f"GET {polling('/socket.io/')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
_UPGRADE = (
    f"GET {websocket('/socket.io/')} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()
_CONNECT = b"\x81\x82\0\0\0\x0040"
HEAD_S = 10.0


@item(24, "silence: cut after 10 s")
def silence(ground: Ground) -> None:
    silent = [Tcp(ground.server) for _ in range(ground.size(500, 20))]
    _all_cut(ground, silent)


@item(24, "a head of one byte each second: cut after 10 s")
def one_byte_at_a_time(ground: Ground) -> None:
    slow = [Tcp(ground.server) for _ in range(ground.size(200, 20))]
    began = time.monotonic()
    position = 0
    while time.monotonic() < began + HEAD_S + 5 and position < len(_GET) - 4:
        for tcp in slow:
            tcp.try_send(_GET[position : position + 1])
        position += 1
        time.sleep(1)
    _all_cut(ground, slow)


@item(24, "reset, half-close and close at each byte of a handshake")
def end_at_each_stage(ground: Ground) -> None:
    for stages in (_GET, _UPGRADE + _CONNECT):
        for end in range(0, len(stages) + 1, ground.size(1, 17)):
            for way in ("reset", "half-close", "close"):
                tcp = Tcp(ground.server).send(stages[:end])
                if way == "reset":
                    tcp.reset()
                elif way == "half-close":
                    tcp.half_close()
                    tcp.socket.settimeout(HEAD_S + 5)
                    tcp.status()  # an answer, or the end
                    tcp.socket.close()
                else:
                    tcp.socket.close()


def _all_cut(ground: Ground, connections: list[Tcp]) -> None:
    """Each is closed by the server in time, with an answer that says so or none."""
    give_up_at = time.monotonic() + HEAD_S + 5
    statuses = set()
    for tcp in connections:
        tcp.socket.settimeout(max(give_up_at - time.monotonic(), 0.01))
        answer = tcp.read_to_end(max(give_up_at - time.monotonic(), 0.01))
        statuses.add(answer.split()[1].decode() if answer else "none")
        tcp.socket.close()
    assert statuses <= {"408", "none"}, statuses
    ground.note(f"{len(connections)} cut ({', '.join(sorted(statuses))})")
