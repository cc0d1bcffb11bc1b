"""What a socket says about its client."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Socket
from support.fakes import House


def test_a_socket_knows_its_auth_visitor_and_page() -> None:
    house = House()
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
