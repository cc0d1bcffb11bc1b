"""What is sent: encoded once, written once to each, with an offset only for those who may come back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nannin.hub import emitter
from nannin.hub.encoding import add_text, encode_event
from nannin.wire.outgoing import Outgoing
from support.fakes import Client, House
from support.many_clients import room


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The arguments of each event that is encoded."""
    calls: list[tuple[Any, ...]] = []

    def count(page: str, event: str, args: tuple[Any, ...]) -> Any:
        calls.append(args)
        return encode_event(page, event, args)

    monkeypatch.setattr(emitter, "encode_event", count)
    return calls


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The offsets that events are marked with."""
    offsets: list[str] = []

    def note(event: Outgoing, text: str) -> Outgoing:
        offsets.append(text)
        return add_text(event, text)

    monkeypatch.setattr(emitter, "add_text", note)
    return offsets


def writes(clients: list[Client]) -> list[int]:
    return [client.link.writes for client in clients if client.link is not None]


def test_an_event_for_a_thousand_in_a_room_is_encoded_once_and_written_once_to_each(
    encoded: list[tuple[Any, ...]],
) -> None:
    house = House()
    clients, sockets = room(house, 1_000)
    for socket in sockets:
        socket.join("x", "y")
    before = writes(clients)
    house.page("/room").to("x", "y", sockets[0].id).emit("hi")
    assert len(encoded) == 1
    assert [after - one for after, one in zip(writes(clients), before, strict=True)] == [1] * 1_000


def test_where_some_may_come_back_an_event_is_encoded_once_and_then_marked(
    encoded: list[tuple[Any, ...]], marked: list[str]
) -> None:
    house = House()
    plain, _ = room(house, 10)
    recovering = [house.client("/room", recover=True) for _ in range(10)]
    before = writes(plain + recovering)
    house.page("/room").emit("hi", 1)
    assert ([len(args) for args in encoded], len(marked)) == ([1], 1)
    assert [after - one for after, one in zip(writes(plain + recovering), before, strict=True)] == [1] * 20
    assert [client.events("/room") for client in plain] == [[["hi", 1]]] * 10
    assert [client.events("/room")[0][:2] for client in recovering] == [["hi", 1]] * 10


def test_an_event_for_one_who_does_not_come_back_is_encoded_once(encoded: list[tuple[Any, ...]]) -> None:
    house = House()
    (client,), (socket,) = room(house, 1)
    house.client("/room", recover=True)
    socket.emit("hi")
    assert encoded == [()]
    assert client.events("/room") == [["hi"]]


@pytest.mark.parametrize("polling", [False, True])
def test_a_volatile_event_is_dropped_for_who_can_not_take_it_now(polling: bool) -> None:
    house = House()
    (ready,), _ = room(house, 1)
    slow = house.client("/room", polling=polling)
    if slow.link is not None:
        slow.link.blocked = True
    else:
        slow.idle = True
        house.page("/room").emit("last answer")
        house.clock.settle()
    house.page("/room").volatile.emit("position", 1)
    if slow.link is not None:
        slow.link.drain()
    else:
        slow.idle = False
        slow.ask()
    house.page("/room").emit("steady")
    house.clock.settle()
    assert [event for event, *_ in ready.events("/room")][-2:] == ["position", "steady"]
    assert "position" not in [event for event, *_ in slow.events("/room")]
    assert slow.events("/room")[-1] == ["steady"]


def test_a_volatile_event_is_not_kept_for_those_who_come_back() -> None:
    house = House()
    room(house, 0)
    client = house.client("/room", recover=True)
    pid = client.packets[0].data["pid"]
    house.page("/room").emit("kept")
    house.page("/room").volatile.emit("lost")
    (_, first), (_, second) = client.events("/room")
    assert first == second
    client.lose()
    house.page("/room").volatile.emit("lost")
    house.page("/room").emit("kept too")
    back = house.client("/room", pid=pid, offset=second)
    house.clock.advance(1)
    assert [event for event, *_ in back.events("/room")] == ["kept too"]


async def test_a_call_carries_no_offset() -> None:
    house = House()
    room(house, 0)
    client = house.client("/room", recover=True)
    call = asyncio.create_task(house.page("/room").call("question", 5, timeout=5))
    await house.turn()
    assert client.packets[-1].data == ["question", 5]
    client.ack(client.packets[-1].id or 0, "answer", page="/room")
    assert list((await call).answered.values()) == ["answer"]


def test_where_nobody_may_come_back_nothing_is_marked(
    encoded: list[tuple[Any, ...]], marked: list[str]
) -> None:
    house = House()
    clients, (socket, *_) = room(house, 3)
    house.client("/elsewhere", recover=True)
    house.page("/room").emit("hi")
    house.page("/room").volatile.emit("hi")
    socket.broadcast.emit("hi")
    socket.emit("hi")
    assert (len(encoded), marked) == (4, [])
    assert [len(client.events("/room")) for client in clients] == [3, 3, 3]


@pytest.mark.parametrize("recover", [False, True])
async def test_an_event_from_another_thread_is_encoded_once(
    recover: bool, encoded: list[tuple[Any, ...]], marked: list[str]
) -> None:
    house = House()
    room(house, 1)
    client = house.client("/room", recover=recover)
    house.hub.home.run_on(asyncio.get_running_loop())
    await asyncio.to_thread(house.page("/room").emit, "news", {"n": 1}, b"\x01")
    await house.turn()
    assert (len(encoded), len(marked)) == (1, int(recover))
    assert client.events("/room")[0][:3] == ["news", {"n": 1}, b"\x01"]


async def test_what_a_thread_changes_after_it_sent_it_is_sent_as_it_was() -> None:
    house = House()
    (client,), _ = room(house, 1)
    house.hub.home.run_on(asyncio.get_running_loop())

    def work() -> None:
        note = {"n": 1, "raw": b"\x00"}
        house.page("/room").emit("note", note, [b"\x01", None])
        note["n"] = 2

    await asyncio.to_thread(work)
    await house.turn()
    assert client.events("/room") == [["note", {"n": 1, "raw": b"\x00"}, [b"\x01", None]]]


def test_nothing_is_kept_of_sockets_that_have_left_or_were_refused() -> None:
    house = House()
    clients, _ = room(house, 3)
    clients[0].leave("/room")
    clients[1].close()
    clients[2].lose()
    house.client("/room", visitor=5)
    assert not house.hub.emitter.connections
