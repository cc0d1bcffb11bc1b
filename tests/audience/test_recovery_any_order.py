"""What those who come back have missed, in any order of what may happen, against a naive model."""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from nannin.audience.recovery import Absent, Aim, Recovery, Ticket

WINDOW_S, MAX_BYTES, MAX_ABSENT = 10.0, 20, 3
ROOMS = ["x", "y"]


class Person:
    """Somebody who may come back: what it received, and what was aimed at it that it did not receive yet."""

    def __init__(self, ticket: Ticket, rooms: list[str], last: int) -> None:
        self.ticket, self.rooms = ticket, rooms
        self.received = last  # the last event that it needs no more
        self.id = f"id-{ticket.pid}"
        self.offset: str | None = None
        self.owed: list[tuple[int, str]] = []  # number and offset
        self.lost_s: float | None = None

    def receive(self, number: int, offset: str) -> None:
        """An event arrives, and all before it did."""
        self.received, self.offset = number, offset
        self.owed.clear()


class AnyOrder(RuleBasedStateMachine):
    """Joins, leaves, losses, returns and events of one page."""

    people: Bundle[Person] = Bundle("people")

    def __init__(self) -> None:
        super().__init__()
        pids = map("{:08}-pid".format, itertools.count())
        self.recovery = Recovery(
            window_s=WINDOW_S, max_bytes=MAX_BYTES, new_pid=lambda: next(pids), max_absent=MAX_ABSENT
        )
        self.now = 0.0
        self.everyone: list[Person] = []  # those there, and those who may come back
        self.kept: list[tuple[int, float, int]] = []  # number, time, size
        self.absent: list[Person] = []  # in the order of their losses
        self.last = -1

    @rule(target=people, rooms=st.lists(st.sampled_from(ROOMS), unique=True))
    def join(self, rooms: list[str]) -> Person:
        person = Person(self.recovery.join("/"), rooms, self.last)
        self.everyone.append(person)
        return person

    @rule(person=consumes(people))
    def leave(self, person: Person) -> None:
        if person.lost_s is None:  # else it is absent, or given up
            self.recovery.leave("/")
            self.remove(person)

    @precondition(lambda self: self.everyone)
    @rule(
        rooms=st.none() | st.sets(st.sampled_from(ROOMS), min_size=1),
        spared=st.sets(st.sampled_from(ROOMS), max_size=1),
        size=st.integers(1, 8),
        arrives=st.booleans(),
    )
    def emit(self, rooms: set[str] | None, spared: set[str], size: int, arrives: bool) -> None:
        number = self.last = self.last + 1
        aim = Aim(None if rooms is None else frozenset(rooms), frozenset(spared))
        offset = self.recovery.next_offset("/")
        self.recovery.keep("/", aim, number, size, self.now)
        self.kept.append((number, self.now, size))
        while sum(size for _, _, size in self.kept) > MAX_BYTES or self.kept[0][1] < self.now - WINDOW_S:
            self.kept.pop(0)
        for person in self.everyone:
            if (rooms is not None and not rooms & set(person.rooms)) or spared & set(person.rooms):
                continue
            person.owed.append((number, offset))
            if person.lost_s is None:
                person.ticket.sent = self.recovery.last("/")
                if arrives:
                    person.receive(number, offset)

    @rule(person=people)
    def lose(self, person: Person) -> None:
        if person.lost_s is None:
            person.lost_s = self.now
            absent = Absent("/", person.ticket, person.id, person.rooms, {})
            self.recovery.remember(absent, self.now)
            self.absent.append(person)
            if len(self.absent) > MAX_ABSENT:
                self.give_up(self.absent[0])

    @rule(person=people, arrives=st.booleans())
    def come_back(self, person: Person, arrives: bool) -> None:
        back = self.recovery.come_back("/", person.ticket.pid, person.offset, self.now)
        if person not in self.absent:
            assert back is None
            return
        if back is None:
            dropped = [number for number in range(self.last + 1) if number not in self.kept_numbers()]
            assert any(number > person.received for number in dropped)
            return
        assert back.absent.id == person.id
        assert back.missed == [number for number, _ in person.owed]
        self.absent.remove(person)
        person.lost_s = None
        if arrives and person.owed:
            person.receive(*person.owed[-1])

    @rule(seconds=st.sampled_from([0.5, 4.0, WINDOW_S]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.recovery.expire(self.now)
        for person in list(self.absent):
            if person.lost_s is not None and person.lost_s + WINDOW_S <= self.now:
                self.give_up(person)

    def give_up(self, person: Person) -> None:
        self.absent.remove(person)
        self.remove(person)

    def remove(self, person: Person) -> None:
        self.everyone.remove(person)
        if not self.everyone:
            self.kept.clear()

    def kept_numbers(self) -> set[int]:
        return {number for number, _, _ in self.kept}

    @invariant()
    def keeps_no_more_than_it_may(self) -> None:
        log = self.recovery._logs.get("/")
        assert (log is not None) is bool(self.everyone)
        if log is not None:
            assert [kept.event for kept in log.events] == [number for number, _, _ in self.kept]
            assert log.size_bytes == sum(size for _, _, size in self.kept) <= MAX_BYTES

    @invariant()
    def knows_who_is_absent(self) -> None:
        assert list(self.recovery._absent) == [person.ticket.pid for person in self.absent]
        assert len(self.recovery) <= MAX_ABSENT


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, database=None)
