"""How measures become the figures of a server."""

from __future__ import annotations

import pytest

from nannin.cli.bench.figures import Figures
from nannin.cli.bench.measures import (
    Rounds,
    Storm,
)

STORM = Storm(
    joined=1000,
    complete=True,
    took_s=0.5,
    delays=[0.01] * 985 + [0.03] * 10 + [0.05] * 5,
    updates=8000,
    cpu_s=0.25,
    grown_bytes=5_120_000,
    exact=True,
)


def test_a_storm_becomes_figures() -> None:
    figures = Figures("nannin", 1000)
    figures.add_storm(STORM, 60.0)
    figures.add_memory(STORM)
    assert figures.joins_per_s == 2000
    assert figures.join_p99_ms == pytest.approx(30)
    assert figures.messages_per_join == 8
    assert figures.cpu_us_per_join == pytest.approx(250)
    assert figures.bytes_per_connection == 5120
    assert figures.exact
    assert figures.notes == []


def test_a_storm_that_was_given_up_leaves_dashes_and_a_note() -> None:
    figures = Figures("nannin", 1000)
    figures.add_storm(Storm(400, False, 60.0, [60.0] * 400, 80_000, 9.0, 0, False), 60.0)
    assert figures.joins_per_s is None
    assert figures.join_p99_ms is None
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
