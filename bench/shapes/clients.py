"""Clients of three kinds on one epoll loop: by WebSocket, by polling, and observers that read a stream.

The crowd of `nannin bench` only knows how to count; these clients are on any page, and speak.
"""

from __future__ import annotations

import collections
import json
import os
import select
import socket
import time
from collections.abc import Callable, Iterable

from nannin.cli.bench.address import Address
from nannin.cli.bench.crowd import CLIENTS_PER_ADDRESS, NAP_S
from nannin.cli.bench.frames import PONG, make_connect, mask
from nannin.errors import BenchError

# How many clients may be on their way to their page at once.
WINDOW = 200
WAIT_LIMIT_S = 60.0
NO_UPDATES = {"updates": "none"}
_READ_BYTES = 262_144
_EVENTS = 1_024
_FEW_EVENTS = 64
# The length in bytes from which a frame is an event whose text need not be looked at.
_LONG_BYTES = 1_000
_TEXT, _CLOSE = 0x1, 0x8
_IP_BIND_ADDRESS_NO_PORT = 24
# What separates the packets of a payload. Source: the Engine.IO protocol, 4th revision, "HTTP long-polling".
_SEPARATOR = b"\x1e"


class Client:
    """One client; each kind has a class of its own.

    Attributes:
        swarm: the one that it is in, once it has been started.
        address: the server's.
        joined: whether it is where it wants to be.
    """

    swarm: Swarm
    sock: socket.socket

    def __init__(self, address: Address) -> None:
        self.address = address
        self.joined = False
        self.rest = b""

    def begin(self) -> None:
        """Sends what is first to say."""
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        """Reads what the server says.

        Raises:
            BenchError: it says that this client can't be served.
        """
        raise NotImplementedError

    def arrive(self) -> None:
        """It is where it wants to be."""
        if not self.joined:
            self.joined = True
            self.swarm.joined += 1

    def write(self, data: bytes) -> None:
        """Sends a few bytes, for which the network always has room here."""
        os.write(self.sock.fileno(), data)


