"""For the tests of our Socket.IO client: the servers that it is driven against."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.servers import NODE, Server, free_port, nannin, running

APP = pathlib.Path(__file__).parent / "client_app.py"
GONE_S = 5.0

# heard(target, event) resolves to the event's arguments or fails; joined() to a socket with its welcome.
HELPERS = """
window.heard = (target, event, ms = 8000) => new Promise((resolve, reject) => {
  const late = setTimeout(() => reject(new Error(`${event} was never heard`)), ms);
  target.once(event, (...args) => { clearTimeout(late); resolve(args); });
});
window.joined = async (...args) => {
  const socket = io(...args);
  const [welcome] = await heard(socket, "welcome");
  return Object.assign(socket, { welcome });
};
window.quick = { reconnectionDelay: 20, reconnectionDelayMax: 100 };
"""


@dataclasses.dataclass
class Site:
    """A server with our client, and what it knows of its sessions and sockets."""

    name: str
    server: Server

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def page(self) -> str:
        return f"{self.url}/client/page"

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/client/stats", timeout=5) as response:
            found: dict[str, Any] = json.load(response)
            return found

    def comes_to(self, expected: Callable[[dict[str, Any]], bool]) -> None:
        """Waits, for a bounded time, until the server's numbers are as expected."""
        give_up_at = time.monotonic() + GONE_S
        while not expected(stats := self.stats()):
            assert time.monotonic() < give_up_at, f"the server stays at {stats}"
            time.sleep(0.01)

    def comes_to_nobody(self) -> None:
        """Waits until the server has no session and no socket."""
        self.comes_to(lambda stats: stats["sessions"] == 0 and not any(stats["sockets"].values()))


@contextlib.contextmanager
def serving(
    name: str,
    *,
    ping_interval_s: float = 25,
    ping_timeout_s: float = 20,
    max_payload_bytes: int = 1_000_000,
    recovers: bool = False,
) -> Iterator[Site]:
    """Runs Node's official server, or nannin, with these settings."""
    if name == "official":
        port = free_port()
        settings = {
            "pingInterval": ping_interval_s * 1000,
            "pingTimeout": ping_timeout_s * 1000,
            "maxHttpBufferSize": max_payload_bytes,
            **({"connectionStateRecovery": {}} if recovers else {}),
        }
        command = ["node", str(NODE / "official_server.mjs"), str(port), json.dumps(settings)]
        context = running(command, port)
    else:
        context = nannin(
            *("--app", f"{APP}:app"),
            *("--ping-interval", str(ping_interval_s)),
            *("--ping-timeout", str(ping_timeout_s)),
            *("--max-payload", str(max_payload_bytes)),
            "--recover-all" if recovers else "--no-recover-all",
        )
    with context as server:
        yield Site(name, server)


each_transport = pytest.mark.parametrize(
    "transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids=" then ".join
)
both_transports = pytest.mark.parametrize("transports", [["websocket"], ["polling"]], ids=" ".join)
