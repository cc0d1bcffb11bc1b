"""Telling counts: at once, paced, in slices, each form encoded once, and everyone hears the last number."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fakes import Client, FakeLink, House
from nannin import telling
from nannin.updates import encode_update
from nannin.wire.outgoing import Outgoing


def crowd(house: House, count: int, page: str = "/", **auth: Any) -> list[Client]:
    """So many clients who have heard how many they are."""
    clients = [house.client() for _ in range(count)]
    for client in clients:
        client.connect(page, **auth)
    house.clock.advance(2)
    return clients


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was encoded: format, page, count and direction of each."""
    encoded: list[tuple[Any, ...]] = []

    def encode(form: Any, page: str, count: Any, *, joined: bool) -> Outgoing:
        encoded.append((form, page, count, joined))
        return encode_update(form, page, count, joined=joined)

    monkeypatch.setattr(telling, "encode_update", encode)
    return encoded


@pytest.fixture
def slices_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice of a fan-out ends after two recipients."""
    monkeypatch.setattr(telling, "SLICE_RECIPIENTS", 2)
    monkeypatch.setattr(telling, "_LOOK_AT_THE_CLOCK_EVERY", 1)


def make_writes_cost(house: House, monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[int]:
    """Lets each write take its time; returns a list whose length is the number of writes."""
    writes: list[int] = []
    write: Callable[[FakeLink, Outgoing], None] = FakeLink.write

    def slow(link: FakeLink, outgoing: Outgoing) -> None:
        house.clock.spend(seconds)
        writes.append(len(outgoing.packets))
        write(link, outgoing)

    monkeypatch.setattr(FakeLink, "write", slow)
    return writes


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
        ["audience", {"page": "/news", "connections": 1, "visitors": 1}],
        ["audience", {"page": "/news", "connections": 2, "visitors": 1}],
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
    house = House(min_interval_s=0.5, max_interval_s=0.5)
    crowd(house, 1)
    joiners = [house.client() for _ in range(2)]
    for number, joiner in enumerate(joiners, 2):
        joiner.connect()
        assert joiner.heard() == [number]
    house.clock.advance(2)
    assert [joiner.heard() for joiner in joiners] == [[2, 3], [3]]


def test_a_storm_is_merged_and_its_last_value_is_told() -> None:
    house = House(min_interval_s=0.5, max_interval_s=0.5)
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
    house = House(min_interval_s=0.5)
    (first,) = crowd(house, 1)
    second = house.client("/")
    second.leave()
    first.leave()
    for client in (first, second):
        client.close()
    house.assert_empty()


# At what cost


def test_an_update_is_encoded_once_for_each_format_and_written_once_to_each(
    encodings: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House()
    crowd(house, 20)
    crowd(house, 20, updates="audience", visitor="ann")
    crowd(house, 20, updates="none")
    encodings.clear()
    writes = make_writes_cost(house, monkeypatch, 0.0)
    house.client("/", updates="none")
    house.clock.advance(1)
    assert len(encodings) == 2
    assert len(writes) == 40 + 2, "the listeners, and the joiner's handshake and CONNECT"


def test_a_fan_out_lets_the_loop_turn_after_each_thousand() -> None:
    house = House()
    clients = crowd(house, 2_500)
    house.client().connect()
    told = []
    for _ in range(4):
        house.clock.turn()
        told.append(sum(client.heard()[-1] == 2_501 for client in clients))
    assert told == [1_000, 2_000, 2_500, 2_500]


def test_a_slow_slice_ends_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    clients = crowd(house, 1_000)
    make_writes_cost(house, monkeypatch, 0.0002)
    house.client().connect()
    house.clock.turn()
    assert 50 <= sum(client.heard()[-1] == 1_001 for client in clients) <= 200


def test_a_newer_count_overtakes_midway_and_afterwards_all_have_it() -> None:
    house = House()
    clients = crowd(house, 2_500)
    house.client().connect()
    house.clock.turn()
    house.client().connect()
    house.clock.turn()
    assert clients[1_500].heard()[-1] == 2_502
    house.clock.advance(2)
    assert {client.heard()[-1] for client in clients} == {2_502}


def test_fan_outs_of_several_pages_take_turns(slices_of_two: None) -> None:
    house = House()
    many, few = crowd(house, 10, "/many"), crowd(house, 2, "/few")
    for page in ("/many", "/few"):
        house.client().connect(page)
    house.clock.turn()
    house.clock.turn()
    assert few[0].heard("/few")[-1] == 3
    assert many[-1].heard("/many")[-1] == 10


def test_a_change_while_the_few_who_heard_another_number_wait_for_their_turn_is_told_to_all(
    slices_of_two: None,
) -> None:
    house = House()
    crowd(house, 10, "/many")
    stays, goes, goes_later = crowd(house, 3, "/few")
    house.client().connect("/many")
    house.clock.turn()  # from here on /many takes its slices
    house.client().connect("/few")
    goes.leave("/few")
    house.clock.turn()  # on /few three were told, and three are there: only the joiner heard of four
    goes_later.leave("/few")
    house.clock.advance(5)
    assert stays.heard("/few")[-1] == 2


def total_writes(joins: int, every_s: float, write_s: float) -> int:
    """How many writes it takes until all who join at this rate have heard the last number."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        house = House()
        writes = make_writes_cost(house, monkeypatch, write_s)
        start_s, clients = house.clock.now(), []
        for index in range(joins):
            house.clock.advance(max(0.0, start_s + index * every_s - house.clock.now()))
            clients.append(house.client())
            clients[-1].connect()
        house.clock.advance(10)
        assert {client.heard()[-1] for client in clients} == {joins}
        return len(writes)


