"""When a page is due: at once after a quiet time, then as it can afford, and never for nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nannin.audience.pace import CHANGED, FINISHED, TAKEN, Pace, Phase


def make_pace(share: float = 0.2, min_interval_s: float = 0.0, max_interval_s: float = 1.0) -> Pace:
    return Pace(share=share, min_interval_s=min_interval_s, max_interval_s=max_interval_s)


def test_nothing_is_due_before_something_changes() -> None:
    pace = make_pace()
    assert (pace.next_deadline(), pace.due(1e9)) == (math.inf, [])


def test_a_page_that_has_been_quiet_is_due_at_once() -> None:
    pace = make_pace()
    pace.change("/")
    assert pace.next_deadline() == -math.inf
    assert pace.due(0.0) == ["/"]


def test_changes_of_one_page_are_merged() -> None:
    pace = make_pace()
    for _ in range(5):
        pace.change("/")
    assert pace.due(0.0) == ["/"]
    assert pace.due(1e9) == []


def test_what_is_taken_is_not_due_again() -> None:
    pace = make_pace()
    pace.change("/")
    pace.due(0.0)
    assert (pace.next_deadline(), pace.due(1e9)) == (math.inf, [])


def test_a_change_during_the_telling_waits_for_its_end_and_the_interval() -> None:
    pace = make_pace(share=0.2)
    pace.change("/")
    pace.due(0.0)
    pace.change("/")
    assert pace.due(100.0) == []
    pace.finished("/", 0.01, 100.0)
    assert pace.next_deadline() == pytest.approx(100.05)
    assert pace.due(100.049) == []
    assert pace.due(100.051) == ["/"]


def test_without_a_change_during_it_a_telling_is_followed_by_none() -> None:
    pace = make_pace()
    pace.change("/")
    pace.due(0.0)
    pace.finished("/", 0.01, 0.01)
    assert (pace.next_deadline(), pace.due(1e9)) == (math.inf, [])


@pytest.mark.parametrize(
    ("took_s", "interval_s"), [(0.0, 0.1), (0.01, 0.1), (0.03, 0.15), (0.1, 0.5), (0.2, 1.0), (5.0, 1.0)]
)
def test_the_interval_follows_the_cost_between_its_limits(took_s: float, interval_s: float) -> None:
    pace = make_pace(share=0.2, min_interval_s=0.1, max_interval_s=1.0)
    pace.change("/")
    pace.due(0.0)
    pace.finished("/", took_s, 10.0)
    pace.change("/")
    assert pace.next_deadline() == pytest.approx(10.0 + interval_s)


def test_a_page_that_changes_after_its_interval_is_due_at_once() -> None:
    pace = make_pace()
    pace.change("/")
    pace.due(0.0)
    pace.finished("/", 0.01, 0.0)
    pace.change("/")
    assert pace.due(0.06) == ["/"]


def test_pages_do_not_wait_for_each_other() -> None:
    pace = make_pace()
    pace.change("/a")
    pace.due(0.0)
    pace.change("/b")
    assert pace.due(0.0) == ["/b"]


def test_the_longest_due_comes_first() -> None:
    pace = make_pace()
    pages = {"/a": 0.02, "/b": 0.01, "/c": 0.03}
    for page, took_s in pages.items():
        pace.change(page)
        pace.due(0.0)
        pace.finished(page, took_s, 0.0)
    for page in pages:
        pace.change(page)
    assert pace.due(5.0) == ["/b", "/a", "/c"]


def test_a_page_that_had_nothing_to_tell_does_not_wait_for_that() -> None:
    pace = make_pace(min_interval_s=0.1)
    pace.change("/")
    pace.due(0.0)
    pace.skipped("/")
    pace.change("/")
    assert pace.due(0.0) == ["/"]


def test_a_page_with_nothing_to_tell_may_have_been_forgotten_meanwhile() -> None:
    pace = make_pace()
    pace.change("/")
    pace.due(0.0)
    pace.forget("/")
    pace.skipped("/")
    assert pace.next_deadline() == math.inf


def test_many_pages_together_slow_each_other_down() -> None:
    pace = make_pace(share=0.2)
    now = 0.0
    for index in range(100):
        pace.change(f"/{index}")
        pace.due(now)
        now += 0.01
        pace.finished(f"/{index}", 0.01, now)
    pace.change("/99")
    assert pace.next_deadline() > now + 0.1, "alone it would be 0.05"


def test_the_load_of_the_past_is_forgotten() -> None:
    pace = make_pace(share=0.2)
    pace.change("/")
    pace.due(0.0)
    pace.finished("/", 5.0, 5.0)
    pace.change("/")
    pace.due(100.0)
    pace.finished("/", 0.01, 100.0)
    pace.change("/")
    assert pace.next_deadline() == pytest.approx(100.05)


def test_a_page_that_is_forgotten_is_not_due() -> None:
    pace = make_pace()
    pace.change("/")
    pace.forget("/")
    assert pace.due(0.0) == []
    pace.finished("/", 0.01, 0.0)
    pace.forget("/never there")


def test_one_that_is_forgotten_leaves_no_deadline_behind() -> None:
    pace = make_pace()
    pace.change("/")
    pace.due(0.0)
    pace.finished("/", 0.1, 0.0)
    pace.change("/")
    pace.forget("/")
    assert pace.next_deadline() == math.inf


def test_one_that_comes_back_begins_anew() -> None:
    pace = make_pace()
    pace.change("/")
    pace.due(0.0)
    pace.finished("/", 5.0, 0.0)
    pace.forget("/")
    pace.change("/")
    assert pace.due(0.0) == ["/"]


def test_one_that_comes_back_keeps_to_its_own_interval() -> None:
    pace = make_pace(share=0.2, max_interval_s=1.0)
    pace.change("/")
    pace.due(0.0)
    pace.finished("/", 0.1, 0.0)
    pace.change("/")  # due at 0.5, by the old interval
    pace.forget("/")
    pace.change("/")
    pace.due(0.4)
    pace.finished("/", 0.1, 0.4)
    pace.change("/")
    assert pace.due(0.5) == [], "0.1 s after it was told"
    assert pace.due(1.0) == ["/"]


PAGES = st.sampled_from(["/a", "/b", "/c"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["change", "due", "told", "forget", "wait"]), PAGES, st.integers(0, 30)),
    max_size=60,
)


class Witness:
    """Drives a Pace and checks it after each step against what happened."""

    def __init__(self, min_interval_s: float) -> None:
        self.pace = make_pace(min_interval_s=min_interval_s)
        self.min_interval_s = min_interval_s
        self.now = 0.0
        self.untold: set[str] = set()  # changed since their last telling began
        self.telling: dict[str, float] = {}
        self.not_before: dict[str, float] = {}

    def step(self, what: str, page: str, number: int) -> None:
        match what:
            case "change":
                self.pace.change(page)
                self.untold.add(page)
            case "wait":
                self.now += number / 100
            case "due":
                self.due()
            case "told" if page in self.telling:
                self.told(page, number / 1_000)
            case "forget" if page not in self.telling:
                self.pace.forget(page)
                self.untold.discard(page)
                self.not_before.pop(page, None)

    def due(self) -> None:
        for page in self.pace.due(self.now):
            assert page not in self.telling, "two tellings at once"
            assert page in self.untold, "told of nothing new"
            assert self.now >= self.not_before.get(page, -math.inf), "closer than the interval"
            self.untold.discard(page)
            self.telling[page] = self.now

    def told(self, page: str, took_s: float) -> None:
        del self.telling[page]
        self.now += took_s
        self.pace.finished(page, took_s, self.now)
        # What all pages together cost may only make it longer.
        self.not_before[page] = self.now + min(max(took_s / 0.2, self.min_interval_s), 1.0) - 1e-9

    def finish(self) -> None:
        """Ends the tellings under way and waits: then everything was told that had changed."""
        for page in list(self.telling):
            self.told(page, 0.0)
        self.now += 2.0
        self.due()
        assert not self.untold, "lost"
        for page in list(self.telling):
            self.told(page, 0.0)
        assert self.pace.next_deadline() == math.inf
        assert self.pace.due(1e9) == []


@given(STEPS, st.sampled_from([0.0, 0.05]))
@settings(deadline=None, max_examples=300, database=None)
def test_nothing_is_lost_or_told_twice_at_once_or_too_soon(
    steps: list[tuple[str, str, int]], min_interval_s: float
) -> None:
    witness = Witness(min_interval_s)
    for what, page, number in steps:
        witness.step(what, page, number)
    witness.finish()


@given(STEPS)
@settings(deadline=None, max_examples=200, database=None)
def test_a_page_forgotten_while_it_is_told_comes_back_and_is_not_told_twice_at_once(
    steps: list[tuple[str, str, int]],
) -> None:
    witness = Witness(0.0)
    for what, page, number in steps:
        if what == "forget" and page in witness.telling:
            # The last one left in the middle of a telling, which is told to nobody.
            witness.pace.forget(page)
            witness.untold.discard(page)
            witness.not_before.pop(page, None)
            witness.telling.pop(page)
        else:
            witness.step(what, page, number)
    witness.finish()


# The table


def test_each_phase_says_what_a_change_and_the_end_of_an_update_make_of_it() -> None:
    assert set(CHANGED) == set(FINISHED) == set(Phase)
    assert set(TAKEN) == {Phase.DUE}, "the queue holds no page in another phase"


def test_every_phase_is_reached_from_quiet() -> None:
    reached = {Phase.QUIET}
    for _ in Phase:
        reached |= {table[phase] for table in (CHANGED, TAKEN, FINISHED) for phase in reached & set(table)}
    assert reached == set(Phase)


@pytest.mark.parametrize("phase", Phase)
def test_a_change_is_never_lost(phase: Phase) -> None:
    changed = CHANGED[phase]
    assert Phase.DUE in (changed, FINISHED[changed])


def test_the_end_of_an_update_of_a_page_that_came_back_meanwhile_leaves_it_due() -> None:
    pace = make_pace()
    pace.change("/")
    pace.due(0.0)
    pace.forget("/")
    pace.change("/")
    pace.finished("/", 0.01, 0.01)
    assert pace.due(0.01) == ["/"]
