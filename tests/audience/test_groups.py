"""Which groups of pages there are, and which pages belong to each."""

from __future__ import annotations

import pytest

from nannin.audience.groups import MAX_GROUPS, Groups, check_group_key, looks_like_group


@pytest.mark.parametrize("key", ["/*", "/shop/*", "/shop*", "/www.example.org/*"])
def test_a_group_is_a_page_key_with_a_star_at_its_end(key: str) -> None:
    assert check_group_key(key) == key
    assert looks_like_group(key)


@pytest.mark.parametrize(
    "key",
    ["", "*", "/", "/shop", "shop/*", "/*/a", "/**", "/a*b*", "/{x}/*", "/a,b/*", "/" + "x" * 254 + "*"],
)
def test_anything_else_is_none(key: str) -> None:
    with pytest.raises(ValueError, match="a group is a page key with one"):
        check_group_key(key)


def test_a_group_is_found_in_every_spelling() -> None:
    groups = Groups("/記事/*", "/%7eann/*")
    assert list(groups) == ["/%E8%A8%98%E4%BA%8B/*", "/~ann/*"]
    for key in ("/記事/*", "/%e8%a8%98%e4%ba%8b/*", "/%E8%A8%98%E4%BA%8B/*"):
        assert groups.find(key) == "/%E8%A8%98%E4%BA%8B/*"
    assert groups.find("/~ann/*") == "/~ann/*"
    assert [groups.find(key) for key in ("/", "/~ann/", "/shop/*")] == [None] * 3


def test_a_page_belongs_to_each_group_that_its_key_begins_with() -> None:
    groups = Groups("/*", "/shop/*", "/shop/a*", "/news/*")
    assert groups.of("/") == ("/*",)
    assert groups.of("/shop") == ("/*",)
    assert groups.of("/shop/") == ("/*", "/shop/*")
    assert groups.of("/shop/a/1") == ("/*", "/shop/*", "/shop/a*")
    assert groups.of("/shop/b") is groups.of("/shop/c")
    assert Groups("/news/*").of("/shop") == ()


def test_a_page_belongs_to_its_groups_in_every_spelling() -> None:
    groups = Groups("/記事/*")
    for page in ("/記事/一", "/%E8%A8%98%E4%BA%8B/1", "/%e8%a8%98%e4%ba%8b/1"):
        assert len(groups.of(page)) == 1


def test_the_key_of_a_group_belongs_to_no_group() -> None:
    groups = Groups("/*", "/shop/*")
    assert groups.of("/shop/*") == groups.of("/*") == ()
    assert groups.of("/news/*") == ("/*",), "which is not a group, and may be a page"


def test_a_group_that_is_named_twice_is_one() -> None:
    groups = Groups("/shop/*", "/shop/*")
    assert (len(groups), "/shop/*" in groups, "/*" in groups) == (1, True, False)


def test_there_is_a_limit() -> None:
    groups = Groups(*(f"/{number}/*" for number in range(MAX_GROUPS)))
    assert groups.add("/0/*") == "/0/*"
    with pytest.raises(ValueError, match=f"there are {MAX_GROUPS} groups already"):
        groups.add("/one-more/*")
