"""An event to many goes out in slices, and nobody notices but by the clock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin import Socket
from nannin.hub.broadcasts import MOST, Broadcast
from nannin.hub.crowds import Slices
from nannin.wire.outgoing import Outgoing
from support.fakes import Client, FakeLink, House, connection_of
from support.many_clients import crowd, make_writes_cost, room

# One recipient in a turn of the loop.
ONE_BY_ONE = Slices(seconds=0.0, look_every=1, at_once=0)
AT_ONCE = Slices(at_once=1_000_000)


def house_with(count: int, slices: Slices = ONE_BY_ONE) -> tuple[House, list[Client], list[Socket]]:
    """So many clients on the page `/room`, and their sockets."""
    house = House(slices=slices)
    return house, *room(house, count)


def heard(clients: list[Client]) -> list[list[list[Any]]]:
    """The application's events that each has heard."""
    return [client.events("/room") for client in clients]


def test_an_event_to_few_is_sent_at_once() -> None:
    house, clients, _ = house_with(250, Slices(seconds=0.0, look_every=1))
    house.page("/room").emit("hi")
    assert heard(clients) == [[["hi"]]] * 250


def test_an_event_to_many_lets_the_loop_turn_after_the_time_of_a_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house, clients, _ = house_with(1_000, Slices(look_every=10))
    make_writes_cost(house, monkeypatch, 0.0001)
    began_s, told = house.clock.now(), []
    house.page("/room").emit("hi")
    assert house.clock.now() - began_s == pytest.approx(0.01, abs=0.002)
    while house.hub.emitter.broadcasts.waiting:
        before_s = house.clock.now()
        house.clock.turn()
        assert house.clock.now() - before_s < 0.013
        told.append(sum(map(len, heard(clients))))
    assert told == sorted(set(told))
    assert len(told) >= 8
    assert heard(clients) == [[["hi"]]] * 1_000


def test_no_turn_sends_more_than_a_slice_whatever_the_application_sends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(slices=Slices(look_every=10))
    pages = [crowd(house, 300, f"/{number}", updates="none") for number in range(4)]
    make_writes_cost(house, monkeypatch, 0.0001)
    began_s = house.clock.now()
    for number in range(4):
        house.page(f"/{number}").emit("hi")
    assert house.clock.now() - began_s < 0.013
    house.clock.settle()
    for number, clients in enumerate(pages):
        assert [client.events(f"/{number}") for client in clients] == [[["hi"]]] * 300


def test_one_client_hears_several_pages_in_one_order() -> None:
    house = House(slices=ONE_BY_ONE)
    crowd(house, 20, "/a", updates="none")
    crowd(house, 5, "/b", updates="none")
    (both,) = crowd(house, 1, "/a", updates="none")
    both.connect("/b", updates="none")
    house.clock.settle()
    heard_before = len(both.packets)
    house.page("/a").emit("one")
    house.page("/b").emit("two")
    house.page("/a").emit("three")
    house.page("/b").sockets[-1].emit("four")
    assert [packet.data[0] for packet in both.packets[heard_before:]] == ["one", "two", "three", "four"]
    house.clock.settle()
    assert len(both.packets) == heard_before + 4


def test_who_is_taken_off_one_page_gets_first_what_was_sent_on_another() -> None:
    house = House(slices=ONE_BY_ONE)
    crowd(house, 20, "/a", updates="none")
    crowd(house, 20, "/b", updates="none")
    clients = crowd(house, 2, "/a", updates="none")
    for client in clients:
        client.connect("/b", updates="none")
    house.clock.settle()
    house.page("/b").emit("bye")
    for socket, close in zip(house.page("/a").sockets[-2:], (False, True), strict=True):
        socket.disconnect(close=close)
    for client in clients:
        assert [(packet.namespace, packet.type.name) for packet in client.packets[-2:]] == [
            ("/b", "EVENT"),
            ("/a", "DISCONNECT"),
        ]


def test_what_a_connect_handler_sends_to_all_and_then_to_one_arrives_in_that_order() -> None:
    house, _, _ = house_with(5)

    def connect(socket: Socket) -> None:
        socket.join("choir")
        socket.page.to("choir").emit("to all")
        socket.page.to("choir").emit("to all again")
        socket.emit("to one")

    house.on("connect", connect, "/choir")
    clients = [house.client("/choir") for _ in range(5)]
    house.clock.advance(1)
    last = [event[0] for event in clients[-1].events("/choir")]
    assert last == ["to all", "to all again", "to one"]
    house.page("/choir").emit("later")
    house.page("/choir").sockets[-1].emit("to one")
    house.clock.advance(1)
    assert [event[0] for event in clients[-1].events("/choir")][3:] == ["later", "to one"]


