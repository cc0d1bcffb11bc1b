"""A client that has sent in time is not refused by a loop that was too slow to read it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from nannin import DirectWebSocket
from nannin.engine.arrival import Arrival
from nannin.engine.body import read_body
from nannin.engine.http import LimitedHttp
from nannin.engine.patience import LATE_S, Patience

TIMEOUT_S = 0.3


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """asyncio's own loop, which reads before it looks at its timers, and uvloop, which reads after."""
    return "asyncio", {"use_uvloop": request.param}


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Client:
    """Somebody who has so much time to send something.

    Attributes:
        told: what happened.
    """

    def __init__(self, patience_s: float) -> None:
        self.told: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._here, self._there = socket.socketpair()
        self.patience = Patience(self._loop, self._loop.time() + patience_s, self.told.append, "over")
        self._loop.add_reader(self._here, self._read)

    def hold_up(self, seconds: float) -> None:
        """Holds up the loop, while something comes."""
        self._there.send(b"x")
        time.sleep(seconds)

    def close(self) -> None:
        self._loop.remove_reader(self._here)
        self._here.close()
        self._there.close()

    def _read(self) -> None:
        self._here.recv(1)
        self.told.append("read")
        self.patience.cancel()


async def test_time_that_is_over_is_told_once() -> None:
    client = Client(0.01)
    async with asyncio.timeout(5):
        while not client.told:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    client.close()
    assert client.told == ["over"]


@pytest.mark.parametrize("seconds", [0.005, 0.04, 2 * LATE_S])
async def test_what_came_while_the_loop_was_held_up_came_in_time(seconds: float) -> None:
    """It is held up for so much longer than the client has, which is longer than busy machines stop."""
    patience_s = 0.5
    client = Client(patience_s)
    await asyncio.sleep(0.001)
    client.hold_up(patience_s + seconds)
    await asyncio.sleep(0.05)
    client.close()
    assert client.told == ["read"]


async def test_a_loop_that_is_held_up_again_reads_again() -> None:
    client = Client(0.01)
    loop = asyncio.get_running_loop()
    loop.call_at(client.patience.when(), client.hold_up, 2 * LATE_S)  # after the first alarm has rung
    await asyncio.sleep(4 * LATE_S)
    client.close()
    assert client.told == ["read"]


async def test_patience_that_is_cancelled_says_nothing() -> None:
    client = Client(0.01)
    client.patience.cancel()
    await asyncio.sleep(0.03)
    client.close()
    assert client.told == []


class Impatient(LimitedHttp):
    """A connection that has little time for everything."""

    head_timeout_s = TIMEOUT_S
    body_timeout_s = TIMEOUT_S


class ImpatientArrival(Arrival):
    http = Impatient


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["method"] == "POST":
        body = await read_body(scope, receive, 100_000, timeout_s=TIMEOUT_S)
        answer = b"%d" % len(body) if isinstance(body, bytes) else body.value[1]
    else:
        answer = b"ok"
    headers = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@contextlib.asynccontextmanager
async def connect() -> AsyncIterator[socket.socket]:
    """A connection to a server in this loop."""
    config = uvicorn.Config(
        app, http=ImpatientArrival, ws=DirectWebSocket, lifespan="off", log_config=None, timeout_keep_alive=1
    )
    config.load()
    config.timeout_keep_alive = TIMEOUT_S  # type: ignore[assignment]
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ImpatientArrival(config, state, {}), "127.0.0.1", 0)
    try:
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, server.sockets[0].getsockname())
            await asyncio.sleep(0.02)
            yield sock
    finally:
        server.close()


async def answer_of(sock: socket.socket) -> bytes:
    async with asyncio.timeout(5):
        return await asyncio.get_running_loop().sock_recv(sock, 65_536)


class TooLate(Exception):
    """This process itself was held up, and so the client that it plays was too slow."""


async def play(scene: Callable[[socket.socket, float], Awaitable[None]]) -> None:
    """Plays what a client does; once more where a busy machine has made it too slow."""
    for is_last in (False, False, False, True):
        began_s = asyncio.get_running_loop().time()
        async with connect() as sock:
            try:
                await scene(sock, began_s)
            except TooLate:
                assert not is_last
            else:
                return


async def hold_up(sock: socket.socket, rest: bytes, seconds: float, since_s: float) -> None:
    """Holds up the loop where it reads, as a handler does; the rest comes meanwhile.

    Raises:
        TooLate: the time that the client has had since `since_s` was over before.
    """
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    here, there = socket.socketpair()
    is_late = False

    def read() -> None:
        nonlocal is_late
        loop.remove_reader(here)
        over.set()
        is_late = loop.time() - since_s > 0.9 * TIMEOUT_S
        if not is_late:
            sock.send(rest)
            time.sleep(seconds)

    with here, there:
        loop.add_reader(here, read)
        there.send(b"x")
        await over.wait()
    if is_late:
        raise TooLate


# Until just after the time is over, and for much longer.
HOLD_UPS = [TIMEOUT_S, 2 * TIMEOUT_S]
held_up = pytest.mark.parametrize("seconds", HOLD_UPS)


@held_up
@pytest.mark.parametrize("first", [b"", HEAD], ids=["nothing", "half a head"])
async def test_a_head_that_came_while_the_loop_was_held_up_is_answered(first: bytes, seconds: float) -> None:
    async def scene(sock: socket.socket, began_s: float) -> None:
        sock.send(first)
        await asyncio.sleep(0.02)
        await hold_up(sock, (HEAD if not first else b"") + b"\r\n", seconds, began_s)
        assert (await answer_of(sock)).startswith(b"HTTP/1.1 200 ")

    await play(scene)


@held_up
async def test_a_request_that_waited_on_a_connection_kept_alive_is_answered(seconds: float) -> None:
    async def scene(sock: socket.socket, began_s: float) -> None:
        for _ in range(2):
            sock.send(HEAD + b"\r\n")
            assert (await answer_of(sock)).startswith(b"HTTP/1.1 200 ")
        await hold_up(sock, HEAD + b"\r\n", seconds, began_s)
        assert (await answer_of(sock)).startswith(b"HTTP/1.1 200 ")

    await play(scene)


@held_up
async def test_a_body_that_came_while_the_loop_was_held_up_is_read(seconds: float) -> None:
    async def scene(sock: socket.socket, began_s: float) -> None:
        sock.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n")
        await asyncio.sleep(0.02)
        await hold_up(sock, bytes(2_000), seconds, began_s)
        assert (await answer_of(sock)).endswith(b"2000")

    await play(scene)


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", b"HTTP/1.1 408 "),
        (HEAD, b"HTTP/1.1 408 "),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n", b"HTTP/1.1 "),
    ],
    ids=["nothing", "half a head", "no body"],
)
async def test_a_client_that_sends_nothing_more_is_refused_all_the_same(sent: bytes, answered: bytes) -> None:
    async with connect() as sock:
        sock.send(sent)
        assert (await answer_of(sock)).startswith(answered)


async def test_a_connection_kept_alive_for_nothing_is_closed() -> None:
    async with connect() as sock:
        sock.send(HEAD + b"\r\n")
        assert (await answer_of(sock)).startswith(b"HTTP/1.1 200 ")
        assert await answer_of(sock) == b""
