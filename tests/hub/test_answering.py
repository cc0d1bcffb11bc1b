"""What a node answers to another: its connections some at a time, and their acks as they come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nannin.audience.roster import Given
from nannin.errors import NotConnected
from nannin.hub.answering import SEEN_AT_ONCE, SEEN_EVERY_S, Answering, see
from nannin.hub.connection import Connection
from nannin.hub.node_messages import Reply, decode_data, unpack_answer
from support.fakes import House, connection_of


def connections(house: House, number: int) -> list[Connection]:
    for _ in range(number):
        house.client("/")
    return [connection_of(house, socket) for socket in house.page().sockets]


def acks_of(replies: list[Reply]) -> dict[str, Any]:
    return {acked.id: unpack_answer(acked) for reply in replies for acked in reply.answers}


def test_few_are_named_at_once() -> None:
    house, replies = House(), list[Reply]()
    several = connections(house, 3)
    Answering(7, several, replies.append, house.clock)
    [reply] = replies
    assert (reply.call, reply.number, reply.is_last) == (7, 3, True)
    assert [seen.id for seen in reply.sockets] == [connection.id for connection in several]


def test_nobody_is_an_answer() -> None:
    house, replies = House(), list[Reply]()
    Answering(7, [], replies.append, house.clock)
    assert replies == [Reply(7, is_last=True)]


def test_many_are_named_some_at_a_time_without_those_who_leave_meanwhile() -> None:
    house, replies = House(), list[Reply]()
    [one, other] = connections(house, 2)
    Answering(7, [one] * SEEN_AT_ONCE + [other] * 3, replies.append, house.clock)
    assert [(reply.number, reply.is_last) for reply in replies] == [(SEEN_AT_ONCE, False)]
    house.hub.disconnect(other, close=False)
    house.clock.advance(SEEN_EVERY_S)
    assert [(reply.number, reply.is_last) for reply in replies[1:]] == [(0, True)]


async def test_acks_of_one_turn_are_one_reply_and_the_last_ends_it() -> None:
    house, replies = House(), list[Reply]()
    several = connections(house, 3)
    acks = {connection: asyncio.Future[Any]() for connection in several}
    Answering(7, several, replies.append, house.clock, acks, 60)
    acks[several[0]].set_result("one")
    acks[several[1]].set_result([b"two"])
    await house.turn()
    assert [(len(reply.answers), reply.is_last) for reply in replies] == [(0, False), (2, False)]
    acks[several[2]].set_exception(NotConnected("it has left"))
    await house.turn()
    assert replies[2:] == [Reply(7, is_last=True)]
    assert acks_of(replies) == {several[0].id: "one", several[1].id: [b"two"]}
    house.clock.advance(120)
    assert len(replies) == 3


@pytest.mark.parametrize("within_s", [0.5, 1e9])
async def test_acks_are_waited_for_as_long_as_the_other_node_does(within_s: float) -> None:
    house, replies = House(ping_interval=1e6), list[Reply]()
    several = connections(house, 2)
    acks = {connection: asyncio.Future[Any]() for connection in several}
    Answering(7, several, replies.append, house.clock, acks, within_s)
    acks[several[0]].set_result("one")
    await asyncio.sleep(0)  # it has come, but is not sent yet
    house.clock.advance(0.6)
    assert not acks[several[1]].done()
    house.clock.advance(90_000)
    await house.turn()
    assert acks[several[1]].cancelled()
    assert acks_of(replies) == {several[0].id: "one"}
    assert [reply.is_last for reply in replies][-1]
    assert sum(reply.is_last for reply in replies) == 1


async def test_acks_that_come_while_connections_are_named_do_not_end_it() -> None:
    house, replies = House(), list[Reply]()
    [one] = connections(house, 1)
    acks = {one: asyncio.Future[Any]()}
    Answering(7, [one] * (SEEN_AT_ONCE + 1), replies.append, house.clock, acks, 60)
    acks[one].set_result(None)
    await asyncio.sleep(0)
    house.clock.settle()
    assert not any(reply.is_last for reply in replies)
    house.clock.advance(SEEN_EVERY_S)
    assert [reply.is_last for reply in replies][-1]


@pytest.mark.parametrize(("visitor", "said"), [(None, None), ("ann", "ann"), (Given("bob"), "bob")])
def test_a_connection_is_seen_with_its_visitor_rooms_and_notes(
    visitor: str | Given | None, said: str | None
) -> None:
    house = House()
    [connection] = connections(house, 1)
    connection.visitor, connection.data = visitor, {"a": 1}
    house.page().sockets[0].join("x")
    seen = see(connection)
    assert (seen.id, seen.visitor, seen.rooms, decode_data(seen.data)) == (
        connection.id,
        said,
        ["x"],
        {"a": 1},
    )
