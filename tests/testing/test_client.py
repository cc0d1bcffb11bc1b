"""What a client on a stage sends, receives and answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nannin import (
    ConnectionRefused,
    DisconnectReason,
    Live,
    NotConnected,
    PayloadError,
    Socket,
)
from nannin.testing import Stage
from support.staged import Move, chat, farewells


async def test_what_a_handler_emits_has_been_received_when_the_emit_returns() -> None:
    async with Stage(chat()) as stage:
        ann, bob = await stage.connect(), await stage.connect()
        await ann.emit("say", "hi")
        assert (ann.received, bob.received) == ([], [("said", "hi")])


@pytest.mark.parametrize(
    ("args", "answer"), [((), None), ((5,), 5), ((5, "six"), [5, "six"]), (({"a": [b"\0\xff"]},),) * 2]
)
async def test_a_call_returns_the_handlers_answer(args: tuple[Any, ...], answer: object) -> None:
    async with Stage(chat()) as stage:
        ann = await stage.connect()
        expected = answer[0] if isinstance(answer, tuple) else answer
        assert await ann.call("echo", *args) == expected
        assert await ann.call("say", "hello") == 5


async def test_a_call_without_a_handler_fails_at_once() -> None:
    async with Stage(chat()) as stage:
        ann = await stage.connect()
        with pytest.raises(AssertionError, match=r"no ack of 'sing'.*no handler"):
            await ann.call("sing", timeout=60)


async def test_a_call_waits_for_a_handler_that_waits_for_something_outside() -> None:
    live = Live()
    live.on("work")(lambda socket: asyncio.to_thread(lambda: "done"))
    async with Stage(live) as stage:
        ann = await stage.connect()
        assert await ann.call("work") == "done"


async def test_next_waits_for_an_event_and_returns_each_once() -> None:
    live = Live()

    @live.on("work")
    async def work(socket: Socket) -> None:
        for number in (1, 2):
            socket.emit("step", await asyncio.to_thread(abs, -number), number)
        socket.emit("done")

    async with Stage(live) as stage:
        ann = await stage.connect()
        await ann.emit("work")
        assert await ann.next("done") is None
        assert [await ann.next("step"), await ann.next("step")] == [[1, 1], [2, 2]]
        with pytest.raises(AssertionError, match="no 'step' came"):
            await ann.next("step", timeout=0.01)
        assert ann.received == [("step", 1, 1), ("step", 2, 2), ("done",)]


async def test_a_client_answers_what_the_server_asks() -> None:
    live = Live()

    @live.on("start")
    async def start(socket: Socket) -> list[Any]:
        return [await socket.call("ask", 2), await socket.call("later"), await socket.call("nothing")]

    async def later() -> tuple[int, int]:
        await asyncio.sleep(0)
        return 1, 2

    async with Stage(live) as stage:
        ann = await stage.connect(on={"ask": lambda number: number * 2, "later": later})
        ann.on("nothing")(lambda: None)
        assert await ann.call("start") == [4, [1, 2], None]
        assert ann.received == [("ask", 2), ("later",), ("nothing",)]


async def test_a_page_is_called_and_those_without_an_answer_are_missing() -> None:
    live = Live()
    found: list[Any] = []

    @live.on("poll")
    async def poll(socket: Socket) -> None:
        answers = await socket.page.call("vote", timeout=3)
        found.append((list(answers.answered.values()), [socket.id for socket in answers.missing]))

    async with Stage(live) as stage:
        ann, bob = await stage.connect(on={"vote": lambda: "yes"}), await stage.connect()
        await ann.emit("poll")
        await stage.advance(2.9)
        assert found == []
        await stage.advance(0.2)
        assert found == [(["yes"], [bob.id])]


async def test_what_does_not_fit_is_refused_as_on_a_server() -> None:
    live = Live()

    @live.on("move")
    def move(socket: Socket, move: Move) -> int:
        if move.x < 0:
            raise PayloadError("off the board")
        return move.x

    async with Stage(live) as stage:
        ann = await stage.connect()
        assert await ann.call("move", {"x": 5}) == 5
        assert await ann.call("move", {"x": -1}) == {"error": "off the board"}
        await ann.emit("move", {"x": "far"})
        assert ann.received[0][:1] == ("nannin:refused",)


async def test_what_cannot_be_sent_raises() -> None:
    async with Stage(chat()) as stage:
        ann = await stage.connect()
        with pytest.raises(ValueError, match="reserved"):
            await ann.emit("connect")
        with pytest.raises(TypeError):
            await ann.emit("say", object())
        await ann.close()
        with pytest.raises(NotConnected):
            await ann.emit("say", "hi")


async def test_a_refusal_is_raised_with_its_message_and_data() -> None:
    live = Live()

    @live.on("connect")
    def refuse(socket: Socket) -> None:
        raise ConnectionRefused("not today", {"opens": 9})

    async with Stage(live) as stage:
        with pytest.raises(ConnectionRefused, match="not today") as refused:
            await stage.connect()
        assert (refused.value.message, refused.value.data) == ("not today", {"opens": 9})
        assert not live.engine.sessions


async def test_an_answer_may_send_something_itself() -> None:
    async with Stage(chat()) as stage:
        ann, bob = await stage.connect(), await stage.connect()

        @bob.on("said")
        async def reply(text: str) -> None:
            if text == "hi":
                await bob.emit("say", "hello")

        await ann.emit("say", "hi")
        assert ann.received == [("said", "hello")]


async def test_a_call_that_ends_the_connection_raises() -> None:
    live, _ = farewells()
    async with Stage(live) as stage:
        ann = await stage.connect()
        with pytest.raises(NotConnected, match="before 'out' was acknowledged"):
            await ann.call("out")


async def test_leaving_twice_changes_nothing() -> None:
    live, reasons = farewells()
    async with Stage(live) as stage:
        ann = await stage.connect()
        for leave in (ann.close, ann.close, ann.lose, ann.vanish, ann.leave):
            await leave()
        assert reasons == [ann.reason] == [DisconnectReason.TRANSPORT_CLOSE]
