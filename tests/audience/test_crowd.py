"""Members as an array of numbers: seats that stay, and that close up when nobody walks through them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nannin.audience.crowd import GONE, Crowd


def crowd_of(*names: str) -> tuple[Crowd[str], dict[str, int]]:
    """A crowd, and the seat of each member; a member's number is how many came before it."""
    seats: dict[str, int] = {}
    crowd: Crowd[str] = Crowd(seats.__setitem__)
    for number, name in enumerate(names):
        seats[name] = crowd.add(name, number)
    return crowd, seats


def test_members_sit_in_the_order_in_which_they_came() -> None:
    crowd, seats = crowd_of("ann", "bob", "eve")
    assert (list(crowd), list(crowd.numbers), len(crowd)) == (["ann", "bob", "eve"], [0, 1, 2], 3)
    assert seats == {"ann": 0, "bob": 1, "eve": 2}


def test_a_seat_that_is_left_stays_empty_and_no_other_changes() -> None:
    crowd, seats = crowd_of("ann", "bob", "eve")
    crowd.remove(seats["bob"])
    assert (list(crowd), list(crowd.numbers), crowd.members) == (
        ["ann", "eve"],
        [0, GONE, 2],
        ["ann", None, "eve"],
    )
    assert seats == {"ann": 0, "bob": 1, "eve": 2}


def test_seats_close_up_when_more_are_empty_than_taken_and_members_learn_of_it() -> None:
    crowd, seats = crowd_of(*"abcdefghijklmnopqrstuvwxy")
    crowd.settle()
    seats["z"] = crowd.add("z", 25)
    for name in "abcdefghijklmnopqrstu":
        crowd.remove(seats.pop(name))
    assert len(crowd.numbers) == 26
    crowd.remove(seats.pop("v"))
    assert list(crowd.numbers) == [22, 23, 24, 25]
    assert (seats, crowd.settled) == ({"w": 0, "x": 1, "y": 2, "z": 3}, 3)


def test_seats_do_not_close_up_while_somebody_walks_through_them() -> None:
    crowd, seats = crowd_of(*"abcdefghijklmnopqrstuvwxyz")
    crowd.begin_walk()
    crowd.begin_walk()
    for name in "abcdefghijklmnopqrstuvwxy":
        crowd.remove(seats.pop(name))
    crowd.end_walk()
    assert (seats, len(crowd.numbers)) == ({"z": 25}, 26)
    crowd.end_walk()
    assert (seats, len(crowd.numbers)) == ({"z": 0}, 1)


class AnyOrder(RuleBasedStateMachine):
    """Members come and go, and walks begin and end, in any order, beside a list that does the same."""

    def __init__(self) -> None:
        super().__init__()
        self.seats: dict[int, int] = {}
        self.crowd: Crowd[int] = Crowd(self.seats.__setitem__)
        self.next = 0
        self.walks: list[dict[int, int]] = []
        self.settled: set[int] = set()

    @rule(count=st.integers(1, 40))
    def add(self, count: int) -> None:
        for _ in range(count):
            self.seats[self.next] = self.crowd.add(self.next, self.next)
            self.next += 1

    @rule(index=st.integers(0, 1_000), count=st.integers(1, 40))
    def remove(self, index: int, count: int) -> None:
        for member in list(self.seats)[index % (len(self.seats) + 1) :][:count]:
            self.crowd.remove(self.seats.pop(member))

    @rule()
    def begin_walk(self) -> None:
        self.crowd.begin_walk()
        self.walks.append(dict(self.seats))

    @precondition(lambda self: self.walks)
    @rule()
    def end_walk(self) -> None:
        self.walks.pop()
        self.crowd.end_walk()

    @rule()
    def settle(self) -> None:
        self.crowd.settle()
        self.settled = set(self.seats)

    @invariant()
    def has_each_member_in_its_seat(self) -> None:
        assert list(self.crowd) == list(self.seats)
        assert len(self.crowd) == len(self.seats)
        for member, seat in self.seats.items():
            assert (self.crowd.numbers[seat], self.crowd.members[seat]) == (member, member)
            assert (seat < self.crowd.settled) is (member in self.settled)

    @invariant()
    def keeps_few_empty_seats_and_no_number_in_them(self) -> None:
        empty = [seat for seat, member in enumerate(self.crowd.members) if member is None]
        assert {self.crowd.numbers[seat] for seat in empty} <= {GONE}
        assert len(self.crowd.numbers) == len(self.crowd.members)
        if not self.walks:
            assert len(empty) <= len(self.seats) + 16

    @invariant()
    def nobody_moves_under_a_walk(self) -> None:
        for walk in self.walks:
            assert all(walk[member] == seat for member, seat in self.seats.items() if member in walk)


TestAnyOrder = AnyOrder.TestCase
