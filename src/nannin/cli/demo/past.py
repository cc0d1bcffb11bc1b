"""A year of the demo's history, in the rows that a server would have written."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from math import sqrt
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from nannin.audience.page_key import KeyPattern
from nannin.audience.tally_rows import NOBODY, RECORDER, Period, Row, Span
from nannin.cli.demo.pages import GROUPS, PAGES, Place
from nannin.cli.demo.rhythm import STAY_S, Rhythm
from nannin.history.points import Step
from nannin.history.zones import floor, following

__all__ = ["Past"]

_MINUTE_S, _TEN_MINUTES_S, _DAY_S = 60, 600, 86_400
# For how long there are minutes and hours: a server keeps them longer, but these are made in some seconds.
_MINUTES_S: Final = _DAY_S
_HOURS_S: Final = 35 * _DAY_S
# Who is on three pages of a group is one visitor of it.
_OVERLAP: Final = 0.93
# How far many pages together are off their mean, beside the sum of how far each of them is.
_CHANCE_TOGETHER: Final = 0.4
# Open tabs of a visitor.
_TABS: Final = 1.12
# How many times in a day the number of people is asked for where only the day is kept.
_LOOKS: Final = 8


class _Seen(NamedTuple):
    """What was seen of a page in some time: how many visitors, and how many connections came."""

    start_s: int
    least: int
    greatest: int
    greatest_at_ms: int
    total_ms: int
    joins: int


class Past:
    """The rows.

    Args:
        rhythm: how many people there were.
        until_s: when the history ends, at a full minute: now.
        zone: whose days they are.
        seed: the same seed makes the same rows.
        days: how many days of history.
        places: the pages.
    """

    def __init__(
        self,
        rhythm: Rhythm,
        until_s: int,
        zone: ZoneInfo,
        seed: int = 1,
        days: int = 365,
        places: Sequence[Place] = PAGES,
    ) -> None:
        self._rhythm = rhythm
        self._until_s = until_s
        self._zone = zone
        self._seed = seed
        self._places = places
        self._from_s = until_s - days * _DAY_S
        self._ends_ms: dict[Period, dict[int, int]] = {period: {} for period in Period}

    def rows(self) -> Iterator[list[Row]]:
        """All rows, page after page, those of the recorder last."""
        until_s = self._until_s
        days = list(self._steps(Step.DAY, self._from_s))
        hours = list(self._steps(Step.HOUR, max(days[0], floor(until_s - _HOURS_S, Step.DAY, self._zone))))
        minutes = range(max(hours[0], floor(until_s - _MINUTES_S, Step.HOUR, self._zone)), until_s, _MINUTE_S)
        sums: dict[str, list[list[_Seen]]] = {}
        floors: dict[str, list[list[_Seen]]] = {}
        patterns = {key: KeyPattern(key) for key in GROUPS}
        for place in self._places:
            seen = self._see(place, days, hours, minutes)
            for key, pattern in patterns.items():
                if pattern.match(place.key) is not None:
                    sums[key] = list(map(_add, sums[key], seen)) if key in sums else seen
                    floors[key] = list(map(_highest, floors[key], seen)) if key in floors else seen
            yield list(self._rows_of(place.key, *seen))
        for key, pages in sums.items():
            day_pairs, hour_pairs, minute_pairs = map(zip, pages, floors[key])
            by_minute = [self._as_group(Period.MINUTE, *pair) for pair in minute_pairs]
            before = [pair for pair in hour_pairs if pair[0].start_s < minutes.start]
            by_hour = [self._as_group(Period.HOUR, *pair) for pair in before]
            by_hour += _merge(by_minute, hours[len(by_hour) :])
            before = [pair for pair in day_pairs if pair[0].start_s < hours[0]]
            by_day = [self._as_group(Period.DAY, *pair) for pair in before]
            by_day += _merge(by_hour, days[len(by_day) :])
            yield list(self._rows_of(key, by_day, by_hour, by_minute))
        # Last, since they say that whoever has no row was not there.
        yield [
            Row(RECORDER, period, start_s, start_s * 1000, self._end_ms(period, start_s), NOBODY, NOBODY, 0)
            for period, starts in ((Period.DAY, days), (Period.HOUR, hours), (Period.MINUTE, minutes))
            for start_s in starts
        ]

    def _see(self, place: Place, days: list[int], hours: list[int], minutes: range) -> list[list[_Seen]]:
        """What was seen of a page in each day, hour and minute."""
        chance = random.Random(f"{self._seed} {place.key}")  # noqa: S311
        by_minute = list(self._watch(place, minutes, chance))
        before = [start_s for start_s in hours if start_s < minutes.start]
        by_hour = [self._guess(place, Period.HOUR, start_s, 1, chance) for start_s in before]
        by_hour += _merge(by_minute, hours[len(by_hour) :])
        before = [start_s for start_s in days if start_s < hours[0]]
        by_day = [self._guess(place, Period.DAY, start_s, _LOOKS, chance) for start_s in before]
        by_day += _merge(by_hour, days[len(by_day) :])
        return [by_day, by_hour, by_minute]

    def _watch(self, place: Place, minutes: range, chance: random.Random) -> Iterator[_Seen]:
        """Minute after minute: a number that wanders around the page's level, as people come and go."""
        draw, level = chance.random, self._rhythm.level
        drift = 0.0  # by how many standard deviations it is off
        for ten_s in range(minutes.start, minutes.stop, _TEN_MINUTES_S):
            here = level(place, ten_s)
            slope = (level(place, ten_s + _TEN_MINUTES_S) - here) / _TEN_MINUTES_S
            for start_s in range(ten_s, min(ten_s + _TEN_MINUTES_S, minutes.stop), _MINUTE_S):
                drift = drift * 0.94 + draw() + draw() - 1
                expected = here + slope * (start_s - ten_s)
                number = expected + sqrt(expected) * drift * 0.7
                if number < 0.2:
                    yield _Seen(start_s, 0, 0, start_s * 1000, 0, 0)
                    continue
                swing = sqrt(number) * draw() * 0.6
                least, greatest = int(max(0.0, number - swing)), int(number + swing + 0.8)
                total_ms = int(min(number, greatest) * _MINUTE_S * 1000)
                joins = int(expected * _MINUTE_S / STAY_S + draw())
                yield _Seen(start_s, least, greatest, start_s * 1000 + int(draw() * 59_000), total_ms, joins)

    def _guess(self, place: Place, period: Period, start_s: int, looks: int, chance: random.Random) -> _Seen:
        """What was seen in an hour or a day of which no shorter spans are kept."""
        span_s = self._end_ms(period, start_s) / 1000 - start_s
        moments = [start_s + span_s * (look + 0.5) / looks for look in range(looks)]
        levels = [self._rhythm.level(place, moment) for moment in moments]
        mean, most = sum(levels) / looks, max(levels)
        if most < 0.05:
            return _Seen(start_s, 0, 0, start_s * 1000, 0, 0)
        mean *= chance.uniform(0.95, 1.05)
        greatest = int(most * 1.05 + sqrt(most) * chance.uniform(1.6, 2.6)) + 1
        least = int(max(0.0, min(levels) * 0.95 - sqrt(min(levels)) * 1.8))
        at_ms = int((moments[levels.index(most)] + span_s * chance.uniform(-0.4, 0.4) / looks) * 1000)
        return _Seen(start_s, least, greatest, at_ms, int(mean * span_s * 1000), int(mean * span_s / STAY_S))

    def _as_group(self, period: Period, sums: _Seen, floor: _Seen) -> _Seen:
        """What was seen of several pages as one, where some people are on two of them.

        Args:
            period: how long it was.
            sums: what was seen of all pages together.
            floor: the highest of each number that one of the pages had.
        """
        start_s, least, greatest, at_ms, total_ms, joins = sums
        if not greatest:
            return sums
        mean = total_ms / (self._end_ms(period, start_s) - start_s * 1000)
        # Chance makes one page full while another is empty; the time of day makes all of them full.
        together = 0.9 if period is Period.DAY else _CHANCE_TOGETHER
        most = int((mean + (greatest - mean) * together) * _OVERLAP) + 1
        fewest = int((mean - (mean - least) * together) * _OVERLAP)
        return _Seen(
            start_s,
            max(fewest, floor.least),
            max(most, floor.greatest),
            at_ms,
            max(int(total_ms * _OVERLAP), floor.total_ms),
            joins,
        )

    def _rows_of(self, key: str, *seen: list[_Seen]) -> Iterator[Row]:
        for period, spans in zip((Period.DAY, Period.HOUR, Period.MINUTE), seen, strict=True):
            for start_s, least, greatest, at_ms, total_ms, joins in spans:
                if not greatest:
                    continue
                end_ms = self._end_ms(period, start_s)
                tabs = int(greatest * _TABS + 0.5)
                tabs_ms = min(int(total_ms * _TABS), tabs * (end_ms - start_s * 1000))
                yield Row(
                    key,
                    period,
                    start_s,
                    start_s * 1000,
                    end_ms,
                    Span(least, greatest, at_ms, total_ms),
                    Span(int(least * _TABS), tabs, at_ms, tabs_ms),
                    joins,
                )

    def _steps(self, step: Step, from_s: int) -> Iterator[int]:
        start_s = floor(from_s, step, self._zone)
        while start_s < self._until_s:
            yield start_s
            start_s = following(start_s, step, self._zone)

    def _end_ms(self, period: Period, start_s: int) -> int:
        end_ms = self._ends_ms[period].get(start_s)
        if end_ms is None:
            end_s = following(start_s, Step[period.name], self._zone)
            end_ms = self._ends_ms[period][start_s] = min(end_s, self._until_s) * 1000
        return end_ms


