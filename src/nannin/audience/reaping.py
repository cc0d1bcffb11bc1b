"""Removes from the census the parts of nodes that are gone, a slice at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nannin.audience.census_calls import Call, Reap, Reaped


class Reaping:
    """The nodes that this node reaps, one call under way for each.

    Args:
        next_call: gives a number for a call.
    """

    def __init__(self, next_call: Callable[[], int]) -> None:
        self._next_call = next_call
        self._nodes: dict[int, str] = {}  # with their values
        self._under_way: dict[int, int] = {}  # calls, with their nodes

    def __bool__(self) -> bool:
        """Whether any is left."""
        return bool(self._nodes)

    def add(self, nodes: Mapping[int, str]) -> None:
        """These are gone, with the values that they had when that was seen."""
        self._nodes = {**nodes, **self._nodes}

    def take(self) -> list[Call]:
        """The calls to send now."""
        calls: list[Call] = []
        for number in sorted(self._nodes.keys() - self._under_way.values()):
            call = self._next_call()
            self._under_way[call] = number
            calls.append(Reap(call, number, self._nodes[number]))
        return calls

    def answer(self, answer: Reaped) -> int | None:
        """A slice is done. Returns the node it was of; None where nobody waits for that."""
        number = self._under_way.pop(answer.call, None)
        if number is not None and answer.seen:
            self._nodes[number] = answer.seen
        elif number is not None:
            del self._nodes[number]
        return number

    def clear(self) -> None:
        """Nothing is answered any more. Who is still gone will be seen again."""
        self._nodes.clear()
        self._under_way.clear()
