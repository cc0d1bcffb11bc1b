"""The last hour of a page, minute by minute, for the line that the tag draws."""

from __future__ import annotations

from typing import Any

import msgspec

from nannin.audience.roster import Count
from nannin.errors import HistoryError
from support.fake_audiences import Lookout
from support.fake_past import NOW_S, Archive, point

MINUTE_S = NOW_S // 60 * 60
PATH = "/api/trend?page=/a"


def archive() -> Archive:
    """What is known of one page: two minutes, but not the one between them, nor the running one."""
    archive = Archive({"/a": Count(5, 4, 3)})
    archive.history.points["/a"] = [point(MINUTE_S - 180, 60, 3.0), point(MINUTE_S - 60, 60, 7.0)]
    return archive


def read(server: Lookout) -> dict[str, Any]:
    answer: dict[str, Any] = server.read(PATH)
    return answer


def test_it_is_the_most_at_once_in_each_of_the_last_sixty_minutes() -> None:
    answer = read(archive())
    assert answer == {
        "page": "/a",
        "start_s": MINUTE_S - 59 * 60,
        "visitors": [None] * 56 + [4, None, 8, None],
        "connections": [None] * 56 + [4, None, 8, None],
    }


def test_without_a_history_nothing_is_known_of_it() -> None:
    answer = read(Lookout({"/a": Count(5, 4, 3)}))
    assert answer["visitors"] == answer["connections"] == [None] * 60


def test_a_browser_may_keep_it_until_the_minute_is_over() -> None:
    server = archive()
    assert server.ask(PATH).header("cache-control") == "public, max-age=30"
    server.now_s = MINUTE_S + 59.9
    assert server.ask(PATH).header("cache-control") == "public, max-age=1"


def test_all_readers_of_a_moment_cost_one_question() -> None:
    server = archive()
    assert server.ask(PATH).body == server.ask(PATH).body
    assert server.history.asked == 1


def test_a_page_that_can_not_be_is_not_found() -> None:
    status, words = archive().error("/api/trend?page=/closed/a")
    assert status == 404
    assert "/closed/a" in words


def test_a_history_that_can_not_be_read_now_is_an_error_that_no_cache_keeps() -> None:
    server = archive()
    server.history.error = HistoryError("the disk is gone")
    call = server.ask(PATH)
    assert call.status == 503
    assert msgspec.json.decode(call.body)["error"] == "the history can't be read now; try again in a second"
    assert call.header("cache-control") == "no-store"
