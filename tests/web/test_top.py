"""The pages that most visitors are on, and their trend."""

from __future__ import annotations

import pytest

from nannin.audience.groups import Groups
from nannin.audience.roster import Count
from nannin.errors import HistoryError
from nannin.web.top import MAX_TOP, trend_of
from support.fake_audiences import Lookout
from support.fake_past import NOW_S, Archive, point

MINUTE_S = NOW_S // 60 * 60
BEFORE_S = MINUTE_S - 15 * 60
COUNTS = {"/a": Count(9, 8, 7), "/b": Count(3, 3, 3), "/c": Count(20, 2, 1)}


def archive(**means: float) -> Archive:
    """Pages with so many visitors in each of the five minutes that are compared."""
    archive = Archive(COUNTS)
    for page, mean in means.items():
        archive.history.points[f"/{page}"] = [point(BEFORE_S + 60 * n, 60, mean) for n in range(5)]
    return archive


def test_the_pages_come_with_most_visitors_first() -> None:
    answer = Lookout(COUNTS).read("/api/top?limit=2")
    assert answer == {
        "pages": [
            {"page": "/a", "connections": 9, "visitors": 8, "visible": 7, "before": None, "trend": None},
            {"page": "/b", "connections": 3, "visitors": 3, "visible": 3, "before": None, "trend": None},
        ],
        "total": 3,
        "compared": None,
    }


def test_a_group_is_not_one_of_the_pages() -> None:
    counts = {**COUNTS, "/*": Count(32, 12, 11)}
    answer = Lookout(counts, groups=Groups("/*", "/none/*")).read("/api/top?limit=1")
    assert ([row["page"] for row in answer["pages"]], answer["total"]) == (["/a"], 3)


def test_each_page_is_compared_with_a_quarter_of_an_hour_ago() -> None:
    answer = archive(a=2.0, b=3.0).read("/api/top")
    assert answer["compared"] == {"from_s": BEFORE_S, "to_s": BEFORE_S + 300}
    assert [(row["page"], row["before"], row["trend"]) for row in answer["pages"]] == [
        ("/a", 2.0, "rising"),
        ("/b", 3.0, "steady"),
        ("/c", None, None),
    ]


def test_minutes_that_were_seen_in_part_count_as_such() -> None:
    server = archive()
    server.history.points["/a"] = [point(BEFORE_S, 60, 1.0), point(BEFORE_S + 60, 60, 4.0, covered_ms=30_000)]
    assert server.read("/api/top?limit=1")["pages"][0]["before"] == 2.0


@pytest.mark.parametrize(
    ("visitors", "before", "trend"),
    [
        (5, None, None),
        (1, 0.0, "new"),
        (2, 0.01, "steady"),
        (3, 0.5, "rising"),
        (3, 1.0, "rising"),
        (2, 1.0, "steady"),
        (1, 3.0, "falling"),
        (120, 100.0, "rising"),
        (119, 100.0, "steady"),
        (81, 100.0, "steady"),
        (80, 100.0, "falling"),
    ],
)
def test_a_small_difference_is_no_trend(visitors: int, before: float | None, trend: str | None) -> None:
    assert trend_of(visitors, before) == trend


def test_the_past_is_read_once_a_minute() -> None:
    server = archive(a=2.0)
    for limit in (1, 1, 3, 2):
        server.read(f"/api/top?limit={limit}")
    assert server.history.asked == 2
    server.now_s += 60
    assert server.read("/api/top?limit=1")["compared"]["from_s"] == BEFORE_S + 60
    assert server.history.asked == 3


def test_the_present_is_told_while_the_past_can_not_be_read() -> None:
    server = archive(a=2.0)
    server.history.error = HistoryError("the disk is gone")
    answer = server.read("/api/top")
    assert (answer["compared"], answer["pages"][0]["trend"], answer["total"]) == (None, None, 3)


@pytest.mark.parametrize("query", ["limit=0", f"limit={MAX_TOP + 1}", "page=/"])
def test_a_wrong_query_is_refused(query: str) -> None:
    assert archive().error(f"/api/top?{query}")[0] == 400
