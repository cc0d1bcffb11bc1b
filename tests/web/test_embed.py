"""The page for an iframe: who may show it, and what it is asked for. What it shows, a browser tests."""

from __future__ import annotations

import re

import pytest

from nannin.web.files import STATIC
from support.fake_audiences import Lookout

FRIENDS = ("https://friend.example", "http://localhost:3000")


def policy(lookout: Lookout) -> str:
    return lookout.ask("/embed").header("content-security-policy") or ""


def test_it_is_a_page_of_html() -> None:
    call = Lookout().ask("/embed?page=/news&lang=ja&theme=dark")
    assert call.status == 200
    assert call.header("content-type") == "text/html; charset=utf-8"
    assert call.body == (STATIC / "embed.html").read_bytes()


def test_nothing_in_it_is_inline_or_foreign_and_all_it_loads_is_beside_it() -> None:
    assert "default-src 'self'; base-uri 'none'; form-action 'none'" in policy(Lookout())
    text = (STATIC / "embed.html").read_text()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert {address.rpartition(".")[2] for address in loaded} == {"svg", "js", "css"}
    for address in loaded:
        folder, _, name = address.rpartition("/")
        assert folder == "static"
        assert (STATIC / name).is_file()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", text)


def test_where_counts_are_public_every_site_may_show_it() -> None:
    assert "frame-ancestors" not in policy(Lookout())


def test_where_they_are_not_only_our_own_and_the_allowed_sites_may() -> None:
    allowed = f"; frame-ancestors 'self' {' '.join(FRIENDS)}"
    assert policy(Lookout(public=False, allow_origins=FRIENDS)).endswith(allowed)
    assert policy(Lookout(public=False)).endswith("; frame-ancestors 'self'")
    assert "frame-ancestors" not in policy(Lookout(public=False, allow_origins=("*",)))
    files = Lookout(public=False, allow_origins=("null", "file://"))
    assert policy(files).endswith("; frame-ancestors 'self' file:")


def test_a_page_that_isolates_itself_may_show_it() -> None:
    call = Lookout().ask("/embed")
    assert call.header("cross-origin-embedder-policy") == "require-corp"
    assert call.header("cross-origin-resource-policy") == "cross-origin"


def test_proxies_leave_it_as_it_is() -> None:
    assert Lookout().ask("/embed").header("cache-control") == "no-cache, no-transform"


@pytest.mark.parametrize(
    "query",
    [
        "lang=de",
        "lang=",
        "theme=blue",
        "theme=%00",
        "one=Ein%20Leser&other={n}%20Leser",
        "utm_source=x&page=/",
    ],
)
def test_its_script_makes_the_best_of_any_words_and_colours(query: str) -> None:
    assert Lookout().ask(f"/embed?{query}").body == (STATIC / "embed.html").read_bytes()


@pytest.mark.parametrize(
    "query", ["page=", "page=news", "page=/closed", "page=/a&page=/b", "page=%ff", "theme=%ff"]
)
def test_a_wrong_address_is_a_quiet_page(query: str) -> None:
    call = Lookout().ask(f"/embed?{query}")
    assert (call.status, call.header("content-type")) == (200, "text/html; charset=utf-8")
    assert b'<body data-state="unknown">' in call.body
    assert call.header("content-security-policy") == Lookout().ask("/embed").header("content-security-policy")
