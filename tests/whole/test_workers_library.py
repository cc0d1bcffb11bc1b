"""What an application asks of everybody and does to them, with real workers and real clients."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import pathlib
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from support.servers import Server
from support.waiting import wait_until
from whole.test_workers import workers

APP = """
import asyncio, os
from nannin import Live, NodesSilent, Socket, Visitor

live = Live(recover=30.0)
page = live.page("/")


@live.on("connect")
def connect(socket: Socket) -> None:
    socket.data.update(name=socket.auth["name"], process=os.getpid())
    if not socket.recovered:
        socket.join(*socket.auth.get("rooms", []))


@live.on("enter")
def enter(visitor: Visitor) -> None:
    page.emit("came", visitor.id)


@live.on("exit")
def leave(visitor: Visitor) -> None:
    page.emit("went", visitor.id)


@live.on("say")
def say(socket: Socket, to: list[str], *words: object) -> None:
    (socket.page.to(*to) if to else socket.page).emit("said", *words)


@live.on("list")
async def list_(socket: Socket) -> list[list[object]]:
    found = await socket.page.fetch_sockets()
    return [[type(one).__name__, one.id, one.data["name"], one.rooms, one.data["process"]] for one in found]


@live.on("count")
async def count(socket: Socket, room: str) -> int:
    return await socket.page.to(room).count()


@live.on("ask")
async def ask(socket: Socket, timeout: float) -> dict[str, object]:
    answers = await socket.broadcast.call("question", b"bytes", timeout=timeout)
    return {
        "answered": {one.data["name"]: answer for one, answer in answers.answered.items()},
        "missing": [one.data["name"] for one in answers.missing],
        "silent": answers.silent_nodes,
    }


@live.on("move")
def move(socket: Socket, room: str, other: str) -> None:
    socket.page.to(room).sockets_join(other)
    socket.page.to(room).sockets_leave(room)


@live.on("kick")
async def kick(socket: Socket, name: str) -> None:
    for one in await socket.page.fetch_sockets():
        if one.data["name"] == name:
            one.disconnect(close=True)
"""


class Caller:
    """A client that answers every question but where it is told not to, and keeps what it hears."""

    def __init__(self, link: ClientConnection, name: str, *, answers: bool) -> None:
        self.link = link
        self.name = name
        self.events: list[list[Any]] = []
        self.connected: dict[str, Any] = {}
        self.left = False
        self._answers = answers
        self._numbers = itertools.count()
        self._acks: dict[int, asyncio.Future[list[Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    @property
    def mark(self) -> str:
        return str(self.connected["sid"])[0]

    def heard(self, name: str) -> list[Any]:
        return [arguments for event, *arguments in self.events if event == name]

    async def emit(self, event: str, *arguments: object) -> None:
        await self.link.send("42" + json.dumps([event, *arguments]))

    async def call(self, event: str, *arguments: object) -> Any:
        number = next(self._numbers)
        self._acks[number] = asyncio.Future()
        await self.link.send(f"42{number}" + json.dumps([event, *arguments]))
        async with asyncio.timeout(20):
            answer = await self._acks[number]
        return answer[0] if answer else None

    async def close(self) -> None:
        self._reading.cancel()
        await self.link.close()

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in self.link:
                if isinstance(message, str):
                    await self._receive(message)
        self.left = True

    async def _receive(self, message: str) -> None:
        if message == "2":
            await self.link.send("3")
        elif message.startswith("40"):
            self.connected = json.loads(message[2:])
        elif message.startswith("43"):
            head, bracket, rest = message.partition("[")
            self._acks.pop(int(head[2:])).set_result(json.loads(bracket + rest))
        elif message.startswith(("42", "451-")):
            head, bracket, rest = message.partition("[")
            event = json.loads(bracket + rest)
            self.events.append(event)
            if event[0] == "question" and self._answers:
                number = head.removeprefix("42").removeprefix("451-")
                await self.link.send(f"43{number}" + json.dumps([f"{self.name} answers"]))


class Place:
    """A server with two workers, and clients of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.clients: list[Caller] = []

    async def client(self, name: str, *, answers: bool = True, **auth: object) -> Caller:
        link = await websockets.connect(
            f"ws://{self.server.host}:{self.server.port}/socket.io/?EIO=4&transport=websocket"
        )
        client = Caller(link, name, answers=answers)
        await link.send("40" + json.dumps({"name": name, **auth}))
        await wait_until(lambda: client.connected)
        self.clients.append(client)
        return client

    async def client_elsewhere(
        self, than: Caller, name: str, *, answers: bool = True, **auth: object
    ) -> Caller:
        """A client of another worker than that of a client."""
        for _ in range(100):
            client = await self.client(name, answers=answers, **auth)
            if client.mark != than.mark:
                return client
            self.clients.remove(client)
            await client.close()
        raise AssertionError("all clients are with one worker")

    async def settled(self, asker: Caller, *names: str) -> list[list[Any]]:
        """What the list says, once it has these names."""
        async with asyncio.timeout(20):
            while True:
                found: list[list[Any]] = await asker.call("list")
                if sorted(one[2] for one in found) == sorted(names):
                    return found
                await asyncio.sleep(0.05)


