"""How late the loop is."""

from __future__ import annotations

from nannin.hub.pulse import EVERY_S, PATIENCE_S, Pulse
from support.fake_clock import FakeClock


def test_nothing_is_measured_before_somebody_asks() -> None:
    clock = FakeClock()
    pulse = Pulse(clock)
    clock.advance(10)
    assert (clock.pending, sum(pulse.lateness.counts)) == (0, 0)


def test_the_loop_is_as_late_as_it_was_held_up() -> None:
    clock = FakeClock()
    pulse = Pulse(clock)
    pulse.want()
    pulse.want()
    for _ in range(8):
        clock.advance(EVERY_S)
    assert (sum(pulse.lateness.counts), pulse.lateness.total) == (8, 0)
    clock.spend(EVERY_S + 0.75)
    clock.turn()
    assert pulse.lateness.total == 0.75
    assert pulse.lateness.counts[pulse.lateness.bounds.index(1.0)] == 1


def test_it_ends_once_nobody_has_asked_for_long_and_begins_again() -> None:
    clock = FakeClock()
    pulse = Pulse(clock)
    pulse.want()
    clock.advance(PATIENCE_S + 2 * EVERY_S)
    assert clock.pending == 0
    measured = sum(pulse.lateness.counts)
    pulse.want()
    clock.advance(EVERY_S)
    assert sum(pulse.lateness.counts) == measured + 1
    pulse.stop()
    assert clock.pending == 0