def test_what_follows_while_the_words_of_the_connect_handler_wait_follows_an_event_to_all() -> None:
    house, _, _ = house_with(1)
    house.on("connect", lambda socket: socket.emit("welcome"), "/choir")
    clients = [house.client() for _ in range(5)]
    for client in clients:
        client.connect("/choir")
    house.page("/choir").emit("to all")
    house.page("/choir").sockets[-1].emit("to one")
    house.clock.advance(1)
    assert [event[0] for event in clients[-1].events("/choir")] == ["welcome", "to all", "to one"]


def test_what_one_of_them_is_sent_next_follows_it() -> None:
    house, clients, sockets = house_with(20)
    house.page("/room").emit("first")
    sockets[-1].emit("second")
    assert clients[-1].events("/room") == [["first"], ["second"]]
    assert clients[-2].events("/room") == []
    house.clock.advance(1)
    assert heard(clients) == [[["first"]]] * 19 + [[["first"], ["second"]]]


def test_an_ack_follows_what_its_handler_has_sent_to_all() -> None:
    house, clients, _ = house_with(20)

    def speak(socket: Socket) -> str:
        socket.page.emit("said")
        return "done"

    house.on("speak", speak, "/room")
    clients[-1].emit("speak", page="/room", number=7)
    kinds = [packet.type.name for packet in clients[-1].packets[-2:]]
    assert kinds == ["EVENT", "ACK"]


def test_a_second_event_waits_for_the_first() -> None:
    house, clients, sockets = house_with(10)
    for socket in sockets[5:]:
        socket.join("back")
    house.page("/room").emit("one")
    house.page("/room").to("back").emit("two")
    sockets[9].broadcast.emit("three")
    assert clients[9].events("/room") == []
    house.clock.settle()
    front, back = [["one"], ["three"]], [["one"], ["two"], ["three"]]
    assert heard(clients) == [front] * 5 + [back] * 4 + [[["one"], ["two"]]]


def test_who_joins_meanwhile_does_not_get_it() -> None:
    house, clients, _ = house_with(10)
    house.page("/room").emit("hi")
    late = house.client("/room")
    house.clock.settle()
    assert heard([*clients, late]) == [[["hi"]]] * 10 + [[]]


def test_who_leaves_meanwhile_does_not_get_it_nor_when_it_is_back() -> None:
    house, clients, _ = house_with(10)
    house.page("/room").emit("hi")
    clients[9].leave("/room")
    clients[9].connect("/room")
    clients[8].lose()
    house.clock.settle()
    assert heard(clients) == [[["hi"]]] * 8 + [[], []]


def test_whom_the_application_takes_off_the_page_gets_it_first() -> None:
    house, clients, sockets = house_with(10)
    house.page("/room").emit("bye")
    sockets[9].disconnect()
    sockets[8].disconnect(close=True)
    for client in clients[8:]:
        assert [packet.type.name for packet in client.packets[-2:]] == ["EVENT", "DISCONNECT"]


def test_who_is_taken_out_of_the_room_gets_what_was_sent_to_it_before() -> None:
    house, clients, sockets = house_with(10)
    for socket in sockets:
        socket.join("choir")
    house.page("/room").to("choir").emit("hi")
    sockets[9].leave("choir")
    house.page("/room").to(sockets[8].id).sockets_leave("choir")
    assert [len(client.events("/room")) for client in clients[8:]] == [1, 1]
    house.clock.settle()
    assert heard(clients) == [[["hi"]]] * 10


def test_who_left_the_room_and_came_back_does_not_get_it_twice() -> None:
    house, clients, sockets = house_with(10)
    for socket in sockets:
        socket.join("choir")
    house.page("/room").to("choir").emit("hi")
    for socket in sockets[5:]:
        socket.leave("choir")
        socket.join("choir")
    house.clock.settle()
    assert heard(clients) == [[["hi"]]] * 10


def test_a_volatile_event_is_dropped_for_who_can_not_take_it_when_its_turn_comes() -> None:
    house, clients, _ = house_with(10)
    house.page("/room").volatile.emit("tick")
    clients[9].stop_reading()
    house.clock.settle()
    assert heard(clients) == [[["tick"]]] * 9 + [[]]


