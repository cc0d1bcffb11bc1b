"""Figures as lines."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import msgspec
import pytest

from nannin.cli.answers import CountAnswer, HistoryAnswer, Peak, Point, Summary
from nannin.cli.stats.figures import Figures, PageFigures
from nannin.cli.stats.lines import find_zone, json_lines, lines, show_moment

AT_MS = 1_795_746_000_123  # 11:20 in Tokyo
SEEN = Summary(0, 31, AT_MS, 8.44)
NOW = CountAnswer("/news", 14, 12, trend="rising")


def history(*points: Point) -> HistoryAnswer:
    return HistoryAnswer("/news", 0, 7_200, "hour", "Asia/Tokyo", list(points))


HOUR = Point("1970-01-01T09:00:00+09:00", 0, 3_600, 3_600_000, False, SEEN, SEEN, 1_204)
GAP = Point("1970-01-01T10:00:00+09:00", 3_600, 7_200, 0, True, None, None, None)


def only_line(page: PageFigures) -> str:
    found = list(lines(Figures([page], None, "")))
    assert len(found) == 1
    return found[0]


def test_a_line_has_the_present_the_past_and_the_peak() -> None:
    assert only_line(PageFigures(NOW, history(HOUR, GAP), Peak(57, AT_MS))) == (
        "/news 12 visitors, rising; mean 8.4, greatest 31 at 2026-11-27 11:20, 1204 joins; "
        "peak 57 at 2026-11-27 11:20"
    )


def test_a_line_without_a_past_has_the_present() -> None:
    assert only_line(PageFigures(CountAnswer("/人", 1, 1))) == "/人 1 visitor"
    assert only_line(PageFigures(CountAnswer("/", 3, 2, stale=True))) == "/ ≈ 2 visitors"
    assert only_line(PageFigures(NOW, history(GAP))) == "/news 12 visitors, rising; nothing recorded"


def test_a_line_of_a_page_that_nobody_was_on_has_no_moment() -> None:
    nobody = HOUR.__class__("", 0, 3_600, 3_600_000, False, Summary(0, 0, AT_MS, 0.0), None, 0)
    assert only_line(PageFigures(NOW, history(nobody))).endswith("; mean 0.0, greatest 0, 0 joins")


def test_a_line_says_that_the_minute_under_way_is_yet_to_come() -> None:
    nobody = HOUR.__class__("", 0, 3_600, 3_600_000, False, Summary(0, 0, AT_MS, 0.0), None, 0)
    line = only_line(PageFigures(NOW, history(nobody), is_until_now=True))
    assert line.endswith("0 joins; the minute under way is not recorded yet")
    assert not only_line(PageFigures(NOW, history(HOUR), is_until_now=True)).endswith("yet")
    assert not only_line(PageFigures(NOW, history(nobody))).endswith("yet")


def test_a_line_steers_no_terminal() -> None:
    assert (
        only_line(PageFigures(CountAnswer("/\x1b[2J", 1, 1, trend="\x07"))) == r"/\u001b[2J 1 visitor, \u0007"
    )


def test_json_has_every_number_as_it_is() -> None:
    page = PageFigures(NOW, history(HOUR, GAP), Peak(57, AT_MS))
    found = [msgspec.json.decode(line) for line in json_lines(Figures([page, PageFigures(NOW)], 2, ""))]
    assert found[0] == {
        "page": "/news",
        "visitors": 12,
        "connections": 14,
        "trend": "rising",
        "from_s": 0,
        "to_s": 7_200,
        "step": "hour",
        "zone": "Asia/Tokyo",
        "mean": 8.44,
        "greatest": {"value": 31, "at_ms": AT_MS},
        "joins": 1_204,
        "peak": {"value": 57, "at_ms": AT_MS},
        "means": [8.44, None],
    }
    assert found[1] == {"page": "/news", "visitors": 12, "connections": 14, "trend": "rising"}
    stale = PageFigures(CountAnswer("/", 1, 1, stale=True))
    assert '"stale":true' in next(json_lines(Figures([stale], None, "")))


def test_a_moment_is_shown_in_its_zone() -> None:
    assert show_moment(AT_MS, ZoneInfo("Asia/Tokyo")) == "2026-11-27 11:20"
    assert show_moment(10**18, UTC) == "?"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../x", "\x00"])
def test_a_zone_that_is_not_known_here_is_utc(name: str) -> None:
    assert find_zone(name) is UTC
    assert find_zone("Asia/Tokyo") == ZoneInfo("Asia/Tokyo")
