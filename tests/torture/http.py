"""Item 25: requests that HTTP forbids, or that are too large, too many or without an end."""

from __future__ import annotations

import gzip
import time
from typing import Final

from support.raw_wire import Tcp, polling
from torture.campaign import item
from torture.ground import Ground

_WHERE = polling("/socket.io/")


def _request(*lines: str, where: str = "/api/count", method: str = "GET", host: str = "localhost") -> bytes:
    head = [f"{method} {where} HTTP/1.1", *([f"Host: {host}"] if host else []), *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")


def _post(*lines: str) -> bytes:
    return _request(*lines, where=_WHERE, method="POST")


REFUSED: Final[tuple[tuple[str, bytes, tuple[int | None, ...]], ...]] = (
    (
        "Content-Length with Transfer-Encoding",
        _post("Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        (400,),
    ),
    ("two Content-Lengths", _post("Content-Length: 3", "Content-Length: 4") + b"abcd", (400,)),
    ("a negative Content-Length", _post("Content-Length: -3"), (400,)),
    ("a bad chunk", _post("Transfer-Encoding: chunked") + b"zz\r\n", (400,)),
    ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400, None)),
    ("a version of the future", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", (400, 505)),
    ("1,000 headers", _request(*(f"X-{number}: 1" for number in range(1_000))), (431,)),
    ("a header of 64 KB", _request("X-Long: " + "a" * 65_536), (431,)),
    ("a URL of 64 KB", _request(where="/api/count?page=/" + "a" * 65_536), (414, 431)),
    ("two Host headers", _request("Host: example.com"), (400,)),
    ("no Host header", _request(host=""), (400,)),
    ("a Host of junk", _request(host="a b\x7f"), (400,)),
    ("a space before the colon", _request("X-Odd : 1"), (400,)),
    ("a folded header", _request("X-Odd: 1", " 2"), (200, 400)),
    ("CRLF in the query", _request(where="/api/count?page=/%0d%0aX-Injected:%201"), (400, 404)),
    ("a body over the limit, declared", _post("Content-Length: 99999999"), (400, 413)),
    (
        "a body that is compressed",
        _post("Content-Encoding: gzip", "Content-Length: 22") + gzip.compress(b"40", mtime=0),
        (400, 411, 413, 415),
    ),
)


@item(25, "requests that HTTP forbids: a 4xx each")
def forbidden(ground: Ground) -> None:
    for name, request, expected in REFUSED:
        with Tcp(ground.server).send() as tcp:
            tcp.try_send(request)
            tcp.socket.settimeout(15)
            status = tcp.status()
            assert status in expected, f"{name}: {status}, not one of {expected}"
    ground.note(f"{len(REFUSED)} refused")


@item(25, "a chunked body without an end, and one whose trailer has none")
def endless(ground: Ground) -> None:
    head = _post("Transfer-Encoding: chunked")
    chunk = b"400\r\n" + b"a" * 1024 + b"\r\n"
    for name, start, part in (
        ("chunks", b"", chunk),
        ("a trailer", b"0\r\n", b"X-Trailer: " + b"a" * 1000 + b"\r\n"),
        ("one trailer line", b"0\r\nX-Trailer: ", b"a" * 1000),
        ("a chunk extension", b"1;", b"a" * 1000),
    ):
        _until_cut(ground, name, head + start, part)


def _until_cut(ground: Ground, name: str, start: bytes, part: bytes, most_mb: int = 64) -> None:
    """Sends the part again and again until the server has had enough."""
    began = time.monotonic()
    sent = 0
    with Tcp(ground.server) as tcp:
        alive = tcp.try_send(start)
        while alive and sent < most_mb * 2**20 and time.monotonic() < began + 30:
            alive = tcp.try_send(part * 32)
            sent += len(part) * 32
        assert not alive, (
            f"{name}: never cut, after {sent / 2**20:.0f} MB and {time.monotonic() - began:.0f} s"
        )
    ground.note(f"{name} cut after {sent / 2**10:.0f} KB")


@item(25, "10,000 requests in a pipeline whose answers nobody reads")
def pipelined(ground: Ground) -> None:
    requests = _request(where="/socket.io/socket.io.js") * ground.size(10_000, 2_000)
    before_mb = ground.memory_mb()
    most_mb = 0.0
    with Tcp(ground.server) as tcp:
        tcp.send_beside(requests)
        for _ in range(ground.size(150, 30)):
            time.sleep(0.1)
            most_mb = max(most_mb, ground.memory_mb() - before_mb)
    ground.note(f"at most {most_mb:.1f} MB more")
    assert most_mb < 20, f"{most_mb:.0f} MB more"


@item(25, "a thousand connections that are kept alive and ask for nothing")
def idle(ground: Ground) -> None:
    kept = []
    for _ in range(ground.size(1_000, 100)):
        tcp = Tcp(ground.server).send(_request())
        assert tcp.status() == 200
        kept.append(tcp)
    give_up_at = time.monotonic() + 60
    for tcp in kept:
        while tcp.try_send(b"\r\n") and not tcp.has_answer():
            assert time.monotonic() < give_up_at, "kept for ever, for an empty line now and then"
            time.sleep(0.05)
        tcp.socket.close()
