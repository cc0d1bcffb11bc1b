"""Costly answers: fresh while they are cheap, kept while they are not, and never an old one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from starlette.exceptions import HTTPException

from nannin.web.budget import CostBudget, Steps


class Work:
    """A clock that goes on only while somebody works, and numbers that tell one result from the next."""

    def __init__(self, cost_s: float) -> None:
        self.now_s = 100.0
        self.cost_s = cost_s
        self.made = 0
        self.budget: CostBudget[int] = CostBudget(lambda: self.now_s, share=0.1, free_s=0.001)

    def make(self) -> int:
        self.now_s += self.cost_s
        self.made += 1
        return self.made

    def get(self, key: str = "x") -> int:
        return self.budget.get(key, self.make)


def test_what_is_cheap_is_always_fresh() -> None:
    work = Work(0.0009)
    assert [work.get() for _ in range(100)] == list(range(1, 101))


def test_what_is_costly_is_kept_as_long_as_its_cost_asks() -> None:
    work = Work(0.5)
    assert work.get() == 1
    work.now_s += 4.9
    assert work.get() == 1
    work.now_s += 0.2
    assert work.get() == 2


def test_asking_at_will_takes_no_more_than_its_share_of_the_time() -> None:
    work = Work(0.05)
    started_s = work.now_s
    while work.now_s < started_s + 60:
        work.get()
        work.now_s += 0.001
    assert work.made * work.cost_s <= 0.1 * (work.now_s - started_s) + work.cost_s


def test_another_answer_has_to_wait_and_is_told_so() -> None:
    work = Work(0.5)
    work.get("x")
    with pytest.raises(HTTPException) as refused:
        work.get("y")
    assert refused.value.status_code == 503
    assert refused.value.headers == {"retry-after": "1"}
    work.now_s += 5.1
    assert work.get("y") == 2


def test_nothing_is_kept_over_the_making_of_another() -> None:
    work = Work(0.5)
    work.get("x")
    work.now_s += 5.1
    work.get("y")
    with pytest.raises(HTTPException):
        work.get("x")


def test_what_is_worked_out_later_from_a_kept_answer_counts_too() -> None:
    work = Work(0.0)
    assert work.get() == 1
    work.cost_s = 0.5
    assert work.budget.spend(work.make) == 2
    assert work.get() == 1
    work.now_s += 5.1
    assert work.get() == 3


def make_in_steps(work: Work, steps: int) -> Steps[int]:
    for _ in range(steps - 1):
        work.make()
        yield
    return work.make()


async def test_what_is_made_in_turns_is_kept_as_the_whole_asks() -> None:
    work = Work(0.1)
    assert await work.budget.get_in_turns("x", lambda: make_in_steps(work, 5)) == 5
    work.now_s += 4.9
    assert await work.budget.get_in_turns("x", lambda: make_in_steps(work, 5)) == 5
    work.now_s += 0.2
    assert await work.budget.get_in_turns("x", lambda: make_in_steps(work, 5)) == 10


async def test_who_comes_while_an_answer_is_made_waits_for_it() -> None:
    work = Work(0.1)

    async def ask() -> int:
        async with work.budget.alone():
            return await work.budget.get_in_turns("x", lambda: make_in_steps(work, 5))

    assert await asyncio.gather(*(ask() for _ in range(10))) == [5] * 10


async def test_an_answer_that_fails_keeps_nobody_waiting() -> None:
    work = Work(0.1)

    def fail() -> Steps[int]:
        yield
        raise ValueError("on purpose")

    async def ask(make: Callable[[], Steps[int]]) -> int:
        async with work.budget.alone():
            return await work.budget.get_in_turns("x", make)

    failed, made = await asyncio.gather(
        ask(fail), ask(lambda: make_in_steps(work, 2)), return_exceptions=True
    )
    assert isinstance(failed, ValueError)
    assert made == 2


async def test_what_is_waited_for_costs_nothing_and_what_is_made_before_does() -> None:
    work = Work(0.1)

    async def wait(made: int) -> int:
        await asyncio.sleep(0)
        work.now_s += 0.5
        return made * 10

    async def ask() -> int:
        return await work.budget.get_awaited("x", lambda: make_in_steps(work, 2), wait)

    assert [await ask(), await ask()] == [20, 20]
    work.now_s += 1.6
    assert await ask() == 40
