"""A badge of shields.io."""

from __future__ import annotations

import pytest

from nannin.audience.roster import Count, StaleCount
from support.fake_audiences import Lookout

UNKNOWN = {"schemaVersion": 1, "label": "nannin", "message": "?", "isError": True, "color": "6e7781"}


def test_it_shows_the_visitors_of_the_page() -> None:
    lookout = Lookout({"/a": Count(15, 12, 7)})
    assert lookout.read("/api/shield?page=/a") == {
        "schemaVersion": 1,
        "label": "online",
        "message": "12",
        "color": "2da44e",
    }


def test_an_empty_page_is_gray() -> None:
    assert Lookout().read("/api/shield") == {
        "schemaVersion": 1,
        "label": "online",
        "message": "0",
        "color": "6e7781",
    }


def test_a_number_that_may_be_old_is_marked() -> None:
    assert Lookout({"/": StaleCount(15, 12, 7)}).read("/api/shield")["message"] == "≈ 12"


def test_label_and_colour_can_be_chosen() -> None:
    shield = Lookout().read("/api/shield?label=readers&color=blue&cacheSeconds=300")
    assert (shield["label"], shield["color"]) == ("readers", "1f6feb")


@pytest.mark.parametrize("query", ["page=x", "page=/closed", "page=/a&page=/b", "color=nothing", "page=%ff"])
def test_a_wrong_address_is_drawn_as_such(query: str) -> None:
    assert Lookout().read(f"/api/shield?{query}") == UNKNOWN
