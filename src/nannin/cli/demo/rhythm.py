"""How many people the demo's pages have, at any moment of the last year and now."""

from __future__ import annotations

import math
import random
from bisect import bisect
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from nannin.cli.demo.pages import PAGES, Kind, Place

__all__ = ["STAY_S", "Rhythm"]

# How long somebody stays on a page, on average.
STAY_S: Final = 150.0

_DAY_S, _HOUR_S = 86_400, 3_600
# The share of the busiest hour's readers that each hour has, and each day of the week from Monday on.
_HOURS: Final = {
    Kind.PAPER: (
        *(0.24, 0.17, 0.14, 0.13, 0.15, 0.24, 0.45, 0.78, 0.90, 0.82, 0.74, 0.78),
        *(0.97, 0.90, 0.76, 0.70, 0.72, 0.78, 0.84, 0.92, 1.00, 0.90, 0.66, 0.38),
    ),
    Kind.SHOP: (
        *(0.20, 0.13, 0.09, 0.08, 0.08, 0.11, 0.16, 0.22, 0.34, 0.44, 0.52, 0.56),
        *(0.66, 0.60, 0.54, 0.52, 0.54, 0.60, 0.70, 0.84, 0.98, 1.00, 0.74, 0.38),
    ),
}
_WEEK: Final = {
    Kind.PAPER: (1.0, 0.98, 0.97, 0.99, 0.94, 0.80, 0.86),
    Kind.SHOP: (0.82, 0.80, 0.84, 0.90, 0.96, 1.12, 1.20),
}
# Half of an article's readers are gone after so long, and this share of them keeps coming.
_HALF_LIFE_S: Final = 0.9 * _DAY_S
_LASTING: Final = 0.035
# A new article is noticed within an hour or two.
_NOTICED_S: Final = 1.5 * _HOUR_S
# Sales of the shop: days ago, for how many days, and how many times as many people.
_SALES: Final = ((34, 3, 2.6), (186, 5, 2.1), (341, 8, 1.8))
# The site had so much of its audience a year ago.
_A_YEAR_AGO: Final = 0.55


class Rhythm:
    """Where how many people are.

    Args:
        now_s: the moment from which ages count, in unix seconds.
        zone: whose mornings and evenings these are.
        people: how many the whole site has at the busiest hour of an ordinary day.
        seed: some days are better than others; the same seed makes the same days.
    """

    def __init__(self, now_s: float, zone: ZoneInfo, people: float = 400, seed: int = 1) -> None:
        self.now_s = now_s
        self._zone = zone
        self._seed = seed
        self._luck: dict[int, float] = {}
        self._clock: dict[int, tuple[int, int]] = {}
        standing = [place for place in PAGES if place.age_days is None]
        self._scale = 0.62 * people / sum(place.weight for place in standing)

    def level(self, place: Place, at_s: float) -> float:
        """How many people a page has at a moment, on average."""
        published_s = self.now_s - (place.age_days or 0) * _DAY_S
        freshness = 1.0
        if place.age_days is not None:
            age_s = at_s - published_s
            if age_s <= 0:
                return 0.0
            freshness = (1 - math.exp(-age_s / _NOTICED_S)) * max(_LASTING, 0.5 ** (age_s / _HALF_LIFE_S))
        return self._scale * place.weight * freshness * self._time_of(place.kind, at_s)

    def _time_of(self, kind: Kind, at_s: float) -> float:
        """What the time makes of a page's audience: the hour, the day, the season."""
        hour_s = int(at_s) // _HOUR_S * _HOUR_S
        hour, day = self._hour_and_day(hour_s)
        part = (at_s - hour_s) / _HOUR_S
        hours = _HOURS[kind]
        daily = hours[hour] * (1 - part) + hours[(hour + 1) % 24] * part
        ago_days = (self.now_s - at_s) / _DAY_S
        grown = max(0.2, 1 - (1 - _A_YEAR_AGO) * ago_days / 365)
        sale = 1.0
        if kind is Kind.SHOP:
            sale = next((more for ago, days, more in _SALES if ago - days < ago_days <= ago), 1.0)
        return daily * _WEEK[kind][day % 7] * grown * sale * self._luck_of(day)

    def _hour_and_day(self, hour_s: int) -> tuple[int, int]:
        found = self._clock.get(hour_s)
        if found is None:
            there = datetime.fromtimestamp(hour_s, UTC).astimezone(self._zone)
            found = self._clock[hour_s] = there.hour, there.date().toordinal() - 1
        return found

    def _luck_of(self, day: int) -> float:
        luck = self._luck.get(day)
        if luck is None:
            luck = self._luck[day] = random.Random(f"{self._seed} {day}").uniform(0.86, 1.14)  # noqa: S311
        return luck


def poisson(chance: random.Random, mean: float) -> int:
    """How often something happened that happens `mean` times on average; at most 1,000 times."""
    # Source: Knuth, The Art of Computer Programming, volume 2, 3.4.1, by the sums of probabilities.
    if mean > 60:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    term = math.exp(-mean)
    sums = [term]
    drawn = chance.random()
    while sums[-1] < drawn and len(sums) < 1_000:
        term *= mean / len(sums)
        sums.append(sums[-1] + term)
    return bisect(sums, drawn)
