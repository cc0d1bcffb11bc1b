"""Who may read counts, by which methods and with which parameters; and how a refusal reads."""

from __future__ import annotations

import msgspec
import pytest

from nannin.web.reading import MAX_PARAMETERS
from support.observed import Hall

PATHS = ["/api/count", "/api/pages", "/api/explain", "/api/openapi.json", "/badge.svg", "/embed"]
OWN = "http://127.0.0.1:8124"
FRIEND = "https://friend.example"
FOREIGN = "https://foreign.example"

# --- methods ---


@pytest.mark.parametrize("path", [*PATHS, "/api/stream"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "QUERY", "get"])
def test_another_method_is_refused_and_told_which_there_are(path: str, method: str) -> None:
    call = Hall().ask(path, method)
    assert call.status == 405
    assert call.header("allow") == "GET, HEAD, OPTIONS"
    assert "error" in msgspec.json.decode(call.body)


@pytest.mark.parametrize("path", PATHS)
def test_a_head_has_the_head_of_a_get_and_nothing_else(path: str) -> None:
    hall = Hall()
    got, asked = hall.ask(path), hall.ask(path, "HEAD")
    assert asked.sent[0] == got.sent[0]
    assert got.body
    assert asked.body == b""


@pytest.mark.parametrize("path", [*PATHS, "/api/stream"])
def test_a_preflight_is_answered_without_a_body(path: str) -> None:
    call = Hall().ask(path, "OPTIONS", origin=FOREIGN, access_control_request_method="GET")
    assert (call.status, call.body) == (204, b"")
    assert call.header("access-control-allow-origin") == "*"
    assert call.header("access-control-allow-methods") == "GET, HEAD, OPTIONS"
    assert call.header("access-control-allow-headers") == "*"
    assert call.header("access-control-allow-credentials") is None


# --- parameters ---


@pytest.mark.parametrize("path", [*PATHS, "/api/stream"])
def test_an_unknown_parameter_is_named(path: str) -> None:
    status, words = Hall().error(f"{path}?colour=red")
    assert status == 400
    assert words.startswith('unknown parameter "colour"; there are: ')


@pytest.mark.parametrize("path", ["/api/count", "/api/explain", "/badge.svg", "/embed"])
def test_a_parameter_that_comes_twice_is_named(path: str) -> None:
    assert Hall().error(f"{path}?page=/a&page=/a") == (400, 'the parameter "page" is given more than once')


@pytest.mark.parametrize("query", ["page=%ff", "page=%C3", "%ff=1", "page=%ED%A0%80"])
def test_what_is_not_utf_8_is_refused(query: str) -> None:
    assert Hall().error(f"/api/count?{query}") == (400, "the query is not UTF-8")


def test_a_flood_of_parameters_is_refused() -> None:
    status, words = Hall().error("/api/count?" + "&".join(["page=/"] * (MAX_PARAMETERS + 1)))
    assert (status, words) == (400, f"the query has over {MAX_PARAMETERS} parameters")


def test_what_a_refusal_quotes_is_short() -> None:
    status, words = Hall().error("/api/count?" + "x" * 10_000 + "=1")
    assert status == 400
    assert len(words) < 200


@pytest.mark.parametrize("key", ["", "news", "/a%00b", "/a%0Ab", "/a,b", "/closed/1", "/" + "x" * 10_000])
@pytest.mark.parametrize("path", ["/api/count", "/api/explain", "/api/stream", "/badge.svg", "/embed"])
def test_a_page_that_can_not_be_is_not_found(path: str, key: str) -> None:
    status, words = Hall().error(f"{path}?page={key}")
    assert status == 404
    assert words.startswith('there is no page "')
    assert len(words) < 200


def test_markup_in_a_refusal_stays_json() -> None:
    call = Hall().ask("/api/count?page=%3Cscript%3E%22")
    assert call.status == 404
    assert call.header("content-type") == "application/json"
    assert call.header("x-content-type-options") == "nosniff"
    assert msgspec.json.decode(call.body) == {"error": 'there is no page "<script>""'}


@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api/count/", "/api/../api/count/x", "/api/%00"])
def test_what_is_not_there_is_not_found_in_json(path: str) -> None:
    status, words = Hall().error(path)
    assert (status, words) == (404, "there is nothing here; /api/openapi.json lists what there is")


# --- origins ---


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", [FOREIGN, OWN, "null"])
def test_where_counts_are_public_every_page_may_read_them(path: str, origin: str) -> None:
    call = Hall().ask(path, origin=origin)
    assert call.status == 200
    assert call.header("access-control-allow-origin") == "*"
    assert call.header("access-control-allow-credentials") is None
    assert call.header("cross-origin-resource-policy") == "cross-origin"


@pytest.mark.parametrize("origin", [FRIEND, OWN])
def test_where_they_are_not_our_own_pages_and_those_allowed_may(origin: str) -> None:
    call = Hall(public=False, allow_origins=(FRIEND,)).ask("/api/count", origin=origin)
    assert call.status == 200
    assert call.header("access-control-allow-origin") == origin
    assert call.header("access-control-allow-credentials") is None
    assert call.header("vary") == "Origin"


@pytest.mark.parametrize("path", [*PATHS, "/api/stream", "/api/nothing"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_where_they_are_not_other_pages_are_refused(path: str, method: str) -> None:
    call = Hall(public=False, allow_origins=(FRIEND,)).ask(path, method, origin=FOREIGN)
    assert call.status == 403
    assert msgspec.json.decode(call.body) == {"error": f'pages of "{FOREIGN}" may not read counts here'}
    assert call.header("access-control-allow-origin") is None
    assert call.header("vary") == "Origin"


@pytest.mark.parametrize("allow_origins", [(), ("*",)])
def test_where_they_are_not_nobody_in_a_sandbox_may(allow_origins: tuple[str, ...]) -> None:
    assert Hall(public=False, allow_origins=allow_origins).error("/api/count", origin="null")[0] == 403


def test_where_they_are_not_a_program_still_may_and_no_page_may_show_them_as_its_own() -> None:
    call = Hall(public=False).ask("/badge.svg")
    assert call.status == 200
    assert call.header("cross-origin-resource-policy") == "same-origin"
    assert call.header("access-control-allow-origin") is None


def test_a_refusal_can_be_read_by_the_page_that_asked() -> None:
    assert Hall().ask("/api/count?page=x", origin=FOREIGN).header("access-control-allow-origin") == "*"
    assert Hall().ask("/api/nothing", origin=FOREIGN).header("access-control-allow-origin") == "*"
