"""Presence of people: who is on a page, who came and who has gone, once for each person and after grace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nannin import DisconnectReason, Socket, Visitor
from nannin.audience.roster import Count
from support.fakes import House


class Door:
    """An application that writes down who comes and goes."""

    def __init__(self, house: House, page: str = "/") -> None:
        self.told: list[tuple[str, str]] = []
        house.on("enter", self.enter, page)
        house.on("exit", self.exit, page)

    def enter(self, visitor: Visitor) -> None:
        self.told.append(("enter", visitor.id))

    def exit(self, visitor: Visitor) -> None:
        self.told.append(("exit", visitor.id))


def names(house: House, page: str = "/") -> list[str]:
    return [visitor.id for visitor in house.page(page).visitors]


def test_a_person_enters_with_the_first_tab_and_exits_with_the_last_after_grace() -> None:
    house = House(grace=2)
    door = Door(house)
    first, second = house.client("/", visitor="ann"), house.client("/", visitor="ann")
    first.close()
    house.clock.advance(5)
    assert (door.told, names(house)) == ([("enter", "ann")], ["ann"])
    second.close()
    house.clock.advance(1.9)
    assert (door.told, names(house)) == ([("enter", "ann")], ["ann"])
    house.clock.advance(0.1)
    assert (door.told, names(house)) == ([("enter", "ann"), ("exit", "ann")], [])
    house.assert_empty()


def test_a_reload_is_no_news_and_keeps_the_data() -> None:
    house = House(grace=2)
    door = Door(house)
    gone = house.client("/", visitor="ann")
    [ann] = house.page().visitors
    ann.data["name"] = "Ann"
    gone.close()
    assert (ann.sockets, names(house)) == ([], ["ann"])
    house.clock.advance(1)
    house.client("/", visitor="ann")
    house.clock.advance(60)
    assert door.told == [("enter", "ann")]
    [again] = house.page().visitors
    assert (again, again.data, hash(again)) == (ann, {"name": "Ann"}, hash(ann))
    assert ann.sockets == house.page().sockets


def test_a_person_who_comes_again_after_grace_is_another_visit() -> None:
    house = House(grace=2)
    door = Door(house)
    gone = house.client("/", visitor="ann")
    [ann] = house.page().visitors
    ann.data = {"name": "Ann"}
    gone.close()
    house.clock.advance(2)
    house.client("/", visitor="ann")
    assert door.told == [("enter", "ann"), ("exit", "ann"), ("enter", "ann")]
    [again] = house.page().visitors
    assert again != ann
    assert again.data == {}


def test_without_an_id_each_connection_is_a_person() -> None:
    house = House()
    door = Door(house)
    first, second = house.client("/"), house.client("/")
    ids = [socket.id for socket in house.page().sockets]
    assert names(house) == ids
    first.lose()
    assert door.told == [("enter", ids[0]), ("enter", ids[1]), ("exit", ids[0])]
    assert second.house.count() == Count(1, 1, 1)


def test_observers_and_those_turned_away_are_not_people() -> None:
    house = House(is_crawler=lambda user_agent: "bot" in user_agent)
    door = Door(house)
    house.on("connect", lambda socket, auth: auth.get("ok", True))
    house.client("/", observe=True, visitor="ann")
    house.client("/", user_agent="a bot", visitor="bob")
    house.client("/", visitor="eve", ok=False)
    assert (door.told, names(house)) == ([], [])


@pytest.mark.parametrize("leave", [lambda client: client.close(), lambda client: client.lose()])
def test_one_signed_in_person_on_phone_and_laptop_is_one_visitor(leave: Any) -> None:
    house = House(grace=2, grace_lost=10)
    door = Door(house)

    def sign_in(socket: Socket, auth: dict[str, Any]) -> None:
        socket.visitor = f"user:{auth['user']}"

    house.on("connect", sign_in)
    phone = house.client("/", visitor="made up by the phone", user=7)
    laptop = house.client("/", visitor="made up by the laptop", user=7)
    house.client("/", user=8)
    assert house.count() == Count(3, 2, 2)
    assert names(house) == ["user:7", "user:8"]
    assert [len(visitor.sockets) for visitor in house.page().visitors] == [2, 1]
    leave(phone)
    house.clock.advance(20)
    assert (house.count(), names(house)) == (Count(2, 2, 2), ["user:7", "user:8"])
    leave(laptop)
    house.clock.advance(20)
    assert (house.count(), names(house)) == (Count(1, 1, 1), ["user:8"])
    assert door.told == [("enter", "user:7"), ("enter", "user:8"), ("exit", "user:7")]


@pytest.mark.parametrize("poser_is_first", [False, True])
def test_a_client_that_sends_the_id_of_a_signed_in_person_is_somebody_else(poser_is_first: bool) -> None:
    house = House(grace=2)
    door = Door(house)

    def sign_in(socket: Socket, auth: dict[str, Any]) -> None:
        if "user" in auth:
            socket.visitor = f"user:{auth['user']}"

    house.on("connect", sign_in)
    if poser_is_first:
        poser, ann = house.client("/", visitor="user:7"), house.client("/", user=7)
    else:
        ann, poser = house.client("/", user=7), house.client("/", visitor="user:7")
    assert house.count() == Count(2, 2, 2)
    assert [socket.visitor for socket in house.page().sockets] == ["user:7"] * 2
    assert [[s.session for s in visitor.sockets] for visitor in house.page().visitors] == (
        [[poser.session], [ann.session]] if poser_is_first else [[ann.session], [poser.session]]
    )
    ann.close()
    house.clock.advance(1)
    again = house.client("/", visitor="user:7")  # takes nobody's place who is in grace
    assert house.count() == Count(3, 2, 2)
    house.clock.advance(2)
    assert (house.count(), len(house.page().visitors)) == (Count(2, 1, 1), 1)
    assert {s.session for s in house.page().sockets} == {poser.session, again.session}
    assert door.told == [("enter", "user:7")] * 2 + [("exit", "user:7")]


def test_a_visitor_can_not_be_renamed_on_the_page_and_leaves_as_who_it_came() -> None:
    house = House(grace=2)
    door = Door(house)
    client = house.client("/", visitor="ann")
    with pytest.raises(RuntimeError, match="in the connect handler"):
        house.page().sockets[0].visitor = "bob"
    client.close()
    house.clock.advance(2)
    assert door.told == [("enter", "ann"), ("exit", "ann")]
    house.assert_empty()


def test_who_enters_is_on_the_page_and_may_be_spoken_to() -> None:
    house = House()
    seen: list[Any] = []

    def enter(visitor: Visitor) -> None:
        seen.append((visitor in visitor.page.visitors, visitor.page.count.visitors, visitor.page.key))
        visitor.page.emit("names", names(house))

    house.on("enter", enter)
    first = house.client("/", visitor="ann")
    second = house.client("/", visitor="bob")
    house.clock.advance(0.01)
    assert seen == [(True, 1, "/"), (True, 2, "/")]
    assert first.events() == [["names", ["ann"]], ["names", ["ann", "bob"]]]
    assert second.events() == [["names", ["ann", "bob"]]]


def test_what_enter_emits_follows_what_the_connect_handler_emitted() -> None:
    house = House()
    house.on("connect", lambda socket: socket.emit("first"))
    house.on("enter", lambda visitor: visitor.sockets[0].emit("second"))
    client = house.client("/")
    assert client.events() == []
    house.clock.advance(0.01)
    assert client.events() == [["first"], ["second"]]


def test_exit_comes_after_disconnect_and_finds_nobody() -> None:
    house = House()
    told: list[Any] = []
    house.on("disconnect", lambda socket, reason: told.append((reason, names(house))))
    house.on("exit", lambda visitor: told.append((visitor.id, visitor.sockets, names(house))))
    house.client("/", visitor="ann").session.close()
    assert told == [(DisconnectReason.FORCED_CLOSE, ["ann"]), ("ann", [], [])]


def test_an_enter_handler_may_turn_somebody_out() -> None:
    house = House()
    door = Door(house)
    house.on("enter", lambda visitor: visitor.sockets[0].disconnect(), "/closed")
    client = house.client("/closed", visitor="ann")
    assert (house.count("/closed"), names(house, "/closed")) == (Count(), [])
    assert not client.session.ended
    assert door.told == []


def test_a_pattern_has_people_for_each_of_its_pages() -> None:
    house = House()
    told: list[tuple[str, str]] = []
    house.on("enter", lambda visitor: told.append((visitor.page.key, visitor.id)), "/chat/{room}")
    client = house.client("/chat/1", visitor="ann")
    client.connect("/chat/2", visitor="ann")
    house.client("/", visitor="bob")
    assert told == [("/chat/1", "ann"), ("/chat/2", "ann")]
    assert [names(house, page) for page in ("/chat/1", "/chat/2", "/")] == [["ann"], ["ann"], ["bob"]]
    with pytest.raises(ValueError, match="is many pages"):
        _ = house.page("/chat/{room}").visitors


def test_people_are_known_without_any_handler() -> None:
    house = House(grace=2)
    ann = house.client("/", visitor="ann")
    house.client("/")
    assert names(house) == ["ann", house.page().sockets[1].id]
    ann.close()
    assert names(house)[0] == "ann"
    house.clock.advance(2)
    assert len(names(house)) == 1


@pytest.mark.anyio
async def test_handlers_may_be_async_and_one_that_raises_hurts_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()
    told: list[str] = []

    async def enter(visitor: Visitor) -> None:
        await asyncio.sleep(0)
        told.append(visitor.id)
        raise RuntimeError("on purpose")

    def leave(visitor: Visitor) -> None:
        raise RuntimeError("on purpose too")

    house.on("enter", enter)
    house.on("exit", leave)
    client = house.client("/", visitor="ann")
    await house.turn()
    client.session.close()
    await house.turn()
    assert told == ["ann"]
    assert [record.getMessage() for record in caplog.records] == [
        "the handler of 'enter' on page / raised",
        "the handler of 'exit' on page / raised",
    ]
    assert (house.count(), names(house)) == (Count(), [])
    house.assert_empty()


# What a client sends


def test_no_client_can_enter_or_exit_by_an_event() -> None:
    house = House()
    door = Door(house)
    anything: list[str] = []
    house.on("*", lambda socket, event, *args: anything.append(event))
    client = house.client("/", visitor="ann")
    client.emit("enter", number=1)
    client.emit("exit")
    assert door.told == [("enter", "ann")]
    assert anything == ["enter", "exit"]


def test_a_function_that_takes_more_answers_a_clients_event_of_that_name() -> None:
    house = House()
    door = Door(house)
    house.on("enter", lambda socket, *args: list(args))
    client = house.client("/", visitor="ann")
    client.emit("enter", 5, number=1)
    assert client.acks() == [(1, [[5]])]
    assert door.told == [("enter", "ann")]


def test_each_has_one_handler_on_a_page() -> None:
    house = House()
    Door(house)
    with pytest.raises(ValueError, match="'enter' has a handler on page / already"):
        Door(house)


def test_a_function_that_takes_no_visitor_is_no_handler_of_people() -> None:
    house = House()

    def nothing() -> None:
        """Takes nobody."""

    def text(name: str) -> None:
        """Takes something else."""

    with pytest.raises(TypeError, match="must take the visitor as its first argument"):
        house.on("enter", nothing)
    with pytest.raises(TypeError, match="gets the visitor first, so name can't be str"):
        house.on("exit", text)


def test_a_visitor_reads_well() -> None:
    house = House()
    house.client("/news", visitor="ann")
    [ann] = house.page("/news").visitors
    assert repr(ann) == "<Visitor ann on /news>"
    assert ann != "ann"
