"""Who is started, replaced and ended, and when: with processes that do nothing, and a time of its own."""

from __future__ import annotations

import logging
import signal

import pytest

from nannin.server.crew import (
    END_S,
    LINGER_S,
    LONGEST_WAIT_S,
    SILENT_S,
    SLOW_S,
    Crew,
    Process,
    State,
    name_of,
)

DRAIN_S = 30.0


class Nobody:
    """A process that hears signals."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.signals: list[signal.Signals] = []

    def send_signal(self, number: int, /) -> None:
        self.signals.append(signal.Signals(number))


class Ship:
    """A crew, its time, and the processes that were started for it."""

    def __init__(self, workers: int) -> None:
        self.now = 100.0
        self.hired: list[tuple[int, int, Nobody]] = []
        self.told: list[str] = []
        self.crew = Crew(
            workers,
            self._hire,
            drain_s=DRAIN_S,
            on_open=lambda: self.told.append("open"),
            on_rolled=lambda: self.told.append("rolled"),
        )
        self.crew.begin(self.now)

    def _hire(self, slot: int, mark: int) -> Nobody:
        child = Nobody(1000 + len(self.hired))
        self.hired.append((slot, mark, child))
        return child

    def process(self, number: int) -> Process:
        """A process, in the order of their starts."""
        process = self.crew.process_of(self.hired[number][2])
        assert process is not None
        return process

    def signals(self, number: int) -> list[signal.Signals]:
        return self.hired[number][2].signals

    def ready(self, number: int) -> None:
        self.crew.ready(self.process(number), self.now)

    def ended(self, number: int, code: int) -> None:
        self.crew.ended(self.process(number), code, self.now)

    def wait(self, seconds: float, *beating: int) -> None:
        """Time goes by in steps, in which these processes beat."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + 1, until)
            for number in beating:
                self.crew.beat(self.process(number), self.now)
            self.crew.look(self.now)

    def covers(self) -> dict[int, list[int]]:
        """By the number of a worker that serves: those for whom it stands in."""
        return {process.slot: slots for process, slots in self.crew.covers(self.now).items()}

    @property
    def slots(self) -> list[int]:
        return [slot for slot, _, _ in self.hired]


def open_ship(workers: int = 3) -> Ship:
    """All workers serve."""
    ship = Ship(workers)
    for number in range(workers):
        ship.ready(number)
    assert ship.told == ["open"]
    return ship


def test_workers_are_called_by_numbers_from_one() -> None:
    ship = Ship(2)
    assert (name_of(0), str(ship.process(0))) == ("worker 1", "worker 1 (process 1000)")


def test_the_first_process_serves_before_the_others_start() -> None:
    ship = Ship(3)
    assert ship.slots == [0]
    ship.ready(0)
    assert (ship.slots, ship.told) == ([0, 1, 2], [])
    ship.ready(2)
    assert ship.told == []
    ship.ready(1)
    ship.ready(1)  # once more
    assert ship.told == ["open"]


def test_a_first_process_that_can_not_start_ends_the_server_with_its_code() -> None:
    ship = Ship(3)
    ship.ended(0, 2)
    assert ship.crew.exit_code == 2


def test_a_process_that_is_killed_before_all_serve_ends_the_server(caplog: pytest.LogCaptureFixture) -> None:
    ship = Ship(2)
    ship.ready(0)
    ship.ended(1, -signal.SIGKILL)
    assert ship.crew.exit_code is None
    assert ship.signals(0) == [signal.SIGTERM]
    ship.ended(0, 0)
    assert ship.crew.exit_code == 1
    assert caplog.messages == ["worker 2 (process 1001) was ended by SIGKILL before it served"]


def test_one_that_dies_after_long_is_replaced_at_once(caplog: pytest.LogCaptureFixture) -> None:
    ship = open_ship()
    ship.wait(10, 0, 1, 2)
    ship.ended(1, -signal.SIGSEGV)
    ship.wait(0.1)
    assert ship.slots == [0, 1, 2, 1]
    assert caplog.messages == [
        "worker 2 (process 1001) was ended by SIGSEGV after 10.0 s; another starts now"
    ]


