"""One queue and one timer for all deadlines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nannin.engine.deadlines import Deadlines
from support.fake_clock import FakeCall, FakeClock


class Bell:
    """Something that is due at one time, and at another after that."""

    def __init__(self, name: str, due_s: float) -> None:
        self.name = name
        self.due_s = due_s
        self.queued_s = math.inf

    def next_deadline(self) -> float:
        return self.due_s


class Tower:
    """Deadlines on a fake clock, and what they rang, with the second since the start."""

    def __init__(self, every_s: float = math.inf) -> None:
        self.clock = FakeClock(0.0)
        self.rung: list[tuple[str, float]] = []
        self.every_s = every_s
        self.deadlines: Deadlines[Bell] = Deadlines(self.clock, self.ring)

    def ring(self, bell: Bell, now: float) -> float:
        assert now == self.clock.now()
        if now >= bell.due_s:
            self.rung.append((bell.name, now))
            bell.due_s = now + self.every_s
        return bell.due_s

    def add(self, name: str, due_s: float) -> Bell:
        bell = Bell(name, due_s)
        self.deadlines.schedule(bell)
        return bell


def test_what_is_due_is_called_in_the_order_of_its_deadlines() -> None:
    tower = Tower()
    for name, due_s in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        tower.add(name, due_s)
    tower.clock.advance(10)
    assert tower.rung == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


def test_those_due_at_the_same_time_are_called_in_the_order_of_their_coming() -> None:
    tower = Tower()
    for name in "abc":
        tower.add(name, 1.0)
    tower.clock.advance(1)
    assert [name for name, _ in tower.rung] == ["a", "b", "c"]


def test_nothing_is_called_before_its_time() -> None:
    tower = Tower()
    tower.add("a", 1.0)
    tower.clock.advance(0.999)
    assert tower.rung == []


def test_any_number_of_deadlines_needs_one_timer() -> None:
    tower = Tower()
    for second in range(100, 0, -1):
        tower.add(str(second), float(second))
    assert tower.clock.pending == 1


def test_whoever_never_is_due_needs_none() -> None:
    tower = Tower()
    tower.add("a", math.inf)
    assert (len(tower.deadlines), tower.clock.pending) == (0, 0)


def test_after_the_last_one_no_timer_is_left() -> None:
    tower = Tower()
    tower.add("a", 1.0)
    tower.clock.advance(1)
    assert (len(tower.deadlines), tower.clock.pending) == (0, 0)


def test_a_deadline_that_moves_to_later_is_kept_and_costs_no_entry() -> None:
    tower = Tower()
    bell = tower.add("a", 1.0)
    for due_s in (2.0, 3.0, 4.0):
        bell.due_s = due_s
        tower.deadlines.schedule(bell)
    assert len(tower.deadlines) == 1
    tower.clock.advance(10)
    assert tower.rung == [("a", 4.0)]


def test_a_deadline_that_moves_to_earlier_is_met() -> None:
    tower = Tower()
    bell = tower.add("a", 5.0)
    bell.due_s = 1.0
    tower.deadlines.schedule(bell)
    tower.clock.advance(10)
    assert tower.rung == [("a", 1.0)]


def test_one_that_moves_back_and_forth_is_called_once() -> None:
    tower = Tower()
    bell = tower.add("a", 5.0)
    for due_s in (1.0, 5.0, 2.0, 5.0):
        bell.due_s = due_s
        tower.deadlines.schedule(bell)
    tower.clock.advance(10)
    assert tower.rung == [("a", 5.0)]


def test_one_that_has_been_called_is_queued_for_its_next_deadline() -> None:
    tower = Tower(every_s=2.0)
    tower.add("a", 1.0)
    tower.clock.advance(6)
    assert tower.rung == [("a", 1.0), ("a", 3.0), ("a", 5.0)]


def test_one_that_comes_while_others_are_called_is_called_too() -> None:
    clock = FakeClock(0.0)
    rung: list[str] = []

    def ring(bell: Bell, now: float) -> float:
        rung.append(bell.name)
        if bell.name == "a":
            deadlines.schedule(Bell("at once", now))
            deadlines.schedule(Bell("later", now + 1))
        return math.inf

    deadlines = Deadlines(clock, ring)
    deadlines.schedule(Bell("a", 1.0))
    clock.advance(1)
    assert rung == ["a", "at once"]
    clock.advance(1)
    assert rung == ["a", "at once", "later"]


def test_after_a_held_up_loop_it_is_read_before_anyone_is_judged() -> None:
    tower = Tower()
    bell = tower.add("a", 1.0)
    tower.clock.spend(5)
    tower.clock.turn()
    assert tower.rung == [], "pongs may wait unread"
    bell.due_s = 7.0  # what the pong does
    tower.clock.settle()
    assert tower.rung == []
    tower.clock.advance(2)
    assert tower.rung == [("a", 7.0)]


def test_a_late_wake_up_defers_once_only() -> None:
    tower = Tower()
    tower.add("a", 1.0)
    tower.clock.spend(5)
    tower.clock.turn()
    tower.clock.turn()
    assert tower.rung == [("a", 5.0)]


def test_a_timer_that_is_hardly_late_defers_nothing() -> None:
    tower = Tower()
    tower.add("a", 1.0)
    tower.clock.spend(1.05)
    tower.clock.turn()
    assert tower.rung == [("a", 1.05)]


def test_entries_of_the_dead_are_dropped_when_they_outnumber_the_living() -> None:
    tower = Tower()
    living = [tower.add(f"living {i}", 5.0) for i in range(10)]
    for i in range(1_000):
        tower.add(f"dead {i}", 4.0)
    tower.deadlines.keep(living, len(living))
    assert len(tower.deadlines) == len(living)
    tower.clock.advance(10)
    assert [name for name, _ in tower.rung] == [bell.name for bell in living]


def test_a_few_entries_of_the_dead_are_not_worth_a_clean_up_and_are_bounded() -> None:
    tower = Tower()
    living = [tower.add(f"living {i}", 5.0) for i in range(10)]
    for i in range(1_000):
        tower.add(f"dead {i}", 4.0)
        tower.deadlines.keep(living, len(living))
        assert len(tower.deadlines) <= 3 * len(living) + 64


def test_a_crowd_that_leaves_is_not_looked_through_again_for_each_who_goes() -> None:
    tower = Tower()
    bells = [tower.add(str(i), 9.0) for i in range(500)]
    for due_s in (8.0, 7.0, 6.0):  # as with heartbeats whose answers may take longer than the next one
        for bell in bells:
            bell.due_s = due_s
            tower.deadlines.schedule(bell)
    looks = 0

    def living() -> Iterator[Bell]:
        nonlocal looks
        looks += 1
        yield from bells

    while len(bells) > 1:
        bells.pop()
        tower.deadlines.keep(living(), len(bells))
    assert looks < 10
    tower.clock.advance(10)
    assert tower.rung[0] == ("0", 6.0)
    assert len(tower.rung) < 100, "entries of the dead are few, and harmless"


def test_with_the_last_of_the_living_the_timer_goes() -> None:
    tower = Tower()
    tower.add("a", 1.0)
    tower.deadlines.keep([], 0)
    assert (len(tower.deadlines), tower.clock.pending) == (0, 0)


def test_one_that_comes_after_that_is_called() -> None:
    tower = Tower()
    tower.add("a", 1.0)
    tower.deadlines.keep([], 0)
    tower.add("b", 2.0)
    tower.clock.advance(3)
    assert tower.rung == [("b", 2.0)]


def test_a_clear_forgets_all() -> None:
    tower = Tower()
    tower.add("a", 1.0)
    tower.deadlines.clear()
    tower.clock.advance(3)
    assert (tower.rung, tower.clock.pending) == ([], 0)


def test_those_that_follow_closely_on_others_are_kept_together_and_a_little_late() -> None:
    tower = Tower()
    tower.deadlines = Deadlines(tower.clock, tower.ring, apart_s=0.5)
    for tenths in range(10, 30):
        tower.add(str(tenths), tenths / 10)
    tower.add("alone", 10.0)
    tower.clock.advance(20)
    assert [name for name, _ in tower.rung] == [*map(str, range(10, 30)), "alone"]
    assert sorted({now for _, now in tower.rung}) == pytest.approx([1.0, 1.5, 2.0, 2.5, 3.0, 10.0])


def test_those_whose_deadlines_have_moved_to_later_cost_few_wake_ups_and_are_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tower = Tower()
    called: list[str] = []
    alarms: list[float] = []
    set_alarm = tower.clock.call_later

    def counted(delay_s: float, callback: Callable[[], None]) -> FakeCall:
        alarms.append(delay_s)
        return set_alarm(delay_s, callback)

    def ring(bell: Bell, now: float) -> float:
        called.append(bell.name)
        return tower.ring(bell, now)

    tower.deadlines = Deadlines(tower.clock, ring)
    bells = [tower.add(str(at), 5.005 + at / 100) for at in range(1, 99)]
    for bell in bells:
        bell.due_s += 30
    monkeypatch.setattr(tower.clock, "call_later", counted)
    tower.clock.advance(30)
    assert len(alarms) <= 5, "one for each quarter of a second"
    assert not called
    tower.clock.advance(30)
    assert [now for _, now in tower.rung] == pytest.approx([35.005 + at / 100 for at in range(1, 99)])


def test_one_that_is_told_to_move_is_not_looked_at_before() -> None:
    tower = Tower()
    bell = tower.add("a", 5.0)
    tower.add("b", 5.1)
    bell.due_s = 50.0
    tower.deadlines.move(bell, 50.0)
    tower.deadlines.move(bell, 50.0)
    assert len(tower.deadlines) == 3, "the void entry is one, too"
    bell.due_s = math.nan  # whoever looked at it would find this
    tower.clock.advance(20)
    assert (len(tower.deadlines), tower.clock.pending) == (1, 1)
    bell.due_s = 50.0
    tower.clock.advance(40)
    assert [name for name, _ in tower.rung] == ["b", "a"]


def test_one_that_is_told_to_move_to_earlier_is_called_then_and_once() -> None:
    tower = Tower()
    bell = tower.add("a", 5.0)
    bell.due_s = 2.0
    tower.deadlines.move(bell, 2.0)
    tower.clock.advance(10)
    assert tower.rung == [("a", 2.0)]


def test_after_a_hold_up_those_of_several_drawers_are_called_in_order() -> None:
    tower = Tower()
    for name, due_s in (("d", 1.9), ("b", 1.02), ("c", 1.55), ("a", 1.01)):
        tower.add(name, due_s)
    tower.clock.spend(5)
    tower.clock.settle()
    assert [name for name, _ in tower.rung] == ["a", "b", "c", "d"]


def test_a_clear_while_they_are_called_ends_it_and_later_ones_still_come() -> None:
    clock = FakeClock(0.0)
    rung: list[str] = []

    def ring(bell: Bell, now: float) -> float:
        rung.append(bell.name)
        if bell.name == "a":
            deadlines.clear()
        return math.inf

    deadlines = Deadlines(clock, ring)
    deadlines.schedule(Bell("a", 1.0))
    deadlines.schedule(Bell("b", 1.0))
    clock.advance(1)
    assert (rung, clock.pending) == (["a"], 0)
    deadlines.schedule(Bell("c", 2.0))
    clock.advance(1)
    assert rung == ["a", "c"]


STEPS = st.lists(
    st.tuples(st.sampled_from(["move", "advance", "busy"]), st.integers(0, 4), st.integers(0, 40)),
    max_size=40,
)


@given(STEPS)
@settings(deadline=None, max_examples=150, database=None)
def test_whatever_moves_each_deadline_is_met_once_and_never_early(
    steps: list[tuple[str, int, int]],
) -> None:
    tower = Tower()
    bells = [tower.add(str(i), float(i + 1)) for i in range(5)]
    met = 0
    for what, index, tenths in steps:
        match what:
            case "move":
                bells[index].due_s = tower.clock.now() + tenths / 10
                tower.deadlines.schedule(bells[index])
            case "advance":
                tower.clock.advance(tenths / 10)
            case _:
                tower.clock.spend(tenths / 10)
                tower.clock.settle()
        met = len(tower.rung)
        tower.clock.settle()
        overdue = [bell for bell in bells if bell.due_s < tower.clock.now() - 1e-6]
        assert not overdue
        assert tower.clock.pending <= 1
        assert len(tower.rung) >= met
    tower.clock.advance(100)
    assert all(bell.due_s == math.inf for bell in bells)
    assert tower.clock.pending == 0
