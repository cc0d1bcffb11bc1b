"""When days and hours begin, where clocks are changed and where they are not."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.history import zones
from nannin.history.points import Step

BERLIN, NEW_YORK, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")
LORD_HOWE, KATHMANDU, APIA = (
    ZoneInfo("Australia/Lord_Howe"),
    ZoneInfo("Asia/Kathmandu"),
    ZoneInfo("Pacific/Apia"),
)
BEIRUT, HAVANA, ST_JOHNS = ZoneInfo("Asia/Beirut"), ZoneInfo("America/Havana"), ZoneInfo("America/St_Johns")
TOKYO, UTC_ZONE = ZoneInfo("Asia/Tokyo"), ZoneInfo("UTC")
ZONES = [
    *(BERLIN, NEW_YORK, KOLKATA, LORD_HOWE, KATHMANDU, APIA, BEIRUT, HAVANA, ST_JOHNS, TOKYO, UTC_ZONE),
    *map(ZoneInfo, ["America/Sao_Paulo", "Africa/Casablanca", "Asia/Pyongyang", "Pacific/Chatham"]),
]


def at(text: str) -> int:
    """A moment as unix seconds, from ISO 8601 with its offset."""
    return int(datetime.fromisoformat(text).timestamp())


def hours_of_day(text: str, zone: ZoneInfo) -> float:
    start = zones.floor(at(text), Step.DAY, zone)
    return (zones.following(start, Step.DAY, zone) - start) / 3600


@pytest.mark.parametrize(
    ("noon", "zone", "hours"),
    [
        ("2026-03-29T12:00+02:00", BERLIN, 23),
        ("2026-10-25T12:00+01:00", BERLIN, 25),
        ("2026-03-08T12:00-04:00", NEW_YORK, 23),
        ("2026-11-01T12:00-05:00", NEW_YORK, 25),
        ("2026-10-04T12:00+11:00", LORD_HOWE, 23.5),
        ("2026-04-05T12:00+10:30", LORD_HOWE, 24.5),
        ("2026-06-01T12:00+05:30", KOLKATA, 24),
    ],
)
def test_a_day_has_the_hours_that_its_clocks_give_it(noon: str, zone: ZoneInfo, hours: float) -> None:
    assert hours_of_day(noon, zone) == hours


def test_a_day_begins_at_one_where_the_clocks_skip_midnight() -> None:
    assert zones.floor(at("2021-03-28T12:00+03:00"), Step.DAY, BEIRUT) == at("2021-03-28T01:00+03:00")
    assert hours_of_day("2021-03-28T12:00+03:00", BEIRUT) == 23


def test_a_day_begins_at_its_first_midnight_where_it_comes_twice() -> None:
    assert zones.floor(at("2025-11-02T12:00-05:00"), Step.DAY, HAVANA) == at("2025-11-02T00:00-04:00")


def test_a_day_that_has_begun_is_not_left_when_the_clocks_go_back_over_midnight() -> None:
    midnight = at("2010-11-07T00:00-02:30")
    again = at("2010-11-06T23:30-03:30")
    assert again > midnight
    assert zones.floor(again, Step.DAY, ST_JOHNS) == midnight


def test_a_day_that_the_calendar_skips_is_no_step() -> None:
    days = zones.boundaries(at("2011-12-29T12:00-10:00"), at("2012-01-01T00:00+14:00"), Step.DAY, APIA)
    assert [datetime.fromtimestamp(day, APIA).day for day in days] == [29, 31, 1]


@pytest.mark.parametrize(
    ("moment", "zone", "hour"),
    [
        ("2026-06-01T12:59+05:30", KOLKATA, "2026-06-01T12:00+05:30"),
        ("2026-06-01T12:44+05:45", KATHMANDU, "2026-06-01T12:00+05:45"),
        ("2026-03-29T03:20+02:00", BERLIN, "2026-03-29T03:00+02:00"),
        ("2026-10-25T02:20+02:00", BERLIN, "2026-10-25T02:00+02:00"),
        ("2026-10-25T02:20+01:00", BERLIN, "2026-10-25T02:00+01:00"),
        ("2026-10-04T02:40+11:00", LORD_HOWE, "2026-10-04T02:30+11:00"),
        ("2026-04-05T01:40+10:30", LORD_HOWE, "2026-04-05T01:30+10:30"),
    ],
)
def test_an_hour_begins_when_its_clocks_show_a_full_hour_or_are_changed(
    moment: str, zone: ZoneInfo, hour: str
) -> None:
    assert zones.floor(at(moment), Step.HOUR, zone) == at(hour)


def test_weeks_begin_on_monday() -> None:
    week = zones.floor(at("2026-11-29T23:59+09:00"), Step.WEEK, TOKYO)
    assert week == at("2026-11-23T00:00+09:00")
    assert zones.following(week, Step.WEEK, TOKYO) == at("2026-11-30T00:00+09:00")


def test_months_and_years_are_those_of_the_calendar() -> None:
    months = list(zones.boundaries(at("2024-01-15T00:00Z"), at("2024-03-01T00:00Z"), Step.MONTH, UTC_ZONE))
    assert [datetime.fromtimestamp(month, UTC).strftime("%m-%d") for month in months] == [
        "01-01",
        "02-01",
        "03-01",
    ]
    assert zones.floor(months[1], Step.YEAR, BERLIN) == at("2024-01-01T00:00+01:00")
    assert zones.following(at("2024-01-01T00:00Z"), Step.YEAR, UTC_ZONE) == at("2025-01-01T00:00Z")


def test_a_span_that_ends_at_a_boundary_ends_with_it() -> None:
    assert list(zones.boundaries(90, 240, Step.MINUTE, TOKYO)) == [60, 120, 180, 240]
    assert list(zones.boundaries(60, 60, Step.MINUTE, TOKYO)) == [60]


@given(
    st.sampled_from(ZONES),
    st.sampled_from([Step.HOUR, Step.DAY, Step.WEEK, Step.MONTH, Step.YEAR]),
    st.integers(at("1970-06-01T00:00Z"), at("2037-01-01T00:00Z")),
)
def test_every_moment_is_in_one_step(zone: ZoneInfo, step: Step, moment: int) -> None:
    start = zones.floor(moment, step, zone)
    until = zones.following(start, step, zone)
    assert start <= moment < until
    assert zones.floor(start, step, zone) == start
    assert zones.floor(until - 1, step, zone) == start
    assert zones.floor(until, step, zone) == until


@given(st.sampled_from(ZONES), st.integers(at("2000-01-01T00:00Z"), at("2030-01-01T00:00Z")))
def test_days_are_made_of_whole_hours(zone: ZoneInfo, moment: int) -> None:
    start = zones.floor(moment, Step.DAY, zone)
    until = zones.following(start, Step.DAY, zone)
    hours = list(zones.boundaries(start, until, Step.HOUR, zone))
    assert hours[0] == start
    assert hours[-1] == until
    assert all(0 < later - earlier <= 3600 for earlier, later in pairwise(hours))


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../UTC", "/etc/passwd", "Europe", "\0", "\ud800", "x" * 9999]
)
def test_a_zone_that_does_not_exist_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValueError, match="expected the name of a time zone, such as Asia/Tokyo") as refused:
        zones.named(name)
    assert len(str(refused.value)) < 400


def test_a_zone_is_known_by_its_name() -> None:
    assert zones.named("Asia/Tokyo") is TOKYO


def test_the_machine_has_the_zone_that_its_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert zones.machine() == KATHMANDU
        monkeypatch.setenv("TZ", "Mars/Olympus")
        assert zones.machine() == UTC_ZONE
    finally:
        monkeypatch.undo()
        time.tzset()
