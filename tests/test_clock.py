"""The alarm: one timer for the earliest of many times; and the system's clock, which is never early."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
import uvloop

from nannin.clock import Alarm, SystemClock
from support.fakes import FakeClock

START_S = 1_000.0


class Bell:
    """An alarm on a fake clock, and when it rang."""

    def __init__(self) -> None:
        self.clock = FakeClock(START_S)
        self.rang: list[float] = []
        self.alarm = Alarm(self.clock, lambda: self.rang.append(self.clock.now()))


@pytest.fixture
def bell() -> Bell:
    return Bell()


def test_it_rings_once_at_its_time(bell: Bell) -> None:
    bell.alarm.set(START_S + 5)
    bell.clock.advance(4.9)
    assert bell.rang == []
    bell.clock.advance(100)
    assert bell.rang == [START_S + 5]


def test_it_rings_at_the_earliest_of_its_times_only(bell: Bell) -> None:
    for seconds in (7, 3, 5, 3):
        bell.alarm.set(START_S + seconds)
    assert bell.clock.pending == 1
    bell.clock.advance(100)
    assert bell.rang == [START_S + 3]


def test_after_it_rang_it_can_be_set_again(bell: Bell) -> None:
    for seconds in (3, 7):
        bell.alarm.set(START_S + seconds)
        bell.clock.advance(10)
    assert len(bell.rang) == 2


def test_it_may_be_set_while_it_rings() -> None:
    clock, rang = FakeClock(START_S), []

    def ring() -> None:
        rang.append(clock.now())
        if len(rang) < 3:
            alarm.set(clock.now() + 1)

    alarm = Alarm(clock, ring)
    alarm.set(START_S + 1)
    clock.advance(10)
    assert rang == [START_S + 1, START_S + 2, START_S + 3]
    assert clock.pending == 0


def test_a_time_that_has_passed_rings_in_the_next_turn_and_not_at_once(bell: Bell) -> None:
    bell.alarm.set(START_S - 5)
    assert bell.rang == []
    bell.clock.settle()
    assert bell.rang == [START_S]


def test_infinity_is_never_and_takes_nothing_back(bell: Bell) -> None:
    bell.alarm.set(math.inf)
    assert bell.clock.pending == 0
    bell.alarm.set(START_S + 5)
    bell.alarm.set(math.inf)
    bell.clock.advance(100)
    assert bell.rang == [START_S + 5]


def test_once_cancelled_it_does_not_ring_until_it_is_set_again(bell: Bell) -> None:
    bell.alarm.cancel()
    bell.alarm.set(START_S + 5)
    bell.alarm.cancel()
    assert bell.clock.pending == 0
    bell.clock.advance(10)
    bell.alarm.set(START_S + 50)
    bell.clock.advance(100)
    assert bell.rang == [START_S + 50]


def test_one_that_raises_can_be_set_again() -> None:
    clock, rang = FakeClock(), []

    def ring() -> None:
        rang.append(clock.now())
        raise RuntimeError("this bell breaks on purpose")

    alarm = Alarm(clock, ring)
    for _ in range(2):
        alarm.set(clock.now() + 1)
        with pytest.raises(RuntimeError, match="on purpose"):
            clock.advance(1)
    assert len(rang) == 2


# The system's


async def test_the_systems_clock_never_calls_early() -> None:
    async def main() -> list[float]:
        clock, early = SystemClock(), []
        done = asyncio.Event()
        for milliseconds in range(20):
            due_s = clock.now() + milliseconds / 1_000
            clock.call_later(
                milliseconds / 1_000,
                lambda due_s=due_s: early.append(clock.now() - due_s),  # type: ignore[misc]
            )
        clock.call_later(0.03, done.set)
        async with asyncio.timeout(5):
            await done.wait()
        return early

    late_s = await main()
    assert len(late_s) == 20
    assert min(late_s) >= 0


async def test_the_systems_clock_calls_soon_and_can_be_cancelled() -> None:
    async def main() -> list[str]:
        clock, called = SystemClock(), []
        clock.call_later(0.0, lambda: called.append("cancelled")).cancel()
        clock.call_soon(lambda: called.append("soon"))
        done = asyncio.Event()
        clock.call_later(0.005, done.set)
        async with asyncio.timeout(5):
            await done.wait()
        return called

    assert await main() == ["soon"]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_what_waited_on_a_loop_that_has_ended_goes_on_with_the_next(run: Any) -> None:
    clock, called = SystemClock(), []

    async def first() -> None:
        clock.move()
        clock.call_later(0.02, lambda: called.append("later"))
        clock.call_later(0.01, lambda: called.append("cancelled")).cancel()
        asyncio.get_running_loop().call_soon(lambda: clock.call_soon(lambda: called.append("soon")))

    async def second() -> None:
        clock.move()
        async with asyncio.timeout(5):
            while clock.waiting:
                await asyncio.sleep(0.005)

    run(first())
    clock.call_soon(lambda: called.append("between"))
    run(second())
    assert sorted(called) == ["between", "later", "soon"]
    assert called[-1] == "later"


async def test_another_thread_must_not_take_part_in_the_turns_of_a_loop() -> None:
    clock = SystemClock()
    clock.move()
    with pytest.raises(RuntimeError, match="no running event loop"):
        await asyncio.to_thread(clock.call_soon, lambda: None)
    assert not clock.waiting


def test_who_keeps_the_systems_now_goes_by_the_clock_that_it_follows() -> None:
    clock, other = SystemClock(), FakeClock(START_S)
    now = clock.now
    clock.follow(other)
    assert now() == START_S
    clock.follow_system(least_s=START_S * 1e6)
    assert now() >= START_S * 1e6
