"""What begins and what subsides on one page: the conditions that rules watch. Pure: time is an argument."""

from __future__ import annotations

import math
from collections import deque
from typing import Final, NamedTuple, Protocol

from nannin.hook import Hook

__all__ = ["Condition", "Told", "make_condition"]

_HOUR_S: Final = 3_600.0
_DAY_S: Final = 86_400.0
# In how many parts of the time of its mean a spike that lasts is looked at again: the mean rises by itself.
_LOOKS: Final = 20


class Told(NamedTuple):
    """What a notice says besides the page and its count.

    Attributes:
        value: the number that it is about.
        limit: the limit that was passed, of a threshold.
        mean: the mean of the time before, of a spike.
        former: the highest so far, of a peak.
    """

    value: int
    limit: int | None = None
    mean: float | None = None
    former: int | None = None


class Condition(Protocol):
    """Something that begins on a page, lasts for a while, and subsides.

    Attributes:
        began: the word for its beginning; "" if that is not told.
        ended: the word for its end; "" if that is not told.
        cannot_be_undone: whether it happened even if the number goes back at once.
    """

    began: str
    ended: str
    cannot_be_undone: bool

    def note(self, value: int, now: float) -> bool:
        """The page's number is this from now on. Returns whether `memory` has changed."""

    def begins(self, now: float) -> bool:
        """Whether it would begin, if it isn't there."""

    def subsides(self, now: float) -> bool:
        """Whether it would subside, if it is there."""

    def subsided(self) -> None:
        """It has subsided."""

    def look_again_s(self, now: float) -> float:
        """When it may subside though no number changes, if it is there; infinity: never."""

    def forget_s(self, now: float) -> float:
        """From when on nothing need be remembered of the page, if it isn't there; infinity: never."""

    def told(self, now: float, *, began: bool) -> Told:
        """What there is to say."""

    def memory(self, wall_s: float) -> list[tuple[int, int]]:
        """What has to outlast a restart besides the level: hours on the wall, and the highest in each.

        Args:
            wall_s: what monotonic seconds are to be added to for the time on the wall.
        """

    def restore(self, memory: list[tuple[int, int]], now: float, wall_s: float) -> None:
        """The page was like this before a restart."""


class _OfNow:
    """A condition that goes by the number of now alone, so that nothing of it has to outlast a restart."""

    cannot_be_undone = False
    _value = 0

    def note(self, value: int, now: float) -> bool:
        self._value = value
        return False

    def subsided(self) -> None:
        pass

    def look_again_s(self, now: float) -> float:
        return math.inf

    def forget_s(self, now: float) -> float:
        return now

    def memory(self, wall_s: float) -> list[tuple[int, int]]:
        return []

    def restore(self, memory: list[tuple[int, int]], now: float, wall_s: float) -> None:
        pass


class _Occupied(_OfNow):
    def __init__(self, hook: Hook) -> None:
        self.began = "occupied" if hook.on == "occupied" else ""
        self.ended = "vacated" if hook.on == "vacated" else ""

    def begins(self, now: float) -> bool:
        return self._value > 0

    def subsides(self, now: float) -> bool:
        return self._value == 0

    def told(self, now: float, *, began: bool) -> Told:
        return Told(self._value)


class _Threshold(_OfNow):
    """Between the two limits nothing begins and nothing subsides: that is the hysteresis.

    Where there is only one limit, the other is a share of it away, and at least 1.
    """

    def __init__(self, hook: Hook) -> None:
        self.began = "above" if hook.above is not None else ""
        self.ended = "below" if hook.below is not None else ""
        self.high, self.low = _limits(hook)

    def begins(self, now: float) -> bool:
        return self._value > self.high

    def subsides(self, now: float) -> bool:
        return self._value < self.low

    def told(self, now: float, *, began: bool) -> Told:
        return Told(self._value, limit=self.high if began else self.low)


def _limits(hook: Hook) -> tuple[int, int]:
    """The number over which it begins, and that under which it subsides."""
    if hook.above is not None and hook.below is not None:
        return hook.above, hook.below
    if hook.above is not None:
        margin = math.ceil(hook.above * hook.hysteresis)
        return hook.above, max(1, hook.above - margin + 1)
    assert hook.below is not None
    return hook.below + math.ceil(hook.below * hook.hysteresis) - 1, hook.below


class _Spike(_OfNow):
    """The number is `factor` times its mean, and at least `least`.

    The mean is over the time since the start, with weights that fall by e each `over` seconds: exact between
    two changes, and not sampled. A page is looked at from when its number alone could make a difference; what
    it was before that counts as zero. In the first `over` seconds after the start nothing is a spike.
    """

    began, ended = "spike", ""

    def __init__(self, hook: Hook, started_s: float) -> None:
        self._factor, self._over_s, self._least = hook.factor, hook.over, hook.least
        self._keep = 1 - hook.hysteresis
        self._started_s = started_s
        self._weighted = 0.0  # the sum of value times weight up to the last change, as a share of all weights
        self._changed_s = started_s

    def note(self, value: int, now: float) -> bool:
        self._weighted = self._weighted_at(now)
        self._value, self._changed_s = value, now
        return False

    def _weighted_at(self, now: float) -> float:
        fallen = math.exp(-(now - self._changed_s) / self._over_s)
        return self._value + (self._weighted - self._value) * fallen

    def mean(self, now: float) -> float:
        """The mean at this time."""
        weight = -math.expm1(-(now - self._started_s) / self._over_s)
        return self._weighted_at(now) / weight if weight > 0 else float(self._value)

    def _limit(self, now: float) -> float:
        return max(self._least, self._factor * self.mean(now))

    def begins(self, now: float) -> bool:
        return now >= self._started_s + self._over_s and self._value >= self._limit(now)

    def subsides(self, now: float) -> bool:
        return self._value < self._limit(now) * self._keep

    def look_again_s(self, now: float) -> float:
        return now + self._over_s / _LOOKS

    def forget_s(self, now: float) -> float:
        """Once neither the number nor the mean can make the limit another than `least`."""
        small = self._least / self._factor
        if self._value > small:
            return math.inf
        mean = self.mean(now)
        if mean <= small:
            return now
        # The mean falls towards the number by e each `over_s`; a small one need not be known to the second.
        left = (mean - self._value) / max(small - self._value, small / _LOOKS)
        return now + max(1.0, self._over_s * math.log(left))

    def told(self, now: float, *, began: bool) -> Told:
        return Told(self._value, mean=round(self.mean(now), 1))


