"""Figures as lines, for a pipe or a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from nannin.cli.answers import Peak
from nannin.cli.remote import escape
from nannin.cli.stats.figures import AHEAD, Figures, PageFigures

__all__ = ["find_zone", "json_lines", "lines", "show_moment"]


def lines(figures: Figures) -> Iterator[str]:
    """One line for each page."""
    for page in figures.pages:
        now = f"{'≈ ' if page.now.stale else ''}{_many(page.now.visitors, 'visitor')}"
        words = [now if page.now.trend is None else f"{now}, {escape(page.now.trend)}", *_lately(page)]
        yield f"{escape(page.now.page)} {'; '.join(words)}"


def json_lines(figures: Figures) -> Iterator[str]:
    """One JSON object for each page."""
    for page in figures.pages:
        yield msgspec.json.encode(_as_json(page)).decode()


def show_moment(unix_ms: int, zone: tzinfo) -> str:
    """A moment to the minute, as a person reads it."""
    try:
        return datetime.fromtimestamp(unix_ms / 1_000, zone).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "?"


def find_zone(name: str) -> tzinfo:
    """The zone in which a server shows its moments; UTC if it is not known here."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return UTC


def _lately(page: PageFigures) -> Iterator[str]:
    if page.history is None:
        return
    zone = find_zone(page.history.zone)
    if page.mean is None or page.greatest is None:
        yield "nothing recorded"
    else:
        greatest = f"greatest {_peak(page.greatest, zone)}"
        yield f"mean {page.mean:.1f}, {greatest}, {_many(page.joins or 0, 'join')}"
    if page.is_ahead:
        yield AHEAD
    if page.peak is not None:
        yield f"peak {_peak(page.peak, zone)}"


def _as_json(page: PageFigures) -> dict[str, Any]:
    now, history = page.now, page.history
    found: dict[str, Any] = {"page": now.page, "visitors": now.visitors, "connections": now.connections}
    if now.stale:
        found["stale"] = True
    found["trend"] = now.trend
    if history is not None:
        found |= {name: getattr(history, name) for name in ("from_s", "to_s", "step", "zone")}
        found |= {"mean": page.mean, "greatest": page.greatest, "joins": page.joins, "peak": page.peak}
        found["means"] = page.means
    return found


def _peak(peak: Peak, zone: tzinfo) -> str:
    return f"{peak.value} at {show_moment(peak.at_ms, zone)}" if peak.value else "0"


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
