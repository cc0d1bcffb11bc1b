"""Notices: as programs read them, as people do, and as Slack and Discord take them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nannin.audience.roster import Count
from nannin.hook import Hook, make_hook
from nannin.hooks.conditions import Told
from nannin.hooks.notices import Notice, as_json, as_text, encode, make_notice
from nannin.hooks.rules import Happening


def notice(**values: Any) -> Notice:
    """A notice of a threshold, but for these values."""
    usual = {
        "id": "abc",
        "hook": "busy",
        "what": "above",
        "page": "/news",
        "value": 120,
        "limit": 100,
        "connections": 131,
        "visitors": 120,
        "visible": 90,
        "at_unix_s": 1_795_000_000.25,
        "since_unix_s": 1_794_999_990.0,
    }
    return Notice(**{**usual, **values})


def test_a_notice_is_json_of_a_type_a_time_and_what_happened() -> None:
    assert as_json(notice()) == {
        "type": "count.above",
        "timestamp": "2026-11-18T11:06:40.250Z",
        "data": {
            "hook": "busy",
            "page": "/news",
            "of": "visitors",
            "value": 120,
            "limit": 100,
            "connections": 131,
            "visitors": 120,
            "visible": 90,
            "since": "2026-11-18T11:06:30.000Z",
        },
    }


def test_a_group_says_that_it_is_one() -> None:
    assert as_json(notice(page="/shop/*", is_group=True))["data"]["group"] is True


def test_a_happening_becomes_a_notice_with_times_of_day() -> None:
    hook = make_hook({"on": "peak", "page": "/news", "name": "busy", "period": "day"})
    happening = Happening("/news", "peak", Count(3, 2, 1), 90.0, Told(40, former=30))
    made = make_notice("abc", hook, happening, 100.0, 5_000.0)
    assert (made.at_unix_s, made.since_unix_s) == (5_000.0, 4_990.0)
    assert (made.count, made.value, made.former, made.period) == (Count(3, 2, 1), 40, 30, "day")
    assert make_notice("abc", Hook(name="x", on="spike", page="/"), happening, 100.0, 0.0).period is None


@pytest.mark.parametrize(
    ("values", "english", "japanese"),
    [
        (
            {"what": "occupied", "value": 1},
            "/news: somebody has come. Now: 1 visitor.",
            "/news に人が来ました。現在1人です。",
        ),
        ({"what": "vacated", "value": 0}, "/news: everybody has gone.", "/news には誰もいなくなりました。"),
        (
            {"value": 1_200, "limit": 1_000},
            "/news has gone above 1,000. Now: 1,200 visitors.",
            "/news が1,000人を超えました。現在1,200人です。",
        ),
        (
            {"what": "below", "value": 5, "limit": 20, "of": "connections"},
            "/news has fallen below 20. Now: 5 connections.",
            "/news が20接続を下回りました。現在5接続です。",
        ),
        (
            {"what": "spike", "mean": 20.0},
            "/news is suddenly busy. Now: 120 visitors, after a mean of 20.",
            "/news が急に混み始めました。現在120人です(それまでの平均は20人)。",
        ),
        (
            {"what": "spike", "mean": 0.0},
            "/news is suddenly busy. Now: 120 visitors, after hardly any.",
            "/news が急に混み始めました。現在120人です(それまではごくわずか)。",
        ),
        (
            {"what": "peak", "former": 100, "period": "ever"},
            "/news has a new peak: 120 visitors. The highest before was 100.",
            "/news が過去最高の120人になりました(これまでの最高は100人)。",
        ),
        (
            {"what": "peak", "former": 100, "period": "day"},
            "/news has its peak of 24 hours: 120 visitors. The highest before was 100.",
            "/news がこの24時間で最高の120人になりました(それまでの最高は100人)。",
        ),
    ],
)
def test_people_read_a_sentence(values: dict[str, Any], english: str, japanese: str) -> None:
    assert as_text(notice(**values), "en") == english
    assert as_text(notice(**values), "ja") == japanese


def test_people_read_the_letters_of_a_key() -> None:
    assert as_text(notice(page="/%E6%97%A5"), "en").startswith("/日 has")


def test_slack_gets_a_text_that_calls_nobody() -> None:
    body = json.loads(encode(notice(page="/<!channel>&"), "slack", "en"))
    assert body["text"] == "/&lt;!channel&gt;&amp; has gone above 100. Now: 120 visitors."
    assert body["mrkdwn"] is False


def test_discord_gets_a_text_that_calls_nobody() -> None:
    body = json.loads(encode(notice(page="/@everyone`*x*"), "discord", "en"))
    assert body["content"] == "`/@everyone'*x*` has gone above 100. Now: 120 visitors."
    assert body["allowed_mentions"] == {"parse": []}


def test_discord_takes_a_key_of_any_length() -> None:
    assert len(json.loads(encode(notice(page="/" + "x" * 254), "discord", "ja"))["content"]) < 2_000


def test_programs_get_the_json() -> None:
    assert json.loads(encode(notice(), "json", "ja")) == as_json(notice())
