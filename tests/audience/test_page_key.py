"""What can be a page's key, and which spellings name the same page."""

from __future__ import annotations

import pytest

from nannin.audience.page_key import (
    MAX_PAGE_BYTES,
    check_page_key,
    generality,
    is_page_key,
    is_pattern,
    normalise,
)


@pytest.mark.parametrize("key", ["/", "/news/1", "/人", "/a b", "/" + "x" * (MAX_PAGE_BYTES - 1)])
def test_a_path_is_a_key(key: str) -> None:
    assert is_page_key(key)
    check_page_key(key)


@pytest.mark.parametrize("key", ["", "news", "/a,b", "/a\n", "/" + "x" * MAX_PAGE_BYTES, "/" + "人" * 85])
def test_what_is_not_a_path_of_255_bytes_is_not_a_key(key: str) -> None:
    assert not is_page_key(key)
    with pytest.raises(ValueError, match="a page's key starts with /"):
        check_page_key(key)


def test_a_star_or_a_parameter_makes_a_pattern() -> None:
    assert is_pattern("/news/*")
    assert is_pattern("/chat/{room}")
    assert not is_pattern("/chat/{}")
    assert not is_pattern("/news")


def test_what_says_the_most_comes_first() -> None:
    assert sorted(["/*", "/news/*", "/news/1"], key=generality) == ["/news/1", "/news/*", "/*"]


@pytest.mark.parametrize(
    ("key", "spelling"),
    [
        ("/%e6%97%a5", "/%E6%97%A5"),
        ("/%E6%97%A5", "/%E6%97%A5"),
        ("/%7eann/%41%2D%2e%5F9", "/~ann/A-._9"),
        ("/a%2fb%2c%25%20", "/a%2Fb%2C%25%20"),
        ("/100%", "/100%"),
        ("/%zz%4", "/%zz%4"),
        ("/%2541", "/%2541"),
        ("/人", "/人"),
    ],
)
def test_escapes_have_one_spelling(key: str, spelling: str) -> None:
    assert normalise(key) == spelling
