"""Rows of hours and days, each the sum of its minutes so far.

It is pure. Where hours and days begin is said from outside, since that depends on the time zone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nannin.audience.tally_rows import Period, Row, Span

__all__ = ["Bounds", "Rollup"]

_HOUR, _DAY = Period.HOUR, Period.DAY


class Bounds(NamedTuple):
    """The hour and the day that a minute is in, in unix seconds, half-open. All are whole minutes."""

    hour_s: int
    hour_until_s: int
    day_s: int
    day_until_s: int


class Rollup:
    """Adds minutes up to hours and days. Each page's minutes come in their order.

    Args:
        bounds: the hour and day of a minute, by the minute's beginning in unix seconds.
        most_pages: how many pages are known at once. For one more, a page is forgotten that had nobody in the
            last minute, and gets rows of their own for what comes later.

    Attributes:
        left_out: how many rows of minutes there was no room for.
    """

    def __init__(self, bounds: Callable[[int], Bounds], most_pages: int) -> None:
        self.left_out = 0
        self._find_bounds = bounds
        self._most_pages = most_pages
        self._bounds = Bounds(0, 0, 0, 0)
        self._pages: dict[str, tuple[Row, Row]] = {}  # the page with the newest row is the last

    def add(self, row: Row) -> tuple[Row, Row] | None:
        """Adds a minute of a page.

        Returns:
            The rows of its hour and of its day so far; None where there is no room for the page.
        """
        bounds = self._bounds_of(row)
        page = row.page
        known = self._pages.pop(page, None)
        if known is None and len(self._pages) >= self._most_pages and not self._forget_one(row.since_ms):
            self.left_out += 1
            return None
        hour, day = known if known is not None else (None, None)
        if hour is not None and hour.start_s == bounds.hour_s:
            hour = _added(hour, row)
        else:
            hour = row._replace(period=_HOUR, start_s=bounds.hour_s)
        if day is not None and day.start_s == bounds.day_s:
            day = _added(day, row)
        else:
            day = row._replace(period=_DAY, start_s=bounds.day_s)
        self._pages[page] = rows = hour, day
        return rows

    def alone(self, row: Row) -> tuple[Row, Row]:
        """A minute as rows of its hour and day, beside those that were given for them before."""
        bounds = self._bounds_of(row)
        return (
            row._replace(period=_HOUR, start_s=bounds.hour_s),
            row._replace(period=_DAY, start_s=bounds.day_s),
        )

    def _bounds_of(self, row: Row) -> Bounds:
        bounds, start_s = self._bounds, row.start_s
        if not (
            bounds.hour_s <= start_s < bounds.hour_until_s and bounds.day_s <= start_s < bounds.day_until_s
        ):
            bounds = self._bounds = self._find_bounds(start_s)
        return bounds

    def _forget_one(self, now_ms: int) -> bool:
        """Forgets the page whose last minute is the oldest, unless it goes on."""
        page, (_, day) = next(iter(self._pages.items()))
        if day.until_ms >= now_ms:
            return False
        del self._pages[page]
        return True


def _added(sum_: Row, row: Row) -> Row:
    """Both rows as one. Where there is time between them, nobody was on the page."""
    was_empty = row.since_ms > sum_.until_ms
    return Row(
        sum_.page,
        sum_.period,
        sum_.start_s,
        sum_.since_ms,
        row.until_ms,
        _joined(sum_.visitors, row.visitors, was_empty),
        _joined(sum_.connections, row.connections, was_empty),
        sum_.joins + row.joins,
    )


def _joined(one: Span, other: Span, was_empty: bool) -> Span:
    high = one if one.greatest >= other.greatest else other
    return Span(
        0 if was_empty else min(one.least, other.least),
        high.greatest,
        high.greatest_at_ms,
        one.total_ms + other.total_ms,
    )
