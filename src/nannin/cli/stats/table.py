"""Figures as a table for a terminal."""

from __future__ import annotations

from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from nannin.cli.answers import HistoryAnswer, Peak
from nannin.cli.remote import escape
from nannin.cli.sparks import GAP, draw_sparks
from nannin.cli.stats.figures import AHEAD, Figures, PageFigures
from nannin.cli.stats.lines import find_zone, show_moment

__all__ = ["draw"]

_BARS: Final = 25  # a day by hours, which begins and ends within an hour
_ARROWS: Final = {"rising": "↑", "falling": "↓", "steady": "→", "new": "+"}
_STYLES: Final = {"rising": "green", "falling": "red", "new": "green"}
# How wide a terminal must be to have each column, besides the page and its visitors. The ones of the past are
# left out where there is none.
_NOW: Final = {"trend": 40}
_PAST: Final = {"mean": 50, "most": 60, "joins": 88, "lately": 80, "peak ever": 132}
# How wide it must be to say when it was the most.
_MOMENT: Final = 104


def draw(figures: Figures, url: str, console: Console) -> RenderableType:
    """The table, as wide as the console."""
    title = Text(url, style="bold", overflow="ellipsis", no_wrap=True)
    table = Table(title=title, expand=True, box=SIMPLE_HEAD, show_edge=False)
    table.add_column("page", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("now", justify="right", no_wrap=True)
    history = next((page.history for page in figures.pages if page.history is not None), None)
    has_trends = any(page.now.trend is not None for page in figures.pages)
    wanted = {**(_NOW if has_trends else {}), **(_PAST if history is not None else {})}
    columns = [name for name, width in wanted.items() if console.width >= width]
    for name in columns:
        table.add_column(name, justify="left" if name in ("trend", "lately") else "right", no_wrap=True)
    for page in figures.pages:
        cells = _cells(page, has_moments=console.width >= _MOMENT)
        table.add_row(cells["page"], cells["now"], *(cells[name] for name in columns))
    return Group(table, *(Text(line, style="dim") for line in _notes(figures, history)))


def _notes(figures: Figures, history: HistoryAnswer | None) -> list[str]:
    notes = []
    if not figures.pages:
        notes.append("nobody is here")
    elif figures.total is not None and figures.total > len(figures.pages):
        notes.append(f"and {figures.total - len(figures.pages):,} more pages")
    if history is not None:
        zone = find_zone(history.zone)
        begin, end = (show_moment(unix_s * 1_000, zone) for unix_s in (history.from_s, history.to_s))
        each = (
            f"by {escape(history.step)}"
            if len(history.points) <= _BARS
            else f"by {escape(history.step)}, merged"
        )
        notes.append(f"{begin} to {end}, {each}, {escape(history.zone)}; {GAP} is a gap")
    if any(page.is_ahead for page in figures.pages):
        notes.append(AHEAD)
    if figures.note:
        notes.append(figures.note)
    return notes


def _cells(page: PageFigures, *, has_moments: bool) -> dict[str, Text]:
    trend = page.now.trend or ""
    return {
        "page": Text(escape(page.now.page)),
        "now": Text(f"{'≈ ' if page.now.stale else ''}{page.now.visitors:,}", style="bold"),
        "trend": Text(f"{_ARROWS.get(trend, '')} {escape(trend)}".strip(), style=_STYLES.get(trend, "dim")),
        "mean": Text("" if page.mean is None else f"{page.mean:,.1f}"),
        "most": _peak(page.greatest, page, has_moment=has_moments),
        "joins": Text("" if page.joins is None else f"{page.joins:,}"),
        "lately": Text(draw_sparks(page.bars(_BARS)), style="cyan"),
        "peak ever": _peak(page.peak, page),
    }


def _peak(peak: Peak | None, page: PageFigures, *, has_moment: bool = True) -> Text:
    if peak is None or page.history is None:
        return Text("")
    if not peak.value or not has_moment:
        return Text(f"{peak.value:,}")
    moment = show_moment(peak.at_ms, find_zone(page.history.zone))
    return Text.assemble(f"{peak.value:,}", (f"  {moment}", "dim"))
