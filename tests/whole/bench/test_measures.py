"""What is measured: the arithmetic, and the counts that a tiny server gives. Never a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import nannin.cli.bench.figures as figures_module
import nannin.cli.bench.measures as measures_module
from nannin.cli.bench.address import Address, BenchError
from nannin.cli.bench.crowd import Crowd
from nannin.cli.bench.figures import Figures, measure, measure_slow, tell_once
from nannin.cli.bench.measures import (
    Rounds,
    Storm,
    is_exact,
    measure_rounds,
    measure_storm,
    pairs_for,
    percentile,
    warm_up,
)
from nannin.cli.bench.process import Processes, find_listeners
from support.servers import nannin

STORM = Storm(
    joined=1000,
    complete=True,
    took_s=0.5,
    quiet_after_s=0.6,
    updates=8000,
    cpu_s=0.25,
    grown_bytes=5_120_000,
    exact=True,
)


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


def test_a_percentile_is_a_value_that_so_many_do_not_exceed() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.01, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 0.5) == 7.0


def test_few_clients_need_more_rounds() -> None:
    assert pairs_for(1_000) == 50
    assert pairs_for(5_000) == 10
    assert pairs_for(100_000) == 5
    assert pairs_for(1) == 50


def test_a_storm_becomes_figures() -> None:
    figures = Figures("nannin", 1000)
    figures.add_storm(STORM, 60.0)
    figures.add_memory(STORM)
    assert figures.joins_per_s == 2000
    assert figures.messages_per_join == 8
    assert figures.cpu_us_per_join == pytest.approx(250)
    assert figures.bytes_per_connection == 5120
    assert figures.exact
    assert figures.notes == []


def test_a_storm_that_was_given_up_leaves_dashes_and_a_note() -> None:
    figures = Figures("nannin", 1000)
    figures.add_storm(Storm(400, False, 60.0, 60.0, 80_000, 9.0, 0, False), 60.0)
    assert figures.joins_per_s is None
    assert figures.messages_per_join is None
    assert figures.notes == ["a storm of 1,000 joins was not over after 60 s (400 had joined)"]
    assert figures.exact


def test_rounds_become_figures() -> None:
    figures = Figures("nannin", 1000)
    rounds = Rounds(deliveries=100_000, cpu_s=0.8, delays=[0.001, 0.002, 0.01], missed=0, exact=True)
    figures.add_cost(rounds)
    figures.add_delays(rounds)
    assert figures.cpu_us_per_delivery == pytest.approx(8)
    assert (figures.seen_p50_ms, figures.seen_p99_ms, figures.seen_max_ms) == (2, 10, 10)


def test_a_wrong_number_is_never_passed_over() -> None:
    figures = Figures("nannin", 1000)
    figures.add_cost(Rounds(deliveries=10, cpu_s=None, delays=[], missed=1, exact=True))
    assert not figures.exact
    assert figures.cpu_us_per_delivery is None
    assert figures.notes[0].startswith("NOT EXACT")


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
    figures = measure(address, "nannin", 20, Processes([pid]), rest_s=0.1, progress=steps.append)
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
