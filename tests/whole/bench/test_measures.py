"""What is measured: the counts that a tiny server gives. Never a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import nannin.cli.bench.figures as figures_module
import nannin.cli.bench.measures as measures_module
from nannin.cli.bench.address import Address
from nannin.cli.bench.crowd import Crowd
from nannin.cli.bench.figures import measure, measure_slow, tell_once
from nannin.cli.bench.measures import (
    is_exact,
    measure_rounds,
    measure_storm,
    pairs_for,
    warm_up,
)
from nannin.cli.bench.process import Processes, find_listeners
from nannin.errors import BenchError
from support.servers import nannin


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten clients are told in an instant, and no time is looked at here."""
    for name, seconds in {"PAUSE_S": 0.1, "SLOW_GONE_S": 12.0}.items():
        monkeypatch.setattr(figures_module, name, seconds)
    monkeypatch.setattr(measures_module, "QUIET_S", 0.2)


@pytest.fixture
def url() -> Iterator[str]:
    with nannin() as server:
        yield server.url


def test_every_delivery_of_the_rounds_is_counted(url: str) -> None:
    with Crowd(Address(url)) as crowd:
        warm_up(crowd)
        storm = measure_storm(crowd, 10, None, limit_s=20.0)
        assert (storm.joined, storm.complete, storm.exact) == (10, True, True)
        assert storm.cpu_s is None
        # Each joiner is told at once; how often the others are told of it is the pace's affair.
        assert 10 <= storm.updates <= 10 * 11 / 2
        rounds = measure_rounds(crowd, 3, None)
        # A join is told to ten and to the joiner, a leave to ten.
        assert rounds.deliveries == 3 * (11 + 10)
        assert len(rounds.delays) == 3 * (10 + 10)
        assert (rounds.missed, rounds.exact) == (0, True)


def test_there_are_enough_rounds_for_the_clock_and_not_too_many() -> None:
    assert pairs_for(1_000) == 50
    assert pairs_for(1_000, 50_000) == 25
    assert pairs_for(1) == 50
    assert pairs_for(15_000) == 5
    assert pairs_for(15_000, 50_000, least=2) == 2


def test_a_wrong_number_is_noticed(url: str) -> None:
    with Crowd(Address(url)) as crowd:
        measure_storm(crowd, 5, None, limit_s=20.0)
        assert is_exact(crowd, 5)
        assert not is_exact(crowd, 6)
        tell_once(crowd)
        assert is_exact(crowd, 5)


def test_all_measures_of_a_server_give_all_figures(url: str) -> None:
    address = Address(url)
    [pid] = find_listeners(address.port)
    steps: list[str] = []
    figures = measure(address, "nannin", 20, Processes([pid]), progress=steps.append)
    assert figures.exact
    assert figures.notes == []
    assert steps[0] == "20 clients join"
    values = figures.to_dict()
    assert [name for name, value in values.items() if value is None] == []
    assert figures.messages_per_join is not None
    assert 1 <= figures.messages_per_join <= 10.5


def test_clients_that_never_read_are_measured_and_closed(url: str) -> None:
    slow = measure_slow(Address(url), 10, 3)
    assert (slow.healthy, slow.deaf, slow.closed, slow.exact) == (10, 3, 3, True)


def test_a_server_that_cannot_be_reached_is_an_error(url: str) -> None:
    with pytest.raises(BenchError, match="can't connect"):
        measure(Address(f"{url}/nothing"), "nothing", 5, None)
