"""A count of several nodes explains itself: each node's part, all together, and whether they come to it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from nannin.access.refusals import AT_THE_DOOR
from nannin.hub.observatory import Observatory
from support.fakes import Client, House, made
from support.several_nodes import City


@pytest.fixture(autouse=True)
def door(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody was turned away before the application was known, whatever other tests have done."""
    monkeypatch.setattr(AT_THE_DOOR, "tally", Counter())


class Town(City):
    """Nodes that can be asked."""

    def __init__(self, nodes: int, **settings: Any) -> None:
        super().__init__(nodes, **settings)
        self.observatories = [
            Observatory(house.hub, house.engine, house.settings, neighbours.reports)
            for house, neighbours in zip(self.houses, self.neighbours, strict=True)
        ]

    async def explain(self, node: int = 0, page: str = "/") -> dict[str, Any]:
        """What a node explains, as it is after its way through JSON; the clock stands still meanwhile."""
        asked = self.observatories[node]
        asking = asyncio.ensure_future(asked.explain(page, made(asked.report(page))))
        async with asyncio.timeout(10):
            while not asking.done():
                await asyncio.sleep(0)
                self.clock.settle()
        explained = asking.result()
        assert json.loads(json.dumps(explained)) == explained
        return explained


def part(node: str, live: int, visitors: int, *, in_grace: int = 0, agrees: bool = True) -> dict[str, Any]:
    connections = live + in_grace
    numbers = {"connections": connections, "visitors": visitors, "visible": visitors}
    return {"node": node, "live_connections": live, "in_grace": in_grace, **numbers, "agrees": agrees}


async def test_each_node_explains_its_own_part_and_all_together_whichever_is_asked() -> None:
    town = Town(3, grace=2)
    one, two, three = town.houses
    one.client("/", visitor="ann")
    one.client("/")
    two.client("/", visitor="ann", polling=True)
    two.client("/", visitor="bob").close()
    two.client("/", observe=True)
    three.client("/", visitor=5)
    three.client("/other")
    town.clock.settle()
    town.clock.advance(1)
    explained = [await town.explain(node) for node in range(3)]
    assert [answer.pop("node") for answer in explained] == ["node 0", "node 1", "node 2"]
    assert explained[0] == explained[1]
    answer = explained[0]
    assert answer["count"] == {"connections": 4, "visitors": 3, "visible": 3}
    assert answer["nodes"][:2] == [part("node 0", 2, 2), part("node 1", 1, 2, in_grace=1)]
    assert answer["nodes_without_answer"] == 0
    assert answer["breakdown"] == {
        "live_connections": 3,
        "in_grace": 1,
        "with_visitor_id": 2,
        "without_visitor_id": 1,
        "transports": {"websocket": 2, "polling": 1},
    }
    assert answer["not_counted"]["observers"] == 1
    assert answer["check"] == {"recounted_connections": 4, "agrees": True}


async def test_once_all_nodes_are_known_those_without_a_part_are_asked_too() -> None:
    town = Town(2)
    town.houses[0].client("/")
    town.houses[1].client("/", visitor=5)
    town.houses[1].client("/", observe=True)
    town.clock.advance(11)
    explained = await town.explain()
    assert explained["nodes"] == [part("node 0", 1, 1), part("node 1", 0, 0)]
    assert explained["not_counted"]["observers"] == 1
    assert explained["not_counted"]["refused_since_start"] == {"payload": 1, "idle": 1}


async def test_a_node_that_is_not_told_of_every_page_explains_one_that_only_others_are_on() -> None:
    town = Town(3, everything=False)
    for house in town.houses[1:]:
        house.client("/", visitor="ann")
    town.clock.settle()
    town.houses[0].hub.knowing.when_known("/", lambda: None)
    town.clock.settle()
    explained = await town.explain()
    assert explained["count"] == {"connections": 2, "visitors": 1, "visible": 1}
    assert explained["nodes"] == [part("node 0", 0, 0), part("node 1", 1, 1), part("node 2", 1, 1)]
    assert explained["check"] == {"recounted_connections": 2, "agrees": True}


