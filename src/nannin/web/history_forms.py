"""What the history has of a page, in JSON and in CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from nannin.history.points import Metric, Peak, Point, Summary
from nannin.web.timespan import Timespan, show_moment

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["SERIES_COLUMNS", "peaks_as_csv", "peaks_as_json", "series_as_csv", "series_as_json"]

# Counts are written once a minute: for so long, what follows the newest row may still come.
_UNWRITTEN_S: Final = 90
_METRICS: Final = tuple(str(metric) for metric in Metric)
SERIES_COLUMNS: Final = (
    *("page", "start", "start_s", "until_s", "covered_ms", "gap"),
    *(
        f"{metric}_{column}"
        for metric in _METRICS
        for column in ("least", "greatest", "greatest_at_ms", "mean")
    ),
    "joins",
)
_PEAK_COLUMNS: Final = ("page", "metric", "value", "at", "at_ms")
_NOTHING: Final = ("", "", "", "")


def series_as_json(
    page: str, span: Timespan, zone: ZoneInfo, points: Sequence[Point], now_s: float
) -> dict[str, Any]:
    """A series as `/api/history` answers it.

    Args:
        page: its key.
        span: what was asked for.
        zone: whose calendar it is.
        points: what the history has of it; more than the span's limit are left out.
        now_s: unix seconds.
    """
    shown = points[: span.limit]
    end_s = shown[-1].until_s if shown else span.to_s
    return {
        "page": page,
        "from_s": span.from_s,
        "to_s": span.to_s,
        "step": str(span.step),
        "zone": zone.key,
        "next_s": end_s if end_s < span.to_s else None,
        "points": [_point(point, zone, now_s) for point in shown],
    }


def series_as_csv(page: str, span: Timespan, zone: ZoneInfo, points: Sequence[Point], now_s: float) -> str:
    """The same as a table with a line of headings. What isn't known is empty."""
    rows = (
        (
            *(page, show_moment(point.start_s, zone), point.start_s, point.until_s, point.covered_ms),
            "true" if _is_gap(point, now_s) else "false",
            *(point.visitors or _NOTHING),
            *(point.connections or _NOTHING),
            "" if (joins := _joins(point)) is None else joins,
        )
        for point in points[: span.limit]
    )
    return _table(SERIES_COLUMNS, rows)


def peaks_as_json(
    peaks: Iterable[Peak], zone: ZoneInfo, groups: Collection[str] = frozenset()
) -> dict[str, Any]:
    """Peaks as `/api/peaks` answers them; those of groups of pages are marked."""
    return {
        "zone": zone.key,
        "peaks": [
            dict(zip(_PEAK_COLUMNS, _peak(peak, zone), strict=True))
            | ({"group": True} if peak.page in groups else {})
            for peak in peaks
        ],
    }


def peaks_as_csv(peaks: Iterable[Peak], zone: ZoneInfo) -> str:
    """The same as a table with a line of headings."""
    return _table(_PEAK_COLUMNS, (_peak(peak, zone) for peak in peaks))


def _point(point: Point, zone: ZoneInfo, now_s: float) -> dict[str, Any]:
    return {
        "start": show_moment(point.start_s, zone),
        "start_s": point.start_s,
        "until_s": point.until_s,
        "covered_ms": point.covered_ms,
        "gap": _is_gap(point, now_s),
        "visitors": _summary(point.visitors),
        "connections": _summary(point.connections),
        "joins": _joins(point),
    }


def _joins(point: Point) -> int | None:
    """How many came; None where that is not known. One of several nodes may know what the others missed."""
    return None if point.visitors is None and not point.joins else point.joins


def _summary(summary: Summary | None) -> dict[str, Any] | None:
    return None if summary is None else summary._asdict()


def _is_gap(point: Point, now_s: float) -> bool:
    """Whether something is missing that could have been written by now."""
    end_s = min(point.until_s, now_s - _UNWRITTEN_S)
    return point.missed_ms > 0 or point.covered_ms < (end_s - point.start_s) * 1_000


def _peak(peak: Peak, zone: ZoneInfo) -> tuple[object, ...]:
    return peak.page, str(peak.metric), peak.value, show_moment(peak.at_ms // 1_000, zone), peak.at_ms


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    # Source: RFC 4180.
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
