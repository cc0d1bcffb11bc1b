"""The examples on real servers, and the official client that drives them."""

from __future__ import annotations

import contextlib
import enum
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest

from support.servers import APPS, ROOT, Server, free_port, nannin, running
from whole.clients.conftest import NodeClient

VARIABLE = "OBSERVED_EXAMPLE"  # as observed.py reads it


class Host(enum.Enum):
    """What serves an example."""

    NANNIN = "nannin serve"
    DIRECT = "uvicorn with nannin's WebSocket class"
    PLAIN = "uvicorn with its own"

    @property
    def writes_directly(self) -> bool:
        """Whether a WebSocket lives on without its ASGI task."""
        return self is not Host.PLAIN


@contextlib.contextmanager
def observed(example: str, host: Host) -> Iterator[Server]:
    """Serves an example, with a look at its WebSockets."""
    env = {VARIABLE: str(ROOT / "examples" / example / "app.py:app")}
    if host is Host.NANNIN:
        with nannin("--app", f"{APPS / 'observed.py'}:app", env=env) as server:
            yield server
        return
    port = free_port()
    ws = "nannin:DirectWebSocket" if host is Host.DIRECT else "websockets-sansio"
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(APPS), "--port", str(port)]
    with running([*command, "--ws", ws, "observed:app"], port, env=env) as server:
        yield server


Serve = Callable[[str], Server]


@pytest.fixture(scope="module", params=[Host.NANNIN, Host.DIRECT], ids=["nannin", "uvicorn"])
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Serves an example in each way that promises direct writes; each is started once a file."""
    with contextlib.ExitStack() as stack:
        servers: dict[str, Server] = {}

        def serve_example(example: str) -> Server:
            if example not in servers:
                servers[example] = stack.enter_context(observed(example, request.param))
            return servers[example]

        yield serve_example


@pytest.fixture
def guest(node: str) -> Iterator[NodeClient]:
    """The official client of Node.js."""
    with contextlib.closing(NodeClient(node, "client_4.mjs")) as client:
        yield client


def websockets(server: Server) -> tuple[int, int]:
    """How many WebSockets the example was asked for so far, and how many of them hold an ASGI task."""
    seen = httpx.get(f"{server.url}/observed").json()
    return seen["opened"], seen["held"]
