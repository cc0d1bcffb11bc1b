"""`on_count`: the application is called when something happens to a count."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Group, Live, Notice, Page, Pages, SettingsError
from nannin.app.background import Background
from nannin.app.counted import make_call
from nannin.testing import Stage

NOTICE = Notice(id="a", hook="h", what="occupied", page="/", value=1, at_unix_s=0.0, since_unix_s=0.0)


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_function_is_called_with_the_page_and_the_notice(is_async: bool) -> None:
    live, told = Live(), []

    def now(page: Page, notice: Notice) -> None:
        told.append((page.key, page.count.visitors, notice.what, notice.limit))

    async def later(page: Page, notice: Notice) -> None:
        now(page, notice)

    handler = later if is_async else now
    assert live.on_count("threshold", page="/news/*", above=1)(handler) is handler
    async with Stage(live) as stage:
        await stage.connect("/news/1")
        await stage.advance(20)
        assert told == []
        await stage.connect("/news/1")
        await stage.advance(9)
        assert told == []
        await stage.advance(2)
        assert told == [("/news/1", 2, "above", 1)]


async def test_without_a_page_it_is_about_the_first() -> None:
    live, told = Live(), []
    live.on_count("occupied", debounce=0)(lambda page, notice: told.append(notice))
    async with Stage(live) as stage:
        await stage.connect("/")
        await stage.advance(0)
        assert [notice.page for notice in told] == ["/"]


async def test_the_prefix_of_pages_stands_before_its_page() -> None:
    live, shop, told = Live(), Pages(), []

    @shop.on_count("occupied", debounce=0)
    @shop.on_count("occupied", page="/{item}", debounce=0)
    def told_of(page: Page, notice: Notice) -> None:
        told.append(page.key)

    live.include(shop, prefix="/shop")
    async with Stage(live) as stage:
        for page in ("/", "/shop", "/shop/tea", "/tea"):
            await stage.connect(page)
        await stage.advance(0)
        assert sorted(told) == ["/shop", "/shop/tea"]


def test_the_prefix_stands_before_a_group_as_well() -> None:
    live, shop = Live(), Pages()
    shop.on_count("vacated", group="/*")(lambda page, notice: None)
    live.include(shop, prefix="/shop")
    assert live.assembly.hooks is not None
    assert live.assembly.hooks.groups == ["/shop/*"]


async def test_a_group_is_told_of_by_its_own_number() -> None:
    live, told = Live(), []

    @live.on_count("threshold", group="/shop/*", above=1, debounce=0)
    def busy(group: Group, notice: Notice) -> None:
        told.append((group.key, group.count.visitors, notice.is_group, notice.value))

    async with Stage(live) as stage:
        await stage.connect("/shop/tea", visitor="ann")
        await stage.connect("/shop/milk", visitor="ann")
        await stage.advance(2)
        assert told == []
        await stage.connect("/shop/milk", visitor="bob")
        await stage.advance(2)
        assert told == [("/shop/*", 2, True, 2)]
        with pytest.raises(ValueError, match="is a new group, and somebody is on a page already"):
            live.on_count("vacated", group="/news/*")(lambda group, notice: None)


def test_a_hook_of_the_settings_makes_its_group_as_well() -> None:
    table = {"on": "vacated", "group": "/shop/*", "command": ["true"]}
    assert list(Live(hooks=[table]).assembly.hub.handlers.groups) == ["/shop/*"]
    tables = [{**table, "group": f"/{number}/*"} for number in range(60)]
    with pytest.raises(SettingsError, match="hooks: there are 100 groups already"):
        Live(hooks=tables, groups=[f"/shop/{number}/*" for number in range(60)])


@pytest.mark.parametrize("target", [Live(), Pages()])
def test_a_mistake_is_told_at_the_decorator(target: Any) -> None:
    with pytest.raises(TypeError, match="on_count takes a function of a page and a notice"):
        target.on_count("occupied")(lambda page: None)
    with pytest.raises(TypeError, match="on_count takes a function of a page and a notice"):
        target.on_count("occupied")("told")
    with pytest.raises(ValueError, match="a threshold needs above, below or both"):
        target.on_count("threshold")(lambda page, notice: None)
    with pytest.raises(ValueError, match="on must be one of"):
        target.on_count("join")(lambda page, notice: None)
    with pytest.raises(ValueError, match="page and group exclude each other"):
        target.on_count("occupied", page="/", group="/*")(lambda page, notice: None)


def test_a_function_without_a_signature_is_taken() -> None:
    Live().on_count("occupied")(max)


async def test_a_function_that_raises_is_logged_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def fails(page: Page, notice: Notice) -> None:
        raise RuntimeError("on purpose")

    make_call(Live()._hub, fails, Background())(NOTICE)
    (record,) = caplog.records
    assert record.getMessage() == "the count handler raised for page /"
