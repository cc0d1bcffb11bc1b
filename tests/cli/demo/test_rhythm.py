"""How many people the demo's pages have, at any moment."""

from __future__ import annotations

import random
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from nannin.cli.demo.pages import PAGES
from nannin.cli.demo.rhythm import Rhythm, poisson

TOKYO = ZoneInfo("Asia/Tokyo")
NOW_S = datetime(2026, 11, 27, 12, 0, tzinfo=TOKYO).timestamp()
DAY_S = 86_400
BY_KEY = {place.key: place for place in PAGES}


def level(key: str, at_s: float, people: int = 400) -> float:
    return Rhythm(NOW_S, TOKYO, people).level(BY_KEY[key], at_s)


def test_there_are_few_at_night_and_many_at_noon_where_the_readers_live() -> None:
    at_night = datetime(2026, 11, 27, 3, 0, tzinfo=TOKYO).timestamp()
    assert 0 < level("/", at_night) < level("/", NOW_S) / 5


def test_it_changes_without_a_jump() -> None:
    levels = [level("/", NOW_S + minute * 60) for minute in range(120)]
    steps = [abs(one - other) for one, other in pairwise(levels)]
    assert max(steps) < max(levels) / 50


def test_an_article_is_not_there_before_it_is_published_and_most_read_it_on_its_first_day() -> None:
    place = BY_KEY["/news/whale-in-the-bay"]
    assert place.age_days is not None
    published_s = NOW_S - place.age_days * DAY_S
    assert level(place.key, published_s - 1) == 0.0
    first, week, month = (level(place.key, published_s + days * DAY_S) for days in (0.5, 7.5, 28.5))
    assert first > 10 * week
    assert 2 * week > month > 0


def test_a_busy_noon_of_today_has_about_as_many_people_as_were_asked_for() -> None:
    rhythm = Rhythm(NOW_S, TOKYO, people=1_000)
    assert 600 < sum(rhythm.level(place, NOW_S) for place in PAGES) < 1_400


def test_the_same_seed_makes_the_same_days() -> None:
    one, same, other = (Rhythm(NOW_S, TOKYO, seed=seed).level(PAGES[0], NOW_S) for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("mean", [0.0, 0.4, 7.0, 200.0])
def test_poissons_numbers_have_their_mean(mean: float) -> None:
    chance = random.Random(1)
    numbers = [poisson(chance, mean) for _ in range(2_000)]
    assert sum(numbers) / len(numbers) == pytest.approx(mean, rel=0.1)
    assert min(numbers) >= 0
