"""Draws docs/states.svg from the diagram in docs/architecture.md: `python docs/hooks/state_picture.py`.

The site shows the picture, since drawing the diagram itself takes a script from another host.
"""

from __future__ import annotations

import pathlib
import re
import sys
import textwrap
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

DOCS: Final = pathlib.Path(__file__).resolve().parent.parent
PAGE: Final = DOCS / "architecture.md"
PICTURE: Final = DOCS / "states.svg"

# The middle of each state, in pixels, and half of its width and height.
PLACES: Final = {
    "POLLING": (100, 150),
    "PROBING": (293, 150),
    "UPGRADING": (487, 150),
    "WEBSOCKET": (680, 150),
    "CLOSING": (293, 320),
    "CLOSED": (487, 320),
}
HALF_WIDTH: Final = 58
HALF_HEIGHT: Final = 20
WIDTH: Final = 780
LEGEND_TOP: Final = 390
LINE: Final = 19
LEGEND_CHARACTERS: Final = 88  # that fit into a line of the legend

STYLE: Final = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .state { fill: #f0f3f6; stroke: #57606a; }
  .move { fill: none; stroke: #57606a; }
  .tip, .start { fill: #57606a; }
  .badge { fill: #ffffff; stroke: #57606a; }
  .middle { text-anchor: middle; dominant-baseline: central; }
  .small { font-size: 11px; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .state { fill: #22272e; stroke: #8b949e; }
    .move { stroke: #8b949e; }
    .tip, .start { fill: #8b949e; }
    .badge { fill: #0d1117; stroke: #8b949e; }
  }
"""


class Move(NamedTuple):
    """One arrow: between which states, "[*]" being the start, and what happens then."""

    source: str
    target: str
    words: str


def moves() -> list[Move]:
    """The arrows of the page's diagram, in order."""
    (diagram,) = re.findall(r"^```mermaid\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [Move(*found) for found in re.findall(r"^ *(\S+) --> (\w+): (.*)$", diagram, re.M)]


def picture() -> str:
    """The whole picture, as SVG."""
    arrows: list[str] = []
    badges: list[str] = []
    legend: list[str] = []
    for number, move in enumerate(moves(), 1):
        path, (x, y) = _path(move)
        arrows.append(f'<path class="move" d="{path}" marker-end="url(#tip)"/>')
        badges.append(
            f'<circle class="badge" cx="{x:.0f}" cy="{y:.0f}" r="9"/>'
            f'<text class="middle small" x="{x:.0f}" y="{y:.0f}">{number}</text>'
        )
        source = "start" if move.source == "[*]" else move.source
        words = f"{number}. {source} → {move.target}: {move.words}"
        legend += textwrap.wrap(words, LEGEND_CHARACTERS, subsequent_indent="\N{EM SPACE}" * 2)
    states = [
        f'<rect class="state" x="{x - HALF_WIDTH}" y="{y - HALF_HEIGHT}" width="{2 * HALF_WIDTH}" '
        f'height="{2 * HALF_HEIGHT}" rx="8"/><text class="middle" x="{x}" y="{y}">{name}</text>'
        for name, (x, y) in PLACES.items()
    ]
    lines = [
        f'<text x="40" y="{LEGEND_TOP + LINE * line}">{escape(text)}</text>'
        for line, text in enumerate(legend)
    ]
    height = LEGEND_TOP + LINE * len(legend)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="The states of a session and the moves between them">'
    )
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path class="tip" d="M0 0L8 4L0 8Z"/></marker></defs>'
    )
    return "\n".join([head, f"<style>{STYLE}</style>", tip, *arrows, *states, *badges, *lines, "</svg>", ""])


def _path(move: Move) -> tuple[str, tuple[float, float]]:
    """The line of an arrow, and where its number is."""
    to_x, to_y = PLACES[move.target]
    if move.source == "[*]":
        top = to_y - HALF_HEIGHT
        return f"M{to_x + 36} {top - 56}V{top}", (to_x + 36, top - 62)
    x, y = PLACES[move.source]
    if y != to_y:  # straight down, a little apart from the other arrows
        start = (x + (to_x - x) * 0.1, y + HALF_HEIGHT)
        end = (to_x + (x - to_x) * 0.12, to_y - HALF_HEIGHT)
        at = (start[0] + (end[0] - start[0]) * 0.4, start[1] + (end[1] - start[1]) * 0.4)
        return f"M{start[0]:.0f} {start[1]}L{end[0]:.0f} {end[1]}", at
    step = 1 if to_x > x else -1
    if abs(to_x - x) < 200:  # to the next one: forward above the middle, backward below it
        level = y - 7 * step
        start_x, end_x = x + step * HALF_WIDTH, to_x - step * HALF_WIDTH
        return f"M{start_x} {level}H{end_x}", (start_x + (end_x - start_x) * 0.4, level)
    top, rise = y - HALF_HEIGHT, 100 if step < 0 else 70  # over the ones in between
    start_x, end_x = x - 12, to_x - 12 + (24 if step < 0 else 0)
    middle = ((start_x + end_x) / 2, top - rise / 2)
    return f"M{start_x} {top}Q{middle[0]:.0f} {top - rise} {end_x} {top}", middle


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    sys.stdout.write(f"{PICTURE.name} is drawn\n")
