"""Handlers in modules of their own: what a Pages registers is as if it had been registered with the Live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nannin import ConnectionRefused, Count, Group, Live, Page, Pages, Socket
from nannin.testing import Stage


def chat() -> Pages:
    """A part of an application, as a module of its own has it."""
    pages = Pages()

    @pages.on("connect")
    def greet(socket: Socket) -> None:
        socket.emit("welcome", socket.page.key)

    @pages.page("/{room}").on("say")
    def say(socket: Socket, text: str) -> str:
        return f"{socket.params['room']}: {text}"

    return pages


@pytest.mark.parametrize(("prefix", "home"), [("", "/"), ("/chat", "/chat")])
async def test_pages_are_those_of_the_live_below_the_prefix(prefix: str, home: str) -> None:
    live = Live()
    live.include(chat(), prefix=prefix)
    async with Stage(live) as stage:
        client = await stage.connect(home)
        assert client.received == [("welcome", home)]
        talker = await stage.connect(f"{prefix}/red")
        assert await talker.call("say", "hello") == "red: hello"
        with pytest.raises(ConnectionRefused):
            await stage.connect("/else/where")


async def test_a_prefix_may_have_parameters_and_one_pages_several_prefixes() -> None:
    live, pages = Live(), chat()
    live.include(pages, prefix="/{team}/chat")
    live.include(pages, prefix="/lobby")
    async with Stage(live) as stage:
        blue = await stage.connect("/blue/chat/red")
        assert blue.socket.params == {"team": "blue", "room": "red"}
        assert await blue.call("say", "hello") == "red: hello"
        assert (await stage.connect("/lobby")).received == [("welcome", "/lobby")]


async def test_pages_may_include_pages() -> None:
    live, site = Live(), Pages()
    site.include(chat(), prefix="/chat")
    live.include(site, prefix="/v2")
    async with Stage(live) as stage:
        assert await (await stage.connect("/v2/chat/red")).call("say", "hello") == "red: hello"


async def test_what_is_registered_after_it_was_included_counts_as_well() -> None:
    live, site, late = Live(), Pages(), Pages()
    live.include(site, prefix="/v2")
    site.include(late, prefix="/late")
    late.page("/a").on("ask")(lambda socket: "answer")
    async with Stage(live) as stage:
        assert await (await stage.connect("/v2/late/a")).call("ask") == "answer"


async def test_middleware_stands_around_the_handlers_of_its_page() -> None:
    live, pages, seen = Live(), Pages(), list[str]()

    @pages.use
    async def note(
        socket: Socket, event: str, args: tuple[Any, ...], call_next: Callable[[], Awaitable[Any]]
    ) -> Any:
        seen.append(event)
        return await call_next()

    pages.on("say")(lambda socket: "said")
    live.include(pages, prefix="/chat")
    async with Stage(live) as stage:
        assert await (await stage.connect("/chat")).call("say") == "said"
        await stage.connect("/")
    assert seen == ["connect", "say"]


@pytest.mark.parametrize(
    ("prefix", "told"), [("", ["/", "/chat", "/chat/1", "/chats"]), ("/chat", ["/chat", "/chat/1"])]
)
async def test_changes_are_those_of_the_pages_under_the_prefix(prefix: str, told: list[str]) -> None:
    live, pages, changed = Live(), Pages(), list[str]()

    @pages.on_change
    def note(page: Page, count: Count) -> None:
        if count.connections:
            changed.append(page.key)

    live.include(pages, prefix=prefix)
    async with Stage(live) as stage:
        for key in ("/", "/chat", "/chat/1", "/chats"):
            await stage.connect(key)
            await stage.advance(2)
    assert changed == told


async def test_an_async_change_handler_runs_under_a_prefix_too() -> None:
    live, pages, changed = Live(), Pages(), list[int]()

    @pages.on_change
    async def note(page: Page, count: Count) -> None:
        await asyncio.sleep(0)
        changed.append(count.visitors)

    live.include(pages, prefix="/chat")
    async with Stage(live) as stage:
        await stage.connect("/chat")
    assert changed[0] == 1


async def test_a_background_task_runs_beside_the_server() -> None:
    live, pages, ran = Live(), Pages(), list[str]()

    @pages.background
    async def tick() -> None:
        ran.append("tick")

    live.include(pages)
    async with Stage(live):
        pass
    assert ran == ["tick"]


# Mistakes are told where they are made


def test_a_second_handler_of_an_event_is_an_error_at_once() -> None:
    pages = Pages()
    pages.on("say")(print)
    with pytest.raises(ValueError, match="has a handler on page / already"):
        pages.on("say")(print)


@pytest.mark.parametrize(
    "make",
    [
        lambda pages: pages.page("news"),
        lambda pages: pages.page("/").on("connection"),
        lambda pages: pages.on("say")(lambda: None),
        lambda pages: pages.use(print),
        lambda pages: pages.background(print),
    ],
)
def test_what_a_live_refuses_a_pages_refuses_before_it_is_included(make: Callable[[Pages], Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        make(Pages())


@pytest.mark.parametrize("prefix", ["chat", "/", "/chat/", "/a,b"])
def test_a_prefix_begins_a_page_key(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"starts? with /"):
        Live().include(chat(), prefix=prefix)


def test_an_event_that_has_a_handler_there_already_is_an_error() -> None:
    live = Live()
    live.on("connect")(print)
    with pytest.raises(ValueError, match="has a handler on page / already"):
        live.include(chat())


def test_pages_do_not_include_themselves() -> None:
    outer, inner = Pages(), Pages()
    outer.include(inner)
    for pages in (outer, inner):
        with pytest.raises(ValueError, match="can't include themselves"):
            inner.include(pages)


def test_a_page_of_a_pages_says_which_it_is() -> None:
    assert repr(Pages().page("/{room}")) == "<Page /{room}>"


@pytest.mark.parametrize("wrong", [pytest, Live(), None])
def test_only_pages_can_be_included(wrong: Any) -> None:
    with pytest.raises(TypeError, match="include takes a Pages"):
        Live().include(wrong)


@pytest.mark.parametrize("register", [Live().on_change, Pages().on_change])
@pytest.mark.parametrize("wrong", [lambda page: None, lambda: None, "handler"])
def test_a_change_handler_takes_a_page_and_a_count(register: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match="a page and its count"):
        register(wrong)


@pytest.mark.parametrize(("prefix", "key"), [("", "/*"), ("/chat", "/chat/*")])
async def test_a_group_is_one_of_the_pages_below_the_prefix(prefix: str, key: str) -> None:
    live, site, pages = Live(), Pages(), chat()
    told: list[tuple[str, int]] = []

    @pages.group("/*").on_change
    def changed(group: Group, count: Count) -> None:
        told.append((group.key, count.visitors))

    site.include(pages)
    live.include(site, prefix=prefix)
    async with Stage(live) as stage:
        await stage.connect(f"{prefix}/red", visitor="ann")
        await stage.connect(f"{prefix}/blue", visitor="ann")
        await stage.connect(f"{prefix}/blue", visitor="bea")
        assert live.group(key).count.visitors == 2
        assert told[-1] == (key, 2)


def test_a_group_that_cannot_be_is_said_where_it_is_named() -> None:
    pages = Pages()
    with pytest.raises(ValueError, match="a group is a page key with one"):
        pages.group("/shop")
    with pytest.raises(TypeError, match="on_change takes a function"):
        pages.group("/shop/*").on_change(lambda: None)  # type: ignore[type-var]
    pages.group("/shop/*")
    live = Live()
    live.include(pages)
    assert "/shop/*" in live.assembly.hub.handlers.groups
    with pytest.raises(ValueError, match="a group is a page key with one"):
        live.include(pages, prefix="/{team}")
