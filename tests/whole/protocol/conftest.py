"""The servers that the protocol tests talk to, each in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.raw_wire import get, polling
from support.servers import Server, Way, patience, served

QUICK = patience(ping_interval=0.3, ping_timeout=0.2, connect_timeout=1)
# A reader that waits for bytes keeps a socket open that was closed beside it: a ping wakes it.
PATIENT = patience(ping_interval=0.3, ping_timeout=20)
CALM = patience(ping_interval=5, ping_timeout=5, connect_timeout=3)
TRANSPORTS = ["polling", "websocket", "upgrade"]


@pytest.fixture(scope="session")
def echo_server(way: Way) -> Iterator[Server]:
    """An Engine.IO echo with quick heartbeats."""
    with served(way, "../../../examples/echo/app.py:app", *QUICK) as server:
        yield server


@pytest.fixture(scope="session")
def quick_server(way: Way) -> Iterator[Server]:
    """The application of the protocol tests with quick heartbeats."""
    with served(way, "protocol_app.py:live", *QUICK) as server:
        yield server


@pytest.fixture(scope="session")
def protocol_server(way: Way) -> Iterator[Server]:
    """The same with slow heartbeats: a busy machine must not make these tests fail."""
    with served(way, "protocol_app.py:live", *CALM) as server:
        yield server


@pytest.fixture(scope="session")
def plain_server(way: Way) -> Iterator[Server]:
    """nannin with patience: every page is told its count, and nobody is lost because the machine is busy."""
    with served(way, None, *PATIENT) as server:
        yield server


@pytest.fixture(scope="session")
def hasty_server(way: Way) -> Iterator[Server]:
    """nannin with heartbeats as quick as a busy machine can answer."""
    with served(way, None, "--ping-interval", "0.3", "--ping-timeout", "1.5") as server:
        yield server


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each way of talking in turn."""
    return str(request.param)


@pytest.fixture
def sid(echo_server: Server) -> str:
    """A fresh polling session of the echo."""
    sid = json.loads(get(echo_server, polling("/engine.io/")).text[1:])["sid"]
    assert isinstance(sid, str)
    return sid
