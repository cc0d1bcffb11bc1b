"""The demo's site: each of its pages carries the tag."""

from __future__ import annotations

import re

import pytest
from starlette.types import ASGIApp

from nannin.cli.demo.pages import GROUPS, PAGES
from nannin.cli.demo.site import app
from support.one_request import ask


@pytest.fixture
def site() -> ASGIApp:
    return app


def test_every_page_is_there_with_its_title_and_the_tag(site: ASGIApp) -> None:
    for place in PAGES:
        response = ask(site, place.key)
        assert response.status_code == 200
        assert place.title in response.text.replace("&#x27;", "'")
        assert '<script async src="/nannin.js"></script>' in response.text
        assert 'data-nannin-show="trend"' in response.text


def test_a_page_leads_to_pages_and_shows_groups_that_there_are(site: ASGIApp) -> None:
    text = ask(site, "/shop/tea").text
    keys = {place.key for place in PAGES}
    links = set(re.findall(r'<a href="([^"]+)"', text))
    assert links - keys == {"/dashboard"}
    watched = set(re.findall(r'data-nannin="(/[^"]*)"', text))
    assert "/shop/*" in watched <= keys | set(GROUPS)


def test_a_page_has_nothing_inline(site: ASGIApp) -> None:
    response = ask(site, "/")
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "style=" not in response.text
    assert ask(site, "/site.css").headers["content-type"].startswith("text/css")


def test_what_is_no_page_is_not_found(site: ASGIApp) -> None:
    assert ask(site, "/news/nothing").status_code == 404
    assert ask(site, "/shop/*").status_code == 404
