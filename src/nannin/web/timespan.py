"""The span of time that a reader of the history asks for, and the steps in which it is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

from nannin.history.points import Step

__all__ = ["MAX_POINTS", "STEPS", "Timespan", "read_timespan", "show_moment"]

STEPS: Final = tuple(str(step) for step in Step)
# The most points of one answer: a day of minutes has 1,440, and two months of hours as many.
MAX_POINTS: Final = 2_000
# How many points a chart takes: where the reader names no step, it is the finest one that comes to no more.
_ENOUGH_POINTS: Final = 400
# The last moment that can be asked for: the year 3000.
_MAX_S: Final = 32_503_680_000
_DEFAULT_S: Final = 86_400
_MAX_CHARACTERS: Final = 40
# The shortest that a step may be: a day has 23 hours once a year, and February 28 days.
_LEAST_S: Final[Mapping[Step, int]] = {
    Step.MINUTE: 60,
    Step.HOUR: 3_600,
    Step.DAY: 23 * 3_600,
    Step.WEEK: 7 * 86_400 - 3_600,
    Step.MONTH: 28 * 86_400 - 3_600,
    Step.YEAR: 365 * 86_400 - 3_600,
}
_AGO = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
# A year, a month or a day that lacks its dashes. As unix seconds, all of them are in 1970.
_UNDASHED = re.compile(r"(19[7-9][0-9]|2[0-9]{3})(?:(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])?)?")
_SECONDS_OF: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}


class Timespan(NamedTuple):
    """From a moment on, up to another one, which is not part of it; in unix seconds.

    Attributes:
        limit: the number of points after which an answer ends.
    """

    from_s: int
    to_s: int
    step: Step
    limit: int

    @property
    def cut_s(self) -> int:
        """Where it ends, or a moment before that, up to which there are about as many points as the limit."""
        return min(self.to_s, self.from_s + self.limit * _LEAST_S[self.step])


def read_timespan(
    query: Mapping[str, str], now_s: float, zone: tzinfo, kept_s: Mapping[Step, int], limit: int | None = None
) -> Timespan:
    """The span that a query asks for.

    Args:
        query: its parameters `from`, `to` and `step`, those that there are.
        now_s: unix seconds.
        zone: where a day or an hour is meant that names no zone.
        kept_s: for how many seconds each step is kept, if not for ever.
        limit: the number of points after which an answer ends; None: the span must not have over MAX_POINTS.

    Raises:
        ValueError: a parameter is not what it may be, or the span has too many points. The text says which,
            what was expected, and what came.
    """
    # The end of this minute, so that everybody who asks in the same minute asks for the same.
    end_s = int(now_s) // 60 * 60 + 60
    to_s = _read_moment("to", query["to"], end_s, zone) if "to" in query else end_s
    from_s = (
        _read_moment("from", query["from"], end_s, zone) if "from" in query else max(0, to_s - _DEFAULT_S)
    )
    if from_s >= to_s:
        raise ValueError(
            f"from must be before to, and {show_moment(from_s, zone)} is not before {show_moment(to_s, zone)}"
        )
    step = _choose_step(from_s, to_s, end_s, kept_s) if "step" not in query else _read_step(query["step"])
    points = _most_points(from_s, to_s, step)
    if limit is None and points > MAX_POINTS:
        raise ValueError(
            f"an answer has up to {MAX_POINTS:,} points, and this one could have {points:,}: "
            "take a longer step, a shorter span, or a limit"
        )
    return Timespan(from_s, to_s, step, limit or MAX_POINTS)


def show_moment(unix_s: float, zone: tzinfo) -> str:
    """A moment as people and programs read it: ISO 8601, to the second, with the zone's offset."""
    return datetime.fromtimestamp(int(unix_s), zone).isoformat()


def _read_step(text: str) -> Step:
    if text not in STEPS:
        raise ValueError(f"step must be one of {', '.join(STEPS)}, not {_quote(text)}")
    return Step(text)


def _most_points(from_s: int, to_s: int, step: Step) -> int:
    # One more may have begun before the span, and one may end after it.
    return (to_s - from_s - 1) // _LEAST_S[step] + 2


def _choose_step(from_s: int, to_s: int, now_s: int, kept_s: Mapping[Step, int]) -> Step:
    """The finest step that is kept for all of the span, and comes to few points."""
    for step in Step:
        is_kept = now_s - from_s <= kept_s.get(step, now_s)
        if is_kept and _most_points(from_s, to_s, step) <= _ENOUGH_POINTS:
            return step
    return Step.YEAR


def _read_moment(name: str, text: str, now_s: int, zone: tzinfo) -> int:
    if (undashed := _UNDASHED.fullmatch(text)) is not None:
        date = "-".join(undashed.groups("01"))
        raise ValueError(
            f"{name} is {text}, which as unix seconds is in 1970: write {date}, or 0 for the beginning"
        )
    moment_s = _moment(text, now_s, zone)
    if moment_s is None or not 0 <= moment_s <= _MAX_S:
        raise ValueError(
            f"{name} must be a moment from 1970 to 3000: unix seconds, a date such as 2026-11-27 or "
            f"2026-11-27T09:30, or a time before now such as 24h or 7d, not {_quote(text)}"
        )
    return moment_s


def _moment(text: str, now_s: int, zone: tzinfo) -> int | None:
    if not text.isascii() or len(text) > _MAX_CHARACTERS:
        return None
    if text == "now":
        return now_s
    if text.isdigit():
        return int(text)
    if (ago := _AGO.fullmatch(text)) is not None:
        return max(0, now_s - int(ago[1]) * _SECONDS_OF[ago[2]])
    try:
        # A plus in a query is a space, unless whoever wrote the address has escaped it.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())
    except (ValueError, OverflowError):
        return None


def _quote(text: str) -> str:
    return f'"{text if len(text) <= 80 else text[:77] + "..."}"'
