"""Conditions on one page: what begins, what subsides, and when by itself."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.hook import make_hook
from nannin.hooks.conditions import Condition, least_that_matters, make_condition

HOUR_S, DAY_S = 3_600.0, 86_400.0


def make(started_s: float = 0.0, **table: Any) -> Condition:
    """A condition on the page `/`."""
    return make_condition(make_hook({"page": "/", **table}), started_s)


def noted(condition: Condition, *values: int, now: float = 0.0) -> Condition:
    """The condition after these numbers."""
    for value in values:
        condition.note(value, now)
    return condition


def test_occupied_begins_with_one_and_subsides_with_none() -> None:
    condition = make(on="occupied")
    assert [noted(condition, value).begins(0) for value in (0, 1, 2)] == [False, True, True]
    assert [noted(condition, value).subsides(0) for value in (0, 1)] == [True, False]


def test_occupied_tells_its_beginning_and_vacated_its_end() -> None:
    assert [(make(on=on).began, make(on=on).ended) for on in ("occupied", "vacated")] == [
        ("occupied", ""),
        ("", "vacated"),
    ]


@pytest.mark.parametrize(
    ("limits", "begins_at", "subsides_at"),
    [
        ({"above": 100}, 101, 90),
        ({"above": 100, "hysteresis": 0.25}, 101, 75),
        ({"above": 100, "hysteresis": 0}, 101, 100),
        ({"above": 0}, 1, 0),
        ({"above": 1}, 2, 0),
        ({"above": 5}, 6, 4),
        ({"below": 50}, 55, 49),
        ({"below": 50, "hysteresis": 0}, 50, 49),
        ({"below": 1}, 2, 0),
        ({"above": 100, "below": 20}, 101, 19),
        ({"above": 100, "below": 100}, 101, 99),
    ],
)
def test_a_threshold_begins_over_one_limit_and_subsides_under_the_other(
    limits: dict[str, Any], begins_at: int, subsides_at: int
) -> None:
    condition = make(on="threshold", **limits)
    values = range(200)
    assert min(value for value in values if noted(condition, value).begins(0)) == begins_at
    assert max(value for value in values if noted(condition, value).subsides(0)) == subsides_at
    assert least_that_matters(make_hook({"on": "threshold", "page": "/", **limits})) == begins_at - 1


def test_a_threshold_says_which_limit_was_passed() -> None:
    condition = noted(make(on="threshold", above=100, below=20), 120)
    assert condition.told(0, began=True).limit == 100
    assert condition.told(0, began=False).limit == 20
    assert (make(on="threshold", above=3).ended, make(on="threshold", below=3).began) == ("", "")


def test_a_spike_is_a_number_of_times_the_mean_and_at_least_so_many() -> None:
    condition = make(on="spike", factor=3, over=600, least=10)
    condition.note(20, 0.0)
    condition.note(59, 6_000.0)
    assert not condition.begins(6_000.0)
    condition.note(60, 6_000.0)
    assert condition.begins(6_000.0)
    assert condition.told(6_000.0, began=True).mean == 20.0


def test_where_hardly_anybody_was_a_spike_needs_the_least_number() -> None:
    condition = make(on="spike", factor=3, over=600, least=10)
    assert [noted(condition, value, now=700.0).begins(700.0) for value in (9, 10)] == [False, True]


def test_nothing_is_a_spike_while_the_mean_is_not_known() -> None:
    condition = noted(make(on="spike", over=600), 1_000, now=10.0)
    assert not condition.begins(599.0)
    assert not condition.begins(601.0), "by then it is what is usual"


def test_a_spike_that_lasts_becomes_usual() -> None:
    condition = make(on="spike", factor=3, over=600, least=10, hysteresis=0)
    condition.note(10, 0.0)
    condition.note(40, 10_000.0)
    assert condition.begins(10_000.0)
    assert not condition.subsides(10_000.0)
    assert condition.subsides(10_000.0 + 600)
    assert condition.look_again_s(10_000.0) == 10_030.0


def test_a_mean_is_forgotten_once_it_makes_no_difference() -> None:
    condition = make(on="spike", factor=3, over=600, least=9)
    condition.note(300, 0.0)
    assert condition.forget_s(6_000.0) == math.inf
    condition.note(0, 6_000.0)
    when_s = condition.forget_s(6_000.0)
    assert 6_000 + 600 * math.log(90) <= when_s < 6_000 + 600 * math.log(110)
    assert condition.forget_s(when_s) == when_s


@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(0, 2_000)), min_size=1, max_size=20),
    st.floats(60, 2_000),
)
def test_the_mean_is_that_of_a_sum_over_small_steps(changes: list[tuple[int, float]], over_s: float) -> None:
    condition: Any = make(on="spike", over=over_s)
    steps, now = [], 0.0
    for value, lasts_s in changes:
        condition.note(value, now)
        steps.append((value, now, now + lasts_s))
        now += lasts_s
    if now < 1:
        return

    def weight(from_s: float, to_s: float) -> float:
        return math.exp((to_s - now) / over_s) - math.exp((from_s - now) / over_s)

    naive = sum(value * weight(a, b) for value, a, b in steps) / weight(0.0, now)
    assert condition.mean(now) == pytest.approx(naive, rel=1e-6, abs=1e-6)


def test_a_peak_is_higher_than_ever_and_the_first_climb_is_none() -> None:
    condition = make(on="peak", least=10)
    noted(condition, 5, 20, 30)
    assert not condition.begins(0)
    noted(condition, 28, 31)
    assert not condition.begins(0), "that is the same climb still"
    noted(condition, 10, 31)
    assert not condition.begins(0)
    noted(condition, 32, 40)
    assert condition.begins(0)
    assert condition.told(0, began=True) == (40, None, None, 31)


def test_a_peak_subsides_a_share_below_it() -> None:
    condition = make(on="peak", least=10, hysteresis=0.2)
    noted(condition, 100, 10, 101)
    assert condition.begins(0)
    assert [noted(condition, value).subsides(0) for value in (85, 80)] == [False, True]
    condition.subsided()
    assert not condition.begins(0)


def test_the_peak_of_a_day_is_the_highest_of_24_hours() -> None:
    condition = make(on="peak", period="day", least=10)
    condition.note(100, 0.0)
    condition.note(0, 10 * HOUR_S)
    condition.note(50, 20 * HOUR_S)
    condition.note(0, 21 * HOUR_S)
    assert not condition.begins(21 * HOUR_S)
    condition.note(60, 30 * HOUR_S)
    assert not condition.begins(30 * HOUR_S), "100 were there until 20 hours ago"
    condition.note(0, 31 * HOUR_S)
    condition.note(61, 36 * HOUR_S)
    assert condition.begins(36 * HOUR_S)
    assert condition.told(36 * HOUR_S, began=True).former == 60


def test_the_first_day_has_no_peak_of_a_day() -> None:
    condition = make(on="peak", period="day", least=10)
    for hour, value in enumerate((50, 10, 60, 10, 70)):
        condition.note(value, hour * HOUR_S)
        assert not condition.begins(hour * HOUR_S)


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 3 * DAY_S)), max_size=30))
def test_the_highest_of_a_day_is_kept_in_bounded_room(changes: list[tuple[int, float]]) -> None:
    condition: Any = make(on="peak", period="day", least=10)
    now, history = 0.0, []
    for value, lasts_s in changes:
        condition.note(value, now)
        history.append((value, now, now + lasts_s))
        now += lasts_s
        held = [value for value, _, until_s in history if until_s >= now - DAY_S and value >= 10]
        possible = [value for value, _, until_s in history if until_s >= now - DAY_S - HOUR_S and value >= 10]
        condition.note(value, now)
        assert max(held, default=0) <= condition.highest(now) <= max(possible, default=0)
        assert len(condition.memory(0.0)) <= 26


def test_the_memory_of_peaks_outlasts_a_restart_on_another_clock() -> None:
    for period in ("ever", "day"):
        old = make(on="peak", period=period, least=10)
        noted(old, 50, 0, now=100 * HOUR_S)
        new = make(started_s=7 * HOUR_S, on="peak", period=period, least=10)
        new.restore(old.memory(1_000_000.0), 7 * HOUR_S, 1_000_000.0 + 93 * HOUR_S)
        noted(new, 50, now=8 * HOUR_S)
        assert not new.begins(8 * HOUR_S)
        noted(new, 51, now=8 * HOUR_S)
        assert new.begins(8 * HOUR_S)


def test_a_memory_of_nothing_changes_nothing() -> None:
    condition = make(on="peak")
    condition.restore([], 0.0, 0.0)
    assert condition.memory(0.0) == []
    assert make(on="spike").memory(0.0) == make(on="occupied").memory(0.0) == []


def test_a_page_without_a_peak_of_the_day_can_be_forgotten() -> None:
    condition = make(on="peak", period="day", least=10)
    condition.note(20, 0.0)
    assert condition.forget_s(0.0) == math.inf
    condition.note(0, 1.0)
    assert condition.forget_s(1.0) == 1 + 25 * HOUR_S
    assert condition.forget_s(2 * DAY_S) == 2 * DAY_S
    assert make(on="peak").forget_s(0.0) == math.inf
