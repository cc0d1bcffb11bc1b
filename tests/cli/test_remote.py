"""Where a server is, and what of its words may be shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.cli.remote import Address, escape
from nannin.errors import SettingsError


@given(st.text())
def test_an_escaped_text_can_steer_no_terminal(text: str) -> None:
    assert escape(text).isprintable()


@given(st.dictionaries(st.text(), st.text()))
def test_escaped_json_means_the_same(value: dict[str, str]) -> None:
    assert json.loads(escape(json.dumps(value, ensure_ascii=False))) == value


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "shown"),
    [
        ("http://127.0.0.1:8124", "127.0.0.1", 8124, "", "http://127.0.0.1:8124"),
        ("http://127.0.0.1:8124/", "127.0.0.1", 8124, "", "http://127.0.0.1:8124"),
        ("localhost:9000", "localhost", 9000, "", "http://localhost:9000"),
        ("https://a.test/live/", "a.test", None, "/live", "https://a.test/live"),
        ("http://[::1]:80/人 x", "::1", 80, "/%E4%BA%BA%20x", "http://[::1]:80/%E4%BA%BA%20x"),
    ],
)
def test_an_address_may_have_a_path_and_need_no_scheme(
    url: str, host: str, port: int | None, path: str, shown: str
) -> None:
    address = Address(url)
    assert (address.host, address.port, address.path, address.url) == (host, port, path, shown)
    assert address.is_https is url.startswith("https")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "ftp://a.test",
        "http://",
        "http://:80",
        "http://a.test:x",
        "http://a.test:99999",
        "http://[::1",
        "http://a b",
        "http://a\x1b[2J",
        "http://user:hush@a.test",
        "http://a.test/?page=/x",
        "http://a.test/#x",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Address(url)
    assert str(caught.value).isprintable()
    assert "hush" not in str(caught.value)
