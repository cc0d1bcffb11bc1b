"""Which pages can be asked for."""

from __future__ import annotations

import pytest

from nannin.audience.groups import Groups
from nannin.audience.roster import Count
from support.fake_audiences import Lookout


@pytest.mark.parametrize("path", ["/api/count", "/api/explain"])
def test_spellings_of_the_same_address_are_the_same_page(path: str) -> None:
    lookout = Lookout({"/%E6%97%A5/~ann": Count(3, 2, 1)})
    asked = lookout.read(f"{path}?page=/%25e6%2597%25a5/%257Eann")
    assert asked["page"] == "/%E6%97%A5/~ann"


@pytest.mark.parametrize("key", ["", "news", "/a%00b", "/a%0Ab", "/a,b", "/closed/1", "/" + "x" * 10_000])
@pytest.mark.parametrize("path", ["/api/count", "/api/explain", "/api/stream"])
def test_a_page_that_can_not_be_is_not_found(path: str, key: str) -> None:
    status, words = Lookout().error(f"{path}?page={key}")
    assert status == 404
    assert words.startswith('there is no page "')
    assert len(words) < 200


def test_a_key_without_its_slash_is_told_of_it() -> None:
    _, words = Lookout().error("/api/count?page=news")
    assert words == 'there is no page "news": a page\'s key starts with /'
    _, words = Lookout().error("/api/count?page=/closed/1")
    assert words == 'there is no page "/closed/1"'


def test_which_page_is_found_does_not_depend_on_which_there_are() -> None:
    lookout = Lookout({"/日": Count(1, 1, 1), "/%E6%97%A5": Count(3, 2, 1)})
    for spelling in ("/日", "/%25E6%2597%25A5", "/%25e6%2597%25a5"):
        assert lookout.read(f"/api/count?page={spelling}")["connections"] == 3


def test_the_page_of_an_address_can_be_asked_for_in_letters() -> None:
    lookout = Lookout({"/%E6%97%A5": Count(3, 2, 1)})
    assert lookout.read("/api/count?page=/%E6%97%A5")["page"] == "/%E6%97%A5"


# Groups


def shop() -> Lookout:
    counts = {"/shop/a": Count(1, 1, 1), "/shop/*": Count(3, 2, 1), "/w/*": Count(1, 1, 1)}
    return Lookout(counts, groups=Groups("/shop/*", "/記事/*"))


def test_a_group_is_read_as_a_page_is_and_marked() -> None:
    told = {"page": "/shop/*", "connections": 3, "visitors": 2, "visible": 1, "group": True}
    assert shop().read("/api/count?page=/shop/*") == told
    assert "group" not in shop().read("/api/count?page=/shop/a")
    assert shop().read("/api/count?page=/%E8%A8%98%E4%BA%8B/*")["page"] == "/%E8%A8%98%E4%BA%8B/*"
    rows = shop().read("/api/pages")["pages"]
    assert [row["page"] for row in rows if "group" in row] == ["/shop/*"]


def test_whoever_shows_a_page_shows_a_group() -> None:
    assert shop().read("/api/shield?page=/shop/*")["message"] == "2"
    assert b"online: 2" in shop().ask("/badge.svg?page=/shop/*").body
    assert b'data-state="waiting"' in shop().ask("/embed?page=/shop/*").body
    assert shop().read("/api/shield?page=/news/*")["message"] == "?"
    assert b"there is no group" in shop().ask("/badge.svg?page=/news/*").body
    assert b'data-state="unknown"' in shop().ask("/embed?page=/news/*").body


@pytest.mark.parametrize("path", ["/api/count", "/api/explain", "/api/stream"])
def test_a_group_that_there_is_not_is_not_found(path: str) -> None:
    status, words = shop().error(f"{path}?page=/news/*")
    assert status == 404
    assert words == (
        'there is no group "/news/*"; there are "/shop/*", "/%E8%A8%98%E4%BA%8B/*": '
        "the setting groups names the groups of pages"
    )
    _, words = Lookout().error(f"{path}?page=/news/*")
    assert words == 'there is no group "/news/*": the setting groups names the groups of pages'
    many = Lookout({}, groups=Groups(*(f"/{number}/*" for number in range(9))))
    assert '"/4/*", ...: the setting' in many.error(f"{path}?page=/news/*")[1]


def test_a_page_that_is_called_as_a_group_would_be_is_found_while_somebody_is_on_it() -> None:
    assert shop().read("/api/count?page=/w/*")["visitors"] == 1
