"""Acks: what a handler returns, and what a client answers to a call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nannin import CallTimeout, NotConnected, Socket
from nannin.wire.socket_packet import PacketType
from support.fakes import House
from support.many_clients import room

# Acks to the client


@pytest.mark.parametrize(
    ("result", "args"),
    [
        (None, []),
        (5, [5]),
        (False, [False]),
        ([1, 2], [[1, 2]]),
        ((), []),
        ((1, "two"), [1, "two"]),
        (b"\x00", [b"\x00"]),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
async def test_what_a_handler_returns_is_the_ack(result: object, args: list[Any], is_async: bool) -> None:
    house = House()

    async def handler(socket: Socket) -> object:
        await asyncio.sleep(0)
        return result

    house.on("ask", handler if is_async else lambda socket: result)
    client = house.client("/")
    client.emit("ask", number=7)
    await house.turn()
    assert client.acks() == [(7, args)]


def test_an_event_that_asks_for_no_ack_gets_none() -> None:
    house = House()
    house.on("ask", lambda socket: 5)
    client = house.client("/")
    client.emit("ask")
    assert client.acks() == []


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_handler_that_raises_acknowledges_nothing_and_hurts_nobody(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()

    async def later(socket: Socket, *args: object) -> None:
        raise RuntimeError("this handler breaks down on purpose")

    def now(socket: Socket, *args: object) -> None:
        raise RuntimeError("this handler breaks down on purpose")

    house.on("break", later if is_async else now)
    client = house.client("/")
    client.emit("break", 1, number=1)
    await house.turn()
    assert client.acks() == []
    assert client.session.sid in house.engine.sessions
    assert "'break' on page / raised" in caplog.text


def test_arguments_that_a_handler_does_not_take_are_refused_and_hurt_nobody() -> None:
    house = House()
    house.on("ask", lambda socket: 5)
    client = house.client("/")
    client.emit("ask", "unexpected", number=1)
    client.emit("ask", number=2)
    assert client.acks() == [(1, [{"error": "expected 0 arguments, not 1"}]), (2, [5])]


def test_an_ack_that_cannot_be_sent_is_logged_and_answered_and_hurts_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()
    house.on("ask", lambda socket: object())
    client = house.client("/")
    client.emit("ask", number=1)
    assert client.acks() == [(1, [{"error": "Internal error"}])]
    assert not client.session.ended
    assert "the answer of the handler of 'ask' on page / can't be sent" in caplog.text


async def test_an_ack_for_one_who_has_left_meanwhile_is_not_sent() -> None:
    house, door = House(), asyncio.Event()

    async def handler(socket: Socket) -> int:
        await door.wait()
        return 5

    house.on("ask", handler)
    client = house.client("/")
    client.emit("ask", number=1)
    client.leave()
    door.set()
    await house.turn()
    assert client.acks() == []


# Acks from the client


@pytest.mark.parametrize(
    ("args", "answer"),
    [((), None), ((5,), 5), ((1, 2), [1, 2]), (([1, 2],), [1, 2]), ((b"x",), b"x"), ((None,), None)],
)
async def test_a_call_returns_what_the_client_answers(args: tuple[Any, ...], answer: object) -> None:
    house = House()
    house.on("say", lambda socket: None, "/room")
    (client,), (socket,) = room(house, 1)
    call = asyncio.create_task(socket.call("question", "how many?", timeout=5))
    await house.turn()
    asked = client.packets[-1]
    assert (asked.data, asked.id) == (["question", "how many?"], 0)
    client.ack(0, *args, page="/room")
    assert await call == answer


async def test_an_application_of_a_connect_handler_alone_can_be_answered_with_bytes() -> None:
    house = House()
    (client,), (socket,) = room(house, 1)
    call = asyncio.create_task(socket.call("question", timeout=5))
    await house.turn()
    client.ack(0, b"\x00", page="/room")
    assert await call == b"\x00"


async def test_each_call_gets_its_own_answer() -> None:
    house = House()
    (client,), (socket,) = room(house, 1)
    calls = [asyncio.create_task(socket.call("question", timeout=5)) for _ in range(3)]
    await house.turn()
    for number in (2, 0, 1):
        client.ack(number, f"answer {number}", page="/room")
    assert await asyncio.gather(*calls) == ["answer 0", "answer 1", "answer 2"]


async def test_a_call_that_is_not_answered_in_time_raises_and_its_late_answer_is_dropped() -> None:
    (client,), (socket,) = room(House(), 1)
    with pytest.raises(CallTimeout, match="'question'"):
        await socket.call("question", timeout=0.01)
    client.ack(0, "late", page="/room")
    assert not client.session.ended


@pytest.mark.parametrize("number", [0, 5, 10**15])
def test_an_ack_that_nobody_asked_for_is_dropped(number: int) -> None:
    (client,), _ = room(House(), 1)
    client.ack(number, "unasked", page="/room")
    assert not client.session.ended


async def test_a_call_ends_with_the_connection() -> None:
    house = House()
    (client,), (socket,) = room(house, 1)
    call = asyncio.create_task(socket.call("question", timeout=5))
    await house.turn()
    client.lose()
    with pytest.raises(NotConnected):
        await call
    with pytest.raises(NotConnected):
        await socket.call("question")


async def test_a_connect_handler_cannot_call_yet() -> None:
    house = House()

    async def handler(socket: Socket) -> None:
        with pytest.raises(NotConnected):
            await socket.call("question")

    house.on("connect", handler)
    client = house.client("/")
    await house.turn()
    assert client.types() == [PacketType.CONNECT]