async def test_a_page_that_nobody_is_on_is_explained_too() -> None:
    explained = await Town(2).explain(page="/nobody")
    assert explained["nodes"] == [part("node 0", 0, 0), part("node 1", 0, 0)]
    assert explained["check"] == {"recounted_connections": 0, "agrees": True}


async def test_who_comes_while_the_nodes_are_asked_does_not_make_them_disagree() -> None:
    town = Town(2)
    clients: list[Client] = []
    house = town.houses[1]
    house.client("/")
    own, make = town.observatories[0], town.observatories[1].report

    def come_and_report(page: str) -> Any:
        clients.append(house.client("/"))
        return make(page)

    town.neighbours[1].reports.make = come_and_report
    explained = await town.explain()
    assert explained["check"]["agrees"]
    assert len(clients) <= 3
    town.neighbours[1].reports.make = make
    explained = await town.explain()
    assert explained["check"] == {"recounted_connections": own.count("/").connections, "agrees": True}


@pytest.mark.parametrize("asked", [0, 1])
async def test_a_lost_client_of_any_node_is_found_by_whoever_is_asked(asked: int) -> None:
    town = Town(2)
    for house in town.houses:
        house.client("/")
    town.clock.settle()
    keep_a_ghost(town.houses[1])
    explained = await town.explain(asked)
    assert [node["agrees"] for node in explained["nodes"]] == [True, False]
    assert explained["check"] == {"recounted_connections": 2, "agrees": False}


def keep_a_ghost(house: House) -> None:
    """The roster has somebody who is not there."""
    roster: Any = house.hub.roster
    roster.join("/", object())


async def test_parts_that_do_not_come_to_the_count_are_found() -> None:
    town = Town(2)
    for house in town.houses:
        house.client("/")
    town.clock.settle()
    roster = town.houses[1].hub.roster
    roster.on_change = None  # the census hears nothing of the next one
    town.houses[1].client("/")
    explained = await town.explain()
    assert [node["agrees"] for node in explained["nodes"]] == [True, True]
    assert explained["count"]["connections"] == 2
    assert explained["check"] == {"recounted_connections": 3, "agrees": False}


async def test_nodes_that_can_not_be_asked_are_counted_and_do_not_make_it_disagree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nannin.hub.reports.PATIENCE_S", 0.01)
    town = Town(3)
    for house in town.houses:
        house.client("/")
    town.clock.advance(1)
    town.lines[0].cut()
    town.clock.advance(2)
    explained = await town.explain()
    assert explained["nodes"] == [part("node 0", 1, 1)]
    assert explained["count"]["stale"]
    assert explained["nodes_without_answer"] == 2
    assert explained["check"]["agrees"]


async def test_a_node_that_does_not_answer_in_time_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nannin.hub.reports.PATIENCE_S", 0.01)
    town = Town(2)
    for house in town.houses:
        house.client("/")
    town.clock.settle()
    silence: list[int] = []
    town.neighbours[1].reports.inquire = lambda number, page, inquired: silence.append(number)  # type: ignore[method-assign]
    explained = await town.explain()
    assert len(silence) == 1
    assert explained["nodes_without_answer"] == 1
    assert explained["check"] == {"recounted_connections": 1, "agrees": True}


async def test_a_node_that_has_gone_is_not_waited_for() -> None:
    town = Town(2)
    town.houses[0].client("/")
    town.clock.advance(11)
    line = town.lines[1]
    assert line.number is not None
    town.census.end(line.number)
    explained = await asyncio.wait_for(town.explain(), 1)
    assert explained["nodes_without_answer"] == 0


async def test_a_group_over_several_nodes_is_explained_by_each() -> None:
    town = Town(2, groups="/shop/*", grace=2)
    for number, house in enumerate(town.houses):
        house.client(f"/shop/{number}", visitor="ann")
    town.houses[0].client("/shop/0", visitor="bob").close()
    town.houses[0].client("/news", visitor="cat")
    town.clock.settle()
    explained = await town.explain(1, "/shop/*")
    assert explained["count"] == {"connections": 3, "visitors": 2, "visible": 2}
    assert explained["nodes"] == [part("node 0", 1, 2, in_grace=1), part("node 1", 1, 1)]
    assert explained["check"] == {"recounted_connections": 3, "agrees": True}
