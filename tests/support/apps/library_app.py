"""The application behind the library tests: a chat with rooms, and doors that not everyone passes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec

from nannin import ConnectionRefused, DisconnectReason, Live, PayloadError, Socket

live = Live()
chat = live.page("/chat/{room}")


class Move(msgspec.Struct, forbid_unknown_fields=True):
    """Where a cursor went."""

    x: int
    y: Annotated[int, msgspec.Meta(ge=0)] = 0


@dataclass
class Vote:
    """One of a poll's answers."""

    choice: str
    weight: float = 1.0


class Member(TypedDict):
    """What the members' page wants to know of who connects."""

    name: str
    code: int


@chat.on("disconnect")
def say_why(socket: Socket, reason: DisconnectReason) -> None:
    socket.page.emit("left", socket.id, reason)


@chat.on("who")
def say_who(socket: Socket) -> dict[str, Any]:
    return {
        "id": socket.id,
        "recovered": socket.recovered,
        "rooms": socket.rooms,
        "data": socket.data,
        "params": socket.params,
        "here": [other.id for other in socket.page.sockets],
    }


@chat.on("note")
def note(socket: Socket, key: str, value: Any) -> None:
    socket.data[key] = value


@chat.on("join")
def join(socket: Socket, *rooms: str) -> list[str]:
    socket.join(*rooms)
    return socket.rooms


@chat.on("leave")
def leave(socket: Socket, *rooms: str) -> list[str]:
    socket.leave(*rooms)
    return socket.rooms


@chat.on("tell-page")
def tell_page(socket: Socket, *args: Any) -> None:
    socket.page.emit("said", *args)


@chat.on("tell-others")
def tell_others(socket: Socket, *args: Any) -> None:
    socket.broadcast.emit("said", *args)


@chat.on("tell-me")
def tell_me(socket: Socket, *args: Any) -> None:
    socket.emit("said", *args)


@chat.on("tell-rooms")
def tell_rooms(socket: Socket, rooms: list[str], spared: list[str], *args: Any) -> int:
    target = socket.page.to(*rooms).except_(*spared)
    target.emit("said", *args)
    return len(target.sockets)


@chat.on("tell-others-in")
def tell_others_in(socket: Socket, room: str, *args: Any) -> None:
    socket.to(room).emit("said", *args)


@chat.on("tell-all-but")
def tell_all_but(socket: Socket, names: list[str], *args: Any) -> None:
    socket.page.except_(*names).emit("said", *args)


@chat.on("tell-page-volatile")
def tell_page_volatile(socket: Socket, *args: Any) -> None:
    socket.page.volatile.emit("said", *args)


@chat.on("ask-me")
async def ask_me(socket: Socket, *args: Any) -> Any:
    return await socket.call("question", *args, timeout=5.0)


@chat.on("ask-me-in-vain")
async def ask_me_in_vain(socket: Socket) -> str:
    try:
        await socket.call("question", timeout=0.1)
    except TimeoutError:
        return "no answer"
    return "an answer"


@chat.on("ask-page")
async def ask_page(socket: Socket, timeout_s: float, *args: Any) -> dict[str, Any]:
    answered, missing = await socket.page.call("question", *args, timeout=timeout_s)
    return {
        "answered": {other.id: answer for other, answer in answered.items()},
        "missing": [other.id for other in missing],
    }


@chat.on("move")
def move(socket: Socket, to: Move) -> dict[str, int]:
    socket.broadcast.emit("moved", to)
    return {"x": to.x, "y": to.y}


@chat.on("vote")
async def vote(socket: Socket, one: Vote) -> float:
    await asyncio.sleep(0)
    if one.choice not in ("yes", "no"):
        raise PayloadError(f"there is no choice {one.choice!r}")
    return one.weight


@chat.on("several")
def answer_several(socket: Socket) -> tuple[int, str]:
    return 1, "two"


@chat.on("leave-page")
def leave_page(socket: Socket) -> None:
    socket.disconnect()


@chat.on("end-session")
def end_session(socket: Socket) -> None:
    socket.disconnect(close=True)


@chat.on("*")
def answer_any(socket: Socket, event: str, *args: Any) -> dict[str, Any]:
    return {"event": event, "args": list(args)}


# The doors


@live.page("/members").on("connect")
def admit(socket: Socket, auth: Member) -> None:
    if auth["code"] != 7:
        raise ConnectionRefused("Members only", {"code": 401, "ask": [auth["name"]]})
    socket.emit("welcome", auth["name"])


guarded = live.page("/guarded/{level}")


@guarded.use
async def guard(
    socket: Socket, event: str, args: tuple[Any, ...], call_next: Callable[[], Awaitable[Any]]
) -> Any:
    if event == "connect" and socket.params["level"] == "closed":
        raise ConnectionRefused("The guard says no", {"level": "closed"})
    if event == "steal":
        raise PayloadError("the guard saw it")
    if event == "knock":
        return "nobody in"
    answer = await call_next()
    return ["guarded", answer] if event == "enter" else answer


@guarded.on("steal")
@guarded.on("knock")
@guarded.on("enter")
def open_up(socket: Socket, *args: Any) -> Any:
    return list(args)
