"""Rooms at the end of a connection: the last word goes to those who stay, and nothing is left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nannin.audience.recovery import Aim
from nannin.hub.connection import Connection
from nannin.hub.sockets import Socket
from support.fakes import House


def tell_rooms(socket: Socket, reason: str) -> None:
    for room in socket.rooms:
        socket.to(room).emit("left", room, reason)


async def tell_rooms_later(socket: Socket, reason: str) -> None:
    await asyncio.sleep(0)
    tell_rooms(socket, reason)


@pytest.mark.parametrize("leave", [tell_rooms, tell_rooms_later])
async def test_a_disconnect_handler_can_speak_to_the_rooms_that_the_socket_was_in(leave: Any) -> None:
    house = House()
    house.on("connect", lambda socket: socket.join("lobby"))
    house.on("disconnect", leave)
    ann, bob = house.client(), house.client()
    for client in (ann, bob):
        client.connect()
    await house.turn()
    ann.leave()
    await house.turn()
    assert bob.events() == [["left", "lobby", "client namespace disconnect"]]
    assert ann.events() == []


def test_what_a_disconnect_handler_does_to_its_list_of_rooms_is_its_own_affair() -> None:
    house = House()
    house.on("connect", lambda socket: socket.join("lobby"))
    house.client().connect()
    house.clock.advance(1)
    (socket,) = house.page().sockets
    socket.disconnect()
    socket.rooms.clear()
    assert socket.rooms == ["lobby"]


def test_a_socket_that_has_left_is_in_no_room_and_has_no_id() -> None:
    house = House()
    house.on("connect", lambda socket: socket.join("lobby"))
    client = house.client()
    client.connect()
    house.clock.advance(1)
    (socket,) = house.page().sockets
    assert house.page().to("lobby", socket.id).sockets == [socket]
    client.lose()
    assert house.page().to("lobby", socket.id).sockets == []
    assert house.hub.emitter.connections == {}


def test_a_page_whose_key_looks_like_a_pattern_is_counted_like_any_other() -> None:
    house = House()
    counts: list[int] = []
    house.on("connect", lambda socket: counts.append(socket.page.count.connections), page="/*")
    client = house.client()
    client.connect("/a/*")
    house.clock.advance(1)
    assert (counts, house.count("/a/*").connections) == ([1], 1)


async def test_one_who_came_back_and_is_lost_again_while_its_handler_runs_may_try_again() -> None:
    house, door = House(), asyncio.Event()

    async def enter(socket: Socket) -> None:
        socket.join("lobby")
        if socket.recovered:
            await door.wait()

    house.on("connect", enter)
    first = house.client()
    first.connect(recover=True)
    await house.turn()
    sid, pid = (first.packets[0].data[name] for name in ("sid", "pid"))
    first.lose()
    second = house.client()
    second.connect(recover=True, pid=pid)
    await house.turn()
    second.lose()
    door.set()
    await house.turn()
    third = house.client()
    third.connect(recover=True, pid=pid)
    await house.turn()
    assert third.packets[0].data == {"sid": sid, "pid": pid}


async def test_who_came_back_misses_nothing_while_its_connect_handler_runs() -> None:
    house, door = House(), asyncio.Event()

    async def enter(socket: Socket) -> None:
        if socket.recovered:
            socket.page.emit("back")
            await door.wait()

    house.on("connect", enter)
    first = house.client()
    first.connect(recover=True)
    await house.turn()
    pid = first.packets[0].data["pid"]
    first.lose()
    house.page().emit("news", 1)
    second = house.client()
    second.connect(recover=True, pid=pid)
    await house.turn()
    house.page().emit("news", 2)
    assert house.page().sockets == []
    door.set()
    await house.turn()
    house.page().emit("news", 3)
    await house.turn()
    heard = [event[:-1] for event in second.events()]  # without the offsets
    assert heard == [["news", 1], ["back"], ["news", 2], ["news", 3]]
    assert not house.hub.emitter.returning


async def test_who_comes_back_to_one_page_slows_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    house, door = House(), asyncio.Event()

    async def enter(socket: Socket) -> None:
        if socket.recovered:
            await door.wait()

    house.on("connect", enter, page="/a")
    house.hub.handlers.declare("/b")
    first, other = house.client(), house.client("/b")
    first.connect("/a", recover=True)
    await house.turn()
    pid = first.packets[0].data["pid"]
    first.lose()
    house.client().connect("/a", recover=True, pid=pid)
    await house.turn()
    assert house.hub.emitter.returning
    looked_at: list[str] = []
    one_by_one = house.hub.emitter.recipients

    def look(page: str, aim: Aim) -> list[Connection]:
        looked_at.append(page)
        return one_by_one(page, aim)

    monkeypatch.setattr(house.hub.emitter, "recipients", look)
    house.page("/b").emit("news")
    house.page("/a").emit("news")
    assert looked_at == ["/a"]
    assert other.events("/b")[-1] == ["news"]
    door.set()
    await house.turn()