@pytest.fixture
async def place(tmp_path: pathlib.Path) -> AsyncIterator[Place]:
    path = tmp_path / "app.py"
    path.write_text(APP)
    with workers(2, "--app", f"{path}:live") as server:
        place = Place(server)
        yield place
        await asyncio.gather(*(client.close() for client in place.clients))


async def test_lists_numbers_calls_and_orders_reach_the_clients_of_all_workers(place: Place) -> None:
    ann = await place.client("ann")
    bob = await place.client_elsewhere(ann, "bob", rooms=["tea"])
    found = await place.settled(ann, "ann", "bob")
    assert [one[:4] for one in found] == [
        ["Socket", ann.connected["sid"], "ann", []],
        ["RemoteSocket", bob.connected["sid"], "bob", ["tea"]],
    ]
    assert await ann.call("count", "tea") == 1
    assert await ann.call("ask", 10) == {
        "answered": {"bob": "bob answers"},
        "missing": [],
        "silent": 0,
    }
    await ann.emit("move", "tea", "cake")
    async with asyncio.timeout(20):
        while await bob.call("count", "cake") != 1:
            await asyncio.sleep(0.05)
    assert await ann.call("count", "tea") == 0
    for number in range(100):
        await ann.emit("say", [[], ["cake"], [bob.connected["sid"]]][number % 3], number)
    await wait_until(lambda: len(bob.heard("said")) == 100)
    assert bob.heard("said") == [[number] for number in range(100)]
    assert ann.heard("said") == [[number] for number in range(0, 100, 3)]
    await ann.emit("kick", "bob")
    await wait_until(lambda: bob.left)
    await place.settled(ann, "ann")


async def test_a_call_says_who_is_silent_and_which_worker_has_died(place: Place) -> None:
    ann = await place.client("ann")
    quiet = await place.client_elsewhere(ann, "quiet", answers=False)
    found = await place.settled(ann, "ann", "quiet")
    assert await ann.call("ask", 0.5) == {"answered": {}, "missing": ["quiet"], "silent": 1}
    asking = asyncio.create_task(ann.call("ask", 60))
    await wait_until(lambda: len(quiet.heard("question")) == 2)
    os.kill(found[1][4], signal.SIGKILL)
    assert await asking == {"answered": {}, "missing": ["quiet"], "silent": 1}
    await place.settled(ann, "ann")


async def test_a_person_comes_and_goes_once_and_who_returns_elsewhere_is_new(place: Place) -> None:
    ann = await place.client("ann")
    bob = await place.client_elsewhere(ann, "bob", visitor="bob", recover=True)
    await wait_until(lambda: ["bob"] in ann.heard("came"))
    tab = await place.client("bob's tab", visitor="bob")
    await ann.emit("say", [], "first")
    await wait_until(lambda: ["first"] in [words[:1] for words in bob.heard("said")])
    last = bob.heard("said")[0][-1]
    back = await place.client_elsewhere(
        bob, "bob", visitor="bob", recover=True, pid=bob.connected["pid"], offset=last
    )
    assert back.connected["pid"] != bob.connected["pid"]
    await wait_until(lambda: bob.left)
    await place.settled(ann, "ann", "bob", "bob's tab")
    for client in (tab, back):
        await client.link.send("41")
    await wait_until(lambda: ann.heard("went"))
    assert (ann.heard("came").count(["bob"]), ann.heard("went")) == (1, [["bob"]])
