"""The floor in Python: a bare epoll loop with one `send` for each client, and nothing else.

It says just enough for the crowd, whose frames come whole. What a telling costs here is the kernel's price,
and the interpreter's for one call.

Usage: epoll_floor.py PORT [quiet]; quiet: nobody is told before SIGUSR2.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import resource
import select
import signal
import socket
import sys

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
OPEN = b'0{"sid":"floor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1}'
JOINED = b'40{"sid":"page"}'
CLOSE = 0x8


def frame(payload: bytes) -> bytes:
    """A server's text frame of at most 125 bytes."""
    return bytes((0x81, len(payload))) + payload


def answer(request: bytes) -> bytes:
    """What answers the opening handshake."""
    found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
    key = base64.b64encode(hashlib.sha1((found[1] if found else b"") + GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + key + b"\r\n\r\n" + frame(OPEN)
    )


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """The opcodes and payloads of a client's short frames."""
    found, at = [], 0
    while at + 6 <= len(data):
        start, length = at + 6, data[at + 1] & 0x7F
        mask = data[at + 2 : start]
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data[start : start + length]))
        found.append((data[at] & 0x0F, payload))
        at = start + length
    return found


class Floor:
    """The server.

    Args:
        port: on the loopback address.
        tells: whether all are told from the start.
    """

    def __init__(self, port: int, *, tells: bool) -> None:
        self.tells = tells
        self.listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.listener.setblocking(False)
        self.epoll = select.epoll()
        self.epoll.register(self.listener.fileno(), select.EPOLLIN)
        self.clients: dict[int, socket.socket] = {}
        self.open: set[int] = set()
        self.audience: dict[int, socket.socket] = {}

    def run(self) -> None:
        """Serves until it is killed."""
        listener = self.listener.fileno()
        while True:
            for fd, _ in self.epoll.poll():
                if fd == listener:
                    self.take_connections()
                else:
                    self.receive(fd)

    def take_connections(self) -> None:
        """Takes all that wait."""
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = self.listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.clients[sock.fileno()] = sock
                self.epoll.register(sock.fileno(), select.EPOLLIN)

    def receive(self, fd: int) -> None:
        """Reads what a client says."""
        sock = self.clients.get(fd)
        if sock is None:
            return
        try:
            data = sock.recv(4096)
        except OSError:
            data = b""
        if not data:
            self.leave(fd)
        elif fd not in self.open:
            self.open.add(fd)
            sock.send(answer(data))
        else:
            for opcode, payload in frames(data):
                if opcode == CLOSE:
                    self.leave(fd)
                    return
                if payload == b"40":
                    sock.send(frame(JOINED))
                    self.audience[fd] = sock
                    self.tell("user connected")

    def leave(self, fd: int) -> None:
        """A client has gone."""
        self.open.discard(fd)
        self.clients.pop(fd).close()
        if self.audience.pop(fd, None) is not None:
            self.tell("user disconnected")

    def tell(self, event: str) -> None:
        """One `send` for each."""
        if self.tells:
            update = frame(f'42["{event}",{len(self.audience)}]'.encode())
            for sock in self.audience.values():
                with contextlib.suppress(OSError):
                    sock.send(update)


def main() -> None:
    """Serves on the port of the command line."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    floor = Floor(int(sys.argv[1]), tells=sys.argv[2:] != ["quiet"])

    def start_telling(*_: object) -> None:
        floor.tells = True

    signal.signal(signal.SIGUSR2, start_telling)
    floor.run()


if __name__ == "__main__":
    main()
