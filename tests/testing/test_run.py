"""What a stage raises of what its application raised, and how it waits."""

from __future__ import annotations

import asyncio

import pytest

from nannin import Live, Socket
from nannin.testing import Stage
from support.staged import clocks


async def test_who_waits_in_vain_is_told_how_to_move_the_time() -> None:
    async with Stage(clocks()) as stage:
        ann = await stage.connect()
        with pytest.raises(AssertionError, match=r"no ack of 'slow'.*advance\(5\)"):
            await ann.call("slow", 5, timeout=0.01)


async def test_what_a_handler_raises_comes_out_of_the_await() -> None:
    async with Stage(clocks()) as stage:
        ann = await stage.connect()
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            await ann.emit("fail")
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            await ann.call("fail")
        assert (await ann.call("slow", 0), stage.errors) == ("done", [])


async def test_what_a_handler_raises_again_and_again_is_raised_each_time() -> None:
    live = clocks()
    for _ in range(2):
        async with Stage(live) as stage:
            ann = await stage.connect()
            for _ in range(20):
                with pytest.raises(ZeroDivisionError, match="on purpose"):
                    await ann.emit("fail")


async def test_what_is_raised_while_a_client_waits_ends_the_wait() -> None:
    live = Live()

    @live.on("work")
    async def work(socket: Socket) -> None:
        await asyncio.to_thread(int, "nine")

    async with Stage(live) as stage:
        ann = await stage.connect()
        with pytest.raises(ValueError, match="nine"):
            await ann.call("work")


async def test_several_errors_come_as_a_group() -> None:
    live = Live()

    @live.on("fail")
    async def fail(socket: Socket) -> None:
        await asyncio.sleep(1)
        raise ZeroDivisionError

    async with Stage(live) as stage:
        for _ in range(2):
            await (await stage.connect()).emit("fail")
        with pytest.raises(ExceptionGroup) as raised:
            await stage.advance(1)
        assert [type(error) for error in raised.value.exceptions] == [ZeroDivisionError] * 2


async def test_an_answer_of_the_test_that_raises_is_raised_too() -> None:
    async def broken() -> None:
        raise KeyError("async")

    async with Stage(clocks()) as stage:
        ann = await stage.connect(on={"a": {}.__getitem__, "b": broken})
        stage.page().emit("a", "sync")
        with pytest.raises(KeyError, match="sync"):
            await stage.settle()
        stage.page().emit("b")
        with pytest.raises(KeyError, match="async"):
            await stage.settle()
        assert ann.connected


async def test_what_a_background_task_raises_comes_out_of_the_stage() -> None:
    live = Live()

    @live.background
    async def break_down() -> None:
        await asyncio.sleep(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with Stage(live) as stage:
            await stage.advance(1)

    @live.on("disconnect")
    def leave(socket: Socket) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        async with Stage(live) as stage:
            await stage.connect()


async def test_errors_may_be_kept_instead() -> None:
    async with Stage(clocks(), raise_errors=False) as stage:
        ann = await stage.connect()
        await ann.emit("fail")
        with pytest.raises(AssertionError, match="no ack of 'fail'"):
            await ann.call("fail")
        assert [type(error) for error in stage.errors] == [ZeroDivisionError] * 2
