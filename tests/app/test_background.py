"""The application's own tasks: when they begin, what is said when they fail, and that they end."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from nannin.app.background import Background


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_was_added_begins_once_with_the_server() -> None:
    background, begun = Background(), []

    async def task() -> None:
        begun.append("task")

    background.add(task)
    await turn()
    assert begun == []
    background.start()
    background.start()
    await turn()
    assert begun == ["task"]
    assert not background.tasks


async def test_what_is_added_later_begins_at_once() -> None:
    background, begun = Background(), asyncio.Event()

    async def task(event: asyncio.Event) -> None:
        event.set()

    background.start()
    background.add(functools.partial(task, begun))
    await asyncio.wait_for(begun.wait(), 5)


async def needs_more(number: int) -> None:
    """A task that can't be begun."""


@pytest.mark.parametrize("wrong", [None, print, lambda: None, needs_more, 5])
async def test_a_task_is_an_async_function_without_arguments(wrong: Any) -> None:
    background = Background()
    with pytest.raises(TypeError, match="async function without arguments"):
        background.add(wrong)

    background.start()
    assert not background.tasks


async def test_a_task_that_raises_is_named_in_the_log_and_hurts_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    background, door = Background(), asyncio.Event()

    async def break_down() -> None:
        raise RuntimeError("on purpose")

    async def go_on() -> None:
        await door.wait()

    background.add(break_down)
    background.add(go_on)
    background.start()
    await turn()
    assert len(background.tasks) == 1
    door.set()
    await turn()
    assert not background.tasks
    (record,) = caplog.records
    assert "break_down" in record.getMessage()
    assert record.exc_info is not None


async def test_the_end_of_the_server_ends_all_tasks_silently_and_it_may_start_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    background, steps = Background(), []

    async def task() -> None:
        steps.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("ended")

    background.add(task)
    background.start()
    one = background.spawn(task())
    await turn()
    background.shut_down()
    await turn()
    assert steps == ["begun", "begun", "ended", "ended"]
    assert one.cancelled()
    background.start()
    await turn()
    assert steps[4:] == ["begun"]
    background.shut_down()
    await turn()
    assert not background.tasks
    assert caplog.records == []
