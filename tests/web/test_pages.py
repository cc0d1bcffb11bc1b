"""The page and the scripts that a Live serves, and their headers."""

from __future__ import annotations

import re

import httpx
import pytest

from nannin import Live
from nannin.web.files import STATIC, squeeze
from support.one_request import ask


def test_the_page_is_at_the_root() -> None:
    response = ask(Live(), "/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == (STATIC / "index.html").read_text()


def test_the_page_lets_in_nothing_inline_and_nothing_foreign() -> None:
    policy = ask(Live(), "/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


def test_all_that_the_page_loads_is_there() -> None:
    live = Live()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', ask(live, "/").text)
    assert loaded
    for address in loaded:
        path = httpx.URL("http://127.0.0.1/").join(address).path
        assert ask(live, path).status_code == 200, address


@pytest.mark.parametrize("path", ["/socket.io/socket.io.js", "/nannin.js", "/nannin-trend.js"])
def test_a_script_may_be_loaded_by_pages_of_other_sites(path: str) -> None:
    response = ask(Live(), path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["x-content-type-options"] == "nosniff"
    script = (STATIC / path.rpartition("/")[2]).read_bytes()
    assert response.content == (script if path.startswith("/socket.io/") else squeeze(script))


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/static/",
        "/static/nothing.js",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/socket.io/x",
    ],
)
def test_what_is_not_there_is_not_found(path: str) -> None:
    assert ask(Live(), path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/nannin.js", "/socket.io/socket.io.js", "/static/index.css"])
def test_pages_and_scripts_are_only_read(path: str) -> None:
    assert ask(Live(), path, "HEAD").status_code == 200
    assert ask(Live(), path, "POST").status_code == 405
