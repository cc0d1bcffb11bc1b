"""The connections of a page by form, and what is sent to many of them at once."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nannin.access.connect import Format
from nannin.engine.descriptors import Descriptors
from nannin.hub.crowds import Crowds, Form, Slices
from nannin.hub.encoding import VARIANTS, encode_event
from nannin.wire.outgoing import Outgoing
from support.fakes import Client, FakeLink, House, connection_of
from support.socket_links import SocketLink

CLASSIC, AUDIENCE = VARIANTS[Format.CLASSIC], VARIANTS[Format.AUDIENCE]


class Calls:
    """The calls that send to many: the range of seats of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ranges: list[tuple[int, int]] = []
        for name in ("send", "send_some"):
            monkeypatch.setattr(Descriptors, name, self._noting(getattr(Descriptors, name)))

    def _noting(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def note(
            descriptors: Descriptors,
            numbers: array[int],
            start: int,
            stop: int,
            outgoing: Outgoing,
            **limits: float,
        ) -> Any:
            if start < stop:
                self.ranges.append((start, stop))
            return send(descriptors, numbers, start, stop, outgoing, **limits)

        return note


def people(house: House, count: int, page: str = "/", **auth: Any) -> list[Client]:
    """So many on a page, each with a socket of its own below its link."""
    clients: list[Client] = []
    for _ in range(count):
        clients.append(house.client(page, link=SocketLink, **auth))
        for client in clients:
            client.pull()  # the kernel holds some 200 messages for one who doesn't read
    house.clock.advance(2)
    return clients


def asked(clients: list[Client]) -> int:
    """How many times their links were asked to write."""
    return sum(client.link.asked for client in clients if isinstance(client.link, SocketLink))


def test_a_connection_is_in_the_crowd_of_its_form_until_it_leaves() -> None:
    house, crowds = House(), Crowds(Descriptors())
    (client,) = people(house, 1)
    connection = connection_of(house, house.page().sockets[0])
    crowds.join(connection)
    assert {form: list(crowd) for form, crowd in crowds.of("/").items()} == {
        Form(CLASSIC, observes=False): [connection]
    }
    crowds.leave(connection)
    assert crowds.of("/") == {}
    client.lose()


def test_who_can_not_be_sent_to_at_once_is_left_with_what_it_took() -> None:
    house, crowds = House(), Crowds(Descriptors())
    people(house, 2)
    first, second = (connection_of(house, socket) for socket in house.page().sockets)
    for connection in (first, second):
        crowds.join(connection)
    (crowd,) = crowds.of("/").values()
    event = encode_event("/", "hi", ())
    unsent, reached = crowds.send_some(crowd, 0, 2, event, seconds=math.inf, most_left=2)
    assert list(unsent) == [(first, 0), (second, 0)], "no table knows them"
    assert reached == 2


def test_a_fan_out_is_a_few_calls_whatever_the_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(slices=Slices(seconds=60))
    clients = [*people(house, 150), *people(house, 150, updates="audience")]
    before, calls = asked(clients), Calls(monkeypatch)
    house.client("/", updates="none")
    house.clock.advance(1)
    assert [client.heard()[-1] for client in clients] == [301] * 300
    assert calls.ranges == [(0, 150)] * 2
    assert asked(clients) == before


def test_an_emit_to_a_page_is_a_call_for_each_form(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    clients = [*people(house, 5), *people(house, 5, updates="audience"), *people(house, 5, updates="none")]
    observer = people(house, 1, observe=True)[0]
    before, calls = asked(clients), Calls(monkeypatch)
    house.page().emit("hi", 1)
    assert calls.ranges == [(0, 5)] * 3
    assert [client.events()[-1] for client in clients] == [["hi", 1]] * 15
    assert observer.events()[-1] != ["hi", 1]
    assert asked(clients) == before


def test_an_emit_to_a_room_is_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    house.on("connect", lambda socket: socket.join("lobby"))
    clients = people(house, 20)
    calls = Calls(monkeypatch)
    house.page().to("lobby").emit("hi")
    house.page().to("nobody's").emit("hi")
    assert calls.ranges == [(0, 20)]
    assert [client.events() for client in clients] == [[["hi"]]] * 20


def test_an_emit_to_everybody_but_one_goes_around_its_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    house.on("speak", lambda socket: socket.broadcast.emit("hi"))
    clients = people(house, 20)
    calls = Calls(monkeypatch)
    clients[5].emit("speak")
    assert calls.ranges == [(0, 5), (6, 20)]
    assert [len(client.events()) for client in clients] == [1] * 5 + [0] + [1] * 14


def test_an_emit_to_a_room_but_for_one_of_it_goes_around_its_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    house.on("connect", lambda socket: socket.join("lobby"))
    house.on("speak", lambda socket: socket.to("lobby").emit("hi"))
    clients = people(house, 10)
    calls = Calls(monkeypatch)
    clients[0].emit("speak")
    clients[9].emit("speak")
    assert calls.ranges == [(1, 10), (0, 9)]


def test_what_waits_for_a_newcomer_goes_before_what_is_sent_to_all() -> None:
    house = House()
    house.on("connect", lambda socket: (socket.join("lobby"), socket.emit("welcome")))
    client = house.client(link=SocketLink)
    client.connect()
    house.clock.settle()
    house.page().emit("to all")
    house.page().to("lobby").emit("to the room")
    house.clock.advance(1)
    house.page().emit("later")
    assert client.events() == [["welcome"], ["to all"], ["to the room"], ["later"]]


def test_a_volatile_event_is_dropped_for_who_can_not_take_it_now() -> None:
    house = House()
    house.on("connect", lambda socket: None)
    ready, slow = people(house, 2)
    slow.stop_reading()
    house.page().volatile.emit("position")
    slow.read_on()
    house.page().emit("steady")
    assert (ready.events(), slow.events()) == ([["position"], ["steady"]], [["steady"]])


def test_who_comes_by_polling_or_upgrades_or_falls_behind_gets_the_same() -> None:
    house = House()
    house.on("connect", lambda socket: None)
    clients = [house.client("/", polling=True), house.client("/", polling=True), *people(house, 2)]
    clients[1].upgrade()
    clients[2].stop_reading()
    for number in range(3):
        house.page().emit("number", number)
        house.clock.settle()
    clients[2].read_on()
    house.page().emit("number", 3)
    house.clock.settle()
    assert [client.events() for client in clients] == [[["number", n] for n in range(4)]] * 4


def test_a_client_that_takes_a_part_gets_the_rest_after_it() -> None:
    house = House()
    house.on("connect", lambda socket: None)
    (client,) = people(house, 1)
    assert isinstance(client.link, SocketLink)
    client.link.shrink()
    house.page().emit("large", "x" * 1_000_000)
    house.page().emit("small")
    assert client.link.blocked
    client.read_on()
    assert [event for event, *_ in client.events()] == ["large", "small"]
    assert client.events()[0][1] == "x" * 1_000_000


NAMES = st.sampled_from(["x", "y", "ann", "bob", "id-0", "id-3"])


@settings(deadline=None, max_examples=60)
@given(
    rooms=st.lists(st.sets(st.sampled_from(["x", "y"])), min_size=6, max_size=6),
    to=st.none() | st.sets(NAMES, min_size=1, max_size=2),
    but=st.sets(NAMES, max_size=3),
)
def test_whatever_the_aim_those_are_sent_to_whom_python_would_find(
    rooms: list[set[str]], to: set[str] | None, but: set[str]
) -> None:
    house = House()
    house.on("connect", lambda socket: None)
    clients = [house.client("/", link=(SocketLink, FakeLink)[i % 2]) for i in range(6)]
    sockets = house.page().sockets
    for socket, names in zip(sockets, rooms, strict=True):
        socket.join(*names)
    ids = {f"id-{index}": socket.id for index, socket in enumerate(sockets)}
    target = house.page().to(*(ids.get(name, name) for name in to)) if to else house.page()
    target = target.except_(*(ids.get(name, name) for name in but)) if but else target
    expected = {socket.id for socket in target.sockets}
    target.emit("hi")
    assert {
        socket.id for socket, client in zip(sockets, clients, strict=True) if client.events() == [["hi"]]
    } == expected
    for client in clients:
        client.lose()
