"""When minutes, hours, days, weeks, months and years begin, in a time zone that is known by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from nannin.history.points import Step

__all__ = ["boundaries", "floor", "following", "machine", "named"]

_HOUR_S: Final = 3600
# How far before a midnight that the clocks skip they may have been changed: Samoa once skipped a whole day.
_LONGEST_SKIP_S: Final = 26 * _HOUR_S


def named(name: str) -> ZoneInfo:
    """A time zone.

    Args:
        name: as the IANA calls it, such as `Asia/Tokyo`.

    Raises:
        ValueError: there is none of that name. The message is for whoever asked.
    """
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(
            f"expected the name of a time zone, such as Asia/Tokyo or UTC, not {name[:64]!r}"
        ) from None


def machine() -> ZoneInfo:
    """The time zone of this machine; UTC where it has none."""
    from tzlocal import reload_localzone

    try:
        found = reload_localzone()
    except (LookupError, ValueError, OSError):
        return ZoneInfo("UTC")
    return found if isinstance(found, ZoneInfo) else ZoneInfo("UTC")


def floor(at_s: int, step: Step, zone: ZoneInfo) -> int:
    """The beginning of the step that a moment is in.

    Args:
        at_s: the moment, in unix seconds.
        step: of what length.
        zone: whose calendar it is.
    """
    if step is Step.MINUTE:
        return at_s - at_s % 60
    if step is Step.HOUR:
        return _floor_hour(at_s, zone)
    first = _FIRST[step](_day_of(at_s, zone))
    # Where clocks go back over midnight, the old day's last hour comes again after the new day has begun.
    after = _NEXT[step](first)
    return _midnight(after if _midnight(after, zone) <= at_s else first, zone)


def following(start_s: int, step: Step, zone: ZoneInfo) -> int:
    """The beginning of the step that follows the one that begins at `start_s`.

    A day has 23 or 25 hours where the clocks are changed in it, and a step that the calendar skips is none.
    """
    if step is Step.MINUTE:
        return start_s + 60
    if step is Step.HOUR:
        return _after_hour(start_s, zone)
    first = _FIRST[step](_day_of(start_s, zone))
    while True:
        first = _NEXT[step](first)
        if (begins_s := _midnight(first, zone)) > start_s:
            return begins_s


def boundaries(from_s: int, to_s: int, step: Step, zone: ZoneInfo) -> Iterator[int]:
    """Where the steps of a span begin and end.

    Args:
        from_s: the beginning of the span; the first boundary is that of the step that it is in.
        to_s: the end of the span; the last boundary is the first one that is not before it.
        step: of what length.
        zone: whose calendar it is.
    """
    at_s = floor(from_s, step, zone)
    yield at_s
    while at_s < to_s:
        at_s = following(at_s, step, zone)
        yield at_s


def _offset_s(at_s: int, zone: ZoneInfo) -> int:
    """By how much the clocks of a zone are ahead of UTC."""
    offset = datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _change_s(before_s: int, after_s: int, zone: ZoneInfo) -> int:
    """When the clocks were changed between two moments of different offsets."""
    before = _offset_s(before_s, zone)
    while after_s - before_s > 1:
        between_s = (before_s + after_s) // 2
        if _offset_s(between_s, zone) == before:
            before_s = between_s
        else:
            after_s = between_s
    return after_s


def _floor_hour(at_s: int, zone: ZoneInfo) -> int:
    offset_s = _offset_s(at_s, zone)
    start_s = at_s - (at_s + offset_s) % _HOUR_S
    # Lord Howe Island changes its clocks by half an hour: then an hour begins with the change.
    return start_s if _offset_s(start_s, zone) == offset_s else _change_s(start_s, at_s, zone)


def _after_hour(start_s: int, zone: ZoneInfo) -> int:
    offset_s = _offset_s(start_s, zone)
    end_s = start_s + _HOUR_S - (start_s + offset_s) % _HOUR_S
    return end_s if _offset_s(end_s - 1, zone) == offset_s else _change_s(start_s, end_s - 1, zone)


def _day_of(at_s: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at_s, UTC).astimezone(zone).date()


def _midnight(day: date, zone: ZoneInfo) -> int:
    """The first moment of a day. In some zones the clocks are changed at midnight, so that there is none."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    at_s = int(midnight.timestamp())
    if datetime.fromtimestamp(at_s, UTC).astimezone(zone).replace(tzinfo=None) == midnight.replace(
        tzinfo=None
    ):
        return at_s
    return _change_s(at_s - _LONGEST_SKIP_S, at_s, zone)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _next_month(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1)


_Days = Callable[[date], date]
# The first day of the step that a day is in, and that of the next step.
_FIRST: Final[dict[Step, _Days]] = {
    Step.DAY: lambda day: day,
    Step.WEEK: _monday,
    Step.MONTH: lambda day: day.replace(day=1),
    Step.YEAR: lambda day: day.replace(month=1, day=1),
}
_NEXT: Final[dict[Step, _Days]] = {
    Step.DAY: lambda first: first + timedelta(days=1),
    Step.WEEK: lambda first: first + timedelta(days=7),
    Step.MONTH: _next_month,
    Step.YEAR: lambda first: first.replace(year=first.year + 1),
}
