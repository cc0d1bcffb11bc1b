"""What an application holds: a socket, its page, and the three targets of a message."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Page
from nannin.audience.roster import Count
from nannin.wire.socket_packet import RESERVED_EVENTS, PacketType
from support.fakes import House
from support.many_clients import room

# The three targets


def test_emit_reaches_me_only() -> None:
    clients, sockets = room(house := House(), 3)
    sockets[0].emit("hi", 1, "two", {"three": [None]})
    house.clock.settle()
    assert [client.events("/room") for client in clients] == [[["hi", 1, "two", {"three": [None]}]], [], []]


def test_broadcast_reaches_everyone_else_on_the_page() -> None:
    clients, sockets = room(house := House(), 3)
    room(house, 1, "/other")
    sockets[0].broadcast.emit("hi")
    assert [client.events("/room") for client in clients] == [[], [["hi"]], [["hi"]]]


def test_page_emit_reaches_everyone_on_the_page_and_nobody_else() -> None:
    house = House()
    clients, sockets = room(house, 3)
    (stranger,), _ = room(house, 1, "/other")
    sockets[0].page.emit("hi")
    assert [client.events("/room") for client in clients] == [[["hi"]]] * 3
    assert stranger.events("/other") == []


def test_a_page_can_be_sent_to_from_anywhere() -> None:
    house = House()
    clients, _ = room(house, 2)
    house.page("/room").emit("news", 5)
    house.page("/nobody").emit("news", 5)
    assert [client.events("/room") for client in clients] == [[["news", 5]]] * 2


def test_a_session_on_two_pages_gets_each_pages_events_in_its_name() -> None:
    house = House()
    client = house.client("/a", updates="none")
    client.connect("/b", updates="none")
    house.page("/a").emit("to a")
    house.page("/b").emit("to b")
    assert (client.events("/a"), client.events("/b")) == ([["to a"]], [["to b"]])


def test_an_event_is_encoded_once_for_all_who_get_it() -> None:
    house = House()
    links = [client.link for client in room(house, 3)[0]]
    house.page("/room").emit("hi")
    packets = [link.packets[-1] for link in links if link is not None]
    assert packets == ['42/room,["hi"]'] * 3
    assert all(packet is packets[0] for packet in packets)


@pytest.mark.parametrize("polling", [False, True])
def test_bytes_travel_as_bytes_both_ways(polling: bool) -> None:
    house = House()
    house.on("say", lambda socket, *args: args)
    client = house.client("/", polling=polling)
    payload = [b"\x00\xff", {"deep": [b"", "text"]}]
    client.emit("say", *payload, number=3)
    house.page().sockets[0].emit("back", *payload)
    house.clock.settle()
    assert client.acks() == [(3, payload)]
    assert client.events() == [["back", *payload]]


@pytest.mark.parametrize("event", sorted(RESERVED_EVENTS))
def test_a_reserved_event_cannot_be_sent_to_anyone(event: str) -> None:
    _, (socket,) = room(House(), 1)
    for target in (socket, socket.broadcast, socket.page):
        with pytest.raises(ValueError, match="reserved"):
            target.emit(event)


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("room", ': use to\\("ROOM"\\).emit'),
        ("skip_sid", ': use except_\\("ID"\\).emit'),
        ("namespace", ': use live.page\\("/NAME"\\).emit'),
        ("timeout", "$"),
    ],
)
def test_an_option_of_other_servers_is_refused_with_what_says_the_same(option: str, hint: str) -> None:
    _, (socket,) = room(House(), 1)
    named: dict[str, Any] = {option: "red"}
    for target in (socket, socket.broadcast, socket.page):
        with pytest.raises(TypeError, match=f"^emit takes no option {option}{hint}"):
            target.emit("x", 1, **named)


def test_an_events_name_is_a_text() -> None:
    _, (socket,) = room(House(), 1)
    for target in (socket, socket.broadcast, socket.page):
        with pytest.raises(TypeError, match="5"):
            target.emit(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("argument", [object(), {1, object()}, "\ud800", float])
def test_what_cannot_be_sent_raises_at_once_and_sends_nothing(argument: object) -> None:
    (client,), (socket,) = room(House(), 1)
    with pytest.raises((TypeError, ValueError)):
        socket.emit("hi", argument)
    with pytest.raises((TypeError, ValueError)):
        socket.page.emit("hi", argument)
    assert client.events("/room") == []
    assert not client.session.ended


def test_emit_to_a_socket_that_has_left_does_nothing() -> None:
    (client, other), (socket, _) = room(House(), 2)
    client.leave("/room")
    socket.emit("hi")
    socket.broadcast.emit("to the others")
    assert client.events("/room") == []
    assert other.events("/room") == [["to the others"]]


# Sockets


def test_without_an_id_a_connection_is_a_visitor_of_its_own() -> None:
    house = House()
    for visitor in ("ann", "ann", "bob", None, None):
        house.client("/room", visitor=visitor)
    assert house.page("/room").count == Count(connections=5, visitors=4, visible=4)
    house.page("/room").sockets[0].disconnect()
    assert house.page("/room").count == Count(connections=4, visitors=4, visible=4)
    house.page("/room").sockets[0].disconnect()
    assert house.page("/room").count == Count(connections=3, visitors=3, visible=3)


def test_a_visitor_is_one_on_each_page() -> None:
    house = House()
    for page in ("/a", "/b"):
        house.client(page, visitor="ann")
    assert (house.count("/a"), house.count("/b")) == (Count(1, 1, 1), Count(1, 1, 1))


def test_disconnect_takes_it_off_the_page_and_tells_it_so() -> None:
    (client,), (socket,) = room(house := House(), 1)
    socket.emit("last words")
    socket.disconnect()
    socket.disconnect()
    assert client.types("/room")[-2:] == [PacketType.EVENT, PacketType.DISCONNECT]
    assert not socket.connected
    assert not client.session.ended
    assert house.count("/room") == Count()


@pytest.mark.parametrize("polling", [False, True])
def test_disconnect_and_close_ends_the_session_with_all_its_pages(polling: bool) -> None:
    house = House()
    client = house.client("/a", polling=polling)
    client.connect("/b")
    house.page("/a").sockets[0].disconnect(close=True)
    house.clock.settle()
    assert client.types("/a")[-1] is PacketType.DISCONNECT
    assert client.session.ended
    house.assert_empty()


# Pages


def test_a_pages_sockets_stand_in_the_order_of_their_joins() -> None:
    house = House()
    clients, sockets = room(house, 3)
    assert [socket.session for socket in sockets] == [client.session for client in clients]
    clients[0].leave("/room")
    clients[0].connect("/room")
    last = house.page("/room").sockets[-1]
    assert last.session is clients[0].session


def test_a_page_of_many_can_be_neither_counted_nor_sent_to() -> None:
    page = Page(House().hub, "/room/*")
    for use in (lambda: page.count, lambda: page.sockets, lambda: page.emit("hi")):
        with pytest.raises(ValueError, match="by its key"):
            use()
    assert repr(page) == "<Page /room/*>"


def test_a_wrong_event_sent_to_a_page_raises_where_it_is_sent() -> None:
    with pytest.raises(ValueError, match="reserved"):
        House().page("/room").emit("connect")
