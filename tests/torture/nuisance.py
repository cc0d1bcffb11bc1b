"""Somebody who disturbs a server without a pause: `python -m torture.nuisance HOST PORT SEED`.

At the end of its standard input it prints how often it did what, as one line of JSON.
"""

from __future__ import annotations

import collections
import contextlib
import json
import random
import select
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from support.raw_client import masked_text, upgrade_request
from support.raw_wire import Tcp, polling, request, websocket

_PING, _PONG = b"\x89\x80\0\0\0\0", b"\x8a\x80\0\0\0\0"
_OPENING = upgrade_request(websocket("/socket.io/"))
_FLOODS = (_PING, _PONG, masked_text("2"), masked_text('42["x"]'), masked_text("40"))
_GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class Place:
    """Where the server listens."""

    host: str
    port: int
    tls: bool = False


class Nuisance:
    """Does one bad thing after the other.

    Args:
        place: the server.
        chance: decides which.
    """

    def __init__(self, place: Place, chance: random.Random) -> None:
        self._place = place
        self._chance = chance

    @property
    def ways(self) -> dict[str, Callable[[], None]]:
        """What it can do, by name."""
        return {
            "storm of joins": self.storm,
            "deaf clients": self.be_deaf,
            "flood of frames": self.flood,
            "slow heads": self.send_slowly,
            "vanished pollers": self.poll_and_vanish,
            "vanished streams": self.stream_and_vanish,
            "bad requests": self.ask_badly,
            "bad frames": self.frame_badly,
            "ever new pages": self.name_pages,
        }

    def storm(self) -> None:
        """A crowd joins a page at once, and is gone without a word."""
        page = f"/nuisance/{self._chance.randrange(5)}"
        for tcp in [self._join(page) for _ in range(100)]:
            tcp.reset()

    def be_deaf(self) -> None:
        """Clients with small buffers join a page and read nothing."""
        deaf = []
        for _ in range(10):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect((self._place.host, self._place.port))
            client.sendall(_OPENING)
            client.recv(4_096)
            client.sendall(masked_text('40/nuisance/0,{"updates":"audience"}'))
            deaf.append(client)
        time.sleep(2)
        for client in deaf:
            client.close()

    def flood(self) -> None:
        """One client sends as fast as it is let."""
        tcp = self._join("/nuisance/flood")
        part = self._chance.choice(_FLOODS)
        tcp.socket.settimeout(0.2)
        until = time.monotonic() + 1
        while time.monotonic() < until and tcp.try_send(part * 1_000):
            with contextlib.suppress(OSError):
                tcp.socket.recv(1 << 20)
        tcp.socket.close()

    def send_slowly(self) -> None:
        """Connections that send a head byte by byte, and are given up."""
        slow = [Tcp(self._place) for _ in range(10)]
        for byte in b"GET / H":
            for tcp in slow:
                tcp.try_send(bytes([byte]))
            time.sleep(0.1)
        for tcp in slow:
            tcp.socket.close()

    def poll_and_vanish(self) -> None:
        """A polling client that is gone before, in, or after its first poll."""
        opened = request(self._place, "GET", polling("/socket.io/")).text
        if not opened.startswith("0"):
            return
        where = polling("/socket.io/", json.loads(opened[1:])["sid"])
        stage = self._chance.randrange(3)
        if stage:
            request(self._place, "POST", where, "40/nuisance/poll,")
        if stage == 2:
            tcp = Tcp(self._place)
            tcp.send(_GET % where.encode())
            tcp.reset()

    def stream_and_vanish(self) -> None:
        """Streams of counts whose readers go without a word."""
        for _ in range(10):
            tcp = Tcp(self._place)
            tcp.send(_GET % b"/api/stream?page=/nuisance/0")
            tcp.reset()

    def ask_badly(self) -> None:
        """Requests that are refused."""
        for head in (
            b"GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
            b"\0" * 100 + b"\r\n\r\n",
        ):
            with Tcp(self._place) as tcp:
                tcp.try_send(head)
                with contextlib.suppress(OSError):
                    tcp.status()

    def frame_badly(self) -> None:
        """Frames that end their connection."""
        unmasked, reserved, endless = b"\x81\x0240", b"\xf1\x80\0\0\0\0", b"\x82\xff" + b"\x7f" * 8 + bytes(4)
        for frame in (unmasked, reserved, endless, masked_text("x")):
            tcp = self._join("/nuisance/frames")
            tcp.try_send(frame)
            tcp.socket.close()

    def name_pages(self) -> None:
        """Joins pages that nobody else is on."""
        for _ in range(20):
            self._join(f"/nuisance/{self._chance.randrange(10**9)}").socket.close()

    def _join(self, page: str) -> Tcp:
        tcp = Tcp(self._place)
        tcp.try_send(_OPENING)
        with contextlib.suppress(OSError):
            tcp.socket.recv(4_096)
        tcp.try_send(masked_text(f"40{page},"))
        return tcp


def main(host: str, port: int, seed: int) -> None:
    """Disturbs until the standard input ends."""
    nuisance = Nuisance(Place(host, port), random.Random(seed))
    chance = random.Random(seed)
    done: collections.Counter[str] = collections.Counter()
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        name, disturb = chance.choice(list(nuisance.ways.items()))
        with contextlib.suppress(OSError):  # the server cuts such a connection whenever it likes
            disturb()
        done[name] += 1
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
