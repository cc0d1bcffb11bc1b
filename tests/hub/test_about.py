"""What a socket says about its client."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Socket
from support.fakes import House, connection_of


def test_a_socket_knows_its_auth_visitor_and_page() -> None:
    house = House()
    house.on("connect", lambda socket: None, "/room")
    house.client("/room", visitor="ann", token="t")
    (socket,) = house.page("/room").sockets
    assert (socket.auth, socket.visitor) == ({"visitor": "ann", "token": "t"}, "ann")
    assert (socket.page.key, socket.connected) == ("/room", True)
    assert repr(socket) == f"<Socket {socket.id} on /room, joined>"


def test_a_socket_knows_the_request_that_opened_its_session() -> None:
    house = House()
    house.on("connect", lambda socket: None)  # a server that only counts keeps no request
    house.client("/room", user_agent="Reader/1")
    (socket,) = house.page("/room").sockets
    assert (socket.headers, socket.cookies, socket.query) == ({"user-agent": "Reader/1"}, {}, {})
    assert (socket.handshake.user_agent, socket.address) == ("Reader/1", "")


def test_a_sockets_data_lives_as_long_as_its_connection() -> None:
    house, seen = House(), []
    house.on("connect", lambda socket: socket.data.update(name="ann"))
    house.on("say", lambda socket: seen.append(socket.data))
    house.on("disconnect", lambda socket, _: seen.append(socket.data))
    client = house.client("/")
    client.emit("say")
    client.leave()
    client.connect()
    client.emit("say")
    assert seen == [{"name": "ann"}] * 3
    assert seen[0] is seen[1]
    assert seen[0] is not seen[2]


@pytest.mark.parametrize(
    ("visitor", "error"),
    [(7, TypeError), (True, TypeError), (b"x", TypeError), ("", ValueError), ("x" * 65, ValueError)],
)
def test_a_visitor_that_could_not_come_by_itself_can_not_be_set(visitor: Any, error: type[Exception]) -> None:
    house = House()
    raised: list[type[Exception]] = []

    def connect(socket: Socket) -> None:
        try:
            socket.visitor = visitor
        except (TypeError, ValueError) as problem:
            raised.append(type(problem))

    house.on("connect", connect)
    house.client("/", visitor="ann")
    assert raised == [error]
    assert [person.id for person in house.page().visitors] == ["ann"]


def test_what_a_client_sent_to_connect_is_kept_as_text_until_it_is_asked_for() -> None:
    house, seen = House(), []
    house.on("connect", lambda socket, auth: seen.append(auth), "/room")
    house.client("/room", empty=[[]] * 1_000)
    (socket,) = house.page("/room").sockets
    assert seen == [{"empty": [[]] * 1_000}]
    assert connection_of(house, socket)._auth is None
    assert socket.auth == seen[0]
    assert socket.auth is socket.auth
    asked = []
    house.on("connect", lambda socket: asked.append(socket.auth), "/other")
    house.client("/other", a=1)
    assert house.page("/other").sockets[0].auth is asked[0]
    house.client("/room")
    assert house.page("/room").sockets[1].auth == {}


def test_where_no_handler_may_ask_nothing_is_kept_of_it() -> None:
    house = House()
    house.client("/", other="x" * 1_000)
    (connection,) = house.hub.emitter.connections.values()
    assert (connection.auth, connection.visitor) == ({}, None)
