"""Wrong tokens: a few are looked at, and then one a second, of each address by itself."""

from __future__ import annotations

import pytest

from nannin.access.guesses import Guesses
from nannin.access.refusals import Refusal, Refusals
from nannin.settings import Settings


def guess(guesses: Guesses, address: str, now: float, number: int) -> int:
    """How many of so many guesses at one time are looked at."""
    looked_at = 0
    for _ in range(number):
        if not guesses.wait_s(address, now):
            guesses.miss(address, now)
            looked_at += 1
    return looked_at


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:db8::7", "127.0.0.1", "10.0.0.1", "", "x" * 9_000])
def test_twenty_are_looked_at_and_then_one_a_second_whoever_sends_them(address: str) -> None:
    guesses = Guesses(Settings(forwarded_allow_ips=("10.0.0.1",)), Refusals())
    assert guess(guesses, address, 100.0, 4_000) == 20
    assert guess(guesses, address, 100.5, 4_000) == 0
    assert sum(guess(guesses, address, 101.0 + second, 4_000) for second in range(10)) == 10
    assert guess(guesses, address, 200.0, 4_000) == 20


def test_the_number_is_a_setting() -> None:
    guesses = Guesses(Settings(max_guesses=6), Refusals())
    assert guess(guesses, "8.8.8.8", 0.0, 100) == 2
    assert guess(guesses, "8.8.8.8", 60.0, 100) == 2
    assert [guess(guesses, "8.8.8.8", 60.0 + second, 100) for second in (9, 10)] == [0, 1]
    assert guess(Guesses(Settings(max_guesses=1), Refusals()), "8.8.8.8", 0.0, 100) == 1
    assert guess(Guesses(Settings(max_guesses=0), Refusals()), "8.8.8.8", 0.0, 10_000) == 10_000


def test_the_time_to_wait_is_told() -> None:
    guesses = Guesses(Settings(), Refusals())
    guess(guesses, "8.8.8.8", 0.0, 20)
    assert guesses.wait_s("8.8.8.8", 0.25) == pytest.approx(0.75)


def test_a_right_token_costs_nothing() -> None:
    guesses = Guesses(Settings(), Refusals())
    assert [guesses.wait_s("8.8.8.8", 0.0) for _ in range(1_000)] == [0.0] * 1_000


def test_others_are_not_hurt_and_one_network_is_one_address() -> None:
    guesses = Guesses(Settings(), Refusals())
    guess(guesses, "8.8.8.8", 0.0, 100)
    guess(guesses, "2001:db8::1", 0.0, 100)
    assert guess(guesses, "8.8.4.4", 0.0, 100) == 20
    assert guess(guesses, "2001:db8::2", 0.0, 100) == 0
    assert guess(guesses, "2001:db8:0:1::2", 0.0, 100) == 20


def test_those_that_are_not_looked_at_are_tallied_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    guesses = Guesses(Settings(), refusals)
    guess(guesses, "8.8.8.8", 0.0, 120)
    guess(guesses, "9.9.9.9", 0.0, 120)
    assert refusals.tally == {Refusal.GUESS: 200}
    (told,) = [record.getMessage() for record in caplog.records]
    assert "emit_token" in told
    assert "max_guesses lets 60 a minute" in told
    assert "8.8.8.8" not in told


def test_however_many_addresses_guess_memory_is_bounded() -> None:
    guesses = Guesses(Settings(), Refusals())
    for number in range(12_000):
        guesses.miss(f"8.{number // 65_536}.{number // 256 % 256}.{number % 256}", 0.0)
    assert len(guesses._budgets) == 10_000
