"""A join over `DirectWebSocket` takes no task and no turn of the loop; what is not so simple goes by ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import pathlib
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from websockets.http11 import Response

import nannin
from nannin import EngineIO, Live, Session, Socket
from nannin.access.client_address import Proxies
from nannin.app.dispatch import Proxied, Rooted
from support.peers import Peer, turn

PACKAGE = str(pathlib.Path(nannin.__file__).parent)
# Calls of Python, with some to spare.
MOST_TO_JOIN, MOST_TO_LEAVE = 180, 70
TARGET = "/socket.io/?EIO=4&transport=websocket"


class Guarded(Live):
    """A Live whose application looks at each request first."""

    asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        await super().__call__(scope, receive, send)


class Echo:
    def open(self, session: Session) -> None:
        session.send("hello")

    def message(self, session: Session, data: str | bytes) -> None:
        session.send(data)

    def close(self, session: Session, reason: str) -> None:
        """Nothing to do."""


@contextlib.contextmanager
def counted_tasks() -> Iterator[list[Any]]:
    """The tasks that are made meanwhile."""
    loop, made = asyncio.get_running_loop(), []

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(make)
    yield made
    loop.set_task_factory(None)


@contextlib.contextmanager
def counted_calls() -> Iterator[list[str]]:
    """The functions of nannin that are called meanwhile."""
    made: list[str] = []

    def note(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            made.append(frame.f_code.co_qualname)

    gc.collect()  # what other tests have left would end meanwhile, and call
    gc.disable()
    sys.setprofile(note)
    yield made
    sys.setprofile(None)
    gc.enable()


def ask(peer: Peer, **headers: str) -> None:
    request = peer.client.connect()
    for name, value in headers.items():
        request.headers[name.replace("_", "-")] = value
    peer.client.send_request(request)
    peer.send()


def heard(peer: Peer) -> list[Any]:
    return [one.status_code if isinstance(one, Response) else bytes(one.data).decode() for one in peer.hear()]


@pytest.mark.parametrize("target", [TARGET, TARGET.replace("io/?", "io?")])
async def test_a_join_takes_no_task_and_no_turn_of_the_loop(target: str) -> None:
    peer = Peer(Live(), target=target)
    with counted_tasks() as tasks:
        ask(peer)
        assert len(peer.transport.written) == 1
        status, opened = heard(peer)
        peer.text('40{"visitor":"ann"}')
    assert len(peer.transport.written) == 1
    connected, told = heard(peer)
    assert (status, opened[:8]) == (101, '0{"sid":')
    assert (connected[:9], told) == ('40{"sid":', '42["user connected",1]')
    assert tasks == []
    peer.lose()


async def test_a_join_and_a_leave_are_not_many_calls() -> None:
    """On a machine with cold caches, each costs a microsecond. There were 194 to join, and 72 to leave."""
    live = Live(min_interval=60, max_interval=60)
    others = [Peer(live, target=TARGET) for _ in range(2)]
    for number, peer in enumerate(others):
        ask(peer)
        peer.hear()
        peer.text(f'40{{"visitor":"{number}"}}')
        await turn()
    peer = Peer(live, target=TARGET)
    with counted_calls() as to_join:
        ask(peer)
        peer.hear()
        peer.text('40{"visitor":"ann"}')
    with counted_calls() as to_leave:
        peer.lose()
    assert len(to_join) <= MOST_TO_JOIN, to_join
    assert len(to_leave) <= MOST_TO_LEAVE, to_leave
    for peer in others:
        peer.lose()


@pytest.mark.parametrize(("groups", "most"), [(1, 6), (3, 14)])
async def test_each_group_of_a_page_costs_a_join_and_a_leave_a_few_calls(groups: int, most: int) -> None:
    calls = []
    for number in (0, groups):
        keys = ["/*", "/shop/*", "/shop/x*"][:number]
        live = Live(min_interval=60, max_interval=60, groups=keys)
        peers = [Peer(live, target=TARGET) for _ in range(2)]
        for name, peer in enumerate(peers):
            ask(peer)
            peer.hear()
            with counted_calls() as made:
                peer.text(f'40/shop/xxx,{{"visitor":"{name}"}}')
            await turn()
        with counted_calls() as to_leave:
            peers[-1].lose()
        calls.append((len(made), len(to_leave)))
        peers[0].lose()
    (join, leave), (grouped_join, grouped_leave) = calls
    assert grouped_join - join <= most
    assert grouped_leave - leave <= most


async def test_an_engine_io_application_opens_as_fast() -> None:
    peer = Peer(EngineIO(Echo()), target=TARGET.replace("socket.io", "engine.io"))
    with counted_tasks() as tasks:
        ask(peer)
        assert heard(peer)[::2] == [101, "4hello"]
        peer.text("4はい")
    assert heard(peer) == ["4はい"]
    assert tasks == []
    peer.lose()


async def test_a_live_around_another_app_takes_its_own_websockets_alone() -> None:
    called = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.append(scope["path"])
        await receive()
        await send({"type": "websocket.close"})

    for target, status in ((TARGET, 101), ("/mine", 403)):
        peer = Peer(Live(app), target=target)
        ask(peer)
        await turn()
        assert heard(peer)[0] == status
        peer.lose()
    assert called == ["/mine"]


async def test_a_subclass_with_a_call_of_its_own_is_called() -> None:
    live = Guarded()
    peer = Peer(live, target=TARGET)
    ask(peer)
    assert peer.transport.written == []
    await turn()
    assert (heard(peer)[0], live.asked) == (101, 1)
    peer.lose()


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        (TARGET, {"Origin": "https://elsewhere.example"}, 403),
        (TARGET + "&sid=unknown", {}, 400),
        (TARGET.replace("EIO=4", "EIO=3"), {}, 400),
        ("/elsewhere/?EIO=4&transport=websocket", {}, 403),
    ],
)
async def test_what_is_refused_is_refused_as_over_any_server(
    target: str, headers: dict[str, str], status: int
) -> None:
    peer = Peer(Live(), target=target)
    ask(peer, **headers)
    assert peer.transport.written == []
    await turn()
    assert heard(peer)[0] == status
    peer.lose()


async def test_a_handler_finds_the_whole_request() -> None:
    live, found = Live(), []

    @live.on("connect")
    def greet(socket: Socket) -> None:
        found.append((socket.address, socket.headers["x-one"], socket.query["EIO"], socket.handshake.scope))

    peer = Peer(live, target=TARGET)
    ask(peer, X_One="1")
    peer.hear()
    peer.text("40")
    (address, one, version, scope), *_ = found
    assert (address, one, version) == ("127.0.0.1", "1", "4")
    assert (scope["type"], scope["path"]) == ("websocket", "/socket.io/")
    assert scope["server"] == ("127.0.0.1", 8124)
    peer.lose()


async def test_the_first_subprotocol_that_a_client_offers_is_accepted() -> None:
    peer = Peer(Live(), target=TARGET)
    peer.client.available_subprotocols = [*map(str, ("chat", "other"))]  # type: ignore[list-item]
    ask(peer, Sec_WebSocket_Protocol="chat, other")
    assert b"Sec-WebSocket-Protocol: chat\r\n" in peer.transport.written[0]
    peer.lose()


@pytest.mark.parametrize(
    ("front", "tasks"),
    [(lambda live: live, 1), (lambda live: Proxied(live, Proxies(["127.0.0.1"])), 0)],
    ids=["uvicorn's middleware", "ours"],
)
async def test_what_a_trusted_proxy_says_of_a_client_is_known(front: Any, tasks: int) -> None:
    live, found = Live(), []

    @live.on("connect")
    def greet(socket: Socket) -> None:
        found.append((socket.address, socket.handshake.scope["scheme"]))

    peer = Peer(front(live), target=TARGET, proxy_headers=tasks > 0)
    with counted_tasks() as made:
        ask(peer, X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="https")
    await turn()
    assert len(made) == tasks
    peer.hear()
    peer.text("40")
    assert found == [("192.0.2.7", "wss")]
    peer.lose()


@pytest.mark.parametrize("shown", ["", "/live"])
async def test_a_live_under_a_path_is_found_whether_the_proxy_strips_it_or_not(shown: str) -> None:
    peer = Peer(Rooted(Live(), "/live"), target=shown + TARGET, root_path="/live")
    ask(peer)
    assert heard(peer)[0] == 101
    peer.lose()
