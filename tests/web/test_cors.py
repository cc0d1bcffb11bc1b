"""Which web pages may read counts."""

from __future__ import annotations

import msgspec
import pytest

from support.fake_audiences import FORGIVING, PATHS, Lookout

OWN = "http://127.0.0.1:8124"
FRIEND = "https://friend.example"
FOREIGN = "https://foreign.example"


@pytest.mark.parametrize("path", [*FORGIVING, "/api/count", "/api/openapi.json"])
@pytest.mark.parametrize("origin", [FOREIGN, OWN, "null"])
def test_where_counts_are_public_every_page_may_read_them(path: str, origin: str) -> None:
    call = Lookout().ask(path, origin=origin)
    assert call.status == 200
    assert call.header("access-control-allow-origin") == "*"
    assert call.header("access-control-allow-credentials") is None
    assert call.header("cross-origin-resource-policy") == "cross-origin"


@pytest.mark.parametrize("origin", [FRIEND, OWN])
def test_where_they_are_not_our_own_pages_and_those_allowed_may(origin: str) -> None:
    call = Lookout(public=False, allow_origins=(FRIEND,)).ask("/api/count", origin=origin)
    assert call.status == 200
    assert call.header("access-control-allow-origin") == origin
    assert call.header("access-control-allow-credentials") is None
    assert call.header("vary") == "Origin"


@pytest.mark.parametrize("path", [*PATHS, "/api/stream", "/api/nothing"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_where_they_are_not_other_pages_are_refused(path: str, method: str) -> None:
    call = Lookout(public=False, allow_origins=(FRIEND,)).ask(path, method, origin=FOREIGN)
    assert call.status == 403
    assert msgspec.json.decode(call.body) == {"error": f'pages of "{FOREIGN}" may not read counts here'}
    assert call.header("access-control-allow-origin") is None
    assert call.header("vary") == "Origin"


@pytest.mark.parametrize("allow_origins", [(), ("*",)])
def test_where_they_are_not_nobody_in_a_sandbox_may(allow_origins: tuple[str, ...]) -> None:
    assert Lookout(public=False, allow_origins=allow_origins).error("/api/count", origin="null")[0] == 403


def test_where_they_are_not_a_program_still_may_and_no_page_may_show_them_as_its_own() -> None:
    call = Lookout(public=False).ask("/badge.svg")
    assert call.status == 200
    assert call.header("cross-origin-resource-policy") == "same-origin"
    assert call.header("access-control-allow-origin") is None


def test_a_refusal_can_be_read_by_the_page_that_asked() -> None:
    assert Lookout().ask("/api/count?page=x", origin=FOREIGN).header("access-control-allow-origin") == "*"
    assert Lookout().ask("/api/nothing", origin=FOREIGN).header("access-control-allow-origin") == "*"
