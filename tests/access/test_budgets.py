"""Budgets: a burst at once, then a rate; bounded however many keys come."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.access.budgets import Budgets, Rate


def test_a_burst_may_come_at_once_and_then_what_the_rate_allows() -> None:
    budgets = Budgets(Rate(10, 3), 100)
    assert [budgets.spend("a", 5.0) for _ in range(3)] == [0, 0, 0]
    assert budgets.spend("a", 5.0) == pytest.approx(0.1)
    assert budgets.spend("a", 5.05) == pytest.approx(0.05)
    assert budgets.spend("a", 5.1) == 0
    assert budgets.spend("a", 5.1) > 0


def test_what_was_refused_costs_nothing() -> None:
    budgets = Budgets(Rate(1, 1), 100)
    assert budgets.spend("a", 0.0) == 0
    for tenth in range(10):
        assert budgets.spend("a", tenth / 10) > 0
    assert budgets.spend("a", 1.0) == 0


def test_more_than_the_burst_is_never_within_the_budget() -> None:
    budgets = Budgets(Rate(1, 5), 100)
    assert budgets.spend("a", 0.0, 6) == pytest.approx(1.0)
    assert budgets.spend("a", 0.0, 5) == 0


def test_each_key_has_its_own() -> None:
    budgets = Budgets(Rate(1, 1), 100)
    assert budgets.spend("a", 0.0) == budgets.spend("b", 0.0) == 0
    assert budgets.spend("a", 0.0) > 0


def test_no_limit_is_no_limit() -> None:
    budgets = Budgets(Rate(math.inf, 1), 100)
    assert not any(budgets.spend("a", 0.0) for _ in range(1_000))


def test_a_budget_that_is_whole_again_is_forgotten() -> None:
    budgets = Budgets(Rate(1, 1), 1_000)
    for key in range(100):
        budgets.spend(key, 0.0)
    assert len(budgets) == 100
    for _ in range(51):
        budgets.spend("late", 2.0)
    assert len(budgets) == 1


def test_over_the_most_the_one_used_longest_ago_is_forgotten() -> None:
    budgets = Budgets(Rate(0.001, 1), 10)
    for key in range(11):
        assert budgets.spend(key, 0.0) == 0
    assert len(budgets) == 10
    assert budgets.spend(5, 0.0) > 0
    assert budgets.spend(0, 0.0) == 0


@given(st.lists(st.integers(), max_size=300), st.integers(1, 20))
def test_there_are_never_more_than_the_most(keys: list[int], most: int) -> None:
    budgets = Budgets(Rate(0.001, 1), most)
    for now, key in enumerate(keys):
        budgets.spend(key, float(now))
        assert len(budgets) <= most


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 2), st.integers(1, 3)), max_size=60),
    st.sampled_from([0.5, 1.0, 4.0]),
    st.integers(1, 5),
)
def test_it_does_what_a_bucket_of_tokens_does(
    moves: list[tuple[int, float, int]], per_s: float, burst: int
) -> None:
    budgets, now = Budgets(Rate(per_s, burst), 100), 0.0
    tokens, since = dict.fromkeys(range(4), float(burst)), dict.fromkeys(range(4), 0.0)
    for key, later_s, number in moves:
        now += later_s
        tokens[key] = min(float(burst), tokens[key] + (now - since[key]) * per_s)
        since[key] = now
        if abs(tokens[key] - number) < 1e-3:  # rounding decides
            return
        allowed = tokens[key] >= number
        assert (budgets.spend(key, now, number) == 0) is allowed
        tokens[key] -= number if allowed else 0


def test_what_there_would_be_to_wait_is_told_without_spending() -> None:
    budgets = Budgets(Rate(1, 2), 100)
    for _ in range(5):
        assert budgets.wait_s("a", 0.0) == 0
    assert budgets.wait_s("a", 0.0, 3) == pytest.approx(1.0)
    assert len(budgets) == 0
    budgets.spend("a", 0.0, 2)
    assert budgets.wait_s("a", 0.25) == budgets.spend("a", 0.25) == pytest.approx(0.75)
