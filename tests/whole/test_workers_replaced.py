"""While all workers are replaced in turn, every person comes back, and nobody sees another number of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal

import websockets

from support.servers import Server
from whole.test_workers import workers

PEOPLE = 20
PATIENCE_S = 60.0


class Person:
    """A browser that comes back whenever its connection is closed."""

    def __init__(self, server: Server, name: str) -> None:
        self.visitors: list[int] = []
        self.codes: list[int | None] = []
        self.is_here = asyncio.Event()
        self._server, self._name = server, name
        self._life = asyncio.create_task(self._live())

    async def _live(self) -> None:
        url = f"ws://{self._server.host}:{self._server.port}/socket.io/?EIO=4&transport=websocket"
        while True:
            async with websockets.connect(url) as link:
                with contextlib.suppress(websockets.ConnectionClosed):
                    await link.send("40" + json.dumps({"visitor": self._name, "updates": "audience"}))
                    async for message in link:
                        assert isinstance(message, str)
                        self._hear(message)
            self.codes.append(link.close_code)

    def _hear(self, message: str) -> None:
        if message.startswith("42"):
            _, audience = json.loads(message[2:])
            self.visitors.append(audience["visitors"])
            self.is_here.set()

    async def leave(self) -> None:
        self._life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._life


async def test_nobody_sees_another_number_while_all_workers_are_replaced() -> None:
    with workers(2) as server:
        people = []
        for number in range(PEOPLE):
            people.append(Person(server, f"person {number}"))
            await asyncio.wait_for(people[-1].is_here.wait(), PATIENCE_S)
        assert [person.visitors[0] for person in people] == list(range(1, PEOPLE + 1))
        async with asyncio.timeout(PATIENCE_S):
            while {person.visitors[-1] for person in people} != {PEOPLE}:
                await asyncio.sleep(0.05)
        heard = [len(person.visitors) for person in people]
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(PATIENCE_S):
            while "the processes of all 2 workers were replaced" not in server.log:
                await asyncio.sleep(0.05)
        later = {number for person, at in zip(people, heard, strict=True) for number in person.visitors[at:]}
        assert later == {PEOPLE}
        assert [set(person.codes) for person in people] == [{1012}] * PEOPLE
        await asyncio.gather(*(person.leave() for person in people))
        assert "Traceback" not in server.log
