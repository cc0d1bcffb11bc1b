"""One client over its limits, while others are served: messages, pages."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from support.raw_links import Client, Link
from support.servers import Server, nannin


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with nannin("--max-pages", "50") as server:
        yield server
        assert "Traceback" not in server.log


def test_a_client_that_is_only_counted_sends_a_burst_and_no_more(server: Server) -> None:
    with Client(server, "websocket", "/flood") as witness, Client(server, "websocket", "/flood") as flood:
        for _ in range(40):
            flood.try_send('42/flood,["hello"]')
        flood.wait_ended()
        assert flood.close_code == 1008
        witness.wait_event("user disconnected", 1)
    assert server.log.count("max_messages and max_burst allow no more") == 1


def test_over_polling_a_flood_is_answered_with_429(server: Server) -> None:
    with Client(server, "polling", "/flood") as flood:
        reply = flood.post(*40 * ['42/flood,["hello"]'])
        assert reply.status == 429
        assert reply.headers["retry-after"] == "5"
        flood.wait_ended()


def test_so_many_pages_there_are_and_no_more(server: Server) -> None:
    with Client(server, "websocket", "/first") as witness:
        sessions = []
        for first in range(0, 60, 4):
            link = Link(server, "websocket")
            link.send(*[f"40/{number}," for number in range(first, first + 4)])
            sessions.append(link)
        refused = 0
        for link in sessions:
            answers = [str(link.receive()) for _ in range(4)]
            while not all(answer.startswith(("40/", "44/", "42/")) for answer in answers):
                raise AssertionError(answers)
            refused += sum("Too many pages: there are 50 already" in answer for answer in answers)
        assert httpx.get(f"{server.url}/api/pages").json()["total"] == 50
        witness.send('42/first,["still here"]')
        for link in sessions:
            link.close()
        assert refused
    assert server.log.count("max_pages allows no more") == 1
