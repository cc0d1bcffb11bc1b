"""Counts as JSON: one page's, all pages', and how one comes about."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from nannin.audience.roster import Count
from nannin.web.api import MAX_LIMIT
from support.fake_audiences import Lookout, keys, make_costly

THREE = {"/b": Count(5, 3, 1), "/a": Count(4, 3, 2), "/c": Count(9, 1, 0)}


# --- one page ---


def test_a_count_has_all_its_numbers() -> None:
    assert Lookout({"/news": Count(3, 2, 1)}).read("/api/count?page=/news") == {
        "page": "/news",
        "connections": 3,
        "visitors": 2,
        "visible": 1,
    }


def test_without_a_page_it_is_the_default_page() -> None:
    assert Lookout({"/": Count(1, 1, 1)}).read("/api/count") == {
        "page": "/",
        "connections": 1,
        "visitors": 1,
        "visible": 1,
    }


def test_a_page_that_nobody_is_on_has_zeros() -> None:
    assert Lookout().read("/api/count?page=/empty")["connections"] == 0


@pytest.mark.parametrize("key", ["/%E4%BA%BA", "/a b", "/?x=1&y", "/<script>", "/../etc", "/%2F%"])
def test_any_well_formed_key_is_answered_as_it_is(key: str) -> None:
    assert Lookout().read(f"/api/count?page={quote(key, safe='')}")["page"] == key


def test_a_page_that_is_asked_for_by_its_letters_is_answered_by_its_key() -> None:
    assert Lookout().read(f"/api/count?page={quote('/人', safe='')}")["page"] == "/%E4%BA%BA"


def test_nobody_keeps_a_count() -> None:
    assert Lookout().ask("/api/count").header("cache-control") == "no-store"


# --- all pages ---


def test_the_pages_come_with_most_visitors_first_and_by_key_among_equals() -> None:
    listing = Lookout(THREE).read("/api/pages")
    assert [row["page"] for row in listing["pages"]] == ["/a", "/b", "/c"]
    assert listing["pages"][0] == {"page": "/a", "connections": 4, "visitors": 3, "visible": 2}
    assert (listing["total"], listing["limit"], listing["offset"]) == (3, 50, 0)


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("sort=visitors&order=asc", "cab"),
        ("sort=connections", "cba"),
        ("sort=connections&order=asc", "abc"),
        ("sort=visible", "abc"),
        ("sort=page", "abc"),
        ("sort=page&order=desc", "cba"),
    ],
)
def test_the_pages_come_in_the_order_that_is_asked_for(query: str, order: str) -> None:
    assert keys(Lookout(THREE), query) == [f"/{key}" for key in order]


def test_a_part_of_the_list_is_cut_out() -> None:
    lookout = Lookout({f"/p{number:02}": Count(1, 1, 1) for number in range(25)})
    assert keys(lookout, "limit=3&offset=10") == ["/p10", "/p11", "/p12"]
    assert keys(lookout, "limit=3&offset=24") == ["/p24"]
    assert keys(lookout, "offset=25") == []
    assert lookout.read("/api/pages?limit=3&offset=24")["total"] == 25


@pytest.mark.parametrize(
    "query", ["limit=0", f"limit={MAX_LIMIT + 1}", "limit=-1", "limit=1.5", "limit=", "limit=%D9%A1"]
)
def test_a_wrong_limit_is_refused(query: str) -> None:
    status, words = Lookout().error(f"/api/pages?{query}")
    assert status == 400
    assert words.startswith("limit must be a whole number from 1 to 1000, not ")


@pytest.mark.parametrize("query", ["offset=-1", "offset=" + "9" * 10_000, "sort=name", "order=up", "order="])
def test_another_wrong_parameter_is_refused(query: str) -> None:
    status, words = Lookout().error(f"/api/pages?{query}")
    assert status == 400
    assert words.startswith(f"{query.partition('=')[0]} must be ")
    assert len(words) < 200


# --- how one comes about ---


def test_a_count_explains_itself() -> None:
    lookout = Lookout({"/a": Count(3, 2, 1)})
    assert lookout.read("/api/explain?page=/a") == {
        "page": "/a",
        "count": {"connections": 3, "visitors": 2, "visible": 1},
        "recounted": 3,
    }
    assert lookout.read("/api/explain")["page"] == "/"


def test_an_explanation_that_is_costly_is_not_made_for_everyone_who_asks() -> None:
    lookout = Lookout()
    make_costly(lookout, 0.1)
    assert lookout.read("/api/explain?page=/a") == lookout.read("/api/explain?page=/a")
    assert lookout.source.explained == ["/a"]
    call = lookout.ask("/api/explain?page=/b")
    assert (call.status, call.header("retry-after")) == (503, "1")
    lookout.clock.advance(2.1)
    assert lookout.read("/api/explain?page=/b")["page"] == "/b"
