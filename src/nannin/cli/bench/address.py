"""Where a server is, and how many clients this process may have."""

from __future__ import annotations

import resource
import socket
from urllib.parse import urlsplit

from nannin.cli.bench.frames import make_connect, make_handshake
from nannin.errors import BenchError

# How many descriptors are not for clients.
SPARE_DESCRIPTORS = 100


class Address:
    """Where a server is.

    Args:
        url: `http://HOST:PORT`, with the path that it is mounted at, if any.
        page: the key of the page that the clients join.
        auth: what they say of themselves when they join.

    Raises:
        BenchError: it is not such an address, or its host can't be found.
    """

    def __init__(self, url: str, page: str = "/", auth: dict[str, str] | None = None) -> None:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port or 80
        except ValueError:
            raise BenchError(f"{url} is not an address such as http://127.0.0.1:8124") from None
        if parts.scheme not in ("http", "ws") or not parts.hostname:
            raise BenchError(f"{url} is not an http:// address; the benchmark does not speak TLS")
        try:
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise BenchError(f"can't find {parts.hostname}: {error.strerror}") from None
        self.url = f"http://{parts.netloc}{parts.path.rstrip('/')}"
        self.port = port
        self.family, self.where = found[0][0], found[0][4]
        path = f"{parts.path.rstrip('/')}/socket.io/?EIO=4&transport=websocket"
        self.handshake = make_handshake(parts.netloc, path)
        self.connect = make_connect(page, auth or {})
        self.is_ipv4_loopback = str(self.where[0]).startswith("127.")


def raise_descriptor_limit() -> int:
    """Raises the soft limit of open files to the hard one; returns how many clients that allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - SPARE_DESCRIPTORS
