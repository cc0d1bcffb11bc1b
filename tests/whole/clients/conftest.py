"""Official clients as the tests hold them, and the servers that they talk to."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import pathlib
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.certificates import CERTIFICATE
from support.servers import APPS, NODE, Server, Way, patience, served

PATIENCE_S = 15.0
SETTINGS = patience(ping_interval=2, ping_timeout=2, connect_timeout=5)
APP = ("--app", f"{APPS / 'protocol_app.py'}:live")

Report = dict[str, Any]


_FOLDER = tempfile.TemporaryDirectory(prefix="nannin-test-")  # gone with the process


@functools.cache
def certificate_file() -> pathlib.Path:
    """The certificate of the https server, for clients that take a file."""
    file = pathlib.Path(_FOLDER.name, "certificate.pem")
    file.write_text(CERTIFICATE)
    return file


def to_wire(value: Any) -> Any:
    """Bytes as the driver takes them."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, list | tuple):
        return [to_wire(inner) for inner in value]
    return value


def from_wire(value: Any) -> Any:
    """Bytes as the driver gives them, as bytes."""
    if isinstance(value, dict):
        if set(value) == {"base64"}:
            return base64.b64decode(value["base64"])
        return {key: from_wire(inner) for key, inner in value.items()}
    return [from_wire(inner) for inner in value] if isinstance(value, list) else value


class NodeClient:
    """A Node.js process with an official client in it, which does what it is told and reports."""

    def __init__(self, node: str, script: str) -> None:
        self._process = subprocess.Popen(
            [node, str(NODE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(certificate_file())},
        )
        self._reports: queue.Queue[Report] = queue.Queue()
        self._kept: list[Report] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def tell(self, do: str, name: str = "a", **details: Any) -> None:
        """Gives a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps({"do": do, "name": name, **{key: to_wire(value) for key, value in details.items()}})
            + "\n"
        )
        self._process.stdin.flush()

    def open(self, url: str, name: str = "a", **options: Any) -> None:
        """Makes a socket, which connects at once."""
        self.tell(
            "open", name, url=url, options={"reconnectionDelay": 50, "reconnectionDelayMax": 200, **options}
        )

    def wait(self, what: str, name: str = "a", **details: Any) -> Report:
        """The first report that is wanted; those in front of it are kept for later."""
        wanted = {"name": name, "what": what, **details}
        give_up_at = time.monotonic() + PATIENCE_S
        looked_at = 0
        while True:
            for report in self._kept[looked_at:]:
                if all(report.get(key) == value for key, value in wanted.items()):
                    self._kept.remove(report)
                    return report
            looked_at = len(self._kept)
            try:
                self._kept.append(self._reports.get(timeout=max(give_up_at - time.monotonic(), 0)))
            except queue.Empty:
                raise AssertionError(f"no {wanted} came, but {self._kept}") from None

    def next_event(self, event: str, name: str = "a") -> list[Any]:
        """The arguments of the next event of this name; other reports are kept for later."""
        return list(self.wait("event", name, event=event)["args"])

    def next(self) -> Report:
        """The next report of any kind."""
        return self._kept.pop(0) if self._kept else self._reports.get(timeout=PATIENCE_S)

    def wait_event(self, event: str, *args: Any, name: str = "a") -> None:
        """Reads reports up to this event, which must have these arguments."""
        assert self.wait("event", name, event=event)["args"] == list(args)

    def call(self, event: str, *args: Any, name: str = "a") -> list[Any]:
        """Emits an event and returns what the server acknowledged it with."""
        self.tell("call", name, event=event, args=args)
        answer = self.wait("ack", name, event=event)["args"]
        assert isinstance(answer, list)
        return answer

    def reset(self) -> None:
        """Ends all its sockets and their links; nothing is left for the next test."""
        self.tell("reset")
        self.wait("reset")
        self._kept.clear()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
            self._process.wait()
        self._reader.join(PATIENCE_S)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._reports.put(from_wire(json.loads(line)))


@pytest.fixture(scope="session")
def client_server(way: Way) -> Iterator[Server]:
    """The application of the protocol tests."""
    with served(way, "protocol_app.py:live", *SETTINGS) as server:
        yield server


@pytest.fixture(scope="session")
def count_server(way: Way) -> Iterator[Server]:
    """nannin as it comes."""
    with served(way, None, *SETTINGS) as server:
        yield server


@pytest.fixture(scope="session", params=["client_4.mjs", "client_3.mjs"], ids=["4.x", "3.x"])
def client_process(request: pytest.FixtureRequest, node: str) -> Iterator[NodeClient]:
    """A process with the official client of Node.js, in each version."""
    with contextlib.closing(NodeClient(node, request.param)) as client:
        yield client


@pytest.fixture
def client(client_process: NodeClient) -> Iterator[NodeClient]:
    """The official client of Node.js, without any link."""
    yield client_process
    client_process.reset()
