"""Figures as a table in a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from nannin.cli.answers import CountAnswer, HistoryAnswer, Peak, Point, Summary
from nannin.cli.stats.figures import Figures, PageFigures
from nannin.cli.stats.table import draw

AT_MS = 1_795_746_000_123


def hour(number: int, mean: float | None) -> Point:
    seen = None if mean is None else Summary(0, 31, AT_MS, mean)
    return Point(
        "", number * 3_600, (number + 1) * 3_600, 3_600_000 if seen else 0, seen is None, seen, seen, 600
    )


def page(key: str = "/news", *means: float | None, trend: str | None = "rising") -> PageFigures:
    points = [hour(number, mean) for number, mean in enumerate(means)]
    history = HistoryAnswer(key, 0, len(points) * 3_600, "hour", "Asia/Tokyo", points) if points else None
    return PageFigures(CountAnswer(key, 14, 1_212, trend=trend), history, Peak(5_757, AT_MS))


def picture(figures: Figures, width: int = 150) -> list[str]:
    """What a terminal of this width would show."""
    file = io.StringIO()
    console = Console(file=file, width=width, height=24, force_terminal=True, color_system=None)
    console.print(draw(figures, "http://a.test", console))
    return [re.sub(r"\s+", " ", line).strip() for line in file.getvalue().splitlines()]


def test_the_table_has_the_present_the_past_and_the_peak() -> None:
    lines = picture(Figures([page("/news", 1.0, None, 8.0)], 22, ""))
    assert lines[0] == "http://a.test"
    assert lines[1] == "page now trend mean most joins lately peak ever"
    assert lines[3] == "/news 1,212 ↑ rising 4.5 31 2026-11-27 11:20 1,800 ▂·█ 5,757 2026-11-27 11:20"
    assert lines[-2] == "and 21 more pages"
    assert lines[-1] == "1970-01-01 09:00 to 1970-01-01 12:00, by hour, Asia/Tokyo; · is a gap"


def test_a_terminal_of_the_usual_width_has_the_bars() -> None:
    lines = picture(Figures([page("/articles/2026/news", *[1.0, 2_000.0] * 12, 8.0)], 22, ""), width=80)
    assert lines[1] == "page now trend mean most lately"
    assert lines[3] == "/articles/2026/… 1,212 ↑ rising 960.8 31 ▂█▂█▂█▂█▂█▂█▂█▂█▂█▂█▂█▂█▂"
    lines = picture(Figures([page("/news", 1.0, 8.0)], 22, ""), width=103)
    assert lines[1] == "page now trend mean most joins lately"
    assert lines[3] == "/news 1,212 ↑ rising 4.5 31 1,200 ▂█"


def test_many_points_are_merged_into_few_bars() -> None:
    lines = picture(Figures([page("/news", *[1.0] * 100)], 1, ""))
    assert "█" * 25 in lines[3]
    assert "█" * 26 not in lines[3]
    assert "by hour, merged," in lines[-1]
    assert "merged" not in picture(Figures([page("/news", *[1.0] * 25)], 1, ""))[-1]


@pytest.mark.parametrize(
    ("trend", "shown"),
    [("falling", "↓ falling"), ("steady", "→ steady"), ("new", "+ new"), (None, ""), ("odd", "odd")],
)
def test_each_trend_has_its_sign(trend: str | None, shown: str) -> None:
    assert picture(Figures([page("/news", trend=trend)], 1, ""))[3] == f"/news 1,212 {shown}".strip()


def test_without_a_history_the_table_says_why() -> None:
    lines = picture(Figures([page()], None, "this server keeps no history"))
    assert lines[1] == "page now trend"
    assert lines[-1] == "this server keeps no history"


def test_where_no_page_has_a_trend_there_is_no_column_for_it() -> None:
    assert picture(Figures([page(trend=None), page(trend=None)], None, ""))[1] == "page now"


def test_where_nobody_was_there_is_no_moment_of_the_most() -> None:
    nobody = Summary(0, 0, AT_MS, 0.0)
    points = [Point("", 0, 3_600, 3_600_000, False, nobody, nobody, 0)]
    history = HistoryAnswer("/", 0, 3_600, "hour", "UTC", points)
    lines = picture(Figures([PageFigures(CountAnswer("/", 0, 0), history)], None, ""))
    assert lines[3] == "/ 0 0.0 0 0 ▁"


def test_the_table_says_that_the_minute_under_way_is_yet_to_come() -> None:
    nobody = Summary(0, 0, AT_MS, 0.0)
    history = HistoryAnswer(
        "/", 0, 3_600, "hour", "UTC", [Point("", 0, 3_600, 60_000, False, nobody, nobody, 0)]
    )
    page = PageFigures(CountAnswer("/", 1, 1), history, is_until_now=True)
    assert picture(Figures([page], None, ""))[-1] == "the minute under way is not recorded yet"


def test_an_empty_table_says_so() -> None:
    assert picture(Figures([], 0, ""))[-1] == "nobody is here"


@pytest.mark.parametrize("width", [30, 39, 40, 55, 80, 103, 131, 200])
def test_the_table_fits_its_terminal(width: int) -> None:
    figures = Figures([page(f"/{'long' * 50}", *[1.5] * 24)], 9, "")
    file = io.StringIO()
    console = Console(file=file, width=width, height=24, force_terminal=True, color_system=None)
    console.print(draw(figures, "http://a.test", console))
    table = file.getvalue().splitlines()[:4]
    assert max(map(len, table)) <= width
    assert "/l" in table[3]
    assert "1,212" in table[3]


def test_the_table_takes_no_page_key_for_markup_or_for_a_command_to_the_terminal() -> None:
    lines = picture(Figures([page("/[red]\x1b]0;x\x07[/red]", 1.0)], 1, ""))
    assert r"/[red]\u001b]0;x\u0007[/red]" in lines[3]
