"""nannin as the files for systemd run it, and a client, for the tests of the proxies."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import pytest

from support.proxies import Service
from whole.clients.conftest import NodeClient


@pytest.fixture
def service(tmp_path: pathlib.Path) -> Iterator[Callable[..., Service]]:
    """Runs nannin as the files for systemd do, with more options if need be."""
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> Service:
            service = Service(tmp_path, *options)
            stack.callback(service.close)
            service.start()
            return service

        yield start


@pytest.fixture
def upstream(service: Callable[..., Service]) -> Callable[..., pathlib.Path]:
    """Runs nannin as the files for systemd do; returns its socket file."""
    return lambda *options: service(*options).path


@pytest.fixture
def guest(node: str) -> Iterator[NodeClient]:
    """The official client of Node.js."""
    client = NodeClient(node, "client_4.mjs")
    yield client
    client.close()
