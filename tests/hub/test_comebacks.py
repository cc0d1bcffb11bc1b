"""How a client comes back as who it was: who may, after which ends, and what it finds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nannin import ConnectionRefused, DisconnectReason, NotConnected, Socket
from support.fakes import Client, House, connection_of


def enter(house: House, **auth: Any) -> tuple[Client, str]:
    """A client that may come back, and its pid."""
    client = house.client("/", updates="none", recover=True, **auth)
    return client, client.packets[0].data["pid"]


def come_back(house: House, pid: object, **auth: Any) -> Client:
    client = house.client("/", updates="none", recover=True, pid=pid, **auth)
    house.clock.advance(1)
    return client


def sole(house: House) -> Socket:
    (socket,) = house.page().sockets
    return socket


def names(client: Client) -> list[str]:
    return [event for event, *_ in client.events()]


def test_one_who_comes_back_has_its_id_rooms_data_and_what_it_missed_in_order() -> None:
    house = House()
    client, pid = enter(house)
    before = sole(house)
    before.join("y", "x")
    before.data["name"] = "ann"
    client.lose()
    house.page().emit("one")
    house.page().to("x").emit("two")
    house.page().to("z").emit("not for me")
    house.page().to(before.id).emit("three")
    back = come_back(house, pid)
    after = sole(house)
    assert after.recovered
    assert (after.id, after.rooms, after.data) == (before.id, ["y", "x"], {"name": "ann"})
    assert back.packets[0].data == {"sid": before.id, "pid": pid}
    assert names(back) == ["one", "two", "three"]


def test_what_is_sent_after_the_return_follows_what_was_missed() -> None:
    house = House()
    house.on("connect", lambda socket: socket.emit("welcome back" if socket.recovered else "welcome"))
    client, pid = enter(house)
    house.clock.advance(1)
    ((_, offset),) = client.events()
    client.lose()
    house.page().emit("missed")
    back = house.client("/", updates="none", pid=pid, offset=offset)
    house.page().emit("new")
    house.clock.advance(1)
    assert names(back) == ["missed", "welcome back", "new"]


def test_an_offset_says_what_it_got_already() -> None:
    house = House()
    client, pid = enter(house)
    for number in range(3):
        house.page().emit("news", number)
    offset = client.events()[0][-1]
    client.lose()
    house.page().emit("news", 3)
    assert [args[0] for _, *args in come_back(house, pid, offset=offset).events()] == [1, 2, 3]


def test_a_client_that_did_not_ask_gets_no_pid_and_no_offset() -> None:
    house = House()
    client = house.client("/", updates="none")
    other, _ = enter(house)
    house.page().emit("hi", 1)
    assert "pid" not in client.packets[0].data
    assert client.events() == [["hi", 1]]
    assert other.events()[0][:2] == ["hi", 1]
    assert len(other.events()[0]) == 3


def test_where_all_may_come_back_it_need_not_be_asked_for_but_may_be_declined() -> None:
    house = House(recover_all=True)
    client = house.client("/", updates="none")
    other = house.client("/", updates="none", recover=False)
    house.page().emit("hi", 1)
    assert "pid" in client.packets[0].data
    assert len(client.events()[0]) == 3
    assert "pid" not in other.packets[0].data
    assert other.events() == [["hi", 1]]


async def test_a_call_that_ends_in_a_text_makes_no_doubles() -> None:
    """The official client takes that text for its offset."""

    house = House()
    client, pid = enter(house)
    house.page().emit("news", "one")
    house.page().emit("news", "two")
    call = asyncio.ensure_future(sole(house).call("question", "what?"))
    await house.turn()
    assert client.events()[-1] == ["question", "what?"]
    client.lose()
    with pytest.raises(NotConnected):
        await call
    house.page().emit("news", "three")
    back = house.client("/", updates="none", recover=True, pid=pid, offset="what?")
    await house.turn()
    assert [args[0] for _, *args in back.events()] == ["three"]


def test_without_a_window_nobody_comes_back() -> None:
    house = House(recover=0)
    client = house.client("/", updates="none", recover=True)
    assert "pid" not in client.packets[0].data


def test_an_observer_gets_no_ticket_since_nothing_is_sent_to_it() -> None:
    house = House()
    observer = house.client("/", observe=True, recover=True)
    assert "pid" not in observer.packets[0].data


@pytest.mark.parametrize("end", ["leave", "disconnect", "disconnect and close"])
def test_one_that_left_on_purpose_does_not_come_back(end: str) -> None:
    house = House()
    client, pid = enter(house)
    if end == "leave":
        client.leave()
    else:
        sole(house).disconnect(close=end == "disconnect and close")
    come_back(house, pid)
    assert not sole(house).recovered


def test_one_that_comes_back_before_its_loss_is_noticed_takes_the_place_of_itself() -> None:
    house = House()
    told: list[object] = []
    house.on("disconnect", lambda socket, reason: told.append(reason))
    client, pid = enter(house)
    first = sole(house)
    back = come_back(house, pid)
    assert told == [DisconnectReason.TRANSPORT_ERROR]
    assert (client.session.ended, back.session.ended) == (True, False)
    assert (sole(house).id, sole(house).recovered) == (first.id, True)
    assert house.hub.emitter.connections == {first.id: connection_of(house, sole(house))}


def test_one_comes_back_as_often_as_it_is_lost() -> None:
    house = House()
    client, pid = enter(house)
    offset = None
    for number in range(3):
        client.lose()
        house.page().emit("missed", number)
        client = come_back(house, pid, offset=offset)
        ((_, missed, offset),) = client.events()
        assert missed == number
        assert sole(house).recovered


@pytest.mark.parametrize("pid", [None, "", "nobody", 5, ["x"], {"a": 1}, "\x00" * 100])
def test_with_a_pid_of_nothing_one_is_new(pid: object) -> None:
    house = House()
    client, _ = enter(house)
    client.lose()
    come_back(house, pid)
    assert not sole(house).recovered


def test_on_another_page_one_is_new_and_who_is_there_stays() -> None:
    house = House()
    client, pid = enter(house)
    house.client("/other", pid=pid)
    assert not client.session.ended
    assert not house.page("/other").sockets[0].recovered


def test_too_late_one_is_new_and_nothing_is_kept() -> None:
    house = House(recover=30, grace_lost=0)
    client, pid = enter(house)
    sole(house).join("x")
    client.lose()
    house.page().emit("missed")
    house.clock.advance(31)
    house.assert_empty()
    back = come_back(house, pid)
    assert (sole(house).recovered, sole(house).rooms, names(back)) == (False, [], [])
    assert back.packets[0].data["pid"] != pid


def test_one_whose_return_is_refused_does_not_come_back_a_second_time() -> None:
    house = House(grace_lost=0)
    refuses = [False]

    def connect(socket: Socket) -> None:
        if refuses[0]:
            raise ConnectionRefused("not now")

    house.on("connect", connect)
    client, pid = enter(house)
    client.lose()
    refuses[0] = True
    refused = come_back(house, pid)
    assert refused.refusals() == [("/", {"message": "not now"})]
    refuses[0] = False
    refused.close()
    come_back(house, pid)
    assert not sole(house).recovered
