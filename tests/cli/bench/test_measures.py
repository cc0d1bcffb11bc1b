"""The arithmetic of the measures."""

from __future__ import annotations

from nannin.cli.bench.measures import (
    pairs_for,
    percentile,
)


def test_a_percentile_is_a_value_that_so_many_do_not_exceed() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.01, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 0.5) == 7.0


def test_few_clients_need_more_rounds() -> None:
    assert pairs_for(1_000) == 50
    assert pairs_for(5_000) == 10
    assert pairs_for(100_000) == 5
    assert pairs_for(1) == 50
