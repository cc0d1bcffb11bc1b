"""What can be asked about the past over HTTP: series, pages and peaks."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from nannin.audience.groups import Groups
from nannin.audience.roster import Count
from nannin.errors import HistoryError
from nannin.history.points import Metric, Peak
from nannin.web.timespan import MAX_POINTS
from support.fake_audiences import Lookout
from support.fake_past import NOW_S, Archive, point

HOUR_S = NOW_S // 3_600 * 3_600
AWAY = ("203.0.113.9", 50_000)
TOKEN = "a-token-for-those-who-read"


def archive(**settings: Any) -> Archive:
    """A server with two pages of the past."""
    archive = Archive({"/now": Count(1, 1, 1)}, **settings)
    archive.history.points = {
        "/a": [point(HOUR_S - 3_600, 3_600, 2.5, 4), point(HOUR_S - 60, 60, 3.0)],
        "/b": [point(HOUR_S - 3_600, 3_600, 0.5)],
    }
    archive.history.peaks_of = [
        Peak("/a", Metric.VISITORS, 9, HOUR_S * 1_000),
        Peak("/a", Metric.CONNECTIONS, 12, HOUR_S * 1_000 + 5),
        Peak("/b", Metric.VISITORS, 3, HOUR_S * 1_000),
    ]
    return archive


# --- a page over time ---


def test_a_page_has_each_step_of_the_span() -> None:
    answer = archive().read("/api/history?page=/a&from=2h&step=hour&to=now")
    assert (answer["page"], answer["step"], answer["zone"]) == ("/a", "hour", "Asia/Tokyo")
    means = [found["visitors"] and found["visitors"]["mean"] for found in answer["points"]]
    assert means == [None, 2.5, None]


def test_without_a_page_it_is_the_default_page() -> None:
    assert archive().read("/api/history")["page"] == "/"


def test_days_are_the_owners_days_unless_another_zone_is_named() -> None:
    query = "/api/history?page=/a&from=2026-11-26&to=2026-11-27&step=day"
    assert [found["start"] for found in archive().read(query)["points"]] == ["2026-11-26T00:00:00+09:00"]
    berlin = archive().read(query + "&zone=Europe/Berlin")
    assert berlin["zone"] == "Europe/Berlin"
    assert [found["start"] for found in berlin["points"]] == ["2026-11-26T00:00:00+01:00"]


def test_a_day_on_which_the_clocks_change_has_25_hours() -> None:
    query = "/api/history?page=/a&from=2026-10-25&to=2026-10-26&zone=Europe/Berlin"
    (day,) = archive().read(query + "&step=day")["points"]
    assert day["until_s"] - day["start_s"] == 25 * 3_600
    hours = archive().read(query + "&step=hour")["points"]
    assert [hour["start"][11:] for hour in hours[1:5]] == [
        "01:00:00+02:00",
        "02:00:00+02:00",
        "02:00:00+01:00",
        "03:00:00+01:00",
    ]
    assert len(hours) == 25


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe", "x" * 5_000, "%00", "Asia/Tōkyō"]
)
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    status, words = archive().error(f"/api/history?zone={quote(zone, safe='%')}")
    assert status == 400
    assert "time zone" in words
    assert len(words) < 300


@pytest.mark.parametrize(
    "query",
    [
        "from=soon",
        "to=",
        "step=second",
        "limit=0",
        f"limit={MAX_POINTS + 1}",
        "format=xml",
        "from=7d&step=minute",
        "pages=/a",
    ],
)
def test_a_wrong_query_is_refused_in_words(query: str) -> None:
    status, words = archive().error(f"/api/history?{query}")
    assert status == 400
    assert len(words) < 300


@pytest.mark.parametrize("key", ["", "a", "/a,b", "/%00", "/" + "x" * 255])
def test_what_is_no_key_of_a_page_has_no_history(key: str) -> None:
    assert archive().error(f"/api/history?page={key}")[0] == 404
    assert archive().error(f"/api/peaks?page={key}")[0] == 404


def test_a_page_that_can_not_exist_any_more_keeps_its_history() -> None:
    server = archive()
    assert server.error("/api/history?page=/closed/x") == (404, 'there is no page "/closed/x"')
    assert server.error("/api/peaks?page=/closed/x")[0] == 404
    server = archive()
    server.history.peaks_of.append(Peak("/closed/x", Metric.VISITORS, 1, 0))
    assert server.read("/api/history?page=/closed/x")["page"] == "/closed/x"
    assert server.read("/api/peaks?page=/closed/x")["peaks"][0]["value"] == 1


def test_a_group_of_pages_has_a_history_as_a_page_has() -> None:
    server = archive(groups=Groups("/shop/*"))
    server.history.peaks_of.append(Peak("/shop/*", Metric.VISITORS, 99, 0))
    for key in ("/shop/*", "/%73hop/*"):
        answer = server.read(f"/api/history?page={quote(key)}")
        assert (answer["page"], answer["group"]) == ("/shop/*", True)
    peaks = server.read("/api/peaks?metric=visitors")["peaks"]
    assert [peak.get("group") for peak in peaks] == [True, None, None]
    assert "group" not in server.read("/api/history?page=/a")


def test_a_group_that_there_is_not_has_none_unless_there_was_one() -> None:
    server = archive(groups=Groups("/shop/*"))
    for path in ("history", "peaks"):
        status, words = server.error(f"/api/{path}?page=/news/*")
        assert status == 404
        assert words.startswith('there is no group "/news/*"; there are "/shop/*"')
    server = archive()
    server.history.peaks_of.append(Peak("/old/*", Metric.VISITORS, 1, 0))
    assert server.read("/api/history?page=/old/*")["page"] == "/old/*"


def test_a_page_is_found_by_its_letters_and_by_its_address() -> None:
    server = archive()
    server.history.peaks_of.append(Peak("/%E4%BA%BA", Metric.VISITORS, 1, 0))
    assert server.read("/api/history?page=/人")["page"] == "/%E4%BA%BA"
    assert server.read("/api/history?page=/日")["page"] == "/%E6%97%A5"
    server.history.peaks_of.append(Peak("/本", Metric.VISITORS, 1, 0))  # from before keys had one spelling
    assert server.read("/api/history?page=/本")["page"] == "/本"
    assert server.read("/api/history?page=/%2561")["page"] == "/a"


def test_a_long_span_is_read_in_parts() -> None:
    server, query = archive(), f"page=/a&step=minute&limit=50&to={HOUR_S}"
    starts: list[int] = []
    begin: int | str = "3h"
    while begin is not None:
        part = server.read(f"/api/history?{query}&from={begin}")
        assert len(part["points"]) <= 50
        starts += [found["start_s"] for found in part["points"]]
        begin = part["next_s"]
    assert starts == list(range(NOW_S // 60 * 60 + 60 - 3 * 3_600, HOUR_S, 60))


def test_a_table_is_a_file_with_a_name() -> None:
    call = archive().ask("/api/history?page=/a&from=2026-11-26&to=2026-11-27&format=csv")
    assert (call.status, call.header("content-type")) == (200, "text/csv; charset=utf-8; header=present")
    assert call.header("content-disposition") == (
        'attachment; filename="nannin-history-1795618800-1795705200-hour.csv"'
    )
    assert call.body.startswith(b"page,start,start_s,")
    assert call.header("cache-control") == "no-store"


@pytest.mark.parametrize(
    ("accept", "query", "media_type"),
    [
        ("text/csv", "", "text/csv"),
        ("text/csv;q=0.9, */*;q=0.1", "", "text/csv"),
        ("text/csv", "&format=json", "application/json"),
        ("application/json, text/csv", "", "application/json"),
        ("*/*", "", "application/json"),
        ("text/html", "&format=csv", "text/csv"),
    ],
)
def test_the_format_is_what_the_query_or_the_header_says(accept: str, query: str, media_type: str) -> None:
    for path in ("/api/history?page=/a", "/api/peaks?page=/a"):
        call = archive().ask(path + query, accept=accept)
        assert str(call.header("content-type")).partition(";")[0] == media_type


def test_the_history_of_a_known_page_is_as_public_as_its_count() -> None:
    server = archive()
    assert server.ask("/api/history?page=/a", client=AWAY).status == 200
    assert server.ask("/api/peaks?page=/a", client=AWAY).status == 200
    assert server.ask("/api/history?page=/a", origin="https://b.test").status == 200
    closed = archive(public=False)
    assert closed.ask("/api/history?page=/a", origin="https://b.test").status == 403


def test_an_answer_of_the_same_moment_is_not_read_again() -> None:
    server = archive()
    for _ in range(3):
        server.read("/api/history?page=/a")
    assert server.history.asked == 1
    server.ask("/api/history?page=/a&format=csv")
    server.read("/api/history?page=/b")
    server.read("/api/history?page=/a&zone=UTC")
    assert server.history.asked == 4


def test_the_dashboard_does_not_wait_with_the_public() -> None:
    server = archive(read_token=TOKEN)
    server.history.cost_s = 100.0

    async def main() -> list[int]:
        public = [server.call(f"/api/history?page=/{name}", client=AWAY) for name in "ab"]
        await public[0].ends()
        own = server.call("/api/history?page=/c", client=AWAY, authorization=f"Bearer {TOKEN}")
        local = server.call("/api/peaks?page=/c")
        statuses = [(await call.ends()).status for call in (own, local)]
        assert public[1].task is not None
        assert not public[1].task.done()
        public[1].task.cancel()
        return statuses

    assert asyncio.run(main()) == [200, 200]


def test_whoever_has_tried_too_many_tokens_reads_what_everybody_may() -> None:
    server = archive(read_token=TOKEN)
    for _ in range(3):
        assert server.ask("/api/history?page=/a", client=AWAY, authorization="Bearer wrong").status == 200


# --- which pages there are ---


def test_the_pages_of_the_past_are_listed_in_parts() -> None:
    server = archive()
    assert server.read("/api/history/pages") == {"pages": ["/a", "/b"], "next": None}
    assert server.read("/api/history/pages?limit=1") == {"pages": ["/a"], "next": "/a"}
    assert server.read("/api/history/pages?limit=1&after=/a") == {"pages": ["/b"], "next": None}
    assert server.error("/api/history/pages?after=x") == (400, 'after must be a page\'s key, not "x"')


def test_lists_of_the_past_are_for_those_who_may_read_lists() -> None:
    server = archive(read_token=TOKEN)
    for path in ("/api/history/pages", "/api/peaks", "/api/top"):
        assert server.error(path, client=AWAY)[0] == 401
        assert server.ask(path, client=AWAY, authorization=f"Bearer {TOKEN}").status == 200
    assert archive().error("/api/peaks", client=AWAY)[0] == 403


# --- peaks ---


def test_the_peaks_of_a_page_are_its_own() -> None:
    peaks = archive().read("/api/peaks?page=/a")["peaks"]
    assert [(peak["page"], peak["metric"], peak["value"]) for peak in peaks] == [
        ("/a", "connections", 12),
        ("/a", "visitors", 9),
    ]
    assert peaks[1]["at"] == "2026-11-27T12:00:00+09:00"


def test_the_peaks_of_all_pages_come_with_the_greatest_first() -> None:
    peaks = archive().read("/api/peaks?metric=visitors&limit=1&zone=UTC")["peaks"]
    assert [(peak["page"], peak["value"], peak["at"]) for peak in peaks] == [
        ("/a", 9, "2026-11-27T03:00:00+00:00")
    ]
    assert len(archive().read("/api/peaks")["peaks"]) == 3
    assert archive().error("/api/peaks?metric=joins") == (
        400,
        'metric must be one of visitors, connections, not "joins"',
    )


# --- no history ---


@pytest.mark.parametrize("path", ["/api/history", "/api/history/pages", "/api/peaks", "/api/peaks?page=/"])
def test_where_no_history_is_kept_that_is_said(path: str) -> None:
    status, words = Lookout().error(path)
    assert (status, words) == (
        404,
        "this server keeps no history: the setting history says where it would be kept",
    )


@pytest.mark.parametrize("path", ["/api/history", "/api/history/pages", "/api/peaks", "/api/peaks?page=/"])
def test_a_history_that_cannot_be_read_now_is_asked_for_again_later(path: str) -> None:
    server = archive()
    server.history.error = HistoryError("the disk is full")
    call = server.ask(path)
    assert (call.status, call.header("retry-after")) == (503, "1")
    assert b"the history can't be read now; try again in a second. The reason: the disk is full" in call.body


@pytest.mark.parametrize("path", ["/api/history", "/api/peaks?page=/"])
@pytest.mark.parametrize(
    ("client", "token", "is_told"),
    [(AWAY, None, False), (AWAY, "wrong", False), (AWAY, TOKEN, True), (None, None, True)],
)
def test_only_those_who_may_read_lists_are_told_why_it_can_not_be_read(
    path: str, client: Any, token: str | None, is_told: bool
) -> None:
    server = archive(read_token=TOKEN)
    server.history.error = HistoryError("no route to 10.1.2.3")
    sent: dict[str, Any] = {} if token is None else {"authorization": f"Bearer {token}"}
    call = server.ask(path, **sent, **({} if client is None else {"client": client}))
    assert call.status == 503
    assert (b"10.1.2.3" in call.body) is is_told
