"""Observers: clients that are told a page's count, and not counted on it."""

from __future__ import annotations

from typing import Any

import pytest

from nannin.audience.roster import Count
from support.fakes import Client, House
from support.many_clients import SMALL_SLICES, crowd, note_encodings


def observers(house: House, count: int, page: str = "/", **auth: Any) -> list[Client]:
    """So many clients who observe a page and have heard how many are on it."""
    return crowd(house, count, page, observe=True, **auth)


def test_an_observer_is_told_of_joins_and_leaves_and_not_counted() -> None:
    house = House()
    (observer,) = observers(house, 1)
    (first, _) = crowd(house, 2)
    first.leave()
    house.clock.advance(2)
    assert observer.events() == [
        ["user connected", 0],
        ["user connected", 2],
        ["user disconnected", 1],
    ]
    assert house.count() == Count(1, 1, 1)


def test_those_on_the_page_do_not_hear_of_observers() -> None:
    house = House()
    (client,) = crowd(house, 1)
    for observer in observers(house, 3):
        observer.leave()
    house.clock.advance(2)
    assert client.heard() == [1]


def test_an_observer_is_told_its_first_count_right_behind_connect() -> None:
    house = House(min_interval=0.5, max_interval=0.5)
    crowd(house, 2, "/news")
    observer = house.client()
    observer.connect("/news", observe=True, updates="audience")
    assert observer.link is not None
    assert observer.link.packets[-2].startswith('40/news,{"sid":')  # type: ignore[arg-type]
    assert observer.events("/news") == [
        ["audience", {"page": "/news", "connections": 2, "visitors": 2, "visible": 2}]
    ]
    house.clock.advance(2)
    assert len(observer.events("/news")) == 1


def test_an_observer_gets_the_format_that_it_asks_for() -> None:
    house = House()
    quiet, classic, audience = (
        observers(house, 1, updates=form)[0] for form in ("none", "classic", "audience")
    )
    crowd(house, 1)
    assert quiet.events() == []
    assert classic.events()[-1] == ["user connected", 1]
    assert audience.events()[-1][1]["connections"] == 1


def test_a_page_of_observers_alone_is_a_page_that_nobody_is_on() -> None:
    house = House()
    observing = observers(house, 2)
    assert (house.count(), list(house.hub.pages()), house.page().sockets) == (Count(), [], [])
    assert [len(house.hub.teller.observers("/")), len(house.hub.teller.observers("/other"))] == [2, 0]
    for observer in observing:
        observer.lose()
    assert not house.hub.teller.observers("/")
    house.assert_empty()


def test_when_the_last_on_the_page_leaves_observers_hear_zero() -> None:
    house = House()
    (observer,) = observers(house, 1)
    (client,) = crowd(house, 1)
    client.leave()
    house.clock.advance(2)
    assert observer.events()[-1] == ["user disconnected", 0]
    crowd(house, 1)
    assert observer.heard() == [0, 1, 0, 1]


def test_an_observer_that_left_hears_nothing_more() -> None:
    house = House()
    (leaver, stays) = observers(house, 2)
    leaver.leave()
    crowd(house, 1)
    assert (leaver.heard(), stays.heard()) == ([0], [0, 1])


def test_an_observer_that_leaves_while_the_last_update_waits_leaves_nothing() -> None:
    house = House(min_interval=0.5, max_interval=0.5)
    (observer,) = observers(house, 1)
    (client,) = crowd(house, 1)
    client.close()
    observer.close()
    house.clock.advance(1)
    house.assert_empty()


def test_one_session_may_be_on_a_page_and_observe_another() -> None:
    house = House()
    (client,) = crowd(house, 1, "/here")
    client.connect("/there", observe=True)
    crowd(house, 1, "/there")
    assert (client.heard("/here"), client.heard("/there")) == ([1], [0, 1])
    assert (house.count("/here"), house.count("/there")) == (Count(1, 1, 1), Count(1, 1, 1))


@pytest.mark.parametrize("recipients", [2, 1_000])
def test_an_observer_that_comes_between_two_updates_is_told_each_count_once(recipients: int) -> None:
    house = House(slices=SMALL_SLICES._replace(recipients=recipients), min_interval=0.5, max_interval=0.5)
    crowd(house, 1)
    (early,) = observers(house, 1)
    house.client().connect()
    house.clock.settle()  # the update of two has been told
    house.client().connect()
    late = house.client()
    late.connect("/", observe=True)
    house.clock.advance(2)
    assert (early.heard(), late.heard()) == ([1, 2, 3], [3])


