"""Which pages a rule is for."""

from __future__ import annotations

from typing import Any

import pytest

from nannin.hook import make_hook
from nannin.hooks.followed import Followed
from nannin.hooks.rules import Rule


def follow(**table: Any) -> Followed:
    return Followed(Rule(make_hook({"on": "peak", **table}), 0.0), None)


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ({"page": "/news"}, ["/news"]),
        ({"page": "/news/*"}, ["/news/1"]),
        ({"page": "/*"}, ["/news", "/news/1", "/www.example.org/news"]),
        ({"page": "/www.example.org/*"}, ["/www.example.org/news"]),
        ({"group": "/news/*"}, ["/news/*"]),
    ],
)
def test_it_is_for_a_page_for_pages_or_for_a_group(table: dict[str, str], keys: list[str]) -> None:
    all_keys = ["/news", "/news/1", "/news/*", "/www.example.org/news"]
    assert [key for key in all_keys if follow(**table).is_for(key)] == keys


def test_it_goes_by_the_highest_ever_or_not() -> None:
    assert follow(page="/").is_of_peaks
    assert not follow(page="/", period="day").is_of_peaks
