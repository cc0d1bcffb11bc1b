"""A client that sends events to handlers that never end: how much of it a real server takes on."""

from __future__ import annotations

import contextlib
import json
import threading
import time

import pytest

from support.raw_links import Client
from support.raw_wire import PATIENCE_S, SEPARATOR
from support.servers import APPS, nannin

EVENTS = 20_000
HANDLERS = 100
# Handlers, a few tasks of the server's own, and one for each request.
MOST_TASKS = HANDLERS + 20


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_flood_of_events_makes_few_tasks_holds_up_nobody_and_no_shutdown(transport: str) -> None:
    with nannin("--app", f"{APPS / 'slow_app.py'}:live") as server:
        witness = Client(server, "websocket")
        flood = Client(server, transport)
        threading.Thread(target=send_many, args=(flood,), daemon=True).start()
        give_up_at = time.monotonic() + PATIENCE_S
        while count_tasks(witness) < HANDLERS:
            assert time.monotonic() < give_up_at
        assert all(count_tasks(witness) < MOST_TASKS for _ in range(50))
        assert server.stop() < 2.0
        assert "Traceback" not in server.log


def count_tasks(witness: Client) -> int:
    """How many tasks the server has, as the witness is told."""
    witness.emit("look", ack=7)
    answer = witness.receive_until(lambda packet: str(packet).startswith("437"))[-1]
    return int(json.loads(str(answer)[len("437") :])[0])


def send_many(client: Client) -> None:
    """Sends all events, as far as the server takes them: in frames, or in one payload."""
    events = [f'42["work",{number}]' for number in range(EVENTS)]
    with contextlib.suppress(Exception):  # the server ends meanwhile, at any point
        if client._websocket is None:
            client.post(SEPARATOR.join(events))
        for event in events:
            client.send(event)
