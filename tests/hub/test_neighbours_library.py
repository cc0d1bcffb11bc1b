"""What an application asks of everybody, and does to them, reaches all nodes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nannin import Answers, CallTimeout, NodesSilent, NotConnected, RemoteSocket, Socket
from nannin.nodes.node import BEAT_EVERY_S
from support.fakes import Client, House
from support.several_nodes import City


def town(nodes: int = 2, **settings: Any) -> tuple[City, dict[str, Socket]]:
    """A city whose connect handlers keep each socket by its name, and put it into the rooms it asks for."""
    city, kept = City(nodes, **settings), dict[str, Socket]()

    def connect(socket: Socket) -> None:
        kept[str(socket.auth["name"])] = socket
        socket.data["name"] = socket.auth["name"]
        socket.join(*socket.auth.get("rooms", ()))

    for house in city.houses:
        house.on("connect", connect)
    return city, kept


def told(client: Client, *names: str) -> list[str]:
    return [name for name, *_ in client.events() if name in names]


def acknowledge(client: Client, *args: object) -> None:
    number = client.packets[-1].id
    assert number is not None
    client.ack(number, *args)


def names_of(sockets: list[Socket | RemoteSocket]) -> list[str]:
    return [socket.data["name"] for socket in sockets]


async def turn(city: City) -> None:
    await city.houses[0].turn()


# Calls


async def test_a_call_waits_for_the_clients_of_all_nodes() -> None:
    city, kept = town(3)
    clients = [house.client("/", name=name) for house, name in zip(city.houses, "abc", strict=True)]
    call = asyncio.create_task(city.houses[0].page().call("question", "how?", b"bytes", timeout=60))
    await turn(city)
    assert [client.events()[-1] for client in clients] == [["question", "how?", b"bytes"]] * 3
    acknowledge(clients[0], 1)
    await turn(city)
    acknowledge(clients[1], 2, b"two", 10**30)
    await turn(city)
    assert not call.done()
    acknowledge(clients[2])
    await turn(city)
    answers = await asyncio.wait_for(call, 5)
    assert {socket.data["name"]: answer for socket, answer in answers.answered.items()} == {
        "a": 1,
        "b": [2, b"two", 10**30],
        "c": None,
    }
    assert (answers.missing, answers.silent_nodes) == ([], 0)
    assert next(iter(answers.answered)) is kept["a"]


async def test_a_call_says_who_on_other_nodes_has_not_answered_in_time_or_has_gone() -> None:
    city, kept = town(2)
    here = city.houses[0].client("/", name="here")
    quick, slow, gone = (city.houses[1].client("/", name=name) for name in ("quick", "slow", "gone"))
    call = asyncio.create_task(city.houses[0].page().call("question", timeout=0.2))
    await turn(city)
    acknowledge(here)
    acknowledge(quick, "yes")
    gone.close()
    await turn(city)
    answers = await call
    assert sorted(names_of(list(answers.answered))) == ["here", "quick"]
    assert sorted(names_of(answers.missing)) == ["gone", "slow"]
    assert answers.silent_nodes == 1, "it has not said its last word"
    city.clock.advance(10)
    await turn(city)
    assert not city.houses[1].hub.emitter.connections[kept["slow"].id].awaits_ack
    acknowledge(slow, "too late")
    await turn(city)
    assert not slow.session.ended


async def test_a_call_that_all_answer_but_those_who_leave_waits_no_longer() -> None:
    city, _ = town(2)
    clients = [city.houses[1].client("/", name=name) for name in "ab"]
    call = asyncio.create_task(city.houses[0].page().call("question"))
    await turn(city)
    clients[0].close()
    acknowledge(clients[1], 5)
    await turn(city)
    answers = await asyncio.wait_for(call, 5)
    assert (list(answers.answered.values()), names_of(answers.missing)) == ([5], ["a"])
    assert answers.silent_nodes == 0


async def test_a_call_to_a_node_that_dies_says_so() -> None:
    city, _ = town(2)
    here, _ = (house.client("/", name=str(number)) for number, house in enumerate(city.houses))
    call = asyncio.create_task(city.houses[0].page().call("question"))
    await turn(city)
    acknowledge(here, "yes")
    city.kill(1)
    city.clock.advance(BEAT_EVERY_S)
    await turn(city)
    answers = await asyncio.wait_for(call, 5)
    assert (list(answers.answered.values()), answers.silent_nodes) == (["yes"], 1)
    assert names_of(answers.missing) == ["1"], "it was known already whom it had asked"


async def test_a_call_while_the_others_are_away_asks_those_here_and_says_so() -> None:
    city, _ = town(3)
    clients = [house.client("/", name="x") for house in city.houses]
    city.clock.advance(BEAT_EVERY_S)
    city.lines[0].cut()
    call = asyncio.create_task(city.houses[0].page().call("question"))
    await turn(city)
    acknowledge(clients[0], "yes")
    answers = await asyncio.wait_for(call, 5)
    assert (list(answers.answered.values()), answers.missing, answers.silent_nodes) == (["yes"], [], 2)


async def test_a_call_that_is_cancelled_waits_for_nobody_any_more() -> None:
    city, _ = town(2)
    there = city.houses[1].client("/", name="there")
    call = asyncio.create_task(city.houses[0].page().call("question", timeout=1))
    await turn(city)
    call.cancel()
    await turn(city)
    assert call.cancelled()
    acknowledge(there, "late")
    city.clock.advance(5)
    await turn(city)
    assert not there.session.ended


async def test_a_call_to_a_room_and_to_one_asks_nobody_else() -> None:
    city, kept = town(2)
    clients = {
        name: city.houses[number].client("/", name=name, rooms=rooms)
        for number, name, rooms in [(0, "ann", []), (1, "bob", ["tea"]), (1, "eve", [])]
    }
    page = city.houses[0].page()
    for target in (page.to("tea"), page.to(kept["bob"].id), kept["ann"].broadcast.except_(kept["eve"].id)):
        call = asyncio.create_task(target.call("question"))
        await turn(city)
        acknowledge(clients["bob"], "yes")
        await turn(city)
        answers = await asyncio.wait_for(call, 5)
        assert (names_of(list(answers.answered)), answers.missing) == (["bob"], [])
    assert (told(clients["ann"], "question"), told(clients["eve"], "question")) == ([], [])


async def test_a_call_to_somebody_here_needs_no_other_node() -> None:
    city, kept = town(2)
    here = city.houses[0].client("/", name="here")
    city.houses[1].client("/", name="there")
    before = city.lines[0].writes
    call = asyncio.create_task(city.houses[0].page().to(kept["here"].id).call("question"))
    await asyncio.sleep(0)
    acknowledge(here, "yes")
    assert await asyncio.wait_for(call, 5) == Answers({kept["here"]: "yes"}, [])
    assert city.lines[0].writes == before


# Lists and numbers


async def test_the_sockets_of_all_nodes_can_be_listed() -> None:
    city, kept = town(2)
    city.houses[0].client("/", name="ann")
    city.houses[1].client("/", name="bob", visitor="bob's browser", rooms=["tea", "cake"])
    page = city.houses[0].page()
    listing = asyncio.create_task(page.fetch_sockets())
    await turn(city)
    ann, bob = await listing
    assert ann is kept["ann"]
    assert page.sockets == [ann]
    assert isinstance(bob, RemoteSocket)
    assert (bob.id, bob.visitor, bob.rooms) == (kept["bob"].id, "bob's browser", ["tea", "cake"])
    assert (bob.data, bob.page.key, bob.page.count.visitors) == ({"name": "bob"}, "/", 2)
    assert repr(bob) == f"<RemoteSocket {bob.id} on />"


async def test_a_room_of_all_nodes_can_be_counted_and_listed() -> None:
    city, _ = town(3)
    for number, house in enumerate(city.houses):
        house.client("/", name=f"out {number}")
        for _ in range(number + 1):
            house.client("/", name=f"in {number}", rooms=["tea"])
    room = city.houses[1].page().to("tea")
    counting, listing = asyncio.create_task(room.count()), asyncio.create_task(room.fetch_sockets())
    await turn(city)
    assert await counting == 6
    assert sorted(names_of(await listing)) == ["in 0", "in 1", "in 1", "in 2", "in 2", "in 2"]


async def test_thousands_are_listed_some_at_a_time() -> None:
    city, _ = town(2)
    clients = [Client(city.houses[1]) for _ in range(1_200)]
    for client in clients:
        client.connect("/", name="x")
    city.clock.settle()
    before = city.lines[1].writes
    listing = asyncio.create_task(city.houses[0].page().fetch_sockets())
    await turn(city)
    assert len(await listing) == 1_200
    assert city.lines[1].writes - before == 3


async def test_a_list_without_an_answer_of_every_node_is_an_error() -> None:
    city, _ = town(2)
    for house in city.houses:
        house.client("/", name="x")
    page, city.lines[1].is_cut = city.houses[0].page(), True
    with pytest.raises(NodesSilent, match="none came in time of 1") as raised:
        await asyncio.gather(page.fetch_sockets(timeout=0.05), later(city))
    assert raised.value.nodes == 1
    with pytest.raises(NodesSilent):
        await asyncio.gather(page.except_().count(timeout=0.05), later(city))
    city.lines[0].cut()
    with pytest.raises(NodesSilent):
        await page.fetch_sockets()


async def later(city: City) -> None:
    city.clock.settle()


async def test_a_node_that_dies_meanwhile_has_no_sockets() -> None:
    city, _ = town(2)
    for house in city.houses:
        house.client("/", name="x")
    city.lines[1].is_cut = True
    listing = asyncio.create_task(city.houses[0].page().fetch_sockets(timeout=30))
    await turn(city)
    city.kill(1)
    city.clock.advance(BEAT_EVERY_S)
    await turn(city)
    assert len(await asyncio.wait_for(listing, 5)) == 1


async def test_without_other_nodes_there_is_nobody_else() -> None:
    house = House()
    house.on("connect", lambda socket: socket.join("tea"))
    client = house.client("/")
    [socket] = await house.page().fetch_sockets()
    assert isinstance(socket, Socket)
    assert await house.page().to("tea").count() == 1
    house.page().sockets_leave("tea")
    house.page().sockets_join("cake")
    assert socket.rooms == ["cake"]
    house.page().disconnect_sockets(close=True)
    assert client.session.ended


# Orders


async def test_clients_of_all_nodes_join_rooms_leave_them_and_are_disconnected() -> None:
    city, kept = town(2)
    clients = {
        name: city.houses[number].client("/", name=name, rooms=["tea"])
        for number, name in enumerate(["ann", "bob"])
    }
    page = city.houses[0].page()
    page.sockets_join("a", "b")
    city.clock.settle()
    assert [socket.rooms for socket in kept.values()] == [["tea", "a", "b"]] * 2
    page.to("tea").sockets_leave("a")
    page.to(kept["bob"].id).sockets_leave("b")
    city.clock.settle()
    assert [socket.rooms for socket in kept.values()] == [["tea", "b"], ["tea"]]
    kept["ann"].broadcast.disconnect_sockets()
    city.clock.settle()
    assert [socket.connected for socket in kept.values()] == [True, False]
    assert [client.session.ended for client in clients.values()] == [False, False]


@pytest.mark.parametrize("name", [5, None])
def test_a_room_of_another_type_is_an_error(name: Any) -> None:
    with pytest.raises(TypeError, match="a room's name is a str"):
        House().page().sockets_join(name)


async def test_a_socket_of_another_node_can_be_dealt_with() -> None:
    city, kept = town(2)
    city.houses[0].client("/", name="ann")
    bob_client = city.houses[1].client("/", name="bob")
    listing = asyncio.create_task(city.houses[0].page().fetch_sockets())
    await turn(city)
    _, bob = await listing
    assert isinstance(bob, RemoteSocket)
    bob.join("a", "b")
    bob.leave("a")
    bob.emit("word", 1)
    bob.send("message")
    city.clock.settle()
    assert (kept["bob"].rooms, bob.rooms) == (["b"], []), "it is as it was"
    assert bob_client.events()[-2:] == [["word", 1], ["message", "message"]]
    call = asyncio.create_task(bob.call("question"))
    await turn(city)
    acknowledge(bob_client, "yes")
    await turn(city)
    assert await call == "yes"
    with pytest.raises(CallTimeout):
        await asyncio.gather(bob.call("question", timeout=0.05), later(city))
    bob.disconnect(close=True)
    city.clock.settle()
    assert bob_client.session.ended
    call = asyncio.create_task(bob.call("question"))
    await turn(city)
    with pytest.raises(NotConnected):
        await call


# Events


def test_events_of_one_node_keep_their_order_and_come_once() -> None:
    city, kept = town(3)
    clients = [house.client("/", name=str(number)) for number, house in enumerate(city.houses)]
    page = city.houses[0].page()
    all_ids = page.to(*(socket.id for socket in kept.values()))
    for number in range(0, 30, 3):
        page.emit("n", number)
        page.volatile.emit("n", number + 1)
        all_ids.emit("n", number + 2)
    city.clock.settle()
    for client in clients:
        assert [number for name, number in client.events() if name == "n"] == list(range(30))


def test_the_events_of_one_turn_are_one_write_and_those_to_clients_here_are_none() -> None:
    city, kept = town(2)
    here = city.houses[0].client("/", name="here")
    city.houses[1].client("/", name="there")
    before = city.lines[0].writes
    for number in range(10):
        kept["here"].emit("me", number)
        kept["here"].volatile.emit("me", number)
        city.houses[0].page().to(kept["here"].id).emit("me", number)
    city.clock.settle()
    assert city.lines[0].writes == before
    assert len(told(here, "me")) == 30
    for number in range(10):
        city.houses[0].page().emit("all", number)
    city.clock.settle()
    assert city.lines[0].writes == before + 1


def test_an_observer_of_another_node_can_be_sent_to_by_its_id_and_its_room() -> None:
    city, kept = town(2)
    watching = city.houses[1].client("/", name="watching", rooms=["tea"], observe=True)
    city.houses[0].page().emit("all")
    city.houses[0].page().to("tea").emit("room")
    city.houses[0].page().to(kept["watching"].id).emit("one")
    city.clock.settle()
    assert told(watching, "all", "room", "one") == ["room", "one"]
    watching.close()
    city.clock.settle()
    assert city.census.total("/").connections == 0
    assert not city.census._pages, "nobody listens any more"
