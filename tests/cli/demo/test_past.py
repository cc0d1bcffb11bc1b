"""The demo's history: rows as a server would have written them."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from nannin.audience.page_key import KeyPattern
from nannin.audience.tally_rows import RECORDER, Period, Row
from nannin.cli.demo.pages import GROUPS, PAGES
from nannin.cli.demo.past import Past
from nannin.cli.demo.rhythm import Rhythm
from nannin.history.points import Step
from nannin.history.zones import floor

BERLIN = ZoneInfo("Europe/Berlin")
# A month after the clocks went back, in the middle of an hour.
UNTIL_S = int(datetime(2026, 11, 27, 12, 34, tzinfo=BERLIN).timestamp())
KEYS = ("/", "/news/bridge-reopens", "/news/election-night", "/shop/tea")
PLACES = [place for place in PAGES if place.key in KEYS]
DAYS = 60


def make(seed: int = 1, days: int = DAYS) -> list[Row]:
    past = Past(Rhythm(UNTIL_S, BERLIN, 400, seed), UNTIL_S, BERLIN, seed, days, PLACES)
    return [row for rows in past.rows() for row in rows]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return make()


def test_the_recorder_was_there_all_the_time(rows: list[Row]) -> None:
    for period, at_least_days in ((Period.MINUTE, 1), (Period.HOUR, 35), (Period.DAY, DAYS)):
        own = [row for row in rows if row.page == RECORDER and row.period is period]
        spans = sorted((row.since_ms, row.until_ms) for row in own)
        assert all(one[1] == next_one[0] for one, next_one in pairwise(spans))
        assert spans[-1][1] == UNTIL_S * 1000
        assert spans[-1][1] - spans[0][0] >= at_least_days * 86_400_000 - 3_600_000


def test_every_row_is_one_that_can_have_been(rows: list[Row]) -> None:
    assert len(rows) > 10_000
    for row in rows:
        assert row.since_ms == row.start_s * 1000 < row.until_ms <= UNTIL_S * 1000
        for span in (row.visitors, row.connections):
            ms = row.until_ms - row.since_ms
            assert row.page == RECORDER or span.greatest > 0
            assert span.least * ms <= span.total_ms <= span.greatest * ms
            assert row.page == RECORDER or row.since_ms <= span.greatest_at_ms < row.until_ms
        assert row.visitors.greatest <= row.connections.greatest
        assert row.joins >= 0


def test_hours_and_days_are_what_their_minutes_make(rows: list[Row]) -> None:
    first_s = min(row.start_s for row in rows if row.period is Period.MINUTE)
    for period, step in ((Period.HOUR, Step.HOUR), (Period.DAY, Step.DAY)):
        inside = defaultdict[tuple[str, int], list[Row]](list)
        for row in rows:
            if row.period is Period.MINUTE and not row.page.endswith("*"):
                inside[row.page, floor(row.start_s, step, BERLIN)].append(row)
        compared = 0
        for row in rows:
            parts = inside[row.page, row.start_s]
            if row.period is period and row.start_s >= first_s and parts and row.page != RECORDER:
                assert row.visitors.total_ms == sum(part.visitors.total_ms for part in parts)
                assert row.visitors.greatest == max(part.visitors.greatest for part in parts)
                assert row.joins >= sum(part.joins for part in parts)
                compared += 1
        assert compared >= 3


def test_a_group_has_fewer_visitors_than_its_pages_and_more_than_any(rows: list[Row]) -> None:
    days = defaultdict[str, dict[str, Row]](dict)
    for row in rows:
        if row.period is Period.DAY:
            days[str(row.start_s)][row.page] = row
    for key in GROUPS:
        for by_page in days.values():
            totals = [
                row.visitors.total_ms
                for page, row in by_page.items()
                if page not in (RECORDER, *GROUPS) and KeyPattern(key).match(page) is not None
            ]
            if key in by_page and len(totals) > 1:
                assert 0.9 * sum(totals) < by_page[key].visitors.total_ms < sum(totals)


def test_a_group_is_never_below_one_of_its_pages(rows: list[Row]) -> None:
    by_key = {(row.page, row.period, row.start_s): row for row in rows}
    compared = 0
    for key in GROUPS:
        pages = {row.page for row in rows if KeyPattern(key).match(row.page) is not None} - {
            RECORDER,
            *GROUPS,
        }
        for page, period, start_s in by_key:
            if page in pages:
                one, group = by_key[page, period, start_s], by_key[key, period, start_s]
                for part, whole in ((one.visitors, group.visitors), (one.connections, group.connections)):
                    assert part.least <= whole.least
                    assert part.greatest <= whole.greatest
                    assert part.total_ms <= whole.total_ms
                assert one.joins <= group.joins
                compared += 1
    assert compared > 1_000


def test_an_article_has_no_rows_before_it_is_published(rows: list[Row]) -> None:
    place = next(place for place in PLACES if place.key == "/news/election-night")
    assert place.age_days is not None
    published_ms = (UNTIL_S - place.age_days * 86_400) * 1000
    assert min(row.until_ms for row in rows if row.page == place.key) > published_ms


def test_the_same_seed_makes_the_same_rows_and_another_one_others() -> None:
    rows = make(days=0)
    assert make(days=0) == rows
    assert make(seed=2, days=0) != rows
