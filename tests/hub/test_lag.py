"""What holds up the loop is named, once a minute each: also in the middle of a coroutine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from nannin import Socket, Visitor
from nannin.app.background import Background
from nannin.hub.lag import SLOW_S, Lag
from support.fakes import House

logger = logging.getLogger("nannin.handlers")

Lines = list[str]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What was logged so far; it grows."""
    told: Lines = []

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    notes = Notes()
    logging.getLogger("nannin").addHandler(notes)
    yield told
    logging.getLogger("nannin").removeHandler(notes)


class Clock:
    """A time that passes only where the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        return self.now_s

    def spend(self, seconds: float) -> None:
        self.now_s += seconds


def watched(clock: Clock, coroutine: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
    return Lag(logger, clock.now).watch(coroutine, "job", "the job")


@pytest.mark.anyio
async def test_each_step_of_a_coroutine_is_timed_by_itself(lines: Lines) -> None:
    clock = Clock()

    async def job() -> str:
        clock.spend(SLOW_S / 2)
        await asyncio.sleep(0)
        clock.spend(SLOW_S / 2)
        await asyncio.sleep(0)
        return "done"

    assert await asyncio.create_task(watched(clock, job())) == "done"
    assert lines == []


@pytest.mark.anyio
@pytest.mark.parametrize("catches", [False, True])
async def test_a_slow_step_is_named_wherever_it_stands(lines: Lines, catches: bool) -> None:
    clock = Clock()

    async def job() -> None:
        await asyncio.sleep(0)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            clock.spend(0.4)
            if not catches:
                raise

    task = asyncio.create_task(watched(clock, job()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() is not catches
    assert lines == [
        "the job held up the server and all its clients for 400 ms: "
        "let it await, or give the work to asyncio.to_thread"
    ]


@pytest.mark.anyio
async def test_what_a_coroutine_raises_comes_out_of_its_task() -> None:
    async def job() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.create_task(watched(Clock(), job()))


@pytest.mark.anyio
async def test_it_looks_like_the_coroutine_and_can_be_awaited_or_closed() -> None:
    async def job() -> str:
        return "done"

    one, other = watched(Clock(), job()), watched(Clock(), job())
    assert "job at" in repr(one)
    assert await one == "done"
    other.close()


def test_the_same_is_named_once_a_minute(lines: Lines) -> None:
    clock = Clock()
    lag = Lag(logger, clock.now)
    for seconds in (0, 59, 1):
        clock.spend(seconds)
        lag.warn(1.0, "job", "the job")
    lag.warn(1.0, "other", "the other")
    assert [line.split(" held")[0] for line in lines] == ["the job", "the job", "the other"]


# In the house


@pytest.mark.anyio
@pytest.mark.parametrize("with_middleware", [False, True])
async def test_an_async_handler_that_blocks_is_named(lines: Lines, with_middleware: bool) -> None:
    house = House()

    async def sluggish(socket: Socket) -> None:
        await asyncio.sleep(0)
        house.clock.spend(0.4)

    async def pass_on(_socket: Socket, _event: str, _args: tuple[Any, ...], call_next: Any) -> Any:
        return await call_next()

    house.on("think", sluggish)
    if with_middleware:
        house.page().use(pass_on)
    client = house.client("/")
    await house.turn()
    client.emit("think")
    await house.turn()
    [line] = lines
    assert "sluggish of 'think' on page / held up the server and all its clients for 400 ms" in line


@pytest.mark.anyio
async def test_an_enter_handler_and_middleware_alone_are_named_too(lines: Lines) -> None:
    house = House()

    async def sluggish(visitor: Visitor) -> None:
        house.clock.spend(0.4)

    async def slow(_socket: Socket, _event: str, _args: tuple[Any, ...], call_next: Any) -> Any:
        house.clock.spend(0.4)
        return await call_next()

    house.on("enter", sluggish)
    house.page("/slow").use(slow)
    house.client("/")
    house.client("/slow")
    await house.turn()
    assert "sluggish of 'enter' on page / held up" in lines[0]
    assert "the middleware of 'connect' on page /slow held up" in lines[1]


@pytest.mark.anyio
async def test_a_background_task_that_blocks_is_named(lines: Lines) -> None:
    clock = Clock()
    background = Background(clock.now)

    async def sweep() -> None:
        await asyncio.sleep(0)
        clock.spend(0.4)

    await background.spawn(sweep())
    assert "the background task" in lines[0]
    assert "sweep held up the server" in lines[0]