def test_an_observer_that_saw_a_count_that_was_taken_back_hears_of_it_alone() -> None:
    house = House(min_interval=0.5, max_interval=0.5)
    (first,) = crowd(house, 1)
    house.client("/")  # told: the page now waits
    house.clock.settle()
    fleeting, observer = house.client(), house.client()
    fleeting.connect()
    observer.connect("/", observe=True)
    fleeting.leave()
    house.clock.advance(2)
    assert observer.events() == [["user connected", 3], ["user disconnected", 2]]
    assert first.heard() == [1, 2]


def test_observers_that_come_between_the_slices_of_a_fan_out_end_with_the_last_count() -> None:
    house = House(slices=SMALL_SLICES)
    early = observers(house, 3)
    clients = crowd(house, 7)
    joiner, late = house.client(), []
    joiner.connect()
    for number in range(6):
        house.clock.turn()
        late.append(house.client())
        late[-1].connect("/", observe=True)
        if number == 3:  # overtaken midway
            joiner.leave()
    house.clock.advance(2)
    assert {client.heard()[-1] for client in [*early, *clients, *late]} == {7}


def test_observers_cost_no_encoding_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    for form in ("classic", "audience", "none"):
        observers(house, 10, updates=form)
        crowd(house, 10, updates=form)
    encodings = note_encodings(monkeypatch)
    house.client("/", updates="none")
    house.clock.advance(1)
    assert len(encodings) == 2


def test_each_observer_is_told_each_update_once() -> None:
    house = House(min_interval=0.5, max_interval=0.5)
    observing = observers(house, 5)
    house.client("/")
    house.clock.advance(1)
    assert [observer.heard() for observer in observing] == [[0, 1]] * 5


# What only some hear


def test_that_a_tab_goes_out_of_view_is_told_to_audience_and_not_to_the_classic_pair() -> None:
    house = House()
    (classic,) = crowd(house, 1)
    (watching,) = observers(house, 1, updates="audience")
    (audience,) = crowd(house, 1, updates="audience", visitor="ann")
    told = len(classic.events())
    audience.emit("nannin:visible", False)
    house.clock.advance(1)
    hidden = ["audience", {"page": "/", "connections": 2, "visitors": 2, "visible": 1}]
    assert (audience.events()[-1], watching.events()[-1]) == (hidden, hidden)
    assert len(classic.events()) == told


def test_what_only_audience_hears_is_encoded_once_and_in_no_other_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    crowd(house, 5)
    clients = crowd(house, 5, updates="audience")
    encodings = note_encodings(monkeypatch)
    clients[0].emit("nannin:visible", False)
    house.clock.advance(1)
    assert [(form.value, count) for form, _, count, _ in encodings] == [("audience", Count(10, 10, 9))]


def test_looks_that_follow_each_other_fast_are_merged() -> None:
    house = House(min_interval=0.5, max_interval=0.5)
    (client,) = crowd(house, 1, updates="audience")
    for visible in (False, True, False, True, False):
        client.emit("nannin:visible", visible)
        house.clock.turn()
    house.clock.advance(2)
    assert [arg["visible"] for _, arg in client.events()] == [1, 0]


def test_a_reload_is_heard_by_nobody() -> None:
    house = House()
    (audience,) = crowd(house, 1, updates="audience")
    (observer,) = observers(house, 1)
    (reloading,) = crowd(house, 1, visitor="ann")
    told = len(audience.events()), len(observer.events())
    reloading.lose(clean=True)
    house.clock.advance(1)
    house.client("/", visitor="ann")
    house.clock.advance(20)
    assert (len(audience.events()), len(observer.events())) == told


def test_the_end_of_a_grace_is_told() -> None:
    house = House(grace=2)
    (client,) = crowd(house, 1)
    (leaver,) = crowd(house, 1, visitor="ann")
    leaver.close()
    house.clock.advance(1.9)
    assert client.heard() == [1, 2]
    house.clock.advance(0.2)
    assert client.events()[-1] == ["user disconnected", 1]


def test_who_returns_is_told_the_count_as_it_is() -> None:
    house = House()
    crowd(house, 1)
    house.client("/", visitor="ann").close()
    assert house.client("/", visitor="ann").heard() == [2]


def test_who_listens_is_told_while_a_page_has_observers() -> None:
    house, told = House(), list[tuple[str, bool]]()
    house.hub.teller.on_observe = lambda page, observed: told.append((page, observed))
    first, second = observers(house, 2)
    crowd(house, 1)
    assert told == [("/", True)]
    first.leave()
    assert told == [("/", True)]
    second.close()
    assert told == [("/", True), ("/", False)]
