"""A host stops within seconds, whoever polls or streams, with and without a lifespan for nannin."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator

import httpx
import pytest

from support.commands import end
from support.servers import Server
from told.examples.conftest import Host, observed, websockets

PATIENCE_S = 5.0
# uvicorn looks at its signals and connections every 0.1 s, and we at it every 0.25 s.
AT_MOST_S = 2.0

# Starlette keeps its lifespan to itself, Django has none, and Quart shares its own.
MOUNTS = {"starlette": "/live", "django": "", "quart": ""}


@contextlib.contextmanager
def asking(server: Server, path: str) -> Iterator[socket.socket]:
    """A GET whose answer may take its time."""
    with socket.create_connection((server.host, server.port), PATIENCE_S) as link:
        link.sendall(f"GET {path} HTTP/1.1\r\nhost: {server.host}:{server.port}\r\n\r\n".encode())
        yield link


def read(link: socket.socket, until: bytes | None = None) -> bytes:
    """What comes up to this text, or to the end."""
    answer = b""
    while until is None or until not in answer:
        piece = link.recv(65_536)
        if not piece:
            assert until is None, answer
            break
        answer += piece
    return answer


@pytest.mark.parametrize("host", list(Host), ids=lambda host: host.name.lower())
@pytest.mark.parametrize("example", MOUNTS)
def test_a_poll_and_a_stream_do_not_hold_the_host(example: str, host: Host) -> None:
    with observed(example, host) as server:
        engine = f"{MOUNTS[example]}/socket.io/?EIO=4&transport=polling"
        sid = httpx.get(server.url + engine).text.split('"')[3]
        with (
            asking(server, f"{MOUNTS[example]}/api/stream?page=/") as stream,
            asking(server, f"{engine}&sid={sid}") as poll,
        ):
            read(stream, b"event: audience")
            websockets(server)  # answered behind the poll, which by now waits
            took_s, _ = end(server, signal.SIGTERM)
            assert took_s < AT_MOST_S
            read(stream)
            assert b"200 OK" in read(poll)
        assert "Traceback" not in server.log
