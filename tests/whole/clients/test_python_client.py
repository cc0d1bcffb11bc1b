"""The Python clients of python-socketio, unchanged, against a real server."""

from __future__ import annotations

import asyncio
import queue
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import socketio

from support.servers import Server, Way, nannin
from whole.clients.conftest import APP, PATIENCE_S, SETTINGS

TRANSPORTS = {
    "websocket": ["websocket"],
    "polling": ["polling"],
    "upgrade": ["polling", "websocket"],
}
each_transport = pytest.mark.parametrize("transports", TRANSPORTS.values(), ids=TRANSPORTS)

# Not TLS: the blocking client reads and writes one socket in two threads, which Python's TLS can't bear.
over_http = pytest.mark.parametrize("way", [Way.DIRECT, Way.PLAIN], indirect=True, scope="session")


class Inbox:
    """The events of a blocking client, in their order."""

    def __init__(self, client: socketio.Client, page: str = "/") -> None:
        self._events: queue.Queue[tuple[Any, ...]] = queue.Queue()
        client.on("*", lambda event, *args: self._events.put((event, *args)), namespace=page)
        client.on("disconnect", lambda *_: self._events.put(("gone",)), namespace=page)

    def receive(self) -> tuple[Any, ...]:
        return self._events.get(timeout=PATIENCE_S)

    def wait(self, *wanted: Any) -> None:
        while self.receive() != wanted:
            pass


@pytest.fixture
def client() -> Iterator[socketio.Client]:
    """A blocking client that does not hurry back."""
    client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.2, randomization_factor=0)
    yield client
    client.shutdown()  # which, other than disconnect(), also ends its attempts to come back


@over_http
@each_transport
def test_the_blocking_client_talks_both_ways(
    client: socketio.Client, client_server: Server, transports: list[str]
) -> None:
    inbox = Inbox(client)
    client.on("question", lambda *args: ("answered", b"\x07"))
    client.connect(client_server.url, transports=transports, auth={"token": "123"})
    assert inbox.receive() == ("auth", {"token": "123"})
    client.emit("message", ("何人", {"a": [1]}, b"\x01\x02"))
    assert inbox.receive() == ("message-back", "何人", {"a": [1]}, b"\x01\x02")
    assert client.call("message-with-ack", (1, b"\x03"), timeout=PATIENCE_S) == (1, b"\x03")
    assert client.call("answer-one", "one", timeout=PATIENCE_S) == "one"
    client.emit("ask-me", "who?")
    assert inbox.receive() == ("you-said", ["answered", b"\x07"])
    client.emit("leave-me")
    inbox.wait("gone")


@over_http
@each_transport
def test_the_blocking_client_joins_a_custom_page(
    client: socketio.Client, client_server: Server, transports: list[str]
) -> None:
    inbox = Inbox(client, "/custom")
    client.connect(client_server.url, transports=transports, namespaces=["/custom"], auth={"a": 1})
    assert inbox.receive() == ("auth", {"a": 1})
    client.emit("message", "hello", namespace="/custom")
    assert inbox.receive() == ("message-back", "hello")


@over_http
@each_transport
@pytest.mark.parametrize("page", ["/unknown", "/refusing"])
def test_a_refused_blocking_client_knows(
    client: socketio.Client, client_server: Server, transports: list[str], page: str
) -> None:
    errors: queue.Queue[Any] = queue.Queue()
    client.on("connect_error", errors.put, namespace=page)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(client_server.url, transports=transports, namespaces=[page])
    expected = {"/unknown": "Invalid namespace", "/refusing": "Not authorized"}
    assert errors.get(timeout=PATIENCE_S)["message"] == expected[page]


@each_transport
def test_the_blocking_client_reconnects(client: socketio.Client, transports: list[str]) -> None:
    inbox = Inbox(client)
    with nannin(*APP, *SETTINGS) as server:
        client.connect(server.url, transports=transports)
        assert inbox.receive() == ("auth", {})
        server.stop(signal.SIGTERM)
        inbox.wait("gone")
        server.start()
        inbox.wait("auth", {})
        assert client.call("message-with-ack", "again", timeout=PATIENCE_S) == "again"


def run(scenario: Callable[[socketio.AsyncClient], Awaitable[None]]) -> None:
    """Runs a scenario with an asynchronous client, within bounds."""

    async def bounded() -> None:
        client = socketio.AsyncClient(ssl_verify=False, reconnection=False)
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                await scenario(client)
        finally:
            await client.disconnect()

    asyncio.run(bounded())


@each_transport
def test_the_asynchronous_client_talks_both_ways(client_server: Server, transports: list[str]) -> None:
    async def scenario(client: socketio.AsyncClient) -> None:
        events: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        client.on("*", lambda event, *args: events.put_nowait((event, *args)))
        client.on("question", lambda *args: "answered")
        await client.connect(client_server.url, transports=transports, auth={"token": "abc"})
        assert await events.get() == ("auth", {"token": "abc"})
        for number in range(7):  # it takes no more than 16 packets at once over polling
            await client.emit("message", (number, bytes([number])))
        for number in range(7):
            assert await events.get() == ("message-back", number, bytes([number]))
        assert await client.call("message-with-ack", ("x", b"y")) == ("x", b"y")
        await client.emit("ask-me")
        assert await events.get() == ("you-said", "answered")

    run(scenario)


@each_transport
def test_the_asynchronous_client_is_told_the_count(
    count_server: Server, transports: list[str], request: pytest.FixtureRequest
) -> None:
    page = f"/python/{request.node.callspec.id}"

    async def scenario(client: socketio.AsyncClient) -> None:
        events: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        client.on("*", lambda event, *args: events.put_nowait((event, *args)), namespace=page)
        await client.connect(count_server.url, transports=transports, namespaces=[page])
        assert await events.get() == ("user connected", 1)
        other = socketio.AsyncClient(ssl_verify=False)
        await other.connect(count_server.url, transports=transports, namespaces=[page])
        assert await events.get() == ("user connected", 2)
        await other.disconnect()
        assert await events.get() == ("user disconnected", 1)

    run(scenario)
