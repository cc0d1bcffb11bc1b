"""Whose turn it is to be told: fan-outs that are under way, in ranks by their size.

A rank is of twice the size of the one below it, and all ranks get the same share of the time. So neither a
page with very many people nor very many pages with few of them can hold up a page of another size: whoever
wants to delay it needs many pages of its size.
"""

from __future__ import annotations

from collections import deque

from nannin.hub.fan_out import FanOut


class Rota:
    """The fan-outs that are under way; within a rank they take turns, the eldest first."""

    def __init__(self) -> None:
        self._ranks: dict[int, deque[FanOut]] = {}

    def __bool__(self) -> bool:
        """Whether any is under way."""
        return any(self._ranks.values())

    def __len__(self) -> int:
        """How many are under way."""
        return sum(map(len, self._ranks.values()))

    def add(self, fan_out: FanOut) -> None:
        """A fan-out begins, or goes on after its turn."""
        rank = fan_out.recipients.bit_length()  # twice the size is the next rank
        self._ranks.setdefault(rank, deque()).append(fan_out)

    def ranks(self) -> list[deque[FanOut]]:
        """The ranks in which somebody is to be told.

        Take a fan-out from the left of its rank, and `add` it again if it is not at its end.
        """
        self._ranks = {rank: fan_outs for rank, fan_outs in self._ranks.items() if fan_outs}
        return list(self._ranks.values())
