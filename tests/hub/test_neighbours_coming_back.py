"""Clients that come back where several nodes serve: to the node they were on, or to another."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Socket
from nannin.hub.neighbours import MAX_PID
from support.fakes import Client, House
from support.several_nodes import City


def settled(client: Client) -> dict[str, Any]:
    """What the client's CONNECT said."""
    [connected] = [packet for packet in client.packets if packet.type.name == "CONNECT"]
    return dict(connected.data)


def offset(client: Client) -> str:
    return str(client.events()[-1][-1])


def joins_readers(socket: Socket) -> None:
    if not socket.recovered:
        socket.join("readers")


def town(**settings: Any) -> City:
    city = City(2, recover=60, **settings)
    for house in city.houses:
        house.on("connect", joins_readers)
    return city


def come_back(house: House, pid: str, last: str | None = None) -> Client:
    auth: dict[str, Any] = {"recover": True, "pid": pid}
    if last is not None:
        auth["offset"] = last
    return house.client("/", **auth)


def test_what_other_nodes_sent_while_a_client_was_away_reaches_it_on_its_return() -> None:
    city = town()
    client = city.houses[0].client("/", recover=True)
    pid = settled(client)["pid"]
    city.houses[1].page().emit("news", "first")
    city.clock.settle()
    last = offset(client)
    client.lose()
    city.clock.advance(20)
    assert city.counts().pop().connections == 0
    city.houses[1].page().emit("news", "second")
    city.houses[1].page().to("readers").emit("news", "third")
    city.houses[1].page().to("others").emit("news", "not for it")
    city.houses[1].page().to(settled(client)["sid"]).emit("news", "fourth")
    city.houses[0].page().emit("news", "fifth")
    city.houses[1].page().volatile.emit("news", "lost")
    city.clock.settle()
    back = come_back(city.houses[0], pid, last)
    city.clock.advance(1)
    assert settled(back) == settled(client)
    news = [text for name, text, *_ in back.events() if name == "news"]
    assert sorted(news) == ["fifth", "fourth", "second", "third"]
    assert [text for text in news if text != "fifth"] == ["second", "third", "fourth"], (
        "the order of its node"
    )


def test_a_client_that_comes_back_to_another_node_is_a_new_one_there() -> None:
    city = town()
    city.houses[1].on("who", lambda socket: (socket.recovered, socket.rooms))
    client = city.houses[0].client("/", recover=True)
    city.houses[0].page().emit("news", "first")
    last, pid = offset(client), settled(client)["pid"]
    client.lose()
    back = come_back(city.houses[1], pid, last)
    city.clock.settle()
    assert settled(back)["pid"] != pid, "its client takes an unchanged pid for a recovery"
    assert settled(back)["sid"] != settled(client)["sid"]
    back.emit("who", number=1)
    assert back.acks() == [(1, [False, ["readers"]])]
    city.houses[0].page().emit("news", "second")
    city.clock.settle()
    assert [text for name, text, *_ in back.events() if name == "news"] == ["second"]
    back.lose()
    again = come_back(city.houses[1], settled(back)["pid"], offset(back))
    assert settled(again) == settled(back), "there it can come back"


def test_nothing_is_left_of_a_client_on_the_node_that_it_came_from() -> None:
    city = town()
    gone, dead = (city.houses[0].client("/", recover=True) for _ in range(2))
    gone.lose()
    city.clock.advance(20)
    assert city.census.total("/").connections == 1, "the link of the other is broken, too, but nobody knows"
    for client in (gone, dead):
        come_back(city.houses[1], settled(client)["pid"])
        city.clock.settle()
    assert dead.session.ended
    assert {count.connections for count in city.counts()} == {2}
    assert not city.houses[0].hub.recovery.is_used("/")
    assert settled(come_back(city.houses[0], settled(gone)["pid"]))["pid"] != settled(gone)["pid"]


def test_a_node_hears_of_a_page_no_longer_than_somebody_may_come_back_to_it() -> None:
    city = town()
    client = city.houses[0].client("/", recover=True)
    client.lose()
    city.clock.advance(59)
    assert city.census._pages
    city.clock.advance(2)
    assert not city.census._pages


@pytest.mark.parametrize("recover", [0, 60])
def test_a_made_up_pid_of_any_length_costs_the_others_nothing(recover: float) -> None:
    city = City(2, recover=recover)
    house = city.houses[1]
    quiet = Client(house)
    quiet.connect("/")
    city.clock.settle()
    before = city.lines[1].writes
    client = Client(house)
    client.connect("/", pid="x" * (MAX_PID + 1 if recover else 5))
    city.clock.settle()
    assert (house.count().connections, city.lines[1].writes - before) == (2, 1)