class _Peak:
    """The number is higher than ever, or than in the 24 hours before.

    One climb is told once, with the highest that it had reached by then. A climb is over when the number has
    fallen below the peak by a share of it. The first climb of a page is not told, since it had no peak to
    exceed; nor is one of the first 24 hours, where it is about these.

    The last day is known by hours, so that it has 24 to 25 of them.
    """

    began, ended = "peak", ""
    cannot_be_undone = True

    def __init__(self, hook: Hook, started_s: float) -> None:
        self._keep = 1 - hook.hysteresis
        self._least = hook.least
        self._is_daily = hook.period == "day"
        self._known_s = started_s + _DAY_S if self._is_daily else -math.inf
        self._value = 0
        self._hours: deque[tuple[int, int]] = (
            deque()
        )  # the hour, and the highest in it; where it is ever: one
        self._former = 0
        self._is_climbing = False
        self._is_silent = False  # whether this climb had no peak to exceed

    def highest(self, now: float) -> int:
        """The highest so far."""
        if self._is_daily:
            oldest = int((now - _DAY_S) // _HOUR_S)
            while self._hours and self._hours[0][0] < oldest:
                self._hours.popleft()
        return max((highest for _, highest in self._hours), default=0)

    def _remember(self, value: int, now: float) -> bool:
        """It has been as high as this. Returns whether that is news."""
        hour = int(now // _HOUR_S) if self._is_daily else 0
        before = self._hours.pop()[1] if self._hours and self._hours[-1][0] == hour else 0
        self._hours.append((hour, max(value, before)))
        return value > before

    def note(self, value: int, now: float) -> bool:
        # It has been the number until now, whenever it became so.
        is_news = self._is_daily and self._value >= self._least and self._remember(self._value, now)
        highest = self.highest(now)
        if value > highest and value >= self._least:
            if not self._is_climbing:
                self._is_climbing, self._former = True, highest
                self._is_silent = highest == 0 or now < self._known_s
            is_news = self._remember(value, now)
        elif self._is_silent and value < highest * self._keep:
            self._is_climbing = self._is_silent = False
        self._value = value
        return is_news

    def begins(self, now: float) -> bool:
        return self._is_climbing and not self._is_silent

    def subsides(self, now: float) -> bool:
        return self._value < self.highest(now) * self._keep

    def subsided(self) -> None:
        self._is_climbing = False

    def look_again_s(self, now: float) -> float:
        return math.inf

    def forget_s(self, now: float) -> float:
        if not self._is_daily or self._value >= self._least:
            return math.inf
        return now + _DAY_S + _HOUR_S if self.highest(now) else now

    def told(self, now: float, *, began: bool) -> Told:
        return Told(self.highest(now), former=self._former)

    def memory(self, wall_s: float) -> list[tuple[int, int]]:
        if not self._is_daily:
            return list(self._hours)
        # The middle of an hour, since the hours of the two clocks begin at different moments.
        return [(int((hour * _HOUR_S + _HOUR_S / 2 + wall_s) // _HOUR_S), most) for hour, most in self._hours]

    def restore(self, memory: list[tuple[int, int]], now: float, wall_s: float) -> None:
        if not memory:
            return
        hours = dict(self._hours)
        for hour, most in memory:
            if self._is_daily:
                hour = int(min(now, hour * _HOUR_S + _HOUR_S / 2 - wall_s) // _HOUR_S)
            hours[hour] = max(most, hours.get(hour, 0))
        self._hours = deque(sorted(hours.items()))
        self._known_s = now  # whoever remembers this page was there before
        if self._is_silent:  # somebody came before the memory did
            self._former = max(most for _, most in memory)
            self._is_climbing, self._is_silent = self._value > self._former, False


def make_condition(hook: Hook, started_s: float) -> Condition:
    """A page's condition.

    Args:
        hook: says which.
        started_s: since when pages are looked at, in monotonic seconds.
    """
    if hook.on == "threshold":
        return _Threshold(hook)
    if hook.on == "spike":
        return _Spike(hook, started_s)
    return _Peak(hook, started_s) if hook.on == "peak" else _Occupied(hook)


def least_that_matters(hook: Hook) -> float:
    """The number over which a page has to be looked at: below it, all are alike."""
    if hook.on == "threshold":
        return _limits(hook)[0]
    if hook.on == "spike":
        return hook.least / hook.factor
    return hook.least - 1 if hook.on == "peak" else 0
