"""Watchers: whoever is told of a page's count in this process, without being a client of it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from nannin.audience.roster import Count, Roster, StaleCount
from support.fakes import House
from support.many_clients import SMALL_SLICES, crowd

ONE, TWO, THREE = Count(1, 1, 1), Count(2, 2, 2), Count(3, 3, 3)


class Ear:
    """A watcher that remembers what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Count]] = []

    def hear(self, page: str, count: Count) -> None:
        self.heard.append((page, count))


def watch(house: House, page: str | None) -> Ear:
    ear = Ear()
    house.hub.teller.watch(ear, page)
    return ear


def test_a_watcher_of_a_page_is_told_of_that_page_only() -> None:
    house = House()
    ear = watch(house, "/news")
    crowd(house, 1, "/news")
    crowd(house, 1)
    assert ear.heard == [("/news", ONE)]


def test_a_watcher_of_every_page_is_told_of_all() -> None:
    house = House()
    ear = watch(house, None)
    crowd(house, 1, "/news")
    crowd(house, 1)
    assert ear.heard == [("/news", ONE), ("/", ONE)]


def test_a_page_may_be_watched_before_and_after_anybody_is_on_it() -> None:
    house = House()
    (client,) = crowd(house, 1)
    ear = watch(house, "/")
    assert ear.heard == []
    client.leave()
    house.clock.advance(1)
    crowd(house, 1)
    assert ear.heard == [("/", Count()), ("/", ONE)]


def test_a_page_that_empties_is_told_once_with_zeros() -> None:
    house = House()
    ear = watch(house, None)
    clients = crowd(house, 3)
    for client in clients:
        client.close()
    house.clock.advance(10)
    assert ear.heard == [("/", THREE), ("/", Count())]
    house.assert_empty()


def test_a_watcher_hears_of_the_end_though_the_last_observer_leaves_first() -> None:
    house = House()
    (observer,) = crowd(house, 1, observe=True)
    house.clock.advance(10)
    client = house.client()
    client.connect("/", updates="none")
    ear = watch(house, "/")
    assert house.count("/") == ONE  # as a watcher asks at first
    client.leave()
    observer.leave()
    house.clock.advance(10)
    assert ear.heard == [("/", Count())]
    client.close()
    observer.close()
    house.assert_empty()


def test_a_page_that_empties_by_the_end_of_a_grace_is_told_then() -> None:
    house = House(grace=2)
    (client,) = crowd(house, 1, visitor="ann")
    ear = watch(house, "/")
    client.close()
    house.clock.advance(1.9)
    assert ear.heard == []
    house.clock.advance(0.2)
    assert ear.heard == [("/", Count())]
    house.assert_empty()


@pytest.mark.parametrize("updates", ["classic", "none"])
def test_watchers_are_told_whether_or_not_the_pages_clients_are(updates: str) -> None:
    house = House()
    ear = watch(house, "/")
    crowd(house, 1, updates=updates)
    crowd(house, 1, updates=updates)
    assert ear.heard == [("/", ONE), ("/", TWO)]


def test_watchers_hear_of_views_too() -> None:
    house = House()
    (client,) = crowd(house, 1)
    ear = watch(house, "/")
    client.emit("nannin:visible", False)
    house.clock.advance(1)
    assert ear.heard == [("/", Count(1, 1, 0))]


def test_watchers_are_told_at_the_pace_of_the_clients() -> None:
    house = House(min_interval=0.5, max_interval=0.5)
    ear = watch(house, "/")
    for _ in range(50):
        house.client().connect()
        house.clock.turn()
    house.clock.advance(2)
    assert ear.heard == [("/", ONE), ("/", Count(50, 50, 50))]


def test_all_watchers_of_a_page_are_told_the_same() -> None:
    house = House()
    ears = [watch(house, page) for page in ("/", "/", None)]
    crowd(house, 1)
    assert [ear.heard for ear in ears] == [[("/", ONE)]] * 3


def test_no_count_is_told_twice_where_nothing_changed() -> None:
    house = House()
    crowd(house, 1)
    ear = watch(house, "/")
    house.client("/", observe=True).leave()
    house.client("/", visitor="x" * 65)
    reloading = house.client("/", visitor="ann")
    for _ in range(3):
        house.clock.advance(1)
        reloading.close()
        reloading = house.client("/", visitor="ann")
    house.clock.advance(5)
    assert ear.heard == [("/", TWO)]


