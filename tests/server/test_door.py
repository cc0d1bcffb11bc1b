"""The door: how many connections fit, which ones give way, and what the log is told."""

from __future__ import annotations

import asyncio
import os
import pathlib
import socket
from collections import Counter
from collections.abc import Callable
from typing import cast

import pytest

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.turned_away import GivesWay
from nannin.server.door import (
    CALM_S,
    GIVE_WAY,
    IDLE_S,
    MOST_LEAVING,
    SEARCH_EVERY_S,
    Door,
    descriptor_limit,
    lowest_free_descriptor,
    make_counter,
)
from support.peers import FakeTransport

LIMIT, SPARE = 100, 10


class Connection(GivesWay):
    """A connection that is idle since some time, or busy."""

    def __init__(self, since_s: float | None) -> None:
        self.since_s = since_s
        self.gave_way = False

    def idle_since_s(self) -> float | None:
        return self.since_s

    def give_way(self) -> None:
        self.gave_way = True


class Street:
    """A door, its connections, and the process whose descriptors they are."""

    def __init__(self, *, most: int = 0, spare: int = SPARE) -> None:
        self.now_s = 100.0
        self.limit = LIMIT
        self.free = 10
        self.number_free = 90
        self.taken: int | None = None
        self.searches: list[int] = []
        self.pauses = 0
        self.transports: list[FakeTransport] = []
        self.connections: list[object] = []
        self.door = Door(
            self.connections,
            lambda: self.now_s,
            most=most,
            spare=spare,
            on_crowded=self.pause,
            limit=lambda: self.limit,
            lowest_free=self.lowest_free,
            count_taken=lambda: self.taken,
        )

    def lowest_free(self, besides: int) -> int:
        self.searches.append(besides)
        return self.free + besides if besides < self.number_free else 10**6

    def pause(self) -> None:
        self.pauses += 1

    def comes(self, descriptor: int) -> bool:
        return self.door.admits(self.transport(descriptor))

    def sends(self, number: int) -> None:
        """The one with this number sends its request."""
        protocol = self.transports[number].protocol
        assert protocol is not None
        protocol.data_received(b"GET")

    def transport(self, descriptor: int) -> FakeTransport:
        class Socket:
            def fileno(self) -> int:
                return descriptor

        transport = FakeTransport()
        transport.info["socket"] = Socket() if descriptor >= 0 else None
        self.transports.append(transport)
        return transport

    def cut(self) -> list[int]:
        """Which of those who came were cut off, by their number."""
        return [number for number, transport in enumerate(self.transports) if transport.closed is not None]


