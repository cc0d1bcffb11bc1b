"""What an application holds: a socket, its page, and the three targets of a message."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fakes import Client, House
from nannin import CallTimeout, NotConnected, Page, Socket
from nannin.audience.roster import Count
from nannin.wire.socket_packet import RESERVED_EVENTS, PacketType


def room(house: House, count: int, page: str = "/room") -> tuple[list[Client], list[Socket]]:
    """So many clients on a page, and their sockets."""
    if not house.hub.handlers.handles(page):
        house.on("connect", lambda socket: None, page)
    clients = [house.client(page) for _ in range(count)]
    return clients, house.page(page).sockets


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


def test_a_socket_knows_its_auth_visitor_and_page() -> None:
    house = House()
    house.client("/room", visitor="ann", token="t")
    (socket,) = house.page("/room").sockets
    assert (socket.auth, socket.visitor) == ({"visitor": "ann", "token": "t"}, "ann")
    assert (socket.page.key, socket.connected) == ("/room", True)
    assert repr(socket) == f"<Socket {socket.id} on /room, joined>"


def test_without_an_id_a_connection_is_a_visitor_of_its_own() -> None:
    house = House()
    for visitor in ("ann", "ann", "bob", None, None):
        house.client("/room", visitor=visitor)
    assert house.page("/room").count == Count(connections=5, visitors=4)
    house.page("/room").sockets[0].disconnect()
    assert house.page("/room").count == Count(connections=4, visitors=4)
    house.page("/room").sockets[0].disconnect()
    assert house.page("/room").count == Count(connections=3, visitors=3)


def test_a_visitor_is_one_on_each_page() -> None:
    house = House()
    for page in ("/a", "/b"):
        house.client(page, visitor="ann")
    assert (house.count("/a"), house.count("/b")) == (Count(1, 1), Count(1, 1))


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


# Acks to the client


@pytest.mark.parametrize(
    ("result", "args"),
    [
        (None, []),
        (5, [5]),
        (False, [False]),
        ([1, 2], [[1, 2]]),
        ((), []),
        ((1, "two"), [1, "two"]),
        (b"\x00", [b"\x00"]),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_what_a_handler_returns_is_the_ack(result: object, args: list[Any], is_async: bool) -> None:
    async def main() -> None:
        house = House()

        async def handler(socket: Socket) -> object:
            await asyncio.sleep(0)
            return result

        house.on("ask", handler if is_async else lambda socket: result)
        client = house.client("/")
        client.emit("ask", number=7)
        await house.turn()
        assert client.acks() == [(7, args)]

    asyncio.run(main())


def test_an_event_that_asks_for_no_ack_gets_none() -> None:
    house = House()
    house.on("ask", lambda socket: 5)
    client = house.client("/")
    client.emit("ask")
    assert client.acks() == []


@pytest.mark.parametrize("is_async", [False, True])
def test_a_handler_that_raises_acknowledges_nothing_and_hurts_nobody(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        house = House()

        async def later(socket: Socket, *args: object) -> None:
            raise RuntimeError("this handler breaks down on purpose")

        def now(socket: Socket, *args: object) -> None:
            raise RuntimeError("this handler breaks down on purpose")

        house.on("break", later if is_async else now)
        client = house.client("/")
        client.emit("break", 1, number=1)
        await house.turn()
        assert client.acks() == []
        assert client.session.sid in house.engine.sessions

    asyncio.run(main())
    assert "'break' on page / raised" in caplog.text


def test_a_handler_that_takes_fewer_arguments_than_came_raises_for_itself_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()
    house.on("ask", lambda socket: 5)
    client = house.client("/")
    client.emit("ask", "unexpected", number=1)
    client.emit("ask", number=2)
    assert client.acks() == [(2, [5])]
    assert "TypeError" in caplog.text


def test_an_ack_that_cannot_be_sent_is_logged_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.on("ask", lambda socket: object())
    client = house.client("/")
    client.emit("ask", number=1)
    assert client.acks() == []
    assert not client.session.ended
    assert "raised" in caplog.text


def test_an_ack_for_one_who_has_left_meanwhile_is_not_sent() -> None:
    async def main() -> None:
        house, door = House(), asyncio.Event()

        async def handler(socket: Socket) -> int:
            await door.wait()
            return 5

        house.on("ask", handler)
        client = house.client("/")
        client.emit("ask", number=1)
        client.leave()
        door.set()
        await house.turn()
        assert client.acks() == []

    asyncio.run(main())


# Acks from the client


@pytest.mark.parametrize(
    ("args", "answer"),
    [((), None), ((5,), 5), ((1, 2), [1, 2]), (([1, 2],), [1, 2]), ((b"x",), b"x"), ((None,), None)],
)
def test_a_call_returns_what_the_client_answers(args: tuple[Any, ...], answer: object) -> None:
    async def main() -> None:
        house = House()
        house.on("say", lambda socket: None, "/room")
        (client,), (socket,) = room(house, 1)
        call = asyncio.create_task(socket.call("question", "how many?", timeout=5))
        await house.turn()
        asked = client.packets[-1]
        assert (asked.data, asked.id) == (["question", "how many?"], 0)
        client.ack(0, *args, page="/room")
        assert await call == answer

    asyncio.run(main())


def test_an_application_of_a_connect_handler_alone_can_be_answered_with_bytes() -> None:
    async def main() -> None:
        house = House()
        (client,), (socket,) = room(house, 1)
        call = asyncio.create_task(socket.call("question", timeout=5))
        await house.turn()
        client.ack(0, b"\x00", page="/room")
        assert await call == b"\x00"

    asyncio.run(main())


def test_each_call_gets_its_own_answer() -> None:
    async def main() -> None:
        house = House()
        (client,), (socket,) = room(house, 1)
        calls = [asyncio.create_task(socket.call("question", timeout=5)) for _ in range(3)]
        await house.turn()
        for number in (2, 0, 1):
            client.ack(number, f"answer {number}", page="/room")
        assert await asyncio.gather(*calls) == ["answer 0", "answer 1", "answer 2"]

    asyncio.run(main())


def test_a_call_that_is_not_answered_in_time_raises_and_its_late_answer_is_dropped() -> None:
    async def main() -> None:
        (client,), (socket,) = room(House(), 1)
        with pytest.raises(CallTimeout, match="'question'"):
            await socket.call("question", timeout=0.01)
        client.ack(0, "late", page="/room")
        assert not client.session.ended

    asyncio.run(main())


@pytest.mark.parametrize("number", [0, 5, 10**15])
def test_an_ack_that_nobody_asked_for_is_dropped(number: int) -> None:
    (client,), _ = room(House(), 1)
    client.ack(number, "unasked", page="/room")
    assert not client.session.ended


def test_a_call_ends_with_the_connection() -> None:
    async def main() -> None:
        house = House()
        (client,), (socket,) = room(house, 1)
        call = asyncio.create_task(socket.call("question", timeout=5))
        await house.turn()
        client.lose()
        with pytest.raises(NotConnected):
            await call
        with pytest.raises(NotConnected):
            await socket.call("question")

    asyncio.run(main())


def test_a_connect_handler_cannot_call_yet() -> None:
    async def main() -> None:
        house = House()

        async def handler(socket: Socket) -> None:
            with pytest.raises(NotConnected):
                await socket.call("question")

        house.on("connect", handler)
        client = house.client("/")
        await house.turn()
        assert client.types() == [PacketType.CONNECT]

    asyncio.run(main())


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
