"""A visitor who leaves and may be back in a moment: by which end, for how long, and what a return is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nannin.audience.roster import Count
from nannin.hub.grace import graces
from nannin.settings import Settings
from nannin.wire.disconnect_reason import DisconnectReason
from support.fakes import Client, House

ONE = Count(1, 1, 1)


def overflow(client: Client) -> None:
    assert client.link is not None
    client.session.overflow(client.link)
    client.house.clock.settle()


# How it ends, over polling or not, and for how many seconds the visitor still counts.
ENDS: dict[str, tuple[bool, float, Callable[[Client], Any]]] = {
    "leaves the page": (False, 2, lambda client: client.leave()),
    "says goodbye": (False, 2, lambda client: client.close()),
    "says goodbye in a POST": (True, 2, lambda client: client.close()),
    "closes the WebSocket": (False, 2, lambda client: client.lose(clean=True)),
    "cancels its poll": (True, 2, lambda client: client.lose()),
    "loses the WebSocket": (False, 10, lambda client: client.lose()),
    "breaks off a POST": (True, 10, lambda client: client.session.receive_post_lost()),
    "reads too slowly": (False, 10, overflow),
    "is taken off by the server": (False, 0, lambda client: client.house.page().sockets[0].disconnect()),
    "is ended by the server": (False, 0, lambda client: client.session.close()),
    "breaks the protocol": (False, 0, lambda client: client.send("4junk")),
    "sees the server stop": (False, 10, lambda client: client.engine.shut_down()),
}


def test_a_session_that_joins_under_ever_new_names_leaves_only_one_of_them_behind() -> None:
    house = House(grace=2)
    witness, client = house.client("/"), house.client()
    for number in range(50):
        client.connect("/", visitor=f"name {number}")
        client.leave("/")
    assert house.count() == Count(2, 2, 2)
    client.connect("/", visitor="name 0")
    assert house.count() == Count(2, 2, 2), "the first one is back"
    house.clock.advance(2)
    assert witness.heard()[-1] == 2


def test_a_visitor_who_was_sent_away_is_not_the_one_that_a_session_leaves_behind() -> None:
    house = House(grace=2)
    client = house.client("/a", visitor="ann")
    house.page("/a").sockets[0].disconnect()
    client.connect("/b", visitor="bob")
    client.leave("/b")
    assert (house.count("/a"), house.count("/b")) == (Count(), ONE)


def test_a_visitor_counts_on_with_each_page_that_a_session_leaves() -> None:
    house = House(grace=2)
    client = house.client()
    for page in ("/a", "/b"):
        client.connect(page, visitor="ann")
        client.leave(page)
    assert (house.count("/a"), house.count("/b")) == (ONE, ONE)


@pytest.mark.parametrize("end", ENDS)
def test_how_it_ended_says_how_long_a_visitor_still_counts(end: str) -> None:
    polling, grace_s, do = ENDS[end]
    house = House(grace=2, grace_lost=10)
    client = house.client("/", polling=polling, visitor="ann")
    do(client)
    assert house.count() == (ONE if grace_s else Count())
    assert house.page().sockets == []
    house.clock.advance(max(0.0, grace_s - 0.1))
    assert house.count() == (ONE if grace_s else Count())
    house.clock.advance(0.1)
    assert house.count() == Count()
    if not client.session.ended:
        client.close()
    house.clock.advance(60)
    house.assert_empty()


@pytest.mark.parametrize("end", ENDS)
def test_a_connection_without_a_visitor_leaves_at_once_however_it_ends(end: str) -> None:
    polling, _, do = ENDS[end]
    house = House(grace=2, grace_lost=10)
    do(house.client("/", polling=polling))
    assert house.count() == Count()


@pytest.mark.parametrize(("grace_lost", "left_s"), [(30.0, 10.0), (20.0, 0.0), (10.0, 0.0)])
def test_a_silent_link_has_used_up_its_grace_while_the_server_waited_for_it(
    grace_lost: float, left_s: float
) -> None:
    house = House(grace_lost=grace_lost, ping_timeout=20.0)
    client = house.client("/", visitor="ann")
    client.silent = True
    house.clock.advance(45)
    assert client.session.ended
    assert house.count() == (ONE if left_s else Count())
    house.clock.advance(left_s)
    assert house.count() == Count()
    house.assert_empty()


def test_the_graces_are_those_of_the_settings() -> None:
    known = graces(Settings(grace=3.0, grace_lost=25.0, ping_timeout=20.0))
    assert (known[DisconnectReason.TRANSPORT_CLOSE], known[DisconnectReason.TRANSPORT_ERROR]) == (3.0, 25.0)
    assert known[DisconnectReason.PING_TIMEOUT] == 5.0
    assert not any(graces(Settings(grace=0, grace_lost=0)).values())


@pytest.mark.parametrize("end", ENDS)
def test_without_grace_everybody_leaves_at_once(end: str) -> None:
    polling, _, do = ENDS[end]
    house = House(grace=0, grace_lost=0)
    do(house.client("/", polling=polling, visitor="ann"))
    assert house.count() == Count()
    assert house.page().sockets == []


# Returns


@pytest.mark.parametrize("back_by_polling", [True, False])
@pytest.mark.parametrize("polling", [True, False])
def test_a_return_over_any_transport_takes_the_old_place(polling: bool, back_by_polling: bool) -> None:
    house = House()
    (witness, gone) = house.client("/", updates="audience"), house.client("/", polling=polling, visitor="ann")
    house.clock.advance(1)
    told = len(witness.events())
    gone.lose()
    house.clock.advance(1)
    house.client("/", polling=back_by_polling, visitor="ann")
    house.clock.advance(20)
    assert house.count() == Count(2, 2, 2)
    assert len(witness.events()) == told


def test_a_phone_that_loses_its_link_for_five_seconds_is_no_news() -> None:
    house = House()
    witness = house.client("/")
    phone = house.client("/", visitor="ann")
    house.clock.advance(1)
    phone.lose()
    house.clock.advance(5)
    house.client("/", visitor="ann")
    house.clock.advance(20)
    assert witness.heard() == [1, 2]


def test_a_return_after_the_grace_is_a_leave_and_a_join() -> None:
    house = House()
    witness = house.client("/")
    gone = house.client("/", visitor="ann")
    house.clock.advance(1)
    gone.close()
    house.clock.advance(3)
    house.client("/", visitor="ann")
    house.clock.advance(1)
    assert witness.events() == [
        ["user connected", 1],
        ["user connected", 2],
        ["user disconnected", 1],
        ["user connected", 2],
    ]


def test_going_to_another_page_leaves_the_first_when_its_grace_is_over() -> None:
    house = House(grace=2)
    client = house.client("/a", visitor="ann")
    client.leave("/a")
    client.connect("/b", visitor="ann")
    assert (house.count("/a"), house.count("/b")) == (ONE, ONE)
    house.clock.advance(2)
    assert (house.count("/a"), house.count("/b")) == (Count(), ONE)


def test_back_and_forth_within_the_grace_is_no_news_on_the_first_page() -> None:
    house = House(grace=2)
    witness = house.client("/a")
    client = house.client("/a", visitor="ann")
    house.clock.advance(1)
    for leaves, joins in (("/a", "/b"), ("/b", "/a")):
        client.leave(leaves)
        client.connect(joins, visitor="ann")
        house.clock.advance(0.5)
    house.clock.advance(20)
    assert witness.heard("/a") == [1, 2]
    assert (house.count("/a"), house.count("/b")) == (Count(2, 2, 2), Count())


def test_a_tab_that_opens_while_another_reloads_is_counted_when_both_are_there() -> None:
    house = House(grace=2)
    reloading = house.client("/", visitor="ann")
    reloading.close()
    house.client("/", visitor="ann")  # whichever of the two it is: one is there, and one was
    assert house.count() == ONE
    house.client("/", visitor="ann")
    assert house.count() == Count(2, 1, 1)


def test_a_connection_back_before_its_old_one_is_found_lost_counts_until_then() -> None:
    house = House(grace_lost=10)
    old = house.client("/", visitor="ann")
    house.client("/", visitor="ann")
    assert house.count() == Count(2, 1, 1)
    old.lose()
    house.clock.advance(10)
    assert house.count() == ONE


def test_the_last_to_leave_of_two_tabs_takes_the_visitor_along_after_its_grace() -> None:
    house = House(grace=2)
    first, second = (house.client("/", visitor="ann") for _ in range(2))
    first.close()
    house.clock.advance(5)
    assert house.count() == ONE
    second.close()
    house.clock.advance(1.9)
    assert house.count() == ONE
    house.clock.advance(0.1)
    assert house.count() == Count()


# What the application sees


def test_the_disconnect_handler_is_called_at_once_and_the_count_follows_later() -> None:
    house = House(grace=2)
    gone: list[tuple[str, Count]] = []
    house.on("disconnect", lambda _, reason: gone.append((reason, house.count())))
    house.client("/", visitor="ann").close()
    assert gone == [("transport close", ONE)]
    house.clock.advance(2)
    assert len(gone) == 1
    assert house.count() == Count()


def test_a_page_of_graces_alone_has_a_count_and_nobody_to_send_to() -> None:
    house = House(grace=2)
    house.client("/", visitor="ann").close()
    house.page().emit("news", 5)
    assert (list(house.hub.pages()), house.page().sockets, house.hub.roster.in_grace("/")) == (["/"], [], 1)
    house.clock.advance(2)
    assert (list(house.hub.pages()), house.hub.roster.in_grace("/")) == ([], 0)


def test_the_count_inside_a_connect_handler_knows_of_the_place_that_is_taken() -> None:
    house, seen = House(grace=2), []
    house.on("connect", lambda socket: seen.append(socket.page.count))
    house.client("/", visitor="ann").close()
    house.client("/", visitor="ann")
    house.client("/", visitor="ann", visible=False)
    house.client("/", visible=False)
    assert seen == [ONE, ONE, Count(2, 1, 1), Count(3, 2, 1)]


def test_one_who_is_refused_on_return_takes_no_place() -> None:
    house = House(grace=2, max_namespaces=1)
    house.client("/", visitor="ann").close()
    full = house.client("/other")
    full.connect("/", visitor="ann")
    assert (house.count(), house.hub.roster.in_grace("/")) == (ONE, 1)
    house.clock.advance(2)
    assert house.count() == Count()


def test_one_timer_serves_all_graces() -> None:
    house = House(grace=2, grace_lost=10)
    clients = [house.client("/", visitor=f"visitor {number}") for number in range(100)]
    pending = house.clock.pending
    for number, client in enumerate(clients):
        client.lose(clean=number % 2 == 0)
        house.clock.spend(0.001)
    assert house.clock.pending <= pending + 1
    house.clock.advance(2)
    assert house.count() == Count(50, 50, 50)
    house.clock.advance(10)
    house.assert_empty()