def test_those_that_die_at_once_wait_longer_and_longer(caplog: pytest.LogCaptureFixture) -> None:
    ship = open_ship(2)
    waits, newest = [], 1
    for _ in range(9):
        ship.ended(newest, 3)
        began_s = ship.now
        while len(ship.hired) == newest + 1:
            ship.wait(0.5, 0)
        newest += 1
        waits.append(ship.now - began_s)
    assert waits == [0.5, 1, 2, 4, 8, 16, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert (
        caplog.messages[1] == "worker 2 (process 1002) ended with code 3 after 0.0 s; another starts in 1 s"
    )
    ship.ready(newest)
    ship.wait(11, 0, newest)
    ship.ended(newest, 3)
    ship.wait(0.1)
    assert len(ship.hired) == newest + 2


def test_a_signal_without_a_name_is_told_by_its_number(caplog: pytest.LogCaptureFixture) -> None:
    ship = open_ship(2)
    ship.ended(1, -99)
    assert "was ended by signal 99" in caplog.messages[0]


def test_one_whose_loop_stands_still_is_killed_and_replaced(caplog: pytest.LogCaptureFixture) -> None:
    ship = open_ship()
    ship.wait(SILENT_S - 1, 0, 2)
    assert ship.signals(1) == []
    ship.wait(1, 0, 2)
    assert ship.signals(1) == [signal.SIGKILL]
    assert caplog.messages[0].startswith("worker 2 (process 1001) has not answered for 15 s: killing it")
    ship.wait(20, 0, 2)
    assert ship.signals(1) == [signal.SIGKILL]
    ship.ended(1, -signal.SIGKILL)
    ship.wait(0.1, 0, 2)
    assert ship.slots == [0, 1, 2, 1]


def test_one_that_takes_long_to_start_is_not_stuck() -> None:
    ship = Ship(2)
    ship.wait(300)
    assert ship.signals(0) == []


def test_nobody_is_killed_because_the_supervisor_stood_still() -> None:
    ship = open_ship()
    ship.wait(1, 0, 1, 2)
    ship.now += 60
    ship.crew.look(ship.now)
    ship.wait(SILENT_S - 1)
    assert [ship.signals(number) for number in range(3)] == [[], [], []]


def test_all_are_replaced_in_turn_and_the_new_one_serves_before_the_old_one_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    ship = open_ship(2)
    ship.crew.roll(ship.now)
    assert ship.hired[2][:2] == (0, 2)  # its mark is new, since the old one has its own still
    assert ship.signals(0) == []
    ship.ready(2)
    assert (ship.signals(0), ship.process(0).state) == ([signal.SIGHUP], State.LEAVING)
    assert len(ship.hired) == 3  # the next waits until this one has ended
    ship.ended(0, 0)
    assert ship.hired[3][:2] == (1, 0)
    ship.ready(3)
    ship.ended(1, 0)
    assert ship.told == ["open", "rolled"]
    assert caplog.messages == [
        "replacing the processes of 2 workers in turn",
        "the processes of all 2 workers were replaced",
    ]


def test_an_old_process_that_fails_at_its_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    ship = open_ship(2)
    ship.crew.roll(ship.now)
    ship.ready(2)
    ship.ended(0, 1)
    assert caplog.messages == ["worker 1 (process 1000) ended with code 1"]
    assert len(ship.hired) == 4


def test_an_old_process_that_does_not_end_is_killed(caplog: pytest.LogCaptureFixture) -> None:
    ship = open_ship(2)
    ship.crew.roll(ship.now)
    ship.ready(2)
    ship.wait(DRAIN_S + LINGER_S + END_S - 1, 1, 2)
    assert ship.signals(0) == [signal.SIGHUP]
    ship.wait(1, 1, 2)
    assert ship.signals(0) == [signal.SIGHUP, signal.SIGKILL]
    assert caplog.messages == ["worker 1 (process 1000) has not ended in time: killing it"]
    ship.ended(0, -signal.SIGKILL)
    assert len(ship.hired) == 4


def test_a_round_ends_where_a_successor_can_not_start(caplog: pytest.LogCaptureFixture) -> None:
    ship = open_ship(2)
    ship.crew.roll(ship.now)
    ship.ended(2, 2)
    ship.wait(60, 0, 1)
    assert len(ship.hired) == 3
    assert (ship.signals(0), ship.signals(1)) == ([], [])
    assert ship.told == ["open", "rolled"]
    assert caplog.messages == [
        "worker 1 (process 1002) ended with code 2 before it served: the processes that run go on, "
        "and are not replaced"
    ]
    ship.crew.roll(ship.now)  # once more, after it was mended
    assert len(ship.hired) == 4


def test_a_second_round_follows_the_first() -> None:
    ship = open_ship(2)
    ship.crew.roll(ship.now)
    ship.crew.roll(ship.now)
    ship.crew.roll(ship.now)
    for new, old in ((2, 0), (3, 1), (4, 2), (5, 3)):
        ship.ready(new)
        ship.ended(old, 0)
    assert ship.told == ["open", "rolled", "rolled"]
    assert len(ship.hired) == 6


def test_one_that_dies_while_its_successor_starts_needs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    ship = open_ship(2)
    ship.crew.roll(ship.now)
    ship.ended(0, -signal.SIGKILL)
    ship.wait(5, 1)
    assert len(ship.hired) == 3
    assert caplog.messages == ["worker 1 (process 1000) was ended by SIGKILL; its successor starts already"]
    ship.ready(2)
    assert ship.slots == [0, 1, 0, 1]


def test_a_worker_without_a_process_gets_another_when_its_successor_fails() -> None:
    ship = open_ship(2)
    ship.crew.roll(ship.now)
    ship.ended(0, -signal.SIGKILL)
    ship.ended(2, 1)
    ship.wait(1, 1)
    assert ship.slots == [0, 1, 0, 0]


def test_a_round_starts_who_waits_and_passes_over_who_starts() -> None:
    ship = open_ship(3)
    ship.ended(0, 1)
    ship.ended(1, 1)
    ship.wait(0.5, 2)
    assert ship.slots == [0, 1, 2, 0, 1]
    ship.ended(3, 1)  # waits a second now
    ship.crew.roll(ship.now)
    assert ship.slots == [0, 1, 2, 0, 1, 0]  # at once
    ship.ready(5)
    assert ship.slots == [0, 1, 2, 0, 1, 0, 2]  # worker 2 starts by itself


def test_no_round_begins_before_all_serve_or_once_all_end() -> None:
    ship = Ship(2)
    ship.crew.roll(ship.now)
    assert len(ship.hired) == 1
    ship = open_ship(2)
    ship.crew.end(signal.SIGTERM, ship.now)
    ship.crew.roll(ship.now)
    assert len(ship.hired) == 2


@pytest.mark.parametrize(("how", "within_s"), [(signal.SIGTERM, DRAIN_S + END_S), (signal.SIGINT, END_S)])
def test_all_end_within_a_bounded_time(how: signal.Signals, within_s: float) -> None:
    ship = open_ship(2)
    ship.crew.end(how, ship.now)
    assert (ship.signals(0), ship.signals(1)) == ([how], [how])
    ship.ended(0, 0)
    ship.wait(within_s - 1)
    assert ship.signals(1) == [how]
    ship.wait(1)
    assert ship.signals(1) == [how, signal.SIGKILL]
    assert ship.crew.exit_code is None
    ship.ended(1, -signal.SIGKILL)
    assert ship.crew.exit_code == 0


def test_a_second_signal_ends_all_at_once() -> None:
    ship = open_ship(2)
    ship.crew.end(signal.SIGTERM, ship.now)
    ship.crew.end(signal.SIGINT, ship.now)
    assert ship.signals(0) == [signal.SIGTERM, signal.SIGKILL]
    ship.ended(0, -signal.SIGKILL)
    ship.ended(1, -signal.SIGKILL)
    assert ship.crew.exit_code == 130


def test_one_that_was_relieved_ends_with_the_others() -> None:
    ship = open_ship(2)
    ship.crew.roll(ship.now)
    ship.ready(2)
    ship.crew.end(signal.SIGTERM, ship.now)
    assert ship.signals(0) == [signal.SIGHUP, signal.SIGTERM]
    ship.wait(DRAIN_S + END_S)
    assert ship.signals(0) == [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL]


def test_one_that_starts_is_ended_by_the_signal_that_needs_no_handler() -> None:
    ship = Ship(2)
    ship.crew.end(signal.SIGINT, ship.now)
    assert ship.signals(0) == [signal.SIGTERM]
    ship.ended(0, -signal.SIGTERM)
    assert ship.crew.exit_code == 0


def test_nobody_is_started_once_all_end() -> None:
    ship = open_ship(2)
    ship.ended(1, 1)
    ship.crew.end(signal.SIGTERM, ship.now)
    ship.wait(20)
    assert len(ship.hired) == 2
    ship.ended(0, 0)
    assert ship.crew.exit_code == 0


def test_who_serves_stands_in_for_who_does_not() -> None:
    ship = Ship(4)
    assert ship.covers() == {}
    ship = open_ship(4)
    assert ship.covers() == {0: [], 1: [], 2: [], 3: []}
    ship.ended(1, -signal.SIGKILL)
    ship.wait(SLOW_S, 0, 3)  # number 2 is stuck, and the process after number 1 starts
    assert ship.covers() == {0: [1], 3: [2]}
    assert ship.crew.slow(ship.now) == [ship.process(2)]
    ship.crew.beat(ship.process(2), ship.now)
    ship.ready(4)
    assert ship.covers() == {0: [], 1: [], 2: [], 3: []}
    ship.wait(SLOW_S)
    assert ship.covers() == {}
    ship.crew.end(signal.SIGTERM, ship.now)
    assert ship.covers() == {}


def test_who_takes_over_stands_in_for_nobody_before_it_serves() -> None:
    ship = open_ship(2)
    ship.crew.roll(ship.now)
    assert [process.mark for process in ship.crew.covers(ship.now)] == [0, 1]
    ship.ready(2)
    assert [process.mark for process in ship.crew.covers(ship.now)] == [2, 1]


def test_a_process_that_says_goodbye_leaves_its_name_to_its_successor() -> None:
    ship = Ship(2)
    ship.ready(0)
    assert (ship.process(0).label, ship.process(0).is_at_work) == ("1", True)
    assert not ship.process(1).is_at_work
    ship.ready(1)
    ship.crew.roll(ship.now)
    ship.ready(2)
    assert [(ship.process(number).label, ship.process(number).is_at_work) for number in (0, 2)] == [
        ("1 leaving", True),
        ("1", True),
    ]
