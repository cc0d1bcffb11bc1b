"""Draws docs/benchmark.svg: two plain bar charts, for a light and a dark page."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from medians import Spread

from nannin.cli.bench.figures import Figures

CHART = pathlib.Path(__file__).resolve().parent.parent / "docs" / "benchmark.svg"
WIDTH, NAMES, RIGHT = 760, 190, 90
TITLE, BAR, GAP, BETWEEN = 46, 22, 9, 26
STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .name { text-anchor: end }
  .other { fill: #8c959f }
  .own { fill: #0969da }
  .spread { stroke: #24292f; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .other { fill: #6e7681 }
    .own { fill: #58a6ff }
    .spread { stroke: #e6edf3 }
  }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: the median, with a line from the lowest value to the highest."""

    name: str
    value: float
    low: float
    high: float


def write(sizes: Sequence[Spread[Figures]]) -> None:
    """Writes the file, if there is anything to draw."""
    drawing = draw(sizes)
    if drawing:
        CHART.write_text(drawing, encoding="utf-8")


def draw(sizes: Sequence[Spread[Figures]]) -> str:
    """The chart as SVG; empty where nothing was measured."""
    panels = [
        panel(sizes, "Server CPU per delivery, µs", lambda f: f.cpu_us_per_delivery),
        panel(sizes, "Messages sent per join in a storm", lambda f: f.messages_per_join),
    ]
    parts: list[str] = []
    top = 0
    for title, bars in panels:
        if bars:
            parts += draw_panel(title, bars, top)
            top += TITLE + len(bars) * (BAR + GAP) + BETWEEN
    if not parts:
        return ""
    height = top - BETWEEN + GAP
    label = escape("; ".join(f"{title}: {words(bars)}" for title, bars in panels if bars), quote=True)
    size = f'viewBox="0 0 {WIDTH} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def words(bars: Sequence[Bar]) -> str:
    """The bars in words, for who can't see them."""
    return ", ".join(f"{bar.name} {amount(bar.value)}" for bar in bars)


def panel(
    sizes: Sequence[Spread[Figures]], title: str, value: Callable[[Figures], float | None]
) -> tuple[str, list[Bar]]:
    """The title and the bars of one chart, at the largest size that most servers were measured at."""
    bars: dict[int, list[Bar]] = {}
    for spread in sizes:
        known, low, high = value(spread.median), value(spread.low), value(spread.high)
        if known is not None and low is not None and high is not None:
            bar = Bar(spread.median.server, known, low, high)
            bars.setdefault(spread.median.connections, []).append(bar)
    if not bars:
        return title, []
    size = max(bars, key=lambda size: (len(bars[size]), size))
    return f"{title}, {size:,} connections (less is better)", bars[size]


def draw_panel(title: str, bars: Sequence[Bar], top: int) -> list[str]:
    """The elements of one chart."""
    scale = (WIDTH - NAMES - RIGHT) / (max(bar.high for bar in bars) or 1.0)
    parts = [f'<text class="title" x="0" y="{top + 20}">{escape(title)}</text>']
    for at, bar in enumerate(bars):
        y = top + TITLE - 10 + at * (BAR + GAP)
        low, width, high = (max(1.0, value * scale) for value in (bar.low, bar.value, bar.high))
        kind = "own" if bar.name.startswith("nannin") else "other"
        middle, text = y + BAR // 2, y + BAR - 6
        parts += [
            f'<text class="name" x="{NAMES - 10}" y="{text}">{escape(bar.name)}</text>',
            f'<rect class="{kind}" x="{NAMES}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>',
            f'<text x="{NAMES + high + 8:.1f}" y="{text}">{amount(bar.value)}</text>',
        ]
        if high - low > 1:
            ends = f'x1="{NAMES + low:.1f}" x2="{NAMES + high:.1f}"'
            parts.append(f'<line class="spread" {ends} y1="{middle}" y2="{middle}"/>')
    return parts


def amount(value: float) -> str:
    """A number with as many digits as help."""
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
