"""Which span of time a query means, and in which steps."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from nannin.history.points import Step
from nannin.web.timespan import MAX_POINTS, Timespan, read_timespan, show_moment
from support.fake_past import NOW_S

TOKYO = ZoneInfo("Asia/Tokyo")
# The end of the minute in which it is asked.
END_S = NOW_S // 60 * 60 + 60
DAY_S = 86_400
KEPT_S = {Step.MINUTE: 7 * DAY_S, Step.HOUR: 90 * DAY_S}


def read(limit: int | None = None, **query: str) -> Timespan:
    """What a query means: `from_` stands for `from`."""
    return read_timespan(
        {name.rstrip("_"): text for name, text in query.items()}, NOW_S, TOKYO, KEPT_S, limit
    )


def wrong(limit: int | None = None, **query: str) -> str:
    with pytest.raises(ValueError) as caught:
        read(limit, **query)
    return str(caught.value)


def test_without_a_word_it_is_the_last_day_by_hours() -> None:
    assert read()[:3] == (END_S - DAY_S, END_S, Step.HOUR)


def test_whoever_asks_in_the_same_minute_asks_for_the_same() -> None:
    first, last = NOW_S // 60 * 60, NOW_S // 60 * 60 + 59
    assert read_timespan({}, first, TOKYO, {}) == read_timespan({}, last + 0.9, TOKYO, {})


@pytest.mark.parametrize(
    ("text", "moment_s"),
    [
        ("1795700000", 1_795_700_000),
        ("0", 0),
        ("2026-11-26", 1_795_618_800),  # midnight in Tokyo
        ("2026-11-26T09:30", 1_795_653_000),
        ("2026-11-26T09:30:15", 1_795_653_015),
        ("2026-11-26 09:30", 1_795_653_000),
        ("2026-11-26T09:30Z", 1_795_685_400),
        ("2026-11-26T09:30+01:00", 1_795_681_800),
        ("2026-11-26T09:30 01:00", 1_795_681_800),  # what is left of a plus in an address
        ("24h", END_S - DAY_S),
        ("90m", END_S - 5_400),
        ("7d", END_S - 7 * DAY_S),
        ("2w", END_S - 14 * DAY_S),
        ("999999w", 0),
    ],
)
def test_a_moment_is_read_in_any_of_its_forms(text: str, moment_s: int) -> None:
    assert read(from_=text, step="year").from_s == moment_s


def test_the_end_may_be_now() -> None:
    assert read(to="now").to_s == END_S
    assert read(to="2026-11-01").to_s == read(to="2026-11-01").from_s + DAY_S


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "-1",
        "1.5",
        "2026-13-01",
        "2026-11-26T25:00",
        "32503680001",
        "9" * 41,
        "0h",
        "5y",
        "１",
        "0001-01-01",
    ],
)
@pytest.mark.parametrize("name", ["from_", "to"])
def test_what_is_no_moment_is_refused_in_words(name: str, text: str) -> None:
    words = wrong(None, **{name: text})
    assert words.startswith(
        f"{name.rstrip('_')} must be a moment from 1970 to 3000: unix seconds, a date such as "
    )
    assert len(words) < 300


@pytest.mark.parametrize(
    ("text", "date"),
    [("2025", "2025-01-01"), ("1999", "1999-01-01"), ("202511", "2025-11-01"), ("20251127", "2025-11-27")],
)
def test_a_date_without_dashes_is_not_taken_for_a_moment_in_1970(text: str, date: str) -> None:
    assert (
        wrong(from_=text)
        == f"from is {text}, which as unix seconds is in 1970: write {date}, or 0 for the beginning"
    )
    assert wrong(to=text).startswith(f"to is {text}, ")


@pytest.mark.parametrize("text", ["60", "1969", "3600", "7200", "86400", "25920000", "202600", "20251300"])
def test_other_small_numbers_are_moments_in_1970(text: str) -> None:
    assert read(from_=text, step="year").from_s == int(text)


@pytest.mark.parametrize(("begin", "end"), [("now", "now"), ("1h", "2h"), ("2026-11-27", "2026-11-26")])
def test_a_span_that_ends_before_it_begins_is_refused(begin: str, end: str) -> None:
    assert wrong(from_=begin, to=end).startswith("from must be before to, and 2026-11-2")


@pytest.mark.parametrize("text", ["", "second", "Hour", "hours", "1h"])
def test_a_wrong_step_is_refused(text: str) -> None:
    assert wrong(step=text) == f'step must be one of minute, hour, day, week, month, year, not "{text}"'


@pytest.mark.parametrize(
    ("begin", "step"),
    [
        ("1h", "minute"),
        ("6h", "minute"),
        ("24h", "hour"),
        ("14d", "hour"),
        ("60d", "day"),
        ("380d", "day"),
        ("900d", "week"),
        ("500w", "month"),
    ],
)
def test_without_a_step_a_chart_has_its_number_of_points(begin: str, step: str) -> None:
    assert read(from_=begin).step == step


def test_without_a_step_it_is_one_that_is_still_kept() -> None:
    assert read(from_="10d", to="237h").step == Step.HOUR
    assert read(from_="100d", to="99d").step == Step.DAY


def test_too_many_points_are_refused_with_a_remedy() -> None:
    assert read(from_="2026-10-01", to="2026-10-02", step="minute").step == Step.MINUTE
    assert wrong(from_="7d", step="minute") == (
        "an answer has up to 2,000 points, and this one could have 10,081: "
        "take a longer step, a shorter span, or a limit"
    )


def test_a_limit_cuts_the_span_where_the_points_come_to_it() -> None:
    span = read(100, from_="7d", step="minute")
    assert (span.limit, span.to_s) == (100, END_S)
    assert span.cut_s == span.from_s + 6_000
    assert read(MAX_POINTS, from_="1h").cut_s == END_S


def test_a_moment_is_shown_with_the_offset_of_its_zone() -> None:
    assert show_moment(NOW_S, TOKYO) == "2026-11-27T12:20:30+09:00"
    assert show_moment(NOW_S + 0.9, ZoneInfo("UTC")) == "2026-11-27T03:20:30+00:00"
