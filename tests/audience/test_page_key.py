"""What can be a page's key, and which keys a pattern stands for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nannin.audience.page_key import (
    MAX_PAGE_BYTES,
    KeyPattern,
    as_iri,
    as_uri,
    check_page_key,
    generality,
    is_page_key,
    is_pattern,
    normalise,
)


@pytest.mark.parametrize(
    "key",
    [
        "/",
        "/news/1",
        "/news/",
        "//",
        "/example.com/a/b.html",
        "/何人",
        "/😀",
        "/a b",
        "/a?b=c&d#e",
        "/__proto__",
        "/../..",
        "/%00",
        "/chat/*",
        '/"<script>',
    ],
)
def test_a_path_is_a_page_key(key: str) -> None:
    assert is_page_key(key)


@pytest.mark.parametrize("key", ["", "news", "news/", " /", "*", "http://example.com/", "\\", "\ufeff/"])
def test_a_page_key_begins_with_a_slash(key: str) -> None:
    assert not is_page_key(key)


@pytest.mark.parametrize("key", ["/a,b", "/,", "/a,"])
def test_a_page_key_holds_no_comma(key: str) -> None:
    assert not is_page_key(key)


@pytest.mark.parametrize(
    "character", ["\x00", "\t", "\n", "\r", "\x1b", "\x1e", "\x7f", "\x80", "\u2028", "\u202e", "\ufeff"]
)
def test_a_page_key_holds_no_control_characters(character: str) -> None:
    assert not is_page_key(f"/a{character}b")
    assert not is_page_key(f"/a{character}")


def test_a_lone_surrogate_is_no_page_key() -> None:
    assert not is_page_key("/\ud800")


def test_a_page_key_has_255_bytes_at_most() -> None:
    assert MAX_PAGE_BYTES == 255
    assert is_page_key("/" + "x" * 254)
    assert not is_page_key("/" + "x" * 255)


def test_the_bytes_of_a_page_key_are_counted_in_utf8() -> None:
    assert is_page_key("/ab" + "何" * 84)  # 3 + 84 * 3 = 255
    assert not is_page_key("/abc" + "何" * 84)  # 256
    assert not is_page_key("/" + "何" * 100)


@settings(deadline=None, max_examples=200, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300).map("/".__add__))
def test_any_text_is_a_page_key_or_an_error(key: str) -> None:
    if is_page_key(key):
        assert len(key.encode()) <= 255
        assert "," not in key
        assert min(key) >= " "
        check_page_key(key)
    else:
        with pytest.raises(ValueError, match="starts with /"):
            check_page_key(key)


def test_the_error_says_what_was_expected_and_what_came() -> None:
    with pytest.raises(ValueError, match="has up to 255 bytes and no comma, not 'news'"):
        check_page_key("news")


# Both at once


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


# Patterns


@pytest.mark.parametrize(
    ("key", "expected"),
    [("/", False), ("/a{b", False), ("/{}", False), ("/{1}", False), ("/*", True), ("/{room}", True)],
)
def test_a_star_or_a_name_in_braces_makes_a_pattern(key: str, expected: bool) -> None:
    assert is_pattern(key) is expected


def test_a_star_is_any_text_and_a_name_is_any_text_without_a_slash() -> None:
    assert KeyPattern("/a/*").match("/a/b/c") == {}
    assert KeyPattern("/a/{x}").match("/a/b/c") is None
    assert KeyPattern("/a/{x}/{y_2}").match("/a/b/c") == {"x": "b", "y_2": "c"}


def test_all_other_signs_stand_for_themselves() -> None:
    assert KeyPattern("/a.c").match("/a.c") == {}
    assert KeyPattern("/a.c").match("/abc") is None


def test_a_name_that_a_pattern_uses_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'/\{x\}/\{x\}' uses a parameter name twice"):
        KeyPattern("/{x}/{x}")


def test_many_stars_and_names_share_a_key_out_from_the_left() -> None:
    assert KeyPattern("/{a}-{b}-{c}/*").match("/1-2-3-4/5/6") == {"a": "1-2", "b": "3", "c": "4"}
    assert KeyPattern("/*-{b}/*{c}").match("/1-2/3-4/5") == {"b": "4", "c": "5"}
    assert KeyPattern("/{a}-{b}-{c}").match("/1-2/-3") is None
    assert KeyPattern("/{a}{b}{c}").match("/12") is None
    assert KeyPattern("/**/*x").match("/1/2x") == {}


NAMES = ("{a}", "{b}", "{c}", "{d}")


@given(
    st.lists(st.one_of(st.sampled_from(["/", "-", "x", "x-"]), st.sampled_from(["*", "{}"])), max_size=8),
    st.text("/-x", max_size=12),
)
def test_a_key_is_shared_out_as_a_regular_expression_would(parts: list[str], rest: str) -> None:
    names = iter(NAMES * 2)
    parts = [next(names) if part == "{}" else part for part in parts]
    parts = [part for index, part in enumerate(parts) if part not in NAMES or part not in parts[:index]]
    pattern = KeyPattern("/" + "".join(parts))
    found = pattern._expression.fullmatch("/" + rest)
    expected = found.groupdict() if found is not None else None
    assert pattern.match("/" + rest) == pattern._share_out("/" + rest) == expected


@pytest.mark.parametrize("pattern", ["/{a}-{b}-{c}-{d}-{e}/x", "/*a*a*a*a*b"])
def test_no_key_makes_a_pattern_try_every_way_to_share_it_out(pattern: str) -> None:
    looked_at: list[int] = []

    class Key(str):
        """A key that counts how often its signs are looked at."""

        def startswith(self, *arguments: Any) -> bool:
            looked_at.append(1)
            return super().startswith(*arguments)

        def __getitem__(self, place: Any) -> str:
            looked_at.append(1)
            return super().__getitem__(place)

    keys = KeyPattern(pattern)
    for sign in "-a":
        assert keys.match(Key("/" + sign * 254)) is None
    assert len(looked_at) < 2 * 11 * 255


def test_the_pattern_that_says_the_most_comes_first() -> None:
    patterns = ["/*", "/{x}", "/chat/*", "/chat/{x}", "/*/*", "/chat/1"]
    assert sorted(patterns, key=generality) == ["/chat/1", "/chat/{x}", "/chat/*", "/*/*", "/{x}", "/*"]


# Spellings


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
        ("/%%341", "/A"),
        ("/人", "/人"),
    ],
)
def test_escapes_have_one_spelling(key: str, spelling: str) -> None:
    assert normalise(key) == spelling


@given(st.text("/%0123456789aAdDeE~.人\N{GRINNING FACE}", max_size=20).map("/".__add__))
def test_the_one_spelling_is_its_own_spelling(key: str) -> None:
    assert as_uri(as_uri(key)) == as_uri(as_iri(as_uri(key))) == as_uri(key)
    assert normalise(normalise(key)) == normalise(key)


@pytest.mark.parametrize(
    ("uri", "iri"),
    [
        ("/~ann/%E4%BA%BA%20x", "/%7eann/人%20x"),
        ("/x", "/x"),
        ("/%F0%9F%98%80", "/\N{GRINNING FACE}"),
        ("/%E4%BA", "/%e4%ba"),
    ],
)
def test_a_key_is_known_as_an_address_and_in_letters(uri: str, iri: str) -> None:
    assert as_uri(iri) == as_uri(uri) == uri
    assert as_iri(uri) == as_iri(iri) == normalise(iri)
