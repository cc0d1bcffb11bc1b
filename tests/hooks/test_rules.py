"""Rules: what is told of a page's count, how often, and what a flap does."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nannin.audience.roster import Count
from nannin.hook import make_hook
from nannin.hooks.rules import Rule

HOUR_S = 3_600.0


def make(most_pages: int = 20_000, **table: Any) -> Rule:
    """A rule on the page `/`."""
    return Rule(make_hook({"page": "/", **table}), 0.0, most_pages)


def count(number: int) -> Count:
    return Count(number + 1, number, 0)


def play(rule: Rule, *changes: tuple[float, int], until_s: float = 0.0) -> list[tuple[float, str]]:
    """Plays numbers at their times, with ticks when they are due; returns what was told when."""
    told: list[tuple[float, str]] = []

    def tick(now: float) -> None:
        while (due_s := rule.next_deadline()) <= now:
            told.extend((due_s, one.what) for one in rule.tick(due_s))

    for at_s, number in changes:
        tick(at_s)
        told.extend((at_s, one.what) for one in rule.hear("/", count(number), at_s))
    tick(until_s)
    return told


def test_a_page_is_occupied_once_somebody_has_been_there_for_the_debounce() -> None:
    assert play(make(on="occupied"), (5, 1), until_s=100) == [(15, "occupied")]


def test_a_flap_sends_nothing() -> None:
    changes = [(second, second % 2) for second in range(60)]
    assert play(make(on="occupied"), *changes, (60, 0), until_s=100) == []
    assert play(make(on="vacated"), (0, 1), (100, 0), (105, 1), (110, 0), (115, 3), until_s=200) == []


def test_a_page_is_vacated_once_it_has_been_empty_for_the_debounce() -> None:
    assert play(make(on="vacated"), (0, 1), (100, 0), until_s=200) == [(110, "vacated")]
    assert play(make(on="vacated"), (0, 1), (5, 0), until_s=200) == [], "it never was occupied for long"


def test_without_a_debounce_all_is_told_at_once() -> None:
    rule = make(on="threshold", above=100, below=50, debounce=0)
    changes = [(1, 101), (2, 60), (3, 101), (4, 49), (5, 100), (6, 101)]
    assert play(rule, *changes) == [(1, "above"), (4, "below"), (6, "above")]


def test_a_threshold_is_told_again_once_it_has_subsided() -> None:
    rule = make(on="threshold", above=100, debounce=0)
    assert play(rule, (1, 101), (2, 95), (3, 101), (4, 90), (5, 101)) == [(1, "above"), (5, "above")]


def test_a_page_that_was_never_above_is_not_below() -> None:
    assert play(make(on="threshold", below=50), (0, 3), (100, 0), until_s=500) == []
    assert play(make(on="threshold", below=50), (0, 60), (100, 3), until_s=500) == [(110, "below")]


def test_hourly_is_once_an_hour_at_most_and_each_hour_that_it_lasts() -> None:
    rule = make(on="threshold", above=10, repeat="hourly", debounce=0)
    assert play(rule, (0, 11), (60, 0), (120, 11), (200, 0), until_s=5_000) == [(0, "above")]
    rule = make(on="threshold", above=10, repeat="hourly", debounce=0)
    assert play(rule, (0, 11), (60, 0), (120, 11), until_s=8_000) == [
        (0, "above"),
        (3_600, "above"),
        (7_200, "above"),
    ]


def test_once_is_once_for_each_page() -> None:
    rule = make(on="threshold", above=10, below=5, repeat="once", debounce=0)
    assert play(rule, (0, 11), (60, 0), (120, 11), (180, 0), (10_000, 11)) == [(0, "above"), (60, "below")]
    assert [one.page for one in rule.hear("/other", count(11), 10_001)] == ["/other"]


def test_a_peak_is_told_after_the_debounce_even_if_it_is_over() -> None:
    rule = make(on="peak", least=10)
    assert play(rule, (0, 20), (100, 0), (200, 25), (201, 30), (202, 0), until_s=300) == [(210, "peak")]


def test_a_peak_is_told_with_the_highest_that_was_reached() -> None:
    rule = make(on="peak", least=10)
    play(rule, (0, 20), (100, 0), (200, 25), (201, 30), (202, 4))
    (told,) = rule.tick(210)
    assert (told.told.value, told.told.former, told.count, told.since_s) == (30, 20, count(4), 200)


def test_an_hourly_peak_is_not_told_again_while_it_lasts() -> None:
    rule = make(on="peak", least=10, repeat="hourly", debounce=0)
    assert play(rule, (0, 20), (100, 0), (200, 25), until_s=20_000) == [(200, "peak")]


def test_a_spike_is_told_and_becomes_usual_without_a_word() -> None:
    rule = make(on="spike", factor=3, over=600, least=10)
    told = play(rule, (0, 10), (5_000, 40), (20_000, 200), until_s=30_000)
    assert told == [(5_010, "spike"), (20_010, "spike")]


def test_a_happening_has_the_count_of_now_and_when_it_began() -> None:
    rule = make(on="threshold", above=10)
    assert rule.hear("/", count(11), 1.0) == []
    assert rule.hear("/", count(15), 4.0) == []
    (told,) = rule.tick(11.0)
    assert (told.page, told.what, told.count, told.since_s) == ("/", "above", count(15), 1.0)
    assert told.told.limit == 10


def test_it_may_go_by_another_number() -> None:
    rule = make(on="threshold", above=10, of="connections", debounce=0)
    assert [rule.hear("/", Count(number, 1, 0), number) != [] for number in (10, 11)] == [False, True]


def test_what_was_due_is_told_though_the_loop_was_late() -> None:
    rule = make(on="occupied")
    rule.hear("/", count(1), 0.0)
    assert [one.what for one in rule.hear("/", count(0), 12.0)] == ["occupied"]


def test_nothing_is_remembered_of_a_page_where_nothing_is_up() -> None:
    rule = make(on="threshold", above=10, debounce=0)
    rule.hear("/", count(10), 0.0)
    assert len(rule) == 0
    rule.hear("/", count(11), 1.0)
    assert len(rule) == 1
    rule.hear("/", count(1), 2.0)
    assert (len(rule), rule.next_deadline()) == (0, math.inf)


def test_there_are_so_many_pages_and_no_more() -> None:
    rule = make(most_pages=2, on="occupied", debounce=0)
    told = [len(rule.hear(page, count(1), 0.0)) for page in ("/a", "/b", "/c")]
    assert (told, len(rule), rule.left_out) == ([1, 1, 0], 2, 1)
    rule.hear("/a", count(0), 1.0)
    assert len(rule.hear("/c", count(1), 2.0)) == 1


def test_what_was_told_hourly_is_remembered_for_an_hour() -> None:
    rule = make(on="occupied", repeat="hourly", debounce=0)
    play(rule, (0, 1), (1, 0))
    assert (len(rule), rule.next_deadline()) == (1, HOUR_S)
    rule.tick(HOUR_S)
    assert len(rule) == 0


def test_a_page_that_flaps_for_hours_needs_bounded_room() -> None:
    rule = make(on="threshold", above=10, repeat="hourly", debounce=10)
    for second in range(20_000):
        rule.hear("/", count(20 * (second % 2)), float(second))
    assert len(rule._due) < 100


changes = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 12)), max_size=40)


@given(changes, st.integers(0, 15), st.sampled_from([(8, 3), (8, 8), (1, 1)]))
def test_a_threshold_is_that_of_a_naive_model(
    steps: list[tuple[int, int]], debounce: int, limits: tuple[int, int]
) -> None:
    above, below = limits
    rule = make(on="threshold", above=above, below=below, debounce=debounce)
    timeline, at_s = [], 0
    for lasts, number in steps:
        at_s += lasts
        timeline.append((float(at_s), number))
    end = at_s + 100
    assert play(rule, *timeline, until_s=end) == naive(timeline, above, below, debounce, end)


def naive(
    timeline: list[tuple[float, int]], above: int, below: int, debounce: int, end: int
) -> list[tuple[float, str]]:
    """Looks at each second, and changes the level after `debounce` seconds of something else."""
    told, is_up, since, number, numbers = [], False, None, 0, dict(timeline)
    for second in range(end + 1):
        # What is due in this second goes by the number until now, and then there may be another.
        for now in (number, numbers.get(float(second), number)):
            number = now
            turns = number < below if is_up else number > above
            since = (second if since is None else since) if turns else None
            if since is not None and second - since >= debounce:
                is_up, since = not is_up, None
                told.append((float(second), "above" if is_up else "below"))
    return told


@given(changes, st.lists(st.floats(0, 500), max_size=20), st.sampled_from(["subsided", "hourly", "once"]))
def test_ticks_at_any_time_change_nothing(
    steps: list[tuple[int, int]], ticks: list[float], repeat: str
) -> None:
    table: dict[str, Any] = {"on": "threshold", "above": 8, "below": 3, "debounce": 7, "repeat": repeat}
    timeline, at_s = [], 0
    for lasts, number in steps:
        at_s += lasts
        timeline.append((float(at_s), number))
    expected = play(make(**table), *timeline, until_s=20_000)
    rule, told = make(**table), []
    for at, number in sorted([*timeline, *((tick, -1) for tick in ticks)], key=lambda entry: entry[0]):
        while (due_s := rule.next_deadline()) <= at:
            told += [(due_s, one.what) for one in rule.tick(due_s)]
        told += [
            (at, one.what) for one in (rule.tick(at) if number < 0 else rule.hear("/", count(number), at))
        ]
    while (due_s := rule.next_deadline()) <= 20_000:
        told += [(due_s, one.what) for one in rule.tick(due_s)]
    assert told == expected


def restart(rule: Rule, now: float) -> Rule:
    """The same rule after a restart at this time, whose clock begins at 0."""
    after = Rule(rule.hook, 0.0)
    for page, state in rule.changed(1_000_000.0).items():
        if state is not None:
            after.restore(page, state, 0.0, 1_000_000.0 + now)
    return after


def test_a_restart_tells_nothing_again() -> None:
    rule = make(on="threshold", above=10)
    assert play(rule, (0, 11), until_s=100) == [(10, "above")]
    after = restart(rule, 100.0)
    assert play(after, (1, 3), (20, 11), until_s=500) == []
    assert play(after, (600, 0), (700, 11), until_s=800) == [(710, "above")]


def test_what_has_ended_meanwhile_is_told_after_a_while() -> None:
    rule = make(on="vacated")
    play(rule, (0, 1), until_s=100)
    assert play(restart(rule, 100.0), until_s=100) == [(55, "vacated")]


def test_nothing_ends_while_clients_are_sent_away() -> None:
    rule = make(on="threshold", above=10, below=5, debounce=0)
    assert play(rule, (0, 11)) == [(0, "above")]
    rule.stay(100.0, 1.0)
    assert play(rule, (2, 3), (20, 11), (30, 2), (99, 12), (101, 4)) == [(101, "below")]
    rule = make(on="vacated")
    play(rule, (0, 1), (20, 0), until_s=25)
    rule.stay(60.0, 25.0)
    rule.stay(50.0, 26.0)
    (told,) = [one for second in range(26, 80) for one in rule.tick(float(second))]
    assert (told.what, told.since_s) == ("vacated", 20)
    rule = make(on="vacated", debounce=0)
    play(rule, (0, 1))
    rule.stay(math.inf, 1.0)
    assert play(rule, (2, 0), until_s=1e9) == []


def test_what_begins_is_told_meanwhile() -> None:
    rule = make(on="occupied", debounce=0)
    rule.stay(100.0, 0.0)
    assert play(rule, (1, 1)) == [(1, "occupied")]


def test_what_is_still_to_be_told_is_told_after_a_restart() -> None:
    rule = make(on="peak", least=10, repeat="hourly", debounce=0)
    assert play(rule, (0, 20), (1, 5), (2, 30), (3, 5), (4, 40)) == [(2, "peak")]
    after = restart(rule, 10.0)
    assert play(after, (1, 40), until_s=5_000) == [(HOUR_S - 8, "peak")]


def test_a_rule_says_when_what_it_remembers_has_to_be_kept_at_once() -> None:
    rule = make(on="vacated", debounce=0)
    assert not rule.has_turned
    play(rule, (0, 1))
    assert rule.has_turned, "who takes over has to know that somebody was there"
    rule.changed(0.0)
    play(rule, (1, 2))
    assert not rule.has_turned
    play(rule, (2, 0))
    assert rule.has_turned
    rule.forget_changes()
    assert not rule.has_turned


def test_what_comes_before_the_memory_counts_as_well() -> None:
    rule = make(on="threshold", above=10, debounce=0)
    play(rule, (0, 11))
    state = rule.changed(0.0)["/"]
    assert state is not None
    after = make(on="threshold", above=10)
    after.hear("/", count(12), 1.0)
    after.restore("/", state, 2.0, 0.0)
    assert play(after, until_s=100) == []


def test_once_is_once_over_restarts_and_hourly_hourly() -> None:
    for repeat, told in (("once", []), ("hourly", [(3_500.0, "above")])):
        rule = make(on="threshold", above=10, repeat=repeat, debounce=0)
        play(rule, (0, 11), (1, 0))
        assert play(restart(rule, 100.0), (5, 11), until_s=4_000) == told


def test_nothing_is_kept_of_a_page_where_nothing_is_left_to_remember() -> None:
    rule = make(on="threshold", above=10, debounce=0)
    play(rule, (0, 11), (1, 0))
    assert rule.has_changed
    assert rule.changed(0.0) == {"/": None}
    assert not rule.has_changed


def test_a_memory_that_can_not_be_read_or_has_no_room_is_left_out() -> None:
    rule = make(most_pages=0, on="occupied")
    for state in (b"", b"{}", b"[1]", b"[true, 0, null, null, []]"):
        rule.restore("/", state, 0.0, 0.0)
    assert len(rule) == 0


def test_all_pages_are_kept_by_whoever_takes_over() -> None:
    rule = make(on="occupied", debounce=0)
    play(rule, (0, 1))
    rule.changed(0.0)
    rule.change_all()
    assert list(rule.changed(0.0)) == ["/"]


def test_a_peak_of_the_past_has_to_be_exceeded() -> None:
    rule = make(on="peak", least=10, debounce=0)
    rule.seed("/", 50, 0.0)
    assert play(rule, (1, 40), (2, 50), (3, 51)) == [(3, "peak")]
    assert rule.tick(4) == []


def test_the_past_may_become_known_while_somebody_is_there() -> None:
    for before, told in ((40, [(2.0, "peak")]), (60, [])):
        rule = make(on="peak", least=10, debounce=0)
        assert play(rule, (1, 45)) == []
        rule.seed("/", before, 1.0)
        assert play(rule, (2, 46)) == told


def test_there_is_no_past_of_more_pages_than_can_be_followed() -> None:
    rule = make(most_pages=1, on="peak")
    rule.seed("/a", 50, 0.0)
    rule.seed("/b", 50, 0.0)
    assert len(rule) == 1


def test_what_another_node_has_told_of_is_adopted_and_told_from_its_next_change_on() -> None:
    rule = make(on="threshold", above=10, below=5)
    play(rule, (0, 20), (3, 21))
    rule.adopt(4.0)
    assert play(rule, (5, 20), (20, 0), until_s=100) == [(30, "below")]
    rule = make(on="threshold", above=10, repeat="once", debounce=0)
    rule.hear("/other", count(3), 0.0)
    rule.hear("/", count(11), 0.0)
    rule.adopt(1.0)
    assert play(rule, (2, 0), (3, 11)) == []
    assert len(rule) == 1
