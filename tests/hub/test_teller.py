"""Telling counts: in which form, at once or paced, and everyone hears the last number."""

from __future__ import annotations

from collections.abc import Callable, Collection

from nannin.audience.pace import Pace
from nannin.audience.roster import Count, Roster, VisitorName
from nannin.engine.descriptors import Descriptors
from nannin.hub.connection import Connection
from nannin.hub.crowds import Crowds
from nannin.hub.teller import Teller
from support.fakes import House, connection_of
from support.many_clients import crowd

# Formats


def test_a_plain_client_is_told_its_own_count_right_behind_connect() -> None:
    client = House().client()
    client.connect()
    assert client.link is not None
    assert client.link.packets[1:] == ['40{"sid":"socket-1"}', '42["user connected",1]']


def test_plain_clients_hear_of_joins_and_leaves_with_the_number() -> None:
    house = House()
    first, second = crowd(house, 2)
    second.leave()
    house.clock.advance(1)
    assert first.events() == [["user connected", 1], ["user connected", 2], ["user disconnected", 1]]


def test_who_asks_for_audience_gets_the_whole_count() -> None:
    house = House()
    (first,) = crowd(house, 1, "/news", updates="audience", visitor="ann")
    crowd(house, 1, "/news", updates="audience", visitor="ann")
    assert first.events("/news") == [
        ["audience", {"page": "/news", "connections": 1, "visitors": 1, "visible": 1}],
        ["audience", {"page": "/news", "connections": 2, "visitors": 1, "visible": 1}],
    ]


def test_who_asks_for_none_gets_none_and_is_counted() -> None:
    house = House()
    (quiet,) = crowd(house, 1, updates="none")
    (plain,) = crowd(house, 1)
    assert (quiet.events(), plain.events()) == ([], [["user connected", 2]])


def test_a_visitors_second_tab_is_news_for_audience_and_not_for_the_classic_pair() -> None:
    house = House()
    (classic,) = crowd(house, 1)
    (audience,) = crowd(house, 1, updates="audience", visitor="ann")
    told = len(classic.events()), len(audience.events())
    crowd(house, 1, visitor="ann", updates="none")
    assert (len(classic.events()), len(audience.events())) == (told[0], told[1] + 1)


def test_on_a_page_that_the_application_handles_plain_clients_get_only_what_it_emits() -> None:
    house = House()
    house.on("say", lambda socket: None, "/handled")
    (plain,) = crowd(house, 1, "/handled")
    (audience,) = crowd(house, 1, "/handled", updates="audience")
    (classic,) = crowd(house, 1, "/handled", updates="classic")
    assert plain.events("/handled") == []
    assert audience.heard("/handled") == [2, 3]
    assert classic.events("/handled") == [["user connected", 3]]


# When


def test_after_a_quiet_time_all_are_told_in_the_same_turn() -> None:
    house = House()
    (first,) = crowd(house, 1)
    house.client().connect()
    house.clock.turn()
    assert first.heard() == [1, 2]


def test_the_joiner_is_told_at_once_whatever_the_pace_and_not_twice() -> None:
    house = House(min_interval=0.5, max_interval=0.5)
    crowd(house, 1)
    joiners = [house.client() for _ in range(2)]
    for number, joiner in enumerate(joiners, 2):
        joiner.connect()
        assert joiner.heard() == [number]
    house.clock.advance(2)
    assert [joiner.heard() for joiner in joiners] == [[2, 3], [3]]


def test_a_storm_is_merged_and_its_last_value_is_told() -> None:
    house = House(min_interval=0.5, max_interval=0.5)
    (first,) = crowd(house, 1)
    crowd_before = first.heard()
    for _ in range(100):
        house.client().connect()
        house.clock.turn()
    house.clock.advance(0.5)
    assert first.heard() == [*crowd_before, 2, 101]
    house.clock.advance(10)
    assert first.heard() == [*crowd_before, 2, 101]


def test_a_count_that_comes_back_to_what_was_told_is_told_to_nobody() -> None:
    house = House()
    (first,) = crowd(house, 1)
    fleeting = house.client()
    fleeting.connect()
    fleeting.leave()
    house.clock.advance(2)
    assert first.heard() == [1]


def test_but_who_joined_meanwhile_hears_it() -> None:
    house = House()
    (first, second) = crowd(house, 2)
    joiner = house.client()
    joiner.connect()
    second.leave()
    house.clock.advance(2)
    assert first.heard() == [1, 2]
    assert joiner.events() == [["user connected", 3], ["user disconnected", 2]]


def test_a_slow_client_gets_the_newest_only_when_it_reads_again() -> None:
    house = House()
    slow, _ = crowd(house, 2)
    assert slow.link is not None
    slow.link.blocked = True
    for _ in range(5):
        crowd(house, 1)
    assert slow.heard() == [1, 2]
    slow.link.drain()
    assert slow.heard() == [1, 2, 7]