def _merge(parts: Iterable[_Seen], starts: list[int]) -> Iterator[_Seen]:
    """What was seen in longer spans, of which the shorter ones are parts."""
    ends: list[float] = [*starts[1:], float("inf")]
    left = iter(parts)
    part = next(left, None)
    for start_s, end_s in zip(starts, ends, strict=True):
        inside = []
        while part is not None and part.start_s < end_s:
            inside.append(part)
            part = next(left, None)
        most = max(inside, key=lambda seen: seen.greatest)
        yield _Seen(
            start_s,
            min(seen.least for seen in inside),
            most.greatest,
            most.greatest_at_ms,
            sum(seen.total_ms for seen in inside),
            sum(seen.joins for seen in inside),
        )


def _add(one: list[_Seen], other: list[_Seen]) -> list[_Seen]:
    """What was seen on two pages, or on a page and those before it."""
    return [
        _Seen(a[0], a[1] + b[1], a[2] + b[2], a[3] if a[2] >= b[2] else b[3], a[4] + b[4], a[5] + b[5])
        for a, b in zip(one, other, strict=True)
    ]


def _highest(one: list[_Seen], other: list[_Seen]) -> list[_Seen]:
    """The higher of each number that was seen on two pages, or on a page and those before it."""
    return [
        _Seen(a[0], max(a[1], b[1]), max(a[2], b[2]), a[3], max(a[4], b[4]), max(a[5], b[5]))
        for a, b in zip(one, other, strict=True)
    ]
