"""Connections by address: how many at once, and how many new ones a second."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.access.addresses import FREE, Addresses, Seat
from nannin.access.refusals import Refusal, Refusals
from nannin.settings import Settings

CLIENT, OTHER = "203.0.113.9", "203.0.113.8"


def addresses(refusals: Refusals | None = None, **settings: Any) -> Addresses:
    return Addresses(Settings(**settings), refusals or Refusals())


def take(table: Addresses, address: str = CLIENT, now: float = 0.0) -> Seat:
    seat = table.enter(address, now)
    assert seat is not None
    return seat


def test_an_address_has_so_many_connections_and_no_more() -> None:
    refusals = Refusals()
    table = addresses(refusals, max_per_address=2, new_per_address=0)
    seats = [take(table), take(table)]
    assert table.enter(CLIENT, 0.0) is None
    take(table, OTHER)
    assert refusals.tally == {Refusal.ADDRESS: 1}
    seats[0].leave()
    take(table)
    assert table.enter(CLIENT, 0.0) is None


def test_an_address_opens_so_many_a_second_and_no_more() -> None:
    refusals = Refusals()
    table = addresses(refusals, max_per_address=0, new_per_address=3)
    for _ in range(3):
        take(table).leave()
    assert table.enter(CLIENT, 0.0) is None
    take(table, OTHER)
    take(table, now=0.34)
    assert refusals.tally == {Refusal.ADDRESS_RATE: 1}


def test_nothing_is_left_of_an_address_without_connections() -> None:
    table = addresses()
    first, second = take(table), take(table)
    assert len(table) == 1
    first.leave()
    first.leave()
    assert len(table) == 1
    second.leave()
    assert len(table) == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.7", "", "testclient"])
def test_this_machine_proxies_and_whoever_has_no_address_are_not_limited(address: str) -> None:
    table = addresses(max_per_address=1, new_per_address=1, forwarded_allow_ips="10.0.0.7")
    for _ in range(5):
        seat = take(table, address)
        assert seat is FREE
        seat.leave()
    assert len(table) == 0


def test_one_network_of_ipv6_is_one_address() -> None:
    table = addresses(max_per_address=2)
    for host in ("1", "2:3"):
        take(table, f"2001:db8::{host}")
    assert table.enter("2001:db8::9", 0.0) is None
    take(table, "2001:db8:0:1::1")


def test_both_limits_can_be_switched_off() -> None:
    table = addresses(max_per_address=0, new_per_address=0)
    for _ in range(500):
        take(table)


def test_the_log_says_once_which_setting_it_is_and_not_whose_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = addresses(max_per_address=1, new_per_address=1)
    for client in (CLIENT, OTHER, "2001:db8::1"):
        seat = take(table, client)
        table.enter(client, 0.0)
        seat.leave()
        table.enter(client, 0.0)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "max_per_address" in told[0]
    assert "new_per_address" in told[1]
    assert not any("203.0" in line or "2001" in line for line in told)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=80))
def test_it_counts_as_a_list_of_connections_does(moves: list[tuple[int, bool]]) -> None:
    table = addresses(max_per_address=3, new_per_address=0)
    seats: dict[int, list[Seat]] = {number: [] for number in range(4)}
    for number, comes in moves:
        if comes:
            seat = table.enter(f"203.0.113.{number}", 0.0)
            assert (seat is None) is (len(seats[number]) >= 3)
            seats[number] += [seat] if seat else []
        elif seats[number]:
            seats[number].pop().leave()
        assert len(table) == sum(bool(taken) for taken in seats.values())
