"""One client on one page, as the hub keeps it: what it sends when, and the application's socket."""

from __future__ import annotations

import pytest

from nannin import NotConnected, Page, RemoteSocket, Socket, Target, Visitor
from nannin.hub.connection import Connection
from nannin.hub.encoding import encode_event
from nannin.hub.reasons import SocketState
from nannin.hub.sockets import socket_of
from support.fakes import House, connection_of


def joined(house: House) -> Connection:
    house.on("connect", lambda socket: None)
    house.client("/")
    return connection_of(house, house.page().sockets[0])


def test_what_is_sent_before_it_has_joined_waits_and_keeps_its_order() -> None:
    house = House()
    connection = joined(house)
    connection.state, connection.outbox = SocketState.JOINING, []
    connection.send(encode_event("/", "first", ()))
    connection.send(encode_event("/", "second", ()))
    assert connection.outbox is not None
    assert len(connection.outbox) == 2
    connection.flush()
    assert connection.outbox is None
    connection.state = SocketState.LEFT
    connection.send(encode_event("/", "to nobody", ()))


async def test_an_ack_goes_to_whoever_waits_for_its_number() -> None:
    connection = joined(House())
    connection.receive_ack(1, ["nobody waits"])
    one, many, none = (connection.expect(number) for number in (1, 2, 3))
    connection.receive_ack(1, [5])
    connection.receive_ack(1, [6])
    connection.receive_ack(2, [5, 6])
    connection.receive_ack(3, [])
    assert [await one, await many, await none] == [5, [5, 6], None]


async def test_with_its_end_whoever_waits_for_an_ack_is_told() -> None:
    connection = joined(House())
    connection.fail_calls()
    answered, waiting = connection.expect(1), connection.expect(2)
    connection.receive_ack(1, [])
    connection.fail_calls()
    assert await answered is None
    with pytest.raises(NotConnected, match="has left /"):
        await waiting


def test_it_says_who_and_where_it_is() -> None:
    connection = joined(House())
    assert repr(connection) == f"<Connection {connection.id} on /, joined>"
    assert repr(socket_of(connection)) == f"<Socket {connection.id} on /, joined>"


# The application's socket


def test_where_no_handler_is_registered_no_socket_is_made() -> None:
    house = House()
    client = house.client("/")
    client.leave()
    (connection,) = (house.client("/").session.data.connections["/"],)
    assert connection.socket is None


def test_the_application_gets_the_same_socket_each_time() -> None:
    house = House()
    got: list[Socket] = []
    for event in ("connect", "say", "disconnect"):
        house.on(event, lambda socket, *args: got.append(socket))
    client = house.client("/")
    client.emit("say")
    got += house.page().sockets
    client.leave()
    assert len(got) == 4
    assert len(set(map(id, got))) == 1


@pytest.mark.parametrize("how", ["leave", "close", "lose", "refused"])
def test_a_connection_that_has_ended_and_its_socket_are_no_circle(how: str) -> None:
    house = House()
    sockets: list[Socket] = []

    @house.page().on("connect")
    def greet(socket: Socket) -> bool:
        sockets.append(socket)
        return how != "refused"

    client = house.client()
    client.connect()
    connection = client.session.data.connections.get("/")
    match how:
        case "leave":
            client.leave()
        case "close":
            client.close()
        case "lose":
            client.lose()
    assert connection is None or connection.socket is None
    (socket,) = sockets
    assert not socket.connected
    socket.emit("to nobody")


PUBLIC = {
    Socket: {
        *("id", "auth", "visitor", "observes", "recovered", "session", "data", "handshake", "headers"),
        *("cookies", "query", "address", "params", "connected", "page", "broadcast", "volatile", "to"),
        *("except_", "join", "leave", "rooms", "emit", "send", "call", "disconnect"),
    },
    Page: {
        *("key", "count", "sockets", "visitors", "emit", "send", "call", "to", "except_", "volatile"),
        *("on", "use", "fetch_sockets", "sockets_join", "sockets_leave", "disconnect_sockets"),
    },
    Visitor: {"id", "page", "sockets", "data"},
    Target: {
        *("to", "except_", "volatile", "sockets", "emit", "send", "call", "count", "fetch_sockets"),
        *("sockets_join", "sockets_leave", "disconnect_sockets"),
    },
    RemoteSocket: {
        *("id", "page", "visitor", "rooms", "data", "emit", "send", "call", "join", "leave", "disconnect"),
    },
}


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_what_the_application_holds_shows_what_it_offers(kind: type) -> None:
    assert {name for name in dir(kind) if not name.startswith("_")} == PUBLIC[kind]
    assert not [name for name in PUBLIC[kind] - {"key"} if not getattr(kind, name).__doc__]


# send


def test_send_is_the_message_event_as_in_socket_io() -> None:
    house = House()
    house.on("connect", lambda socket: None)
    first, second = house.client("/"), house.client("/")
    socket = house.page().sockets[0]
    socket.send("only me")
    socket.broadcast.send("others", 1)
    socket.page.send("all")
    socket.page.to(socket.id).send()
    assert first.events() == [["message", "only me"], ["message", "all"], ["message"]]
    assert second.events() == [["message", "others", 1], ["message", "all"]]
