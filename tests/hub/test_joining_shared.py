"""Joining where several nodes share their counts: a CONNECT is answered once all of them count it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nannin import DisconnectReason, Socket
from nannin.audience.roster import Count, Roster
from nannin.hub.connection import Connection
from support.fakes import Client, House


class Census(Roster[Connection]):
    """Counts of a node and of others, which know of a change only when the test says so."""

    def __init__(self, node: Roster[Connection]) -> None:
        super().__init__()
        self.node = node
        self.elsewhere = 0
        self.known: dict[str, Count] = {}
        self.waiting: list[Callable[[], None]] = []

    def count(self, page: str) -> Count:
        return self.known.get(page, Count())

    def is_held(self, page: str) -> bool:
        return self.node.is_held(page)

    def when_counted(self, page: str | None, then: Callable[[], None]) -> None:
        self.waiting.append(then)


def merged() -> tuple[House, Census]:
    house = House(make_counts=Census, grace=2)
    census = house.hub.counts
    assert isinstance(census, Census)
    return house, census


def answer(house: House, census: Census, page: str = "/") -> None:
    """The other nodes know what this one has, and it knows the whole count."""
    before = census.known.get(page)
    count = Count(*(number + census.elsewhere for number in census.node.count(page)))
    census.known[page] = count
    if count != before:
        house.hub.teller.change(page)
    waiting, census.waiting = census.waiting, []
    for then in waiting:
        then()
    house.clock.settle()


def connected(client: Client) -> bool:
    return any(packet.type.name == "CONNECT" for packet in client.packets)


def test_a_join_is_answered_with_the_count_of_all_nodes_once_that_includes_it() -> None:
    house, census = merged()
    census.elsewhere = 41
    client = house.client("/")
    assert (client.packets, house.hub.roster.count("/").visitors) == ([], 1)
    answer(house, census)
    assert connected(client)
    assert client.heard() == [42]


def test_the_others_are_told_once() -> None:
    house, census = merged()
    first = house.client("/")
    answer(house, census)
    house.client("/")
    house.clock.advance(1)
    assert first.heard() == [1]
    answer(house, census)
    assert first.heard() == [1, 2]


def test_who_leaves_before_the_answer_is_counted_no_more() -> None:
    house, census = merged()
    client = house.client("/")
    client.close()
    answer(house, census)
    assert (connected(client), house.hub.roster.count("/")) == (False, Count())
    house.assert_empty()


def test_a_visitor_who_leaves_before_the_answer_has_its_grace() -> None:
    house, _ = merged()
    house.client("/", visitor="ann").close()
    assert house.hub.roster.count("/") == Count(1, 1, 1)
    house.clock.advance(2)
    assert house.hub.roster.count("/") == Count()


def test_the_disconnect_handler_learns_of_who_leaves_before_the_answer_if_the_connect_handler_did() -> None:
    house, _ = merged()
    told: list[str] = []

    def connect(socket: Socket) -> None:
        told.append("connect")

    def disconnect(socket: Socket, reason: DisconnectReason) -> None:
        told.append(reason)

    house.on("connect", connect)
    house.on("disconnect", disconnect)
    client = house.client("/")
    client.leave()
    assert told == ["connect", DisconnectReason.CLIENT_LEFT]


def test_a_client_that_asks_again_before_the_answer_is_answered_once() -> None:
    house, census = merged()
    client = house.client("/")
    client.connect("/")
    answer(house, census)
    assert [packet.type.name for packet in client.packets].count("CONNECT") == 1
    assert house.hub.roster.count("/") == Count(1, 1, 1)


def test_who_is_disconnected_before_the_answer_hears_first_that_it_has_joined() -> None:
    house, census = merged()
    kept: list[Socket] = []
    house.on("connect", kept.append)
    client = house.client("/")
    kept[0].disconnect()
    assert client.packets == []
    answer(house, census)
    assert [packet.type.name for packet in client.packets if packet.type.name != "EVENT"] == [
        "CONNECT",
        "DISCONNECT",
    ]


@pytest.mark.parametrize("seen", [True, False])
def test_an_observer_does_not_wait(seen: bool) -> None:
    house, census = merged()
    census.elsewhere = 3
    if seen:
        answer(house, census)
    client = house.client("/", observe=True)
    assert client.heard() == [3 if seen else 0]


# People, who may be on a page through several nodes


class Door:
    def __init__(self, house: House) -> None:
        self.told: list[str] = []
        house.on("enter", lambda visitor: self.told.append(f"enter {visitor.id}"))
        house.on("exit", lambda visitor: self.told.append(f"exit {visitor.id}"))


def test_a_person_enters_and_exits_when_no_node_had_or_has_them() -> None:
    house, census = merged()
    door = Door(house)
    client = house.client("/", visitor="ann")
    answer(house, census)
    assert door.told == []
    house.hub.presence.entered("/", "ann")
    assert door.told == ["enter ann"]
    client.close()
    house.clock.advance(2)
    house.hub.presence.exited("/", "ann")
    answer(house, census)
    assert door.told == ["enter ann", "exit ann"]


def test_a_person_who_is_on_another_node_too_neither_enters_nor_exits() -> None:
    house, census = merged()
    door = Door(house)
    client = house.client("/", visitor="ann")
    answer(house, census)
    client.close()
    house.clock.advance(2)
    answer(house, census)
    assert door.told == []
    house.assert_empty()


def test_a_visitor_without_an_id_enters_and_exits_on_its_own_node() -> None:
    house, census = merged()
    door = Door(house)
    client = house.client("/")
    answer(house, census)
    client.close()
    assert [words.split()[0] for words in door.told] == ["enter", "exit"]


def test_who_leaves_before_the_answer_has_not_come() -> None:
    house, census = merged()
    door = Door(house)
    house.client("/").close()
    answer(house, census)
    assert door.told == []


def test_a_person_who_exits_with_a_node_that_is_gone_is_told_of_here() -> None:
    house, _ = merged()
    door = Door(house)
    house.hub.presence.exited("/", "ann")
    house.hub.presence.exited("/other", "ann")
    assert door.told == ["exit ann"]
