"""Who comes and goes while the other nodes are away: told at once, by what this node knows, and once."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from nannin import Visitor
from nannin.audience.census import Census
from support.fakes import Client
from support.several_nodes import City


class Town:
    """Nodes, the second of which can be cut off, and what their handlers were told.

    Args:
        nodes: how many.
        grace: of their visitors, in seconds.
        everything: whether each is told of every page.
    """

    def __init__(self, nodes: int = 2, *, grace: float = 0, everything: bool = True) -> None:
        self.city = City(nodes, everything=everything, grace=grace, grace_lost=grace)
        self.said: list[str] = []
        for number, house in enumerate(self.city.houses):
            house.on("enter", self.write("enter", number))
            house.on("exit", self.write("exit", number))

    def write(self, event: str, number: int) -> Callable[[Visitor], None]:
        def handler(visitor: Visitor) -> None:
            self.said.append(f"{event} {visitor.id} {number}")

        return handler

    def cut(self) -> None:
        self.city.clock.settle()
        self.city.lines[1].cut()

    def mend(self) -> list[str]:
        """Returns what was told since the cut, and is told until all has settled."""
        self.city.lines[1].mend()
        self.city.clock.advance(10)
        return self.said

    def lose(self) -> None:
        """The census loses its data, and every node notices with its next beat."""
        self.city.clock.advance(10)
        self.city.census = Census("empty")


def test_one_who_comes_meanwhile_is_told_of_at_once_and_not_again() -> None:
    town = Town()
    town.cut()
    client = town.city.houses[1].client("/", visitor="ann")
    assert town.said == ["enter ann 1"]
    assert town.mend() == ["enter ann 1"]
    client.close()
    town.city.clock.advance(1)
    assert town.said == ["enter ann 1", "exit ann 1"]


def test_one_who_leaves_meanwhile_is_told_of_at_once_and_not_again() -> None:
    town = Town()
    client = town.city.houses[1].client("/", visitor="ann")
    town.cut()
    client.close()
    assert town.said == ["enter ann 1", "exit ann 1"]
    assert town.mend() == ["enter ann 1", "exit ann 1"]
    town.city.houses[1].client("/", visitor="ann").close()
    town.city.clock.advance(1)
    assert town.said == ["enter ann 1", "exit ann 1"] * 2


def test_one_who_comes_and_goes_meanwhile_is_told_of_each_time() -> None:
    town = Town()
    town.cut()
    for _ in range(2):
        town.city.houses[1].client("/", visitor="ann").close()
    assert town.said == ["enter ann 1", "exit ann 1"] * 2
    assert town.mend() == ["enter ann 1", "exit ann 1"] * 2
    town.city.houses[0].client("/", visitor="ann").close()
    town.city.clock.advance(1)
    assert town.said[4:] == ["enter ann 0", "exit ann 0"]


def test_one_who_leaves_and_is_back_meanwhile_is_there() -> None:
    town = Town()
    town.city.houses[1].client("/", visitor="ann").close()
    town.city.clock.advance(1)
    client = town.city.houses[1].client("/", visitor="ann")
    town.cut()
    client.close()
    back = town.city.houses[1].client("/", visitor="ann")
    assert town.mend()[2:] == ["enter ann 1", "exit ann 1", "enter ann 1"]
    back.close()
    town.city.clock.advance(1)
    assert town.said[5:] == ["exit ann 1"]


def test_one_who_came_first_through_another_node_is_left_to_that_node() -> None:
    town = Town()
    first = town.city.houses[0].client("/", visitor="ann")
    here = town.city.houses[1].client("/", visitor="ann")
    town.cut()
    here.close()
    assert town.said == ["enter ann 0"]
    assert town.mend() == ["enter ann 0"]
    first.close()
    town.city.clock.advance(1)
    assert town.said == ["enter ann 0", "exit ann 0"]


def test_one_whose_join_was_under_way_when_the_others_went_away_is_told_of_once() -> None:
    town = Town()
    town.city.clock.settle()
    client = town.city.houses[1].client()
    client.connect("/", visitor="ann")
    town.city.clock.turn()
    town.city.lines[1].cut()
    town.city.clock.settle()
    assert town.said == ["enter ann 1"]
    assert town.mend() == ["enter ann 1"]


def test_one_who_is_still_there_when_the_census_has_lost_its_data_neither_enters_nor_exits() -> None:
    town = Town()
    ann = town.city.houses[0].client("/", visitor="ann")
    town.city.houses[0].client("/", visitor="bob")
    bob = town.city.houses[1].client("/", visitor="bob")
    town.lose()
    also_ann = town.city.houses[1].client("/", visitor="ann")
    bob.close()
    town.city.clock.advance(20)
    assert town.said == ["enter ann 0", "enter bob 0"]
    ann.close()
    also_ann.close()
    town.city.clock.advance(1)
    assert town.said[2:] == ["exit ann 1"]


def test_one_who_leaves_after_the_census_has_lost_its_data_exits_with_what_was_noted_of_the_visit() -> None:
    town = Town()
    noted: list[object] = []
    town.city.houses[1].on("enter", lambda visitor: visitor.data.update(cart=3), page="/shop")
    town.city.houses[1].on("exit", lambda visitor: noted.append(visitor.data.get("cart")), page="/shop")
    client = town.city.houses[1].client("/shop", visitor="ann")
    town.lose()
    town.city.clock.advance(5)
    client.close()
    town.city.clock.advance(1)
    assert noted == []
    town.city.clock.advance(10)
    assert noted == [3]


def test_one_whose_leave_finds_out_that_the_census_has_lost_its_data_exits() -> None:
    town = Town(grace=2)
    ann = town.city.houses[1].client("/", visitor="ann")
    town.lose()
    ann.close()
    town.city.clock.advance(30)
    assert town.said == ["enter ann 1", "exit ann 1"]


@pytest.mark.parametrize("losses", [1, 2])
@pytest.mark.parametrize("seed", range(30))
def test_whoever_comes_and_goes_while_the_census_loses_its_data_enters_and_exits_in_turn(
    seed: int, losses: int
) -> None:
    random = Random(seed)
    town = Town(3, grace=random.choice([0, 2]), everything=random.random() < 0.5)
    clients: list[tuple[str, Client]] = []
    town.city.clock.advance(12 * random.random())
    for step in range(random.choice([4, 8, 16])):
        match random.choice(["join", "join", "leave", "leave", "wait", "lose"]):
            case "join":
                name, house = random.choice(["ann", "bob"]), random.choice(town.city.houses)
                clients.append((name, house.client("/", visitor=name)))
            case "leave" if clients:
                clients.pop(random.randrange(len(clients)))[1].close()
            case "lose" if losses:
                losses -= 1
                town.city.clock.settle()
                town.city.census = Census(f"empty {step}")
            case _:
                town.city.clock.advance(random.choice([0, 0.5, 3, 6, 12]))
    town.city.clock.advance(60)
    there = {name for name, _ in clients}
    for name in ("ann", "bob"):
        told = [line.split()[0] for line in town.said if line.split()[1] == name]
        assert told == (["enter", "exit"] * len(told))[: len(told)]
        assert len(told) % 2 == (name in there)
    assert len({house.count("/") for house in town.city.houses if house.hub.roster.is_held("/")}) < 2
