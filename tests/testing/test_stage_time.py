"""A Live on a stage: its time, what it raises, and what is left of it when the stage ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import weakref
from typing import Any

import pytest

from nannin import CallTimeout, Count, DisconnectReason, Live, Page, Socket
from nannin.testing import Stage

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


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


# Time


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


async def test_who_waits_in_vain_is_told_how_to_move_the_time() -> None:
    async with Stage(clocks()) as stage:
        ann = await stage.connect()
        with pytest.raises(AssertionError, match=r"no ack of 'slow'.*advance\(5\)"):
            await ann.call("slow", 5, timeout=0.01)


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
        assert ann.updates == [("user connected", 1)]
        await stage.advance(0.5)
        assert ann.updates == [("user connected", 1), ("user connected", 3)]


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


# Errors


async def test_what_a_handler_raises_comes_out_of_the_await() -> None:
    async with Stage(clocks()) as stage:
        ann = await stage.connect()
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            await ann.emit("fail")
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            await ann.call("fail")
        assert (await ann.call("slow", 0), stage.errors) == ("done", [])


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


# The stage's end


async def test_nothing_is_left_behind() -> None:
    live = clocks()
    own, tasks = set(vars(asyncio.get_running_loop())), asyncio.all_tasks()
    reasons: list[str] = []
    live.on("disconnect")(lambda socket, reason: reasons.append(reason))

    @live.on("spawn")
    async def spawn(socket: Socket) -> None:
        for coroutine in (asyncio.sleep(3_600), asyncio.Event().wait()):
            socket.data[repr(coroutine)] = asyncio.create_task(coroutine)
        await asyncio.sleep(3_600)

    async with Stage(live) as stage:
        ann = await stage.connect(visitor="ann", auth={"recover": True})
        await ann.emit("spawn")
        bob = await stage.connect("/news", visitor="bob", auth={"recover": True})
        await bob.lose()
    assert (ann.reason, reasons) == (DisconnectReason.SHUTTING_DOWN, [DisconnectReason.SHUTTING_DOWN])
    assert (live.pages(), dict(live.engine.sessions)) == ([], {})
    assert asyncio.all_tasks() == tasks
    assert set(vars(asyncio.get_running_loop())) == own


async def test_a_live_plays_again_and_its_clock_never_goes_back() -> None:
    live = clocks()
    now = live.engine._clock.now
    before = now()
    for _ in range(2):
        async with Stage(live) as stage:
            ann = await stage.connect()
            await stage.advance(3_600)
            assert (stage.count(), len(ann.received)) == (Count(1, 1, 1), 60)
    after = live.engine._clock.now()
    assert after - before >= 7_200
    await asyncio.sleep(0.01)
    assert live.engine._clock.now() > after


async def test_a_live_is_on_one_stage_at_a_time() -> None:
    live = Live()
    async with Stage(live):
        with pytest.raises(RuntimeError, match="on a stage already"):
            await Stage(live).__aenter__()
    async with Stage(live):
        pass


async def test_a_live_that_serves_somebody_is_left_alone() -> None:
    live = Live()
    live.engine.open_by_poll()
    with pytest.raises(RuntimeError, match="has clients"):
        await Stage(live).__aenter__()
    live.engine.shut_down()


async def test_two_lives_have_stages_and_times_of_their_own() -> None:
    async with Stage(clocks()) as one, contextlib.AsyncExitStack() as stack:
        ann = await one.connect()
        other = await stack.enter_async_context(Stage(clocks()))
        bob = await other.connect()
        await other.advance(60)
        assert (ann.received, bob.received) == ([], [("minute",)])
        await stack.aclose()
        await one.advance(60)
        assert ann.received == [("minute",)]


async def test_a_stage_that_cannot_begin_gives_the_live_back() -> None:
    live, tasks = Live(), asyncio.all_tasks()

    @live.background
    async def break_down() -> None:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await Stage(live).__aenter__()
    assert asyncio.all_tasks() == tasks


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


async def test_the_application_may_use_a_page_from_a_change() -> None:
    live = Live()

    @live.on_change
    def changed(page: Page, count: Count) -> None:
        page.emit("now", count.visitors)

    async with Stage(live) as stage:
        ann = await stage.connect()
        assert ann.received == [("now", 1)]
