"""The history in JSON and in CSV."""

from __future__ import annotations

import csv
import io
from zoneinfo import ZoneInfo

import pytest

from nannin.history.points import Metric, Peak, Point, Step, Summary
from nannin.web.history_forms import peaks_as_csv, peaks_as_json, series_as_csv, series_as_json
from nannin.web.timespan import Timespan
from support.fake_past import NOW_S

ZONE = ZoneInfo("Asia/Tokyo")
START_S = 1_795_748_400  # 12:00 in Tokyo, some 20 minutes ago
HOUR = Point(
    START_S - 3_600,
    START_S,
    3_600_000,
    Summary(0, 3, 1_795_746_000_123, 1.25),
    Summary(0, 4, 1_795_746_000_123, 2.5),
    7,
)
NOTHING = Point(START_S - 7_200, START_S - 3_600, 0, None, None, 0)
SPAN = Timespan(START_S - 7_200, START_S, Step.HOUR, 100)


def test_a_series_has_every_step_and_what_is_known_of_it() -> None:
    assert series_as_json("/a", SPAN, ZONE, [NOTHING, HOUR], NOW_S) == {
        "page": "/a",
        "from_s": START_S - 7_200,
        "to_s": START_S,
        "step": "hour",
        "zone": "Asia/Tokyo",
        "next_s": None,
        "points": [
            {
                "start": "2026-11-27T10:00:00+09:00",
                "start_s": START_S - 7_200,
                "until_s": START_S - 3_600,
                "covered_ms": 0,
                "gap": True,
                "visitors": None,
                "connections": None,
                "joins": None,
            },
            {
                "start": "2026-11-27T11:00:00+09:00",
                "start_s": START_S - 3_600,
                "until_s": START_S,
                "covered_ms": 3_600_000,
                "gap": False,
                "visitors": {"least": 0, "greatest": 3, "greatest_at_ms": 1_795_746_000_123, "mean": 1.25},
                "connections": {"least": 0, "greatest": 4, "greatest_at_ms": 1_795_746_000_123, "mean": 2.5},
                "joins": 7,
            },
        ],
    }


@pytest.mark.parametrize(
    ("age_s", "covered_s", "is_gap"),
    [
        (7_200, 3_600, False),
        (7_200, 3_599, True),
        (3_600, 3_510, False),  # it has just ended, and its last minute may not be written yet
        (3_600, 3_509, True),
        (600, 510, False),  # it goes on
        (600, 509, True),
        (60, 0, False),
        (-600, 0, False),  # it has not begun
    ],
)
def test_what_can_not_be_written_yet_is_no_gap(age_s: int, covered_s: int, is_gap: bool) -> None:
    start_s = NOW_S - age_s
    there = Summary(0, 1, start_s * 1_000, 0.5)
    point = Point(start_s, start_s + 3_600, covered_s * 1_000, there, there, 0)
    assert series_as_json("/", SPAN, ZONE, [point], NOW_S)["points"][0]["gap"] is is_gap


@pytest.mark.parametrize("age_s", [600, 3_600, 7_200])
def test_what_was_missed_before_the_newest_row_is_a_gap_at_once(age_s: int) -> None:
    start_s = NOW_S - age_s
    there = Summary(0, 1, start_s * 1_000, 0.5)
    point = Point(start_s, start_s + 3_600, min(age_s, 3_600) * 1_000 - 1_001, there, there, 0, missed_ms=1)
    assert series_as_json("/", SPAN, ZONE, [point], NOW_S)["points"][0]["gap"] is True


def test_joins_that_one_node_saw_are_told_where_the_others_saw_nothing() -> None:
    points = [NOTHING._replace(joins=3)]
    assert series_as_json("/", SPAN, ZONE, points, NOW_S)["points"][0]["joins"] == 3


def test_a_series_that_is_cut_says_where_the_next_one_begins() -> None:
    cut = series_as_json("/", SPAN._replace(limit=1), ZONE, [NOTHING, HOUR], NOW_S)
    assert (len(cut["points"]), cut["next_s"], cut["to_s"]) == (1, START_S - 3_600, START_S)
    assert series_as_json("/", SPAN, ZONE, [], NOW_S)["next_s"] is None


def test_a_table_has_a_heading_for_each_column_and_nothing_for_what_is_not_known() -> None:
    text = series_as_csv("/a", SPAN, ZONE, [NOTHING, HOUR], NOW_S)
    assert text.splitlines() == [
        "page,start,start_s,until_s,covered_ms,gap,"
        "visitors_least,visitors_greatest,visitors_greatest_at_ms,visitors_mean,"
        "connections_least,connections_greatest,connections_greatest_at_ms,connections_mean,joins",
        f"/a,2026-11-27T10:00:00+09:00,{START_S - 7_200},{START_S - 3_600},0,true,,,,,,,,,",
        f"/a,2026-11-27T11:00:00+09:00,{START_S - 3_600},{START_S},3600000,false,"
        "0,3,1795746000123,1.25,0,4,1795746000123,2.5,7",
    ]
    assert text.count("\r\n") == 3
    assert len(series_as_csv("/a", SPAN._replace(limit=1), ZONE, [NOTHING, HOUR], NOW_S).splitlines()) == 2


@pytest.mark.parametrize("page", ['/"quoted"', "/=1+1;x", "/ 人"])
def test_any_key_is_one_cell_of_a_table(page: str) -> None:
    rows = list(csv.reader(io.StringIO(series_as_csv(page, SPAN, ZONE, [HOUR], NOW_S), newline="")))
    assert rows[1][0] == page
    assert len(rows[1]) == len(rows[0])


def test_a_peak_has_its_moment_in_the_zone_and_to_the_millisecond() -> None:
    peaks = [Peak("/a", Metric.VISITORS, 57, 1_795_746_000_123)]
    peak = {
        "page": "/a",
        "metric": "visitors",
        "value": 57,
        "at": "2026-11-27T11:20:00+09:00",
        "at_ms": 1_795_746_000_123,
    }
    assert peaks_as_json(peaks, ZONE) == {"zone": "Asia/Tokyo", "peaks": [peak]}
    assert peaks_as_csv(peaks, ZONE).splitlines() == [
        "page,metric,value,at,at_ms",
        "/a,visitors,57,2026-11-27T11:20:00+09:00,1795746000123",
    ]
