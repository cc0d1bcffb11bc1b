"""The time of a stage: it stands still until it is moved, for all that the application waits for."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import weakref
from typing import Any

import pytest

from nannin import CallTimeout, Live, Socket
from nannin.testing import Stage
from support.staged import clocks


async def test_time_stands_still_until_it_is_moved() -> None:
    async with Stage(clocks()) as stage:
        ann = await stage.connect()
        await asyncio.sleep(0.02)
        await stage.advance(59)
        assert ann.received == []
        await stage.advance(1 + 3 * 60)
        assert ann.received == [("minute",)] * 4


async def test_a_day_takes_no_time() -> None:
    started = time.monotonic()
    async with Stage(clocks()) as stage:
        ann = await stage.connect()
        await stage.advance(3_600)
        assert (ann.connected, len(ann.received)) == (True, 60)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("args", [("slow", 5), ("limit",)])
async def test_what_a_handler_waits_for_comes_with_the_stages_time(args: tuple[Any, ...]) -> None:
    async with Stage(clocks()) as stage:
        ann = await stage.connect()
        answer = asyncio.ensure_future(ann.call(*args))
        await stage.advance(4.9)
        assert not answer.done()
        await stage.advance(0.1)
        assert await answer in ("done", "over")


async def test_a_wait_and_the_time_it_takes_can_go_together() -> None:
    async with Stage(clocks()) as stage:
        ann = await stage.connect()
        answer, _ = await asyncio.gather(ann.call("slow", 5), stage.advance(5))
        assert answer == "done"


async def test_a_call_to_a_client_times_out_in_the_stages_time() -> None:
    async with Stage(clocks()) as stage:
        ann = await stage.connect()
        await ann.emit("ask")
        with pytest.raises(CallTimeout, match="question"):
            await stage.advance(30)


async def test_the_tests_own_time_is_real() -> None:
    loop = asyncio.get_running_loop()
    async with Stage(clocks()) as stage:
        before = loop.time()
        await stage.advance(1_000)
        assert loop.time() - before < 5
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
async def test_time_goes_forward_by_a_number_of_seconds(seconds: float) -> None:
    async with Stage(Live()) as stage:
        with pytest.raises(ValueError, match="forward"):
            await stage.advance(seconds)


async def test_updates_keep_the_pace_of_the_settings() -> None:
    async with Stage(Live(min_interval=0.5)) as stage:
        ann = await stage.connect()
        await stage.connect()
        await stage.connect()
        # Her own update came with her CONNECT, so the page was told once, of the second client.
        assert ann.updates == [("user connected", 1), ("user connected", 2)]
        await stage.advance(0.5)
        assert ann.updates == [("user connected", number) for number in (1, 2, 3)]


async def test_what_never_waits_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nannin.testing.timing._MAX_TURNS", 1_000)
    live = Live()

    @live.on("spin")
    async def spin(socket: Socket) -> None:
        while socket.connected:
            await asyncio.sleep(0)

    async with Stage(live) as stage:
        ann = await stage.connect()
        with pytest.raises(RuntimeError, match="never comes to rest"):
            await ann.emit("spin")


async def test_a_task_that_will_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nannin.testing.timing._END_S", 0.01)
    live, enough = Live(), asyncio.Event()

    @live.background
    async def stubborn() -> None:
        while not enough.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await enough.wait()

    with pytest.raises(RuntimeError, match=r"still running.*stubborn"):
        async with Stage(live):
            pass
    enough.set()
    await asyncio.sleep(0)


async def test_a_task_may_wait_while_it_ends() -> None:
    live, ended = Live(), []

    @live.background
    async def save() -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            await asyncio.sleep(1)
            ended.append(True)

    async with Stage(live):
        pass
    assert ended == [True]


def test_a_stage_runs_under_asyncio_alone_and_keeps_no_loop() -> None:
    live = clocks()

    async def play() -> weakref.ref[asyncio.AbstractEventLoop]:
        async with Stage(live) as stage:
            ann = await stage.connect()
            await stage.advance(60)
            assert ann.received == [("minute",)]
        return weakref.ref(asyncio.get_running_loop())

    loops = [asyncio.run(play()) for _ in range(2)]
    gc.collect()
    assert loops[0]() is None