def test_a_polling_client_gets_the_newest_only_when_it_asks_again() -> None:
    house = House()
    slow = house.client("/", polling=True)
    slow.idle = True
    for _ in range(5):
        crowd(house, 1)
    slow.ask()
    house.clock.settle()
    assert (slow.heard()[0], slow.heard()[-1]) == (1, 6)
    assert len(slow.heard()) <= 3


def test_who_leaves_is_told_nothing_more_of_that_page() -> None:
    house = House()
    (client,) = crowd(house, 1)
    assert client.link is not None
    client.link.blocked = True
    crowd(house, 1)
    client.leave()
    client.link.drain()
    crowd(house, 1)
    assert client.heard() == [1]


def test_with_the_last_listener_the_timer_goes() -> None:
    house = House(min_interval=0.5)
    (first,) = crowd(house, 1)
    second = house.client("/")
    second.leave()
    first.leave()
    for client in (first, second):
        client.close()
    house.assert_empty()


# Counts that several nodes share


class Merged:
    """This node's counts, and those of another."""

    def __init__(self, roster: Roster[Connection]) -> None:
        self._roster = roster
        self.elsewhere = Count()

    def count(self, page: str) -> Count:
        here = self._roster.count(page)
        return Count(*map(sum, zip(here, self.elsewhere, strict=True)))

    def count_with(self, page: str, visitor: VisitorName | None, *, visible: bool = True) -> Count:
        return self.count(page)

    def pages(self) -> Collection[str]:
        return self._roster.pages()

    def is_held(self, page: str) -> bool:
        return self._roster.is_held(page)

    def listen(self, page: str | None, listens: bool) -> None:
        pass

    def knows(self, page: str | None) -> bool:
        return True

    def is_stale(self, page: str) -> bool:
        return False

    def is_alone(self) -> bool:
        return False

    def when_counted(self, page: str | None, then: Callable[[], None]) -> None:
        then()


class Ear:
    def __init__(self) -> None:
        self.heard: list[Count] = []

    def hear(self, page: str, count: Count) -> None:
        self.heard.append(count)


def test_a_merged_count_stands_where_that_of_one_node_does() -> None:
    house = House()
    (client,) = crowd(house, 1)
    roster: Roster[Connection] = Roster()
    connection = connection_of(house, house.page().sockets[0])
    counts, pace = Merged(roster), Pace(share=1.0, min_interval_s=0.0, max_interval_s=1.0)
    teller = Teller(counts, Crowds(Descriptors()), pace, house.clock)
    teller.change("/")  # nobody here listens
    counts.elsewhere = Count(4, 4, 4)
    roster.join("/", connection)
    update = teller.join(connection)
    assert update is not None
    assert update == '42["user connected",5]'
    house.clock.advance(1)
    counts.elsewhere = Count(6, 6, 6)
    teller.change("/")
    house.clock.advance(1)
    assert client.heard()[-1] == 7


def test_watchers_hear_of_a_page_that_only_another_node_has_people_on() -> None:
    house, ear = House(), Ear()
    roster: Roster[Connection] = Roster()
    counts, pace = Merged(roster), Pace(share=1.0, min_interval_s=0.0, max_interval_s=1.0)
    teller = Teller(counts, Crowds(Descriptors()), pace, house.clock)
    teller.watch(ear, "/")
    counts.elsewhere = Count(2, 2, 2)
    teller.change("/")
    house.clock.advance(1)
    assert ear.heard == [Count(2, 2, 2)]


def test_watchers_hear_that_a_page_has_emptied_which_only_another_node_had_people_on() -> None:
    house, ear = House(), Ear()
    counts, pace = Merged(Roster()), Pace(share=1.0, min_interval_s=0.0, max_interval_s=1.0)
    teller = Teller(counts, Crowds(Descriptors()), pace, house.clock)
    counts.elsewhere = Count(2, 2, 2)
    teller.watch(ear, "/")
    counts.elsewhere = Count()
    teller.change("/")
    house.clock.advance(1)
    assert (ear.heard, len(teller)) == ([Count()], 0)


def test_nothing_is_kept_of_a_page_that_only_another_node_has_people_on() -> None:
    house, ear = House(), Ear()
    counts, pace = Merged(Roster()), Pace(share=1.0, min_interval_s=0.0, max_interval_s=1.0)
    teller = Teller(counts, Crowds(Descriptors()), pace, house.clock)
    counts.elsewhere = Count(2, 2, 2)
    teller.watch(ear, "/")
    teller.change("/")
    house.clock.advance(1)
    teller.unwatch(ear, "/")
    teller.change("/")
    house.clock.advance(1)
    assert len(teller) == 0
