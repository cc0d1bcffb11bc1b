"""The application behind the protocol tests: each page shows one thing that a handler can do."""

from __future__ import annotations

import asyncio
from typing import Any

from nannin import ConnectionRefused, Live

live = Live()


@live.on("connect")
@live.page("/custom").on("connect")
def tell_auth(socket: Any) -> None:
    socket.emit("auth", socket.auth)


@live.on("message")
@live.page("/custom").on("message")
def send_back(socket: Any, *args: Any) -> None:
    socket.emit("message-back", *args)


@live.on("message-with-ack")
@live.page("/custom").on("message-with-ack")
def answer_with_all(socket: Any, *args: Any) -> tuple[Any, ...]:
    return args


@live.on("answer-one")
async def answer_with_one(socket: Any, value: Any) -> Any:
    await asyncio.sleep(0)
    return value


@live.on("answer-nothing")
def answer_with_nothing(socket: Any, *args: Any) -> None:
    """An event whose ack carries no argument."""


@live.on("ask-me")
@live.page("/custom").on("ask-me")
async def ask(socket: Any, *args: Any) -> None:
    answer = await socket.call("question", *args, timeout=5.0)
    socket.emit("you-said", answer)


@live.on("ask-in-vain")
async def ask_in_vain(socket: Any) -> None:
    try:
        await socket.call("question", timeout=0.1)
    except TimeoutError:
        socket.emit("no-answer")


@live.on("give-bytes")
def give_bytes(socket: Any, size: int) -> bytes:
    return bytes(size)


@live.on("tell-page")
@live.page("/custom").on("tell-page")
def tell_page(socket: Any, *args: Any) -> None:
    socket.page.emit("told", *args)


@live.on("tell-page-with-bytes")
def tell_page_with_bytes(socket: Any, *args: Any) -> None:
    socket.page.emit("told", *args, b"of the server")


@live.on("tell-others")
@live.page("/custom").on("tell-others")
def tell_others(socket: Any, *args: Any) -> None:
    socket.broadcast.emit("told", *args)


@live.on("leave-me")
@live.page("/custom").on("leave-me")
def leave(socket: Any) -> None:
    socket.disconnect()


@live.on("end-me")
@live.page("/custom").on("end-me")
def end(socket: Any) -> None:
    socket.disconnect(close=True)


@live.on("break")
def break_down(socket: Any) -> None:
    raise RuntimeError("this handler breaks down on purpose")


@live.page("/refusing").on("connect")
def refuse(socket: Any) -> None:
    socket.emit("never", "told")
    raise ConnectionRefused("Not authorized", {"ask": "the doorkeeper"})


@live.page("/refusing-later").on("connect")
async def refuse_later(socket: Any) -> None:
    await asyncio.sleep(0.01)
    raise ConnectionRefused("Not authorized")


@live.page("/broken").on("connect")
def break_at_the_door(socket: Any) -> None:
    raise RuntimeError("this door breaks down on purpose")


# "/room/*" tells everyone there how many they are, and why one left: what a test needs to count.


@live.page("/room/*").on("connect")
def enter_room(socket: Any) -> None:
    socket.page.emit("entered", socket.page.count.connections)


@live.page("/room/*").on("disconnect")
def leave_room(socket: Any, reason: str) -> None:
    socket.page.emit("left", socket.page.count.connections, reason)


@live.page("/room/*").on("end-me")
def end_in_room(socket: Any) -> None:
    socket.disconnect(close=True)
