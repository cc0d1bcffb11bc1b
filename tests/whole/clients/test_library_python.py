"""The library with python-socketio's asynchronous client, whose handlers take exact arguments."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import socketio

from support.cutting import Cutter, cutter
from support.servers import APPS, Server, nannin
from whole.clients.conftest import PATIENCE_S

ROOMS = itertools.count(1)
APP = ("--app", f"{APPS / 'library_app.py'}:live", "--ping-interval", "60")

Inbox = asyncio.Queue[tuple[Any, ...]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The application of the library tests."""
    with nannin(*APP) as server:
        yield server


@pytest.fixture
def network(server: Server) -> Iterator[Cutter]:
    """A network in front of it that fails when it is told to."""
    with cutter(server) as network:
        yield network


class Client(socketio.AsyncClient):  # type: ignore[misc]
    """A client on one page."""

    def __init__(self, url: str, page: str) -> None:
        super().__init__(reconnection_delay=0.05, reconnection_delay_max=0.2, randomization_factor=0)
        self.url, self.page = url, page
        self.said: Inbox = asyncio.Queue()
        self.left: Inbox = asyncio.Queue()
        self.joined: Inbox = asyncio.Queue()
        self.on("connect", self._joined, namespace=page)
        self.on("said", self._said, namespace=page)
        self.on("left", self._left, namespace=page)
        self.on("question", lambda who: ("I", {"asked": who}), namespace=page)

    def _joined(self) -> None:
        self.joined.put_nowait((self.get_sid(self.page),))

    def _said(self, what: str, times: int) -> None:
        self.said.put_nowait((what, times))

    def _left(self, id_: str, reason: str) -> None:
        self.left.put_nowait((id_, reason))

    async def join(self, transports: list[str], **auth: Any) -> str:
        """Joins the page; returns the id that it has there."""
        await self.connect(self.url, auth=auth, namespaces=[self.page], transports=transports)
        (id_,) = await self.joined.get()
        return str(id_)

    async def ask(self, event: str, *args: Any) -> Any:
        """What the server acknowledges an event with."""
        return await self.call(event, args, namespace=self.page, timeout=PATIENCE_S)


def run(url: str, scenario: Callable[[Client, Client], Awaitable[None]]) -> None:
    """Runs a scenario with two clients of a new page, within bounds."""

    async def bounded() -> None:
        page = f"/chat/python-{next(ROOMS)}"
        clients = Client(url, page), Client(url, page)
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                await scenario(*clients)
        finally:
            for client in clients:
                await client.shutdown()

    asyncio.run(bounded())


@pytest.mark.parametrize("transports", [["websocket"], ["polling"]], ids=["websocket", "polling"])
def test_handlers_with_exact_arguments_hear_their_rooms(server: Server, transports: list[str]) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.join(transports)
        await two.join(transports)
        assert await two.ask("join", "red") == ["red"]
        assert await one.ask("tell-rooms", ["red"], [], "to the red", 1) == 1
        await one.ask("tell-all-but", ["red"], "to the others", 2)
        await two.ask("tell-others", "but me", 3)
        await two.ask("tell-page", "all", 4)
        assert [await two.said.get() for _ in range(2)] == [("to the red", 1), ("all", 4)]
        assert [await one.said.get() for _ in range(3)] == [("to the others", 2), ("but me", 3), ("all", 4)]

    run(server.url, scenario)


def test_they_hear_them_beside_one_that_may_come_back(server: Server) -> None:
    async def scenario(one: Client, two: Client) -> None:
        two.on("said", lambda what, times, offset: two.said.put_nowait((what, times)), namespace=two.page)
        await one.join(["websocket"])
        await two.join(["websocket"], recover=True)
        await two.ask("tell-page", "with an offset for one", 1)
        assert await one.said.get() == await two.said.get() == ("with an offset for one", 1)

    run(server.url, scenario)


def test_calls_go_both_ways(server: Server) -> None:
    async def scenario(one: Client, two: Client) -> None:
        ids = [await one.join(["websocket"]), await two.join(["websocket"])]
        assert await one.ask("several") == (1, "two")
        assert await one.ask("vote", {"choice": "no"}) == 1.0
        assert await one.ask("ask-me", "who?") == ["I", {"asked": "who?"}]
        answers = await one.ask("ask-page", 60, "all?")
        assert answers == {"answered": {id_: ["I", {"asked": "all?"}] for id_ in ids}, "missing": []}

    run(server.url, scenario)


def test_what_does_not_fit_is_refused(server: Server) -> None:
    async def scenario(one: Client, two: Client) -> None:
        refused: Inbox = asyncio.Queue()
        one.on("nannin:refused", lambda what: refused.put_nowait((what,)), namespace=one.page)
        await one.join(["websocket"])
        problem = "argument 1: Expected `int`, got `str` - at `$.x`"
        assert await one.ask("move", {"x": "3"}) == {"error": problem}
        await one.emit("move", {"x": "3"}, namespace=one.page)
        assert await refused.get() == ({"event": "move", "message": problem},)

    run(server.url, scenario)


def test_a_client_that_reconnects_is_a_new_one(network: Cutter) -> None:
    async def scenario(one: Client, two: Client) -> None:
        first = await one.join(["websocket"])
        await one.ask("join", "red")
        network.cut()
        (second,) = await one.joined.get()
        me = await one.ask("who")
        assert second == me["id"] != first
        assert (me["recovered"], me["rooms"], me["here"]) == (False, [], [second])

    run(network.url, scenario)


def test_the_others_learn_that_its_link_was_cut(server: Server, network: Cutter) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.join(["websocket"])
        two.url = network.url
        id_ = await two.join(["websocket"])
        network.cut()
        assert await one.left.get() == (id_, "transport error")

    run(server.url, scenario)
