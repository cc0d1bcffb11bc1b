"""Several nodes are one server: one number, one page to send to, one person who comes and goes."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Socket
from nannin.access.refusals import Refusal
from nannin.audience.roster import Count
from support.fakes import Client
from support.several_nodes import City


def told(client: Client, event: str) -> list[list[Any]]:
    """What a client heard by events of this name."""
    return [
        packet.data[1:]
        for packet in client.packets
        if packet.type.name == "EVENT" and packet.data[0] == event
    ]


def test_everybody_on_every_node_has_one_number_and_a_joiner_has_it_at_once() -> None:
    city = City(3)
    here, there = city.houses[0].client("/"), city.houses[1].client("/")
    last = city.houses[2].client("/")
    city.clock.advance(1)
    assert (here.heard()[-1], there.heard()[-1], last.heard()) == (3, 3, [3])
    assert city.counts() == {Count(3, 3, 3)}


def test_a_visitor_on_two_nodes_is_one_visitor() -> None:
    city = City(2)
    for house in city.houses:
        house.client("/", visitor="ann")
    assert city.counts() == {Count(2, 1, 1)}


def test_a_visitor_who_reloads_and_comes_to_another_node_takes_the_old_place() -> None:
    city = City(2)
    watching = city.houses[1].client("/")
    city.clock.advance(1)
    moving = city.houses[0].client("/", visitor="ann")
    city.clock.advance(1)
    moving.leave("/")
    city.clock.advance(0.5)
    city.houses[1].client("/", visitor="ann")
    city.clock.advance(0.1)
    assert city.counts() == {Count(2, 2, 2)}
    city.clock.advance(20)
    assert city.counts() == {Count(2, 2, 2)}
    assert watching.heard() == [1, 2]


def test_nobody_is_told_twice_of_one_change() -> None:
    city = City(2)
    here = city.houses[0].client("/")
    city.houses[1].client("/")
    city.clock.advance(1)
    city.houses[0].client("/")
    city.clock.advance(1)
    assert here.heard() == [1, 2, 3]


def test_a_leave_is_told_on_every_node() -> None:
    city = City(2, grace=0)
    here, there = (house.client("/") for house in city.houses)
    there.close()
    city.clock.advance(1)
    assert here.heard() == [1, 2, 1]
    here.close()
    assert city.counts() == {Count()}
    for house in city.houses:
        assert not list(house.hub.pages())


def test_a_node_says_that_it_sends_its_clients_away_and_the_others_see_that_it_has_gone() -> None:
    city = City(3)
    city.clock.advance(6)
    heard: list[tuple[int, float]] = []
    for index, neighbours in enumerate(city.neighbours):
        neighbours.on_leaving = lambda for_s, index=index: heard.append((index, for_s))  # type: ignore[misc]
    city.neighbours[0].leave_soon(30.0)
    city.clock.advance(1)
    assert heard == [(1, 30.0), (2, 30.0)]
    city.neighbours[0].leave_soon(1e30)
    city.neighbours[0].leave_soon(-1.0)
    city.clock.advance(1)
    assert [for_s for _, for_s in heard[2:]] == [3_600.0, 3_600.0, 0.0, 0.0]
    del heard[:]
    city.kill(0)
    city.clock.advance(6)
    assert heard == [(1, 0.0), (2, 0.0)]


def test_a_node_without_others_tells_nobody_that_it_leaves() -> None:
    city = City(1)
    city.clock.advance(6)
    writes = city.lines[0].writes
    city.neighbours[0].leave_soon(30.0)
    city.clock.advance(1)
    assert city.lines[0].writes == writes


def test_a_storm_is_a_few_writes() -> None:
    city = City(2)
    before = city.lines[0].writes
    clients = [Client(city.houses[0]) for _ in range(500)]
    for client in clients:
        client.connect("/")
    city.clock.settle()
    assert city.lines[0].writes - before <= 2
    assert {client.heard()[0] for client in clients} == {500}


def test_while_apart_each_node_counts_its_own_and_they_agree_again_afterwards() -> None:
    city = City(2)
    for house in city.houses:
        house.client("/")
    city.clock.settle()
    city.lines[1].cut()
    house = city.houses[1]
    late = house.client("/")
    city.clock.advance(1)
    assert late.heard() == [3], "it does not wait"
    assert city.houses[0].count() == Count(2, 2, 2)
    city.lines[1].mend()
    city.clock.advance(1)
    assert city.counts() == {Count(3, 3, 3)}


def test_counts_say_that_they_may_be_old_once_the_others_are_away_for_more_than_a_moment() -> None:
    city = City(2)
    house, line = city.houses[1], city.lines[1]
    client = house.client("/", updates="audience")
    old = house.client("/")
    line.cut()
    city.clock.advance(0.5)
    line.mend()
    city.clock.advance(60)
    before = told(client, "audience")
    assert not [update for (update,) in before if "stale" in update]
    line.cut()
    city.clock.advance(2)
    assert told(client, "audience")[len(before) :] == [
        [{"page": "/", "connections": 2, "visitors": 2, "visible": 2, "stale": True}]
    ]
    line.mend()
    city.clock.advance(1)
    assert told(client, "audience")[len(before) + 1 :] == [
        [{"page": "/", "connections": 2, "visitors": 2, "visible": 2}]
    ]
    assert old.heard() == [2], "the number is the same"


def test_the_log_tells_once_that_the_others_are_away_and_once_that_they_are_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    city = City(2)
    city.lines[1].cut()
    city.clock.advance(20)
    city.lines[1].mend()
    city.clock.advance(20)
    assert ["be reached" in record.getMessage() for record in caplog.records] == [True, False]


@pytest.mark.parametrize("updates", ["none", "classic"])
def test_an_event_reaches_all_nodes(updates: str) -> None:
    city = City(2)
    clients = [house.client("/", updates=updates) for house in city.houses]
    city.houses[0].page().emit("word", 1, b"2")
    city.clock.settle()
    assert [told(client, "word") for client in clients] == [[[1, b"2"]], [[1, b"2"]]]


def test_the_three_targets_reach_over_nodes() -> None:
    city = City(2)
    kept: dict[str, Socket] = {}

    def connect(socket: Socket) -> None:
        kept[str(socket.auth["name"])] = socket
        socket.join(f"room of {socket.auth['name']}")

    for house in city.houses:
        house.on("connect", connect)
    ann, bob = city.houses[0].client("/", name="ann"), city.houses[1].client("/", name="bob")
    eve = city.houses[1].client("/", name="eve")
    kept["ann"].page.emit("all")
    kept["ann"].broadcast.emit("others")
    kept["ann"].emit("me")
    kept["ann"].to("room of bob").emit("room")
    kept["ann"].to(kept["eve"].id).emit("one")
    kept["ann"].except_(kept["eve"].id).emit("spared")
    city.clock.advance(1)
    names = ["all", "others", "me", "room", "one", "spared"]
    heard = [[name for name in names if told(client, name)] for client in (ann, bob, eve)]
    assert heard == [["all", "me"], ["all", "others", "room", "spared"], ["all", "others", "one"]]


def test_a_person_comes_once_and_goes_once_over_all_nodes() -> None:
    city = City(2, grace=2)
    said: list[str] = []
    for house in city.houses:
        house.on("enter", lambda visitor: said.append(f"enter {visitor.id}"))
        house.on("exit", lambda visitor: said.append(f"exit {visitor.id}"))
    here, there = (house.client("/", visitor="ann") for house in city.houses)
    here.close()
    city.clock.advance(5)
    assert said == ["enter ann"]
    there.close()
    city.clock.advance(5)
    assert said == ["enter ann", "exit ann"]


@pytest.mark.parametrize("said", [b"", b"\xc1", b"\x91\xa1\xff", b"\x92\x01" + b"\x91" * 50_000 + b"\x01"])
def test_what_no_node_says_is_counted_and_told_once_and_hurts_nothing(
    said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    city = City(2)
    city.clock.settle()
    for _ in range(3):
        city.neighbours[0].message(2, "/", said)
        city.neighbours[0].refused()
    assert city.houses[0].hub.refusals.tally[Refusal.OUTSIDE] == 6
    assert [message[:30] for message in caplog.messages] == [
        "node 2 sent something that thi",
        "refused what another program s",
    ]


def test_calls_of_unknown_nodes_are_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    city = City(2)
    city.clock.settle()
    for calls in (2, 3):
        city.neighbours[0].unknown(calls)
    assert city.houses[0].hub.refusals.tally[Refusal.UNKNOWN] == 5
    assert [message[:40] for message in caplog.messages] == ["refused calls of a node that is not know"]
