"""A node that is not told of every page still knows the whole count of any page that somebody asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from nannin.audience.census_calls import Emit
from nannin.audience.roster import Count
from nannin.hub.knowing import KEPT_S, MAX_KEPT
from support.fakes import House
from support.several_nodes import City


class Ear:
    def __init__(self) -> None:
        self.heard: list[Count] = []

    def hear(self, page: str, count: Count) -> None:
        self.heard.append(count)


async def answered(city: City, question: Awaitable[None]) -> None:
    """Lets the nodes speak until the question is answered."""
    asking = asyncio.ensure_future(question)
    async with asyncio.timeout(5):
        while not asking.done():
            await asyncio.sleep(0)
            city.clock.settle()


def two_nodes() -> tuple[City, House, House]:
    """Two nodes, of which the first has three people on `/`, and the second has nobody."""
    city = City(2, everything=False)
    here, there = city.houses
    for _ in range(3):
        here.client("/")
    city.clock.settle()
    return city, here, there


async def test_on_one_node_nobody_waits_and_nothing_is_kept() -> None:
    house = House()
    house.client("/")
    before = house.clock.pending
    await house.hub.knowing.know(["/", "/other", None])
    assert (house.clock.pending, len(house.hub.teller)) == (before, 1)


async def test_a_page_that_only_another_node_has_is_asked_for_once() -> None:
    city, _, there = two_nodes()
    assert there.count() == Count()
    await answered(city, there.hub.knowing.know(["/"]))
    assert there.count() == Count(3, 3, 3)
    writes = city.lines[1].writes
    await answered(city, there.hub.knowing.know(["/"]))
    assert city.lines[1].writes == writes


async def test_what_was_asked_for_stays_right_for_a_while_and_is_forgotten_then() -> None:
    city, here, there = two_nodes()
    await answered(city, there.hub.knowing.know(["/"]))
    here.client("/")
    city.clock.advance(1)
    assert there.count() == Count(4, 4, 4)
    city.clock.advance(KEPT_S)
    assert (there.count(), len(there.hub.teller)) == (Count(), 0)
    assert city.census.total("/").connections == 4


async def test_a_reader_waits_for_a_census_that_is_away_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    city, _, there = two_nodes()
    monkeypatch.setattr("nannin.hub.knowing.PATIENCE_S", 0.01)
    city.lines[1].is_cut = True  # and nobody has noticed yet
    await answered(city, there.hub.knowing.know(["/"]))
    assert there.count() == Count()


async def test_names_that_readers_make_up_are_bounded() -> None:
    city, _, there = two_nodes()
    for number in range(MAX_KEPT + 5):
        there.hub.knowing.when_known(f"/{number}", lambda: None)
        city.clock.settle()
    assert (len(there.hub.teller), len(list(there.hub.pages()))) == (0, 0)
    listened = [page for page in range(MAX_KEPT + 5) if city.census.emit(Emit(2, 1, f"/{page}", b"")).tells]
    assert len(listened) == MAX_KEPT


def test_an_observer_is_told_the_whole_count_first() -> None:
    city, here, there = two_nodes()
    client = there.client("/", observe=True)
    city.clock.advance(1)
    assert client.heard() == [3]
    here.client("/")
    city.clock.advance(1)
    assert client.heard() == [3, 4]
    client.close()
    city.clock.advance(KEPT_S)
    assert there.count() == Count()


def test_an_observer_that_leaves_before_it_is_told_leaves_nothing() -> None:
    city, _, there = two_nodes()
    there.client("/", observe=True)
    other = there.client("/other", observe=True)
    other.close()
    city.clock.advance(KEPT_S)
    assert not there.hub.teller.observers("/other")


def test_a_watcher_hears_what_others_do() -> None:
    city, here, there = two_nodes()
    ear = Ear()
    there.hub.teller.watch(ear, "/")
    city.clock.advance(1)
    here.client("/")
    city.clock.advance(1)
    assert ear.heard == [Count(3, 3, 3), Count(4, 4, 4)]
    there.hub.teller.unwatch(ear, "/")
    city.clock.settle()
    here.client("/")
    city.clock.advance(1)
    assert ear.heard == [Count(3, 3, 3), Count(4, 4, 4)]
