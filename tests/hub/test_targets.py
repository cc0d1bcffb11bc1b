"""Whom a message goes to: rooms, ids and exceptions together, and the answers of many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nannin import Socket
from nannin.hub.sockets import Target
from support.fakes import Client, House, connection_of
from support.many_clients import room

NAMES = "xyz"


def heard(clients: list[Client], event: str = "hi") -> list[int]:
    """How often each client got an event."""
    return [sum(name == event for name, *_ in client.events("/room")) for client in clients]


def crowd(*rooms: str) -> tuple[House, list[Client], list[Socket]]:
    """Somebody for each text, in the rooms that its letters name."""
    house = House()
    clients, sockets = room(house, len(rooms))
    for socket, names in zip(sockets, rooms, strict=True):
        socket.join(*names)
    return house, clients, sockets


def test_to_rooms_reaches_each_of_their_members_once() -> None:
    house, clients, _ = crowd("x", "xy", "y", "z", "")
    house.page("/room").to("x", "y").emit("hi")
    assert heard(clients) == [1, 1, 1, 0, 0]
    house.page("/room").to("x").to("z").emit("hi")
    assert heard(clients) == [2, 2, 1, 1, 0]


def test_an_id_is_the_room_of_its_socket() -> None:
    house, clients, sockets = crowd("x", "", "")
    house.page("/room").to("x", sockets[1].id, sockets[0].id).emit("hi")
    assert heard(clients) == [1, 1, 0]
    house.page("/other").to(sockets[1].id).emit("hi")
    assert heard(clients) == [1, 1, 0]


def test_except_spares_rooms_and_ids() -> None:
    house, clients, sockets = crowd("x", "y", "", "")
    house.page("/room").except_("x").except_(sockets[2].id).emit("hi")
    assert heard(clients) == [0, 1, 0, 1]
    house.page("/room").to("x", "y").except_("y").emit("hi")
    assert heard(clients) == [1, 1, 0, 1]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda me: me.broadcast, [0, 1, 1]),
        (lambda me: me.to("x"), [0, 1, 0]),
        (lambda me: me.broadcast.to("x"), [0, 1, 0]),
        (lambda me: me.to(me.id), [0, 0, 0]),
        (lambda me: me.except_("x"), [0, 0, 1]),
        (lambda me: me.page.to("x"), [1, 1, 0]),
        (lambda me: me.volatile, [1, 0, 0]),
        (lambda me: me.volatile.broadcast, [0, 1, 1]),
        (lambda me: me.volatile.to("x"), [0, 1, 0]),
        (lambda me: me.volatile.except_("x"), [0, 0, 1]),
    ],
)
def test_a_socket_is_not_among_those_that_it_speaks_to(
    make: Callable[[Socket], Target], expected: list[int]
) -> None:
    _, clients, sockets = crowd("x", "x", "")
    make(sockets[0]).emit("hi")
    assert heard(clients) == expected


def test_no_room_at_all_is_nobody() -> None:
    house, clients, _ = crowd("x", "")
    house.page("/room").to(*[]).emit("hi")
    house.page("/room").to("nobody is here").emit("hi")
    assert heard(clients) == [0, 0]


def test_narrowing_down_changes_no_target_that_was_there() -> None:
    house, clients, _ = crowd("x", "y")
    everyone = house.page("/room").except_()
    everyone.to("x").except_("y").volatile.emit("other")
    everyone.emit("hi")
    assert heard(clients) == [1, 1]


@pytest.mark.parametrize("name", [None, 5, b"x", ["x"]])
def test_a_rooms_name_is_a_text(name: object) -> None:
    house, _, (socket,) = crowd("x")
    for narrow in (house.page("/room").to, house.page("/room").except_, socket.to):
        with pytest.raises(TypeError, match="a room's name is a str"):
            narrow(name)  # type: ignore[arg-type]


def test_a_room_is_left_with_the_page() -> None:
    house, clients, sockets = crowd("x", "x")
    clients[0].leave("/room")
    assert house.page("/room").to("x").sockets == [sockets[1]]
    clients[0].connect("/room")
    house.page("/room").to("x").emit("hi")
    assert heard(clients) == [0, 1]


def test_a_connect_handler_reaches_its_own_room() -> None:
    house = House()

    def connect(socket: Socket) -> None:
        socket.join("x")
        socket.page.to("x").emit("joined", socket.id)

    house.on("connect", connect)
    ann, bob = house.client("/"), house.client("/")
    house.clock.advance(1)
    assert (len(ann.events()), len(bob.events())) == (2, 1)


@settings(max_examples=60, deadline=None, database=None)
@given(
    st.lists(st.sets(st.sampled_from(NAMES)), min_size=1, max_size=5),
    st.none() | st.sets(st.sampled_from(["x", "y", "z", 0, 1])),
    st.sets(st.sampled_from(["x", "y", "z", 0, 1])),
)
def test_any_aim_reaches_whom_a_naive_model_says(
    members: list[set[str]], to: set[str | int] | None, spared: set[str | int]
) -> None:
    house, clients, sockets = crowd(*("".join(names) for names in members))

    def named(wanted: set[str | int]) -> list[str]:
        return [name if isinstance(name, str) else f"socket {name}" for name in wanted]

    ids = {f"socket {number}": socket.id for number, socket in enumerate(sockets)}
    target = house.page("/room").except_(*(ids.get(name, name) for name in named(spared)))
    if to is not None:
        target = target.to(*(ids.get(name, name) for name in named(to)))
    target.emit("hi")
    expected = [
        int((to is None or bool(to & {*rooms, number})) and not spared & {*rooms, number})
        for number, rooms in enumerate(members)
    ]
    assert heard(clients) == expected


# Calls to many


def answer(client: Client, *args: object) -> None:
    """The client acknowledges what it was asked last."""
    number = client.packets[-1].id
    assert number is not None
    client.ack(number, *args, page="/room")


async def test_a_call_to_many_returns_who_answered_what_and_who_did_not() -> None:
    house, clients, sockets = crowd("x", "x", "x", "x", "")
    connections = [connection_of(house, socket) for socket in sockets]
    call = asyncio.create_task(house.page("/room").to("x").call("question", 5, timeout=0.05))
    await house.turn()
    assert [client.packets[-1].data for client in clients[:4]] == [["question", 5]] * 4
    answer(clients[0], "yes")
    answer(clients[1])
    clients[2].lose()
    answered, missing = await call
    assert answered == {sockets[0]: "yes", sockets[1]: None}
    assert missing == sockets[2:4]
    assert not any(connection._calls for connection in connections)


async def test_a_call_that_everybody_answers_or_leaves_waits_no_longer() -> None:
    house, clients, sockets = crowd("", "")
    call = asyncio.create_task(house.page("/room").call("question", timeout=60))
    await house.turn()
    answer(clients[0], 1, 2)
    clients[1].close()
    assert await asyncio.wait_for(call, 5) == ({sockets[0]: [1, 2]}, [sockets[1]])


async def test_a_call_to_nobody_returns_at_once() -> None:
    house, _, _ = crowd("")
    assert await house.page("/room").to("x").call("question") == ({}, [])
    assert await house.page("/nobody").call("question") == ({}, [])


async def test_a_call_that_is_cancelled_leaves_nothing_behind() -> None:
    house, clients, sockets = crowd("", "")
    connections = [connection_of(house, socket) for socket in sockets]
    call = asyncio.create_task(house.page("/room").call("question"))
    await house.turn()
    call.cancel()
    await house.turn()
    assert call.cancelled()
    assert not any(connection._calls for connection in connections)
    answer(clients[0], "late")
    assert not clients[0].session.ended


async def test_a_late_answer_to_one_call_is_none_to_the_next() -> None:
    house, (client,), (socket,) = crowd("")
    assert (await house.page("/room").call("first", timeout=0.01)).missing == [socket]
    late = client.packets[-1].id
    call = asyncio.create_task(house.page("/room").call("second", timeout=5))
    await house.turn()
    assert late is not None
    client.ack(late, "late", page="/room")
    answer(client, "in time")
    assert (await call).answered == {socket: "in time"}
