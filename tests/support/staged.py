"""Applications that the tests of the stage put on it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from nannin import (
    Live,
    Socket,
)


@dataclasses.dataclass
class Move:
    x: int


def chat() -> Live:
    """An application with a sync and an async handler."""
    live = Live()

    @live.on("say")
    async def say(socket: Socket, text: str) -> int:
        await asyncio.sleep(0)
        socket.broadcast.emit("said", text)
        return len(text)

    @live.on("echo")
    def echo(socket: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    return live


def farewells() -> tuple[Live, list[str]]:
    """An application that remembers why each socket left."""
    live = Live()
    reasons: list[str] = []
    live.on("disconnect")(lambda socket, reason: reasons.append(reason))
    live.on("out")(lambda socket, close=False: socket.disconnect(close=close))
    return live, reasons


def clocks() -> Live:
    """An application that waits, in its handlers and beside them."""
    live = Live()

    @live.background
    async def tick() -> None:
        while True:
            await asyncio.sleep(60)
            live.page("/").emit("minute")

    @live.on("slow")
    async def slow(socket: Socket, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    @live.on("limit")
    async def limit(socket: Socket) -> str:
        try:
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        except TimeoutError:
            return "over"
        raise AssertionError("nobody sets the event")

    @live.on("ask")
    async def ask(socket: Socket) -> None:
        await socket.call("question", timeout=30)

    @live.on("fail")
    def fail(socket: Socket) -> None:
        raise ZeroDivisionError("on purpose")

    return live
