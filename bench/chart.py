"""Draws docs/benchmark.svg: two plain bar charts, for a light and a dark page."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from html import escape

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
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .other { fill: #6e7681 }
    .own { fill: #58a6ff }
  }
"""


def write(all_figures: Sequence[Figures]) -> None:
    """Writes the file, if there is anything to draw."""
    drawing = draw(all_figures)
    if drawing:
        CHART.write_text(drawing, encoding="utf-8")


def draw(all_figures: Sequence[Figures]) -> str:
    """The chart as SVG; empty where nothing was measured."""
    panels = [
        panel(all_figures, "Server CPU per delivery, µs", lambda f: f.cpu_us_per_delivery),
        panel(all_figures, "Messages sent per join in a storm", lambda f: f.messages_per_join),
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


def words(bars: Sequence[tuple[str, float]]) -> str:
    """The bars in words, for who can't see them."""
    return ", ".join(f"{name} {amount(value)}" for name, value in bars)


def panel(
    all_figures: Sequence[Figures], title: str, value: Callable[[Figures], float | None]
) -> tuple[str, list[tuple[str, float]]]:
    """The title and the bars of one chart, at the largest size that most servers were measured at."""
    sizes: dict[int, list[tuple[str, float]]] = {}
    for figures in all_figures:
        known = value(figures)
        if known is not None:
            sizes.setdefault(figures.connections, []).append((figures.server, known))
    if not sizes:
        return title, []
    size = max(sizes, key=lambda size: (len(sizes[size]), size))
    return f"{title}, {size:,} connections (less is better)", sizes[size]


def draw_panel(title: str, bars: Sequence[tuple[str, float]], top: int) -> list[str]:
    """The elements of one chart."""
    longest = max(value for _, value in bars) or 1.0
    room = WIDTH - NAMES - RIGHT
    parts = [f'<text class="title" x="0" y="{top + 20}">{escape(title)}</text>']
    for at, (name, value) in enumerate(bars):
        y = top + TITLE - 10 + at * (BAR + GAP)
        width = max(1.0, value / longest * room)
        kind = "own" if name.startswith("nannin") else "other"
        middle = y + BAR - 6
        parts += [
            f'<text class="name" x="{NAMES - 10}" y="{middle}">{escape(name)}</text>',
            f'<rect class="{kind}" x="{NAMES}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>',
            f'<text x="{NAMES + width + 8:.1f}" y="{middle}">{amount(value)}</text>',
        ]
    return parts


def amount(value: float) -> str:
    """A number with as many digits as help."""
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
