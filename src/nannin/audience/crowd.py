"""Many members as an array of numbers in the order in which they came, for whoever sends to all at once."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

MemberT = TypeVar("MemberT")

# Nobody, where a member was that has left.
GONE = -1
# Maximum places that stand empty before they are closed up, beside as many as there are members.
_MAX_EMPTY = 16


class Crowd(Generic[MemberT]):
    """Members, each with a number and a seat: the index of its number in an array.

    A seat that is left stays empty, so that no other seat changes while somebody goes through them. When half
    of them are empty, they are closed up, at a moment when nobody does.

    Args:
        on_moved: called with each member whose seat has changed, and its new seat.

    Attributes:
        numbers: the members' numbers by seat; GONE for an empty one.
        members: the members by seat; None for an empty one.
        empty: how many seats stand empty.
        settled: how many of the first seats belong to those who were there at the last `settle`.
    """

    __slots__ = ("_on_moved", "_walks", "empty", "members", "numbers", "settled")

    def __init__(self, on_moved: Callable[[MemberT, int], None]) -> None:
        self.numbers = array("i")
        self.members: list[MemberT | None] = []
        self.settled = 0
        self._on_moved = on_moved
        self.empty = 0
        self._walks = 0

    def __len__(self) -> int:
        """How many members there are."""
        return len(self.members) - self.empty

    def __iter__(self) -> Iterator[MemberT]:
        """The members, in the order in which they came."""
        return (member for member in self.members if member is not None)

    def add(self, member: MemberT, number: int) -> int:
        """Takes a member in; returns its seat."""
        self.numbers.append(number)
        self.members.append(member)
        return len(self.members) - 1

    def remove(self, seat: int) -> None:
        """The member in this seat leaves."""
        self.numbers[seat] = GONE
        self.members[seat] = None
        self.empty += 1
        self._close_up()

    def settle(self) -> None:
        """All who are here are settled; who joins from now on is not."""
        self.settled = len(self.members)

    def begin_walk(self) -> None:
        """Seats stay as they are until `end_walk`."""
        self._walks += 1

    def end_walk(self) -> None:
        """Ends what `begin_walk` began."""
        self._walks -= 1
        self._close_up()

    def _close_up(self) -> None:
        if self._walks or 2 * self.empty <= len(self.members) + _MAX_EMPTY:
            return
        self.settled = sum(member is not None for member in self.members[: self.settled])
        taken = [(m, n) for m, n in zip(self.members, self.numbers, strict=True) if m is not None]
        self.members = [member for member, _ in taken]
        self.numbers = array("i", [number for _, number in taken])
        self.empty = 0
        for seat, (member, _) in enumerate(taken):
            self._on_moved(member, seat)
