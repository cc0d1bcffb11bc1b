"""Item 26: frames that RFC 6455 forbids, and floods of those that it allows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from support.raw_client import deaf_client, upgrade_request
from support.raw_wire import Tcp, websocket
from torture.campaign import item
from torture.ground import Ground

_MASK = bytes(4)


def _frame(first: int, payload: bytes = b"", *, masked: bool = True) -> bytes:
    bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65_536:
        head = bytes([first, bit | 126]) + size.to_bytes(2)
    else:
        head = bytes([first, bit | 127]) + size.to_bytes(8)
    return head + (_MASK if masked else b"") + payload


REFUSED: tuple[tuple[str, bytes, tuple[int, ...]], ...] = (
    ("an unmasked frame", _frame(0x81, b"40", masked=False), (1002,)),
    ("a reserved bit", _frame(0xA1, b"40"), (1002,)),
    ("a deflate frame that was not negotiated", _frame(0xC1, b"40"), (1002,)),
    ("a reserved opcode", _frame(0x83, b"40"), (1002,)),
    ("invalid UTF-8", _frame(0x81, b"\xff\xfe"), (1007,)),
    ("half a character", _frame(0x81, b"\xe6\x97"), (1007,)),
    ("a continuation of nothing", _frame(0x80, b"40"), (1002,)),
    ("a message inside another", _frame(0x01, b"4") + _frame(0x81, b"0"), (1002,)),
    ("a ping of 126 bytes", _frame(0x89, b"a" * 126), (1002,)),
    ("a ping in pieces", _frame(0x09, b"a"), (1002,)),
    ("a close frame of one byte", _frame(0x88, b"\x03"), (1002,)),
    ("a close code that is none", _frame(0x88, (999).to_bytes(2)), (1002,)),
    ("a message over the limit", _frame(0x81, b"4" * 20_000), (1009,)),
    ("a frame that says 2^62 bytes", bytes([0x82, 0xFF]) + (2**62).to_bytes(8) + _MASK, (1009,)),
)


@contextlib.contextmanager
def opened(ground: Ground) -> Iterator[Tcp]:
    """A WebSocket that has read the OPEN packet."""
    with Tcp(ground.server) as tcp:
        tcp.send(upgrade_request(websocket("/socket.io/")))
        assert b"101" in tcp.socket.recv(65_536)
        yield tcp


def close_code(tcp: Tcp, timeout_s: float = 15.0) -> int | None:
    """The code of the close frame with which the server ended it; None if there was none."""
    received = tcp.read_to_end(timeout_s)
    position, code = 0, None
    while position + 2 <= len(received):
        first, size = received[position], received[position + 1]
        position += 2
        if size == 126:
            size = int.from_bytes(received[position : position + 2])
            position += 2
        if first & 15 == 8:
            code = int.from_bytes(received[position : position + 2])
        position += size
    return code


@item(26, "frames that are forbidden: a close code each", "--connect-timeout", "2")
def forbidden(ground: Ground) -> None:
    for name, frame, expected in REFUSED:
        with opened(ground) as tcp:
            tcp.try_send(frame)
            code = close_code(tcp)
            assert code in expected, f"{name}: {code}"
    ground.note(f"{len(REFUSED)} refused")


@item(26, "one client that sends as fast as it can")
def floods(ground: Ground) -> None:
    for name, part in (
        ("empty pings", _frame(0x89)),
        ("empty pongs", _frame(0x8A)),
        ("Engine.IO pings", _frame(0x81, b"2")),
        ("Engine.IO pongs", _frame(0x81, b"3")),
        ("small events", _frame(0x81, b'42["x"]')),
        ("CONNECTs", _frame(0x81, b"40")),
        ("joins and leaves", _frame(0x81, b"40/a,") + _frame(0x81, b"41/a,")),
        ("fragments of nothing", _frame(0x01, b"4") + _frame(0x00) * 1_000),
    ):
        until = time.monotonic() + ground.size(8, 1)
        sent = 0
        with opened(ground) as tcp:
            tcp.send(_frame(0x81, b"40"))
            tcp.socket.settimeout(1)
            alive = True
            while alive and time.monotonic() < until:
                try:
                    tcp.socket.sendall(part * (8_192 // len(part) + 1))
                    sent += 8_192
                    tcp.socket.settimeout(0.001)
                    with contextlib.suppress(TimeoutError):
                        alive = bool(tcp.socket.recv(1 << 20))
                    tcp.socket.settimeout(1)
                except TimeoutError:
                    pass  # the server lets it wait
                except OSError:
                    alive = False
        ground.note(f"{name}: {sent // 1024} KB{', then cut' if not alive else ''}")


@item(26, "fragments without an end: 1009", "--connect-timeout", "60")
def fragments(ground: Ground) -> None:
    for name, part in (("empty", _frame(0x00)), ("of six bytes", _frame(0x00, b"abcdef"))):
        with opened(ground) as tcp:
            tcp.send(_frame(0x01, b"4"))
            sent = 0
            while tcp.try_send(part * 1_000) and sent < 64 * 2**20:
                sent += len(part) * 1_000
                if tcp.has_answer():
                    break
            tcp.socket.settimeout(5)
            with contextlib.suppress(TimeoutError):
                code = close_code(tcp, 5)
                assert code in (1009, None), f"{name}: {code}"
            ground.note(f"{name}: cut after {sent // 1024} KB")
            assert sent < 4 * 2**20, f"{name}: {sent} bytes were taken"


@item(26, "a peer with a receive buffer of 4 KB that reads nothing")
def deaf(ground: Ground) -> None:
    watch = '40/witness,{"updates":"audience","observe":true}'
    sockets = [deaf_client(ground.server, watch) for _ in range(ground.size(200, 20))]
    time.sleep(ground.size(20, 2))
    for client in sockets:
        client.close()
