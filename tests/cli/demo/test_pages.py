"""The pages of the demo's site."""

from __future__ import annotations

from nannin.audience.page_key import KeyPattern, is_page_key
from nannin.cli.demo.pages import GROUPS, PAGES


def test_there_are_forty_pages_whose_keys_are_keys() -> None:
    assert len(PAGES) == len({place.key for place in PAGES}) == 40
    assert [place.key for place in PAGES if not is_page_key(place.key)] == []


def test_each_group_has_pages_and_one_has_all() -> None:
    members = {key: [place for place in PAGES if KeyPattern(key).match(place.key) == {}] for key in GROUPS}
    assert all(len(places) >= 10 for places in members.values())
    assert len(members["/*"]) == len(PAGES)
