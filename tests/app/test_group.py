"""A group of pages in an application: its number, its pages, and a function that is told of each change."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Count, Group, Live, Page
from nannin.testing import Stage


async def test_a_person_on_several_pages_of_a_group_is_one() -> None:
    live = Live(grace=0)
    shop = live.group("/shop/*")
    assert repr(shop) == "<Group /shop/*>"
    async with Stage(live) as stage:
        ann = [await stage.connect(page, visitor="ann") for page in ("/shop/a", "/shop/b", "/news")]
        await stage.connect("/shop/a", visitor="bob")
        assert shop.count == live.group("/shop/*").count == stage.count("/shop/*") == Count(3, 2, 2)
        assert [page.key for page in shop.pages] == ["/shop/a", "/shop/b"]
        assert [page.key for page in live.pages()] == ["/shop/a", "/shop/b", "/news"]
        await ann[0].close()
        assert shop.count == Count(2, 2, 2)


async def test_a_change_handler_of_a_group_hears_of_it_alone_and_that_of_all_pages_does_not() -> None:
    live, of_group, of_pages = Live(grace=0, groups="/shop/*"), list[Any](), list[Any]()

    @live.group("/shop/*").on_change
    async def heard(group: Group, count: Count) -> None:
        of_group.append((group.key, count.visitors))

    @live.on_change
    def heard_too(page: Page, count: Count) -> None:
        of_pages.append((page.key, count.visitors))

    async with Stage(live) as stage:
        ann = await stage.connect("/shop/a", visitor="ann")
        await stage.connect("/news", visitor="ann")
        await stage.advance(2)
        await ann.close()
        await stage.advance(2)
    assert of_group == [("/shop/*", 1), ("/shop/*", 0)]
    assert ("/news", 1) in of_pages
    assert "/shop/*" not in {key for key, _ in of_pages}


def test_a_handler_that_takes_no_group_and_count_is_refused() -> None:
    with pytest.raises(TypeError, match="on_change takes a function"):
        Live().group("/shop/*").on_change(lambda: None)  # type: ignore[type-var]


def test_a_group_is_found_in_every_spelling() -> None:
    live = Live(groups=["/記事/*"])
    assert live.group("/記事/*").key == live.group("/%e8%a8%98%e4%ba%8b/*").key == "/%E8%A8%98%E4%BA%8B/*"


def test_what_is_no_group_is_refused() -> None:
    with pytest.raises(ValueError, match="a group is a page key with one"):
        Live().group("/shop")
    with pytest.raises(ValueError, match=r"live\.group\('/shop/\*'\) counts them together"):
        _ = Live().page("/shop/*").count
    with pytest.raises(ValueError, match=r"by its key$"):
        _ = Live().page("/{name}").count


async def test_a_group_is_named_before_anybody_comes() -> None:
    live = Live()
    live.group("/shop/*")
    async with Stage(live) as stage:
        await stage.connect("/shop/a")
        assert live.group("/shop/*").count.visitors == 1
        with pytest.raises(ValueError, match="before the server starts"):
            live.group("/news/*")