def test_the_work_of_a_storm_of_joins_grows_like_their_number() -> None:
    # 8 us a write, as measured; a join each 100 us.
    totals = [total_writes(joins, 0.0001, 0.000_008) for joins in (400, 800, 1_600, 3_200)]
    assert all(total < 15 * joins for total, joins in zip(totals, (400, 800, 1_600, 3_200), strict=True))
    assert totals[3] / totals[2] < 2.6


# Whatever happens


class Telling(RuleBasedStateMachine):
    """Clients of three formats on two pages come, go and stop reading while the loop turns."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(telling, "SLICE_RECIPIENTS", 2)
        self.patch.setattr(telling, "_LOOK_AT_THE_CLOCK_EVERY", 1)
        self.house = House(min_interval_s=0.05, max_interval_s=0.2)
        self.clients: list[tuple[Client, str, str]] = []
        # What each page's count has been, in order: nobody may hear it backwards.
        self.counts: dict[str, list[int]] = {"/a": [], "/b": []}

    def teardown(self) -> None:
        self.patch.undo()

    def note(self, page: str) -> None:
        self.counts[page].append(self.house.count(page).connections)

    @rule(page=st.sampled_from(["/a", "/a", "/b"]), form=st.sampled_from(["classic", "audience", "none"]))
    def join(self, page: str, form: str) -> None:
        client = self.house.client()
        client.connect(page, updates=form)
        self.clients.append((client, page, form))
        self.note(page)

    @rule(count=st.integers(2, 8), page=st.sampled_from(["/a", "/b"]))
    def join_together(self, count: int, page: str) -> None:
        for form in ("classic", "audience") * (count // 2):
            self.join(page, form)

    @rule(number=st.integers(0, 1_000), count=st.integers(1, 6))
    def leave(self, number: int, count: int) -> None:
        for _ in range(min(count, len(self.clients))):
            client, page, _form = self.clients.pop(number % len(self.clients))
            client.lose()
            self.note(page)

    @rule(number=st.integers(0, 1_000), form=st.sampled_from(["classic", "audience"]))
    def change_places(self, number: int, form: str) -> None:
        if self.clients:
            page = self.clients[number % len(self.clients)][1]
            self.join(page, form)
            self.leave(number % (len(self.clients) - 1), 1)

    @rule(number=st.integers(0, 1_000))
    def stop_reading(self, number: int) -> None:
        if self.clients:
            link = self.clients[number % len(self.clients)][0].link
            assert link is not None
            link.blocked = True

    @rule(number=st.integers(0, 1_000))
    def read_again(self, number: int) -> None:
        if self.clients:
            link = self.clients[number % len(self.clients)][0].link
            assert link is not None
            link.drain()

    @rule()
    def turn(self) -> None:
        self.house.clock.turn()

    @rule(hundredths=st.integers(0, 30))
    def advance(self, hundredths: int) -> None:
        self.house.clock.advance(hundredths / 100)

    @rule()
    def come_to_rest(self) -> None:
        for client, _, _ in self.clients:
            assert client.link is not None
            client.link.drain()
        self.house.clock.advance(1)
        for client, page, form in self.clients:
            if form != "none":
                assert client.heard(page)[-1] == self.house.count(page).connections
            else:
                assert client.heard(page) == []

    @invariant()
    def nobody_hears_an_older_count_after_a_newer(self) -> None:
        for client, page, _ in self.clients:
            rest = iter(self.counts[page])
            # An overtaken fan-out is told again to all: some may hear the same number twice.
            assert all(number in rest for number, _ in groupby(client.heard(page)))

    @invariant()
    def one_timer_is_enough(self) -> None:
        assert self.house.clock.pending <= 3, "a turn, an alarm, and that of the heartbeats"


TestTelling = Telling.TestCase
TestTelling.settings = settings(deadline=None, max_examples=250, stateful_step_count=30, database=None)