class Loop:
    """A loop whose time does not pass."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> asyncio.Handle:
        return cast(asyncio.Handle, self)

    def cancel(self) -> None: ...


@pytest.fixture(autouse=True)
def loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nannin.engine.turned_away.asyncio.get_running_loop", Loop)


@pytest.fixture(autouse=True)
def tally(monkeypatch: pytest.MonkeyPatch) -> Counter[Refusal]:
    monkeypatch.setattr(AT_THE_DOOR, "tally", Counter())
    return AT_THE_DOOR.tally


def test_who_comes_while_there_are_descriptors_is_let_in(tally: Counter[Refusal]) -> None:
    street = Street()
    assert all(street.comes(descriptor) for descriptor in (-1, 5, LIMIT - SPARE - 1))
    assert not tally


def test_who_would_take_what_is_kept_back_is_turned_away(tally: Counter[Refusal]) -> None:
    assert not Street().comes(LIMIT - SPARE)
    assert tally == {Refusal.DESCRIPTORS: 1}


def test_at_most_half_of_all_is_kept_back() -> None:
    street = Street(spare=1_000)
    assert street.comes(LIMIT // 2 - 1)
    assert not street.comes(LIMIT // 2)


def test_nothing_need_be_kept_back() -> None:
    assert Street(spare=0).comes(LIMIT - 1)


def test_one_connection_too_many_is_turned_away(tally: Counter[Refusal]) -> None:
    street = Street(most=2)
    street.connections += [object(), object()]
    assert street.comes(5)
    street.connections.append(object())
    assert not street.comes(5)
    assert tally == {Refusal.CONNECTIONS: 1}


def test_the_longest_idle_give_way_to_a_newcomer() -> None:
    street = Street()
    idle = [Connection(street.now_s - IDLE_S - n) for n in range(GIVE_WAY + 1)]
    busy, fresh = Connection(None), Connection(street.now_s - IDLE_S / 2)
    street.connections += [busy, fresh, object(), *idle]
    assert street.comes(LIMIT - SPARE)
    assert not idle[0].gave_way
    assert all(connection.gave_way for connection in idle[1:])
    assert not busy.gave_way
    assert not fresh.gave_way


def test_a_crowd_of_newcomers_has_the_connections_searched_once_in_a_while() -> None:
    street = Street()
    street.connections.append(Connection(street.now_s - IDLE_S))
    assert [street.comes(LIMIT - 1) for _ in range(3)] == [True, False, False]
    street.now_s += SEARCH_EVERY_S
    assert street.comes(LIMIT - 1)


def test_who_is_turned_away_may_read_that_until_half_of_what_is_kept_back_is_in_use() -> None:
    street = Street()
    for descriptor in range(LIMIT - SPARE, LIMIT - SPARE // 2):
        street.comes(descriptor)
    assert (street.cut(), street.pauses) == ([], 0)
    street.comes(LIMIT - SPARE // 2)
    assert (street.cut(), street.pauses) == ([], 1), "none of them has sent its request: others wait"
    for number in (1, 2):
        street.sends(number)
    street.comes(LIMIT - SPARE // 2)
    street.comes(LIMIT - SPARE // 2)
    assert (street.cut(), street.pauses) == ([1, 2], 1)
    lost = street.transports[1].protocol
    assert lost is not None
    lost.connection_lost(None)
    street.comes(LIMIT - SPARE // 2)
    assert (street.cut(), street.pauses) == ([1, 2], 2)


def test_low_numbers_of_those_who_were_cut_off_let_no_more_of_them_pile_up() -> None:
    street = Street()
    for _ in range(20):
        street.comes(LIMIT - SPARE)
        street.sends(len(street.transports) - 1)
    assert street.cut() == list(range(20 - SPARE // 2))


def test_nobody_is_accepted_once_others_use_half_of_what_is_kept_back() -> None:
    street = Street()
    street.comes(LIMIT - SPARE // 2)
    assert (street.cut(), street.pauses) == ([], 1)


def test_a_number_of_connections_bounds_those_who_are_turned_away_as_well() -> None:
    street = Street(most=1)
    street.connections += [object(), object()]
    for _ in range(MOST_LEAVING + 1):
        street.comes(5)
    assert (street.cut(), street.pauses) == ([], 1)
    street.sends(0)
    street.comes(5)
    assert (street.cut(), street.pauses) == ([0], 1)


def test_a_look_tells_whether_it_is_crowded_and_has_idle_ones_give_way() -> None:
    street = Street()
    street.door.look()
    assert not street.door.is_crowded
    connection = Connection(0.0)
    street.connections.append(connection)
    street.free = LIMIT - SPARE // 2
    assert not street.door.admits_handshake()
    street.door.look()
    assert street.door.is_crowded
    assert connection.gave_way
    street.free -= 1
    assert street.door.admits_handshake()
    street.door.look(to_open=1)
    assert street.door.is_crowded, "to listen takes a descriptor, too"
    street.door.look()
    assert not street.door.is_crowded


def test_it_is_crowded_where_only_a_few_are_free_however_low_they_are() -> None:
    street = Street()
    street.number_free = SPARE // 2
    street.door.look()
    assert street.door.is_crowded
    street.number_free += 1
    street.door.look()
    assert not street.door.is_crowded


def test_where_the_system_counts_descriptors_a_look_takes_none_but_the_next() -> None:
    street = Street()
    street.taken = LIMIT - SPARE // 2 - 1
    street.door.look()
    assert (street.door.is_crowded, street.searches) == (False, [0])
    street.taken += 1
    street.number_free = SPARE // 2
    street.door.look()
    assert (street.door.is_crowded, street.searches) == (True, [0, 0, SPARE // 2])


def test_those_above_a_limit_that_was_lowered_may_be_counted_as_well() -> None:
    street = Street()
    street.taken = 2 * LIMIT
    street.door.look()
    assert (street.door.is_crowded, street.searches) == (False, [0, SPARE // 2])


def test_a_limit_that_is_raised_while_the_process_runs_holds_from_the_next_look() -> None:
    street = Street()
    street.limit = 2 * LIMIT
    assert not street.comes(LIMIT)
    street.door.look()
    assert street.comes(LIMIT)


def test_the_log_has_a_line_when_it_begins_and_one_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    street = Street()
    for _ in range(3):
        street.comes(LIMIT - 1)
    assert caplog.messages == [
        "of 100 descriptors, all but the 10 of spare_descriptors are in use: new connections get 503 or wait; "  # noqa: E501
        "LimitNOFILE in systemd's unit, or ulimit -n, allows more"
    ]
    street.now_s += CALM_S - 1
    street.door.look()
    street.comes(LIMIT - 1)
    street.now_s += CALM_S - 1
    street.door.look()
    assert len(caplog.messages) == 1
    street.now_s += 1
    street.door.look()
    street.door.look()
    assert caplog.messages[1:] == ["nobody has been turned away for 60 s; before that, 4 were"]
    street.comes(LIMIT - 1)
    assert len(caplog.messages) == 3


def test_the_log_names_the_setting_that_limits_connections(caplog: pytest.LogCaptureFixture) -> None:
    street = Street(most=1)
    street.connections += [object(), object()]
    street.comes(5)
    assert caplog.messages == [
        "there are 1 connections, the most that max_connections allows: new ones get 503"
    ]


def test_a_process_knows_its_limit_and_its_next_descriptor() -> None:
    assert descriptor_limit() > 3
    free = lowest_free_descriptor()
    with socket.socket() as taken:
        assert taken.fileno() == free
        assert lowest_free_descriptor() > free
    assert free < lowest_free_descriptor(1) < lowest_free_descriptor(2) < lowest_free_descriptor(3)
    assert lowest_free_descriptor() == free


def test_descriptors_are_counted_where_the_system_does() -> None:
    count = make_counter()
    before = count()
    with socket.socket():
        after = count()
    assert (before is None) == (after is None)
    assert before is None or after == before + 1


@pytest.mark.parametrize("name", ["", "missing"])
def test_where_a_folder_says_nothing_of_descriptors_nobody_counts(tmp_path: pathlib.Path, name: str) -> None:
    assert make_counter(str(tmp_path / name))() is None


def test_where_nothing_limits_descriptors_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, 0))
    assert descriptor_limit() > 2**40


def test_where_no_descriptor_is_free_the_next_is_over_any_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pipe", fail)
    assert lowest_free_descriptor() > 2**40
