"""What other programs want is done with the clients of this node."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from nannin.access.refusals import Refusal
from nannin.hub.outside import OutsideOrders
from nannin.nodes.orders import Order
from support.fakes import Client, House


def heard(client: Client, event: str = "e") -> list[list[Any]]:
    return [
        packet.data[1:]
        for packet in client.packets
        if packet.type.name == "EVENT" and packet.data[0] == event
    ]


def id_of(client: Client) -> str:
    id_: str = client.packets[0].data["sid"]
    return id_


def make() -> tuple[House, OutsideOrders]:
    house = House()
    return house, OutsideOrders(house.hub)


def test_an_event_goes_to_everybody_on_its_page() -> None:
    house, orders = make()
    here, there = house.client("/news"), house.client("/")
    orders.carry_out(Order("/news", "e", [1, {"x": b"\0"}]))
    assert heard(here) == [[1, {"x": b"\0"}]]
    assert heard(there) == []


def test_an_event_goes_to_ids_and_rooms_and_spares_others() -> None:
    house, orders = make()
    one, two, three = (house.client("/") for _ in range(3))
    orders.carry_out(Order(to=[id_of(one), id_of(two)], join=["room"]))
    orders.carry_out(Order(event="e", args=["room"], to=["room"]))
    orders.carry_out(Order(event="e", args=["spared"], except_=["room"]))
    orders.carry_out(Order(event="e", args=["one"], to=["room"], except_=[id_of(two)]))
    orders.carry_out(Order(event="e", args=["nobody"], to=[]))
    assert heard(one) == [["room"], ["one"]]
    assert heard(two) == [["room"]]
    assert heard(three) == [["spared"]]


def test_clients_leave_rooms() -> None:
    house, orders = make()
    client = house.client("/")
    orders.carry_out(Order(join=["a", "b"]))
    orders.carry_out(Order(to=["a"], leave=["a"]))
    orders.carry_out(Order(event="e", args=["a"], to=["a"]))
    orders.carry_out(Order(event="e", args=["b"], to=["b"]))
    assert heard(client) == [["b"]]


def test_clients_leave_the_page_with_their_session_or_without() -> None:
    house, orders = make()
    one, two = house.client("/"), house.client("/")
    orders.carry_out(Order(to=[id_of(one)], disconnect=True))
    assert one.packets[-1].type.name == "DISCONNECT"
    assert house.hub.count("/").connections == 1
    orders.carry_out(Order(to=[id_of(two)], disconnect=True, close=True))
    assert house.hub.count("/").connections == 0


def test_a_page_is_found_by_another_spelling_of_its_key() -> None:
    house, orders = make()
    client = house.client("/caf%C3%A9")
    orders.carry_out(Order("/café", "e", [1]))
    assert heard(client) == [[1]]


def test_it_is_not_sent_on_to_other_nodes() -> None:
    house, orders = make()
    house.hub.emitter.on_emit = lambda *_: pytest.fail("each node hears it by itself")
    house.client("/")
    orders.carry_out(Order(event="e"))


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (Order("news", "e"), "a page's key"),
        (Order("/a,b", "e"), "a page's key"),
        (Order(event="connect"), "reserved"),
        (Order(event="e", args=[b""] * 11), "binary values"),
    ],
)
def test_what_can_not_be_done_is_counted_and_named_once(
    order: Order, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    house, orders = make()
    client = house.client("/")
    with caplog.at_level(logging.WARNING):
        orders.carry_out(order)
        orders.carry_out(order)
    assert house.hub.refusals.tally == {Refusal.OUTSIDE: 2}
    assert len(caplog.messages) == 1
    assert reason in caplog.text
    assert heard(client) == []
