"""How often something may be done: so many times at once, and then so many times a second.

This is the token bucket, kept as one number: the time at which the bucket is full again.

Source: ITU-T I.371, Annex A, "Generic cell rate algorithm".
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

# Seconds that rounding may cost.
_NEXT_TO_NOTHING_S: Final = 1e-6
# How many entries that say nothing any more are dropped for each one that is made or used.
_DROPPED_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Rate:
    """So much at once, and then so much a second.

    Args:
        per_s: over 0; infinity is no limit.
        burst: at least 1.

    Attributes:
        cost_s: seconds until what one costs is back.
        patience_s: how many seconds a budget may be from being whole.
    """

    per_s: float
    burst: int
    cost_s: float = field(init=False)
    patience_s: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cost_s", 1 / self.per_s)
        object.__setattr__(self, "patience_s", self.burst / self.per_s + _NEXT_TO_NOTHING_S)

    def spend(self, full_s: float, now: float, number: int = 1) -> float:
        """When the budget is whole again if so much of it is spent; `wait_s` tells whether it may be.

        Args:
            full_s: when it is whole again as things are; any time that is over if it is whole.
            now: monotonic seconds.
            number: how much.
        """
        return max(full_s, now) + number * self.cost_s

    def wait_s(self, full_s: float, now: float) -> float:
        """How many seconds too early `spend` was: 0.0 for what is within the budget.

        Args:
            full_s: what `spend` said.
            now: monotonic seconds.
        """
        late_s = full_s - now - self.patience_s
        return late_s + _NEXT_TO_NOTHING_S if late_s > 0 else 0.0


NO_LIMIT: Final = Rate(math.inf, 1)


class Budgets:
    """A budget for each key, of which any number may come.

    Args:
        rate: of each budget.
        most: maximum budgets that are kept. Over that, the one that was used longest ago is forgotten, and
            whoever it was has a whole one again.
    """

    def __init__(self, rate: Rate, most: int) -> None:
        self._rate = rate
        self._most = most
        self._full_s: dict[Hashable, float] = {}  # used longest ago first

    def __len__(self) -> int:
        return len(self._full_s)

    def spend(self, key: Hashable, now: float, number: int = 1) -> float:
        """Spends some of a key's budget, or nothing if it has not enough.

        Args:
            key: whose budget.
            now: monotonic seconds.
            number: how much.

        Returns:
            0.0 if it was spent, else the seconds to wait.
        """
        before_s = self._full_s.pop(key, now)
        full_s = self._rate.spend(before_s, now, number)
        wait_s = self._rate.wait_s(full_s, now)
        self._full_s[key] = before_s if wait_s else full_s
        self._forget(now)
        return wait_s

    def wait_s(self, key: Hashable, now: float, number: int = 1) -> float:
        """What `spend` would return; nothing is spent."""
        return self._rate.wait_s(self._rate.spend(self._full_s.get(key, now), now, number), now)

    def _forget(self, now: float) -> None:
        for _ in range(_DROPPED_AT_ONCE):
            oldest = next(iter(self._full_s))
            if self._full_s[oldest] > now and len(self._full_s) <= self._most:
                return
            del self._full_s[oldest]
            if not self._full_s:
                return
