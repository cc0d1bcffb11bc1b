"""Goodbyes one after another: how long they take, and in which order."""

from __future__ import annotations

from functools import partial

import pytest

from nannin.server.draining import CLIENTS_PER_S, STEP_S, drain, drain_window_s


@pytest.mark.parametrize(
    ("clients", "at_most_s", "window_s"),
    [
        (0, 30, 0),
        (10, 30, 0),
        (100, 30, 0),
        (3_000, 30, 1.5),
        (3_000, 1, 1),
        (1_000_000, 30, 30),
        (1_000_000, 0, 0),
    ],
)
def test_the_time_follows_the_number_of_clients_up_to_a_limit(
    clients: int, at_most_s: float, window_s: float
) -> None:
    assert drain_window_s(clients, at_most_s) == window_s
    assert window_s in (at_most_s, 0) or window_s == clients / CLIENTS_PER_S


class Hours:
    """Time that passes while somebody sleeps, or as a test likes."""

    def __init__(self, held_up_s: float = 0.0) -> None:
        self.now_s = 50.0
        self.held_up_s = held_up_s
        self.slept: list[float] = []
        self.told: list[tuple[int, float]] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds + self.held_up_s

    async def drain(self, clients: int, window_s: float) -> list[int]:
        tell = [partial(self.tell, client) for client in range(clients)]
        await drain(tell, window_s, sleep=self.sleep, now=lambda: self.now_s)
        return [client for client, _ in self.told]

    def tell(self, client: int) -> None:
        self.told.append((client, self.now_s - 50))


async def test_each_is_told_once_and_not_in_the_order_of_their_coming() -> None:
    order = await Hours().drain(500, 2.0)
    assert order != sorted(order)
    assert sorted(order) == list(range(500))


async def test_they_are_told_in_batches_over_all_of_the_time() -> None:
    hours = Hours()
    await hours.drain(1_000, 2.0)
    assert len([at for _, at in hours.told if at < 1.0]) == pytest.approx(500, abs=60)
    assert 2.0 <= hours.told[-1][1] <= 2.0 + 2 * STEP_S
    assert len(set(hours.slept)) > 10, "at random moments"


async def test_a_loop_that_was_held_up_catches_up() -> None:
    hours = Hours(held_up_s=0.9)
    await hours.drain(1_000, 2.0)
    assert hours.told[-1][1] < 3.0


async def test_nobody_is_told_in_no_time() -> None:
    assert await Hours().drain(0, 1.0) == []


async def test_without_a_clock_of_its_own_it_goes_by_the_loop() -> None:
    told: list[int] = []
    await drain([partial(told.append, 1)], 0.001)
    assert told == [1]