def test_a_fan_out_in_slices_tells_watchers_each_count_once() -> None:
    house = House(slices=SMALL_SLICES)
    crowd(house, 10)
    ear = watch(house, "/")
    for _ in range(2):
        house.client().connect()
        house.clock.turn()
        house.clock.turn()
    house.clock.advance(5)  # the overtaken fan-out is told again to the clients
    assert [count.connections for _, count in ear.heard] == [11, 12]


def test_whoever_asked_for_a_count_that_is_taken_back_is_told() -> None:
    house = House(min_interval=0.5, max_interval=0.5)
    crowd(house, 1)
    house.client("/")  # told: the page now waits
    house.clock.settle()
    fleeting = house.client()
    fleeting.connect()
    ear, asked = watch(house, "/"), house.count()
    fleeting.leave()
    house.clock.advance(2)
    assert (asked, ear.heard) == (THREE, [("/", TWO)])


def test_whoever_asked_for_a_page_that_empties_untold_is_told() -> None:
    house = House()
    fleeting = house.client()
    fleeting.connect()
    ear, asked = watch(house, None), house.count()
    fleeting.close()
    house.clock.advance(2)
    assert (asked, ear.heard) == (ONE, [("/", Count())])
    house.assert_empty()


# Watching no more


def test_who_watches_no_more_is_told_nothing() -> None:
    house = House()
    one, every = watch(house, "/"), watch(house, None)
    house.hub.teller.unwatch(one, "/")
    house.hub.teller.unwatch(every, None)
    crowd(house, 1)
    assert (one.heard, every.heard) == ([], [])


def test_one_of_two_watchers_may_go() -> None:
    house = House()
    goes, stays = watch(house, "/"), watch(house, "/")
    house.hub.teller.unwatch(goes, "/")
    crowd(house, 1)
    assert (goes.heard, stays.heard) == ([], [("/", ONE)])


def test_watching_no_more_what_was_never_watched_is_no_error() -> None:
    house = House()
    ear = watch(house, "/")
    house.hub.teller.unwatch(ear, None)
    house.hub.teller.unwatch(Ear(), "/")
    house.hub.teller.unwatch(Ear(), "/news")
    crowd(house, 1)
    assert ear.heard == [("/", ONE)]


def test_a_page_that_was_watched_as_it_emptied_is_forgotten_all_the_same() -> None:
    house = House(min_interval=0.5, max_interval=0.5)
    ear = watch(house, "/")
    (client,) = crowd(house, 1)
    client.close()
    house.hub.teller.unwatch(ear, "/")
    house.clock.advance(1)
    house.assert_empty()


class Fleeting(Ear):
    """A watcher that goes with the first that it is told."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house = house

    def hear(self, page: str, count: Count) -> None:
        super().hear(page, count)
        self._house.hub.teller.unwatch(self, page)


def test_a_watcher_may_go_while_it_is_told() -> None:
    house = House()
    fleeting = Fleeting(house)
    house.hub.teller.watch(fleeting, "/")
    stays = watch(house, "/")
    crowd(house, 1)
    crowd(house, 1)
    assert (fleeting.heard, stays.heard) == ([("/", ONE)], [("/", ONE), ("/", TWO)])


class Broken:
    """A watcher that raises."""

    def hear(self, page: str, count: Count) -> None:
        raise RuntimeError("this watcher breaks down on purpose")


@pytest.mark.parametrize("updates", ["classic", "none"])
def test_a_watcher_that_raises_hurts_nobody(updates: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    house = House()
    house.hub.teller.watch(Broken(), "/")
    ear = watch(house, "/")
    (client,) = crowd(house, 1, updates=updates)
    (classic,) = crowd(house, 1)
    assert ear.heard == [("/", ONE), ("/", TWO)]
    assert classic.heard() == [2]
    assert client.heard() == ([1, 2] if updates == "classic" else [])
    assert "a watcher of page / raised" in caplog.text


def test_once_counts_are_sure_or_not_any_more_whatever_is_listened_to_is_told_again() -> None:
    house = House()
    crowd(house, 1, "/busy")
    house.clock.advance(1)
    named, every = watch(house, "/nobody"), watch(house, None)
    roster: Any = house.hub.roster
    roster.count = lambda page: StaleCount(*Roster.count(roster, page))
    house.hub.teller.change_all()
    house.clock.advance(1)
    del roster.count
    house.hub.teller.change_all()
    house.clock.advance(1)
    nobody = [("/nobody", StaleCount()), ("/nobody", Count())]
    assert named.heard == nobody
    assert sorted(every.heard) == sorted([("/busy", StaleCount(1, 1, 1)), ("/busy", ONE), *nobody])
    assert "/nobody" not in house.hub.teller