class Swarm:
    """The clients of one measurement.

    Attributes:
        joined: how many are where they want to be.
        deliveries: how many events arrived, in all clients together.
        lost: how many clients were lost, by reason.
    """

    def __init__(self) -> None:
        self.joined = self.deliveries = 0
        self.lost: collections.Counter[str] = collections.Counter()
        self._clients: dict[int, Client] = {}
        self._epoll = select.epoll()
        self._started = 0

    def __enter__(self) -> Swarm:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._epoll.close()

    def join(self, clients: Iterable[Client]) -> None:
        """Starts clients, some at a time, and waits until all are where they want to be.

        Raises:
            BenchError: not all of them got there.
        """
        waiting = collections.deque(clients)
        goal = self.joined + len(waiting)
        until = time.perf_counter() + WAIT_LIMIT_S
        while self.joined < goal:
            while waiting and goal - len(waiting) - self.joined < WINDOW:
                self._start(waiting.popleft())
            self.turn(0.05)
            if self.lost or time.perf_counter() > until:
                raise BenchError(f"only {self.joined:,} of {goal:,} clients joined: {self.why_lost()}")

    def await_deliveries(self, count: int) -> None:
        """Waits until so many events have arrived in all.

        Raises:
            BenchError: they have not, after a time.
        """
        if not self.wait(lambda: self.deliveries >= count):
            raise BenchError(f"{count - self.deliveries:,} events did not arrive: {self.why_lost()}")

    def wait(self, done: Callable[[], bool], limit_s: float = WAIT_LIMIT_S) -> bool:
        """Turns until `done()`, for at most `limit_s` seconds; returns whether it is done."""
        until = time.perf_counter() + limit_s
        while not done():
            left_s = until - time.perf_counter()
            if left_s <= 0 or self.lost:
                return False
            self.turn(min(left_s, 0.05))
        return True

    def rest_for(self, seconds: float) -> None:
        """Turns for a number of seconds."""
        self.wait(lambda: False, seconds)

    def leave(self) -> None:
        """All clients hang up at once."""
        for client in self._clients.values():
            client.sock.close()
        self._clients.clear()
        self.joined = 0

    def why_lost(self) -> str:
        """The commonest reason for which clients were lost."""
        return self.lost.most_common(1)[0][0] if self.lost else "the server does not answer"

    def turn(self, timeout_s: float) -> None:
        """Waits for something to happen, and deals with it; naps as the crowd does, for the same reason."""
        events = self._epoll.poll(timeout_s, _EVENTS)
        for fd, _ in events:
            client = self._clients.get(fd)
            if client is None:
                continue
            try:
                data = os.read(fd, _READ_BYTES)
                if not data:
                    raise BenchError("the server closed the connection")
                client.receive(data)
            except (OSError, BenchError) as error:
                self._lose(client, str(error))
        if len(events) < _FEW_EVENTS:
            time.sleep(NAP_S)

    def _start(self, client: Client) -> None:
        sock = socket.socket(client.address.family, socket.SOCK_STREAM)
        if client.address.is_ipv4_loopback:
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((f"127.0.0.{1 + self._started // CLIENTS_PER_ADDRESS % 250}", 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # On the loopback address this waits for no server: the kernel takes the connection.
        sock.settimeout(WAIT_LIMIT_S)
        sock.connect(client.address.where)
        sock.setblocking(False)
        client.swarm, client.sock = self, sock
        self._started += 1
        self._clients[sock.fileno()] = client
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        client.begin()

    def _lose(self, client: Client, reason: str) -> None:
        self.lost[reason] += 1
        self._clients.pop(client.sock.fileno(), None)
        client.sock.close()


class WebSocketClient(Client):
    """A client by WebSocket alone.

    Args:
        address: the server's.
        page: whose key it joins.
        auth: what it says of itself.
    """

    def __init__(self, address: Address, page: str = "/", auth: dict[str, str] | None = None) -> None:
        super().__init__(address)
        self.where = "" if page == "/" else f"{page},"
        self.connect = make_connect(page, NO_UPDATES if auth is None else auth)
        self.is_open = False
        self.left_bytes = 0  # of a long frame, that have not arrived

    def begin(self) -> None:
        """Asks for a WebSocket."""
        self.write(self.address.handshake)

    def emit(self, event: str, *args: object) -> None:
        """Sends an event."""
        self.write(mask(_TEXT, f"42{self.where}{json.dumps([event, *args])}".encode()))

    def receive(self, data: bytes) -> None:
        """Reads frames; of a long one only its length."""
        data = self.rest + data
        if not self.is_open:
            head, end, rest = data.partition(b"\r\n\r\n")
            if end and b" 101 " not in head[:20]:
                raise BenchError(f"{head[:20].decode(errors='replace')} instead of a WebSocket")
            self.is_open, data = bool(end), rest if end else data
            if not end:
                self.rest = data
                return
        at, size = 0, len(data)
        while at < size:
            if self.left_bytes:
                here = min(self.left_bytes, size - at)
                self.left_bytes -= here
                at += here
                if not self.left_bytes:
                    self.swarm.deliveries += 1
                continue
            start = at + 2
            length = data[at + 1] if size >= start else 0
            if length > 125:
                start += 2 if length == 126 else 8
                length = int.from_bytes(data[at + 2 : start], "big")
            if size < start:
                break
            if length >= _LONG_BYTES:
                self.left_bytes, at = length, start
                continue
            if size < start + length:
                break
            self._hear(data[at] & 0x0F, data[start : start + length])
            at = start + length
        self.rest = data[at:]

    def _hear(self, opcode: int, payload: bytes) -> None:
        if opcode == _CLOSE or payload.startswith(b"44"):
            raise BenchError(f"the server refuses: {payload[2:].decode(errors='replace')}")
        if payload == b"2":
            self.write(PONG)
        elif payload.startswith(b"42"):
            self.swarm.deliveries += 1
        elif payload.startswith(b"40"):
            self.arrive()
        elif payload.startswith(b"0{"):
            self.write(self.connect)


class PollingClient(Client):
    """A client by HTTP long-polling alone: one connection, and always one request on it."""

    path = ""

    def begin(self) -> None:
        """Asks for a session."""
        self.path = "/socket.io/?EIO=4&transport=polling"
        self._get()

    def receive(self, data: bytes) -> None:
        """Reads one answer, and asks the next."""
        self.rest += data
        body = self._next_body()
        if body is None:
            return
        pongs = 0
        for packet in body.split(_SEPARATOR):
            if packet.startswith(b"0{"):
                self.path += f"&sid={json.loads(packet[1:])['sid']}"
                self._post(b"40" + json.dumps(NO_UPDATES).encode())
                return
            if packet.startswith(b"42"):
                self.swarm.deliveries += 1
            elif packet.startswith(b"40"):
                self.arrive()
            elif packet == b"2":
                pongs += 1
            elif packet.startswith((b"44", b"1")):
                raise BenchError(f"the server refuses: {packet.decode(errors='replace')}")
        if pongs:
            self._post(b"3")
        else:
            self._get()

    def _next_body(self) -> bytes | None:
        """The body of an answer that is whole; None while it is not."""
        head, end, body = self.rest.partition(b"\r\n\r\n")
        if not end:
            return None
        if b" 200 " not in head[:20]:
            raise BenchError(f"{head[:20].decode(errors='replace')} to a poll: {body[:80]!r}")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(body) < length:
            return None
        self.rest = body[length:]
        return body[:length]

    def _get(self) -> None:
        self.write(f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def _post(self, body: bytes) -> None:
        head = f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain;charset=UTF-8\r\n"
        self.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)


class StreamClient(Client):
    """An observer of the page `/`, by server-sent events. Its first event says that it is there."""

    def begin(self) -> None:
        """Asks for the stream."""
        self.write(b"GET /api/stream?page=/ HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def receive(self, data: bytes) -> None:
        """Counts the events."""
        data = self.rest + data
        count = data.count(b"event: audience")
        # Only the end of what came can be the beginning of an event that is not whole yet.
        _, _, self.rest = data.rpartition(b"\n")
        if count and not self.joined:
            self.arrive()
            count -= 1
        self.swarm.deliveries += count
