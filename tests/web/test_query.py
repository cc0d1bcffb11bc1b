"""Which parameters a query may have, and how a refusal quotes them."""

from __future__ import annotations

import pytest

from nannin.web.query import MAX_PARAMETERS, Query
from support.fake_audiences import FORGIVING, STRICT, Lookout


@pytest.mark.parametrize("path", [*STRICT, "/api/stream"])
def test_an_unknown_parameter_is_named(path: str) -> None:
    status, words = Lookout().error(f"{path}?colour=red")
    assert status == 400
    assert words.startswith('unknown parameter "colour"; there are: ')


@pytest.mark.parametrize("path", FORGIVING)
@pytest.mark.parametrize("query", ["t=1", "utm_source=x&utm_medium=y", "__proto__=1", "t=1&t=2", "=", "&&"])
def test_in_a_page_an_unknown_parameter_is_ignored(path: str, query: str) -> None:
    lookout = Lookout()
    assert lookout.ask(f"{path}?page=/&{query}").body == lookout.ask(f"{path}?page=/").body


@pytest.mark.parametrize("path", ["/api/count", "/api/explain"])
def test_a_parameter_that_comes_twice_is_named(path: str) -> None:
    assert Lookout().error(f"{path}?page=/a&page=/a") == (400, 'the parameter "page" is given more than once')


@pytest.mark.parametrize("query", ["page=%ff", "page=%C3", "%ff=1", "page=%ED%A0%80"])
def test_what_is_not_utf_8_is_refused(query: str) -> None:
    assert Lookout().error(f"/api/count?{query}") == (400, "the query is not UTF-8")


def test_a_flood_of_parameters_is_refused() -> None:
    status, words = Lookout().error("/api/count?" + "&".join(["page=/"] * (MAX_PARAMETERS + 1)))
    assert (status, words) == (400, f"the query has over {MAX_PARAMETERS} parameters")


def test_what_a_refusal_quotes_is_short() -> None:
    status, words = Lookout().error("/api/count?" + "x" * 10_000 + "=1")
    assert status == 400
    assert len(words) < 200


def test_a_parameter_is_there_or_not() -> None:
    query = Query(b"page=", ("page", "limit"))
    assert query.has("page")
    assert not query.has("limit")
