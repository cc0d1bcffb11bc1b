"""Coroutines that run at once, and have a task only where they wait."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable

import pytest

from nannin.engine.at_once import AtOnce
from support.asgi import no_tasks_left

who = contextvars.ContextVar("who", default="nobody")


class Floor:
    """Runs coroutines, and keeps what they do.

    Attributes:
        at_once: runs them.
        done: what they have noted.
        waited: the tasks of those that waited.
    """

    def __init__(self) -> None:
        self.at_once = AtOnce()
        self.done: list[object] = []
        self.waited: list[asyncio.Task[None]] = []

    def run(self, *steps: Callable[[], Awaitable[object]]) -> None:
        """Runs a coroutine that notes what each step comes to."""
        self.at_once.run(self._walk(*steps), self.waited.append)

    async def _walk(self, *steps: Callable[[], Awaitable[object]]) -> None:
        for step in steps:
            try:
                self.done.append(await step())
            except (asyncio.CancelledError, TimeoutError) as error:
                self.done.append(type(error))
                raise


def on_a_floor(test: Callable[[Floor], Awaitable[None]]) -> None:
    """Runs a test; no task may be left of it."""

    async def main() -> None:
        async with no_tasks_left():
            await test(Floor())

    asyncio.run(main())


async def nothing() -> None:
    """It doesn't wait."""


async def current() -> object:
    """The current task."""
    return asyncio.current_task()


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_does_not_wait_is_done_at_once() -> None:
    async def test(floor: Floor) -> None:
        floor.run(nothing, nothing)
        assert floor.done == [None, None]
        await turns()
        assert floor.waited == []

    on_a_floor(test)


def test_any_number_that_do_not_wait_share_one_task() -> None:
    async def test(floor: Floor) -> None:
        before = asyncio.all_tasks()
        for _ in range(1_000):
            floor.run(current)
        assert len(set(floor.done)) == 1
        assert len(asyncio.all_tasks() - before) == 1

    on_a_floor(test)


def test_each_turn_has_a_task_of_its_own() -> None:
    async def test(floor: Floor) -> None:
        floor.run(current)
        await turns()
        floor.run(current)
        assert len(set(floor.done)) == 2

    on_a_floor(test)


def test_whoever_waits_goes_on_in_the_task_in_which_it_began() -> None:
    async def test(floor: Floor) -> None:
        future = asyncio.get_running_loop().create_future()
        floor.run(current, lambda: future, current)
        floor.run(current)
        begun, other = floor.done
        assert begun is not other
        assert floor.waited == []
        await turns()
        assert floor.waited == [begun]
        future.set_result("come")
        await turns()
        assert floor.done[2:] == ["come", begun]

    on_a_floor(test)


def test_what_was_waited_for_may_come_in_the_same_turn() -> None:
    async def test(floor: Floor) -> None:
        future = asyncio.get_running_loop().create_future()
        floor.run(lambda: future, turns, current)
        future.set_result("come")
        await turns(6)
        assert floor.done == ["come", None, floor.waited[0]]

    on_a_floor(test)


def test_whoever_runs_it_stays_the_current_task() -> None:
    async def test(floor: Floor) -> None:
        me = asyncio.current_task()
        floor.run(current, asyncio.get_running_loop().create_future)
        assert asyncio.current_task() is me
        floor.run(nothing)
        assert asyncio.current_task() is me
        assert floor.done[0] is not me
        await turns()
        floor.waited[0].cancel()

    on_a_floor(test)


def test_it_runs_where_there_is_no_task() -> None:
    async def test(floor: Floor) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(floor.run, current)
        loop.call_soon(lambda: floor.done.append(asyncio.current_task()))
        await turns()
        assert isinstance(floor.done[0], asyncio.Task)
        assert floor.done[1] is None

    on_a_floor(test)


@pytest.mark.parametrize("seconds", [0, 0.001])
def test_a_timeout_in_it_ends_it_alone(seconds: float) -> None:
    async def test(floor: Floor) -> None:
        async def wait() -> None:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().create_future()

        async def patient() -> None:
            try:
                await wait()
            except TimeoutError:
                floor.done.append("too late")

        floor.run(patient, nothing)
        floor.run(turns)
        async with asyncio.timeout(5):
            while len(floor.done) < 4:
                await turns()
        assert sorted(floor.done, key=str) == [None, None, None, "too late"]

    on_a_floor(test)


def test_its_task_can_be_cancelled() -> None:
    async def test(floor: Floor) -> None:
        floor.run(asyncio.get_running_loop().create_future)
        await turns()
        floor.waited[0].cancel()
        await turns()
        assert floor.done == [asyncio.CancelledError]
        assert floor.waited[0].cancelled()

    on_a_floor(test)


def test_a_context_variable_can_be_changed_back_after_a_wait() -> None:
    async def test(floor: Floor) -> None:
        async def change() -> str:
            token = who.set("somebody")
            await turns()
            found = who.get()
            who.reset(token)
            return f"{found}, {who.get()}"

        floor.run(change)
        assert who.get() == "nobody"
        await turns(6)
        assert floor.done == ["somebody, nobody"]

    on_a_floor(test)


def test_one_that_begins_another_lends_it_another_task() -> None:
    async def test(floor: Floor) -> None:
        async def begin() -> object:
            floor.run(current)
            return asyncio.current_task()

        floor.run(begin)
        inner, outer = floor.done
        assert inner is not outer

    on_a_floor(test)


def test_one_that_raises_hurts_no_other() -> None:
    async def test(floor: Floor) -> None:
        async def fail() -> None:
            raise ValueError("it fails")

        me = asyncio.current_task()
        with pytest.raises(ValueError, match="it fails"):
            floor.run(fail)
        assert asyncio.current_task() is me
        floor.run(current, turns, nothing)
        await turns(6)
        assert floor.done[1:] == [None, None]

    on_a_floor(test)


def test_it_can_be_used_on_one_loop_after_another() -> None:
    floor = Floor()

    async def main() -> None:
        floor.run(current)

    loop = asyncio.new_event_loop()
    try:
        loop.call_soon(floor.run, nothing)
        loop.call_soon(loop.stop)
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        asyncio.run(main())
    finally:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    assert floor.done[0] is None
    assert isinstance(floor.done[1], asyncio.Task)