def test_an_application_that_sends_more_than_can_be_sent_is_held_up() -> None:
    house, clients, _ = house_with(10)
    for number in range(MOST + 5):
        house.page("/room").emit("hi", number)
    waiting = house.hub.emitter.broadcasts.waiting
    assert len(waiting) == MOST
    assert min(len(client.events("/room")) for client in clients) == 5
    house.clock.settle()
    assert not waiting
    assert heard(clients) == [[["hi", number] for number in range(MOST + 5)]] * 10


def test_what_is_on_its_way_never_ends_a_client_and_a_large_event_goes_at_once() -> None:
    house, clients, _ = house_with(3)
    half = house.settings.max_outbox // 2
    for number in range(5):
        house.page("/room").emit("hi", number, "x" * (half // 2))
        assert sum(one.event.size_bytes for one in house.hub.emitter.broadcasts.waiting) <= half
    house.page("/room").emit("hi", 5, "x" * half)
    assert not house.hub.emitter.broadcasts.waiting
    assert [[event[1] for event in events] for events in heard(clients)] == [[0, 1, 2, 3, 4, 5]] * 3


def test_finish_sends_all_that_is_on_its_way() -> None:
    house, clients, _ = house_with(10)
    for number in range(3):
        house.page("/room").emit("hi", number)
    house.hub.emitter.broadcasts.finish()
    assert heard(clients) == [[["hi", 0], ["hi", 1], ["hi", 2]]] * 10


def test_seats_stay_where_they_are_though_sending_ends_others(monkeypatch: pytest.MonkeyPatch) -> None:
    house, clients, _ = house_with(60, AT_ONCE._replace(look_every=1))
    write = FakeLink.write

    def end_others(link: FakeLink, outgoing: Outgoing) -> None:
        write(link, outgoing)
        if link is clients[0].link:
            for client in clients[1:50]:
                client.lose()

    monkeypatch.setattr(FakeLink, "write", end_others)
    house.page("/room").emit("hi")
    assert heard(clients) == [[["hi"]]] + [[]] * 49 + [[["hi"]]] * 10


def test_nothing_is_left_when_all_have_gone() -> None:
    house, clients, _ = house_with(40)
    house.page("/room").emit("hi")
    for client in clients:
        client.lose()
    house.clock.settle()
    assert not house.hub.emitter.broadcasts.waiting
    house.assert_empty()


def test_a_seat_is_taken_out_once() -> None:
    house, _, sockets = house_with(1)
    (members,) = house.hub.emitter._crowds.of("/room").values()
    assert members.members == [connection_of(house, sockets[0])]
    broadcast = Broadcast("/room", members, None, [(2, 5), (7, 8)], Outgoing(["4"]), volatile=False)
    assert [broadcast.take(seat) for seat in (1, 3, 3, 7, 7, 8, 2, 4)] == [
        *(False, True, False, True, False, False),
        *(True, True),
    ]
    assert broadcast.ranges == []


PEOPLE = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["page", "turn"]), st.just(0)),
        st.tuples(
            st.sampled_from(["room", "one", "others", "join", "leave", "ack", "remove", "kick"]), PEOPLE
        ),
    ),
    max_size=40,
)


def play(steps: list[tuple[str, int]], slices: Slices) -> list[list[Any]]:
    """What six clients hear in the end, when the application does all that."""
    house, clients, sockets = house_with(6, slices)
    house.on("speak", lambda socket: socket.page.emit("spoken", socket.id), "/room")
    for number, (step, who) in enumerate(steps):
        page, socket = house.page("/room"), sockets[who]
        if step == "turn":
            house.clock.turn()
        elif step == "page":
            page.emit("page", number)
        elif step == "room":
            page.to("choir").emit("room", number)
        elif not socket.connected:
            continue
        elif step == "one":
            socket.emit("one", number)
        elif step == "others":
            socket.broadcast.emit("others", number)
        elif step == "join":
            socket.join("choir")
        elif step == "leave":
            socket.leave("choir")
        elif step == "ack":
            clients[who].emit("speak", page="/room", number=number)
        elif step == "remove":
            page.to(socket.id).sockets_leave("choir")
        else:
            socket.disconnect()
    house.clock.settle()
    return [[(packet.type.name, packet.id, packet.data) for packet in client.packets] for client in clients]


@given(STEPS)
def test_in_slices_everybody_hears_what_they_hear_at_once_and_in_the_same_order(
    steps: list[tuple[str, int]],
) -> None:
    assert play(steps, ONE_BY_ONE) == play(steps, AT_ONCE)
