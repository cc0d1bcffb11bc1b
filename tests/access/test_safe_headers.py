"""What keeps a browser from showing, framing or guessing at an answer: on every answer, by whatever path."""

from __future__ import annotations

import httpx
import pytest
from starlette.responses import Response
from starlette.routing import Route

from nannin import EngineIO, Live
from nannin.access.safe_headers import PAGE_POLICY, SAFE_HEADERS, make_safe
from nannin.web.files import STATIC
from support.one_request import ask

FORM_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
LIVE = Live(emit_token="a-token-for-those-who-send")
# A stream goes on, and the routes of Reading share their way out.
ROUTES = [
    route.path
    for route in LIVE._app._beside.routes  # type: ignore[attr-defined]
    if isinstance(route, Route) and route.path not in ("/api/stream", "/socket.io/1/")
]
ELSEWHERE = ["/nothing", "/static/", "/static/index.html", "/static/embed.html", "/api/x/y", "/live", "/%00"]


def are_safe(response: httpx.Response) -> bool:
    policy = response.headers["content-security-policy"]
    return (
        response.headers["x-content-type-options"] == "nosniff"
        # The dashboard's form would name no origin without one.
        and response.headers["referrer-policy"] in ("no-referrer", "same-origin")
        and policy.startswith(("default-src 'none'", PAGE_POLICY, FORM_POLICY))
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [*ROUTES, *ELSEWHERE])
def test_every_answer_has_them(path: str, method: str) -> None:
    assert are_safe(ask(LIVE, path.replace("{rest:path}", "nothing"), method))


def test_so_has_a_redirect_to_the_slash_of_a_mount_point() -> None:
    response = ask(LIVE, "/live", root_path="/live")
    assert response.status_code == 307
    assert are_safe(response)


def test_so_has_every_error_of_an_engine_io_server() -> None:
    assert are_safe(ask(EngineIO(object()), "/nothing"))  # type: ignore[arg-type]


@pytest.mark.parametrize("query", ["EIO=4&transport=polling", "", "EIO=4&transport=polling&sid=nobody"])
def test_what_is_polled_is_of_no_other_type_than_it_says(query: str) -> None:
    response = ask(LIVE, f"/socket.io/?{query}")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-type"].startswith(("text/plain", "application/json"))


def test_only_what_is_a_page_is_sent_as_one() -> None:
    types = {path: ask(LIVE, path).headers.get("content-type", "") for path in ROUTES}
    assert {path for path, kind in types.items() if kind.startswith("text/html")} == {
        "/",
        "/embed",
        "/dashboard",
    }
    assert ask(LIVE, "/static/embed.html").status_code == 404
    assert (STATIC / "embed.html").is_file()


# Frames


def test_every_site_may_show_the_page_of_a_public_server_in_a_frame() -> None:
    for path in ("/", "/embed"):
        assert ask(LIVE, path).headers["content-security-policy"] == PAGE_POLICY


@pytest.mark.parametrize("path", ["/", "/embed", "/embed?page=nothing"])
def test_where_counts_are_not_public_only_our_own_and_the_allowed_sites_may(path: str) -> None:
    alone = ask(Live(public=False), path).headers["content-security-policy"]
    assert alone == f"{PAGE_POLICY}; frame-ancestors 'self'"
    friendly = ask(Live(public=False, allow_origins="https://a.example"), path)
    policy = friendly.headers["content-security-policy"]
    assert policy == f"{PAGE_POLICY}; frame-ancestors 'self' https://a.example"


def test_what_is_not_a_page_may_not_be_in_a_frame() -> None:
    for path in ("/api/count", "/nothing", "/static/index.js", "/nannin.js"):
        assert ask(LIVE, path).headers["content-security-policy"] == NO_PAGE


def test_a_badge_may_be_an_object_of_a_page() -> None:
    assert "frame-ancestors" not in ask(LIVE, "/badge.svg").headers["content-security-policy"]


# One answer


def test_what_an_answer_says_itself_stays() -> None:
    response = make_safe(Response(headers={"content-security-policy": PAGE_POLICY}))
    assert response.headers["content-security-policy"] == PAGE_POLICY
    assert SAFE_HEADERS.items() <= dict(make_safe(Response()).headers).items()
