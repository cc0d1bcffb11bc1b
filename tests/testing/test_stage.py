"""A Live on a stage: what its clients send, receive and are told, and how they come and go."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from nannin import (
    ConnectionRefused,
    Count,
    DisconnectReason,
    Live,
    Page,
    Socket,
)
from nannin.testing import Stage
from support.staged import clocks


async def test_a_connect_handler_sees_the_request() -> None:
    live = Live()
    seen: list[Any] = []

    @live.on("connect")
    def hello(socket: Socket) -> None:
        seen.extend([socket.auth, socket.visitor, socket.headers, socket.query["room"], socket.address])
        seen.append(socket.handshake.scope["user"])

    async with Stage(live) as stage:
        await stage.connect(
            auth={"name": "Ann"},
            visitor="a",
            headers={"Cookie": "b=c"},
            query={"room": "1"},
            address="203.0.113.9",
            scope={"user": "ann"},
        )
        assert seen == [{"visitor": "a", "name": "Ann"}, "a", {"cookie": "b=c"}, "1", "203.0.113.9", "ann"]


async def test_what_a_connect_handler_emits_has_been_received() -> None:
    live = Live()

    @live.on("connect")
    async def hello(socket: Socket) -> None:
        socket.emit("welcome", socket.id)

    async with Stage(live) as stage:
        for polling in (False, True):
            ann = await stage.connect(polling=polling)
            assert ann.received == [("welcome", ann.id)]


async def test_a_page_that_does_not_exist_refuses() -> None:
    async with Stage(Live(pages=("/news/*",))) as stage:
        with pytest.raises(ConnectionRefused, match="Invalid namespace"):
            await stage.connect("/other")
        assert (await stage.connect("/news/1")).connected


async def test_visitors_are_counted_and_told() -> None:
    async with Stage(Live()) as stage:
        ann = await stage.connect("/news", visitor="ann")
        await stage.connect("/news", visitor="ann")
        bob = await stage.connect("/news", auth={"updates": "audience"}, polling=True)
        assert stage.count("/news") == stage.page("/news").count == Count(3, 2, 2)
        assert ann.updates == [("user connected", 1), ("user connected", 2)]
        assert await bob.next("audience") == {"page": "/news", "connections": 3, "visitors": 2, "visible": 2}
        assert ann.received == bob.received == []


async def test_a_change_of_the_count_is_told_to_the_application() -> None:
    live = Live()
    changes: list[tuple[str, int]] = []

    @live.on_change
    async def changed(page: Page, count: Count) -> None:
        changes.append((page.key, count.visitors))

    async with Stage(live) as stage:
        await stage.connect("/news")
    assert changes == [("/news", 1), ("/news", 0)]


async def test_rooms_and_targets_reach_whom_they_mean() -> None:
    live = Live()
    live.on("join")(lambda socket, room: socket.join(room))
    live.on("tell")(lambda socket, room: socket.to(room).emit("told"))
    async with Stage(live) as stage:
        ann, bob, cid = [await stage.connect() for _ in range(3)]
        await ann.emit("join", "red")
        await bob.emit("join", "red")
        await ann.emit("tell", "red")
        stage.page().except_("red").emit("rest")
        assert (ann.received, bob.received, cid.received) == ([], [("told",)], [("rest",)])
        assert bob.socket.rooms == ["red"]


async def test_nothing_is_left_behind() -> None:
    live = clocks()
    own, tasks = set(vars(asyncio.get_running_loop())), asyncio.all_tasks()
    reasons: list[str] = []
    live.on("disconnect")(lambda socket, reason: reasons.append(reason))

    @live.on("spawn")
    async def spawn(socket: Socket) -> None:
        for coroutine in (asyncio.sleep(3_600), asyncio.Event().wait()):
            socket.data[repr(coroutine)] = asyncio.create_task(coroutine)
        await asyncio.sleep(3_600)

    async with Stage(live) as stage:
        ann = await stage.connect(visitor="ann", auth={"recover": True})
        await ann.emit("spawn")
        bob = await stage.connect("/news", visitor="bob", auth={"recover": True})
        await bob.lose()
    assert (ann.reason, reasons) == (DisconnectReason.SHUTTING_DOWN, [DisconnectReason.SHUTTING_DOWN])
    assert (live.pages(), dict(live.engine.sessions)) == ([], {})
    assert asyncio.all_tasks() == tasks
    assert set(vars(asyncio.get_running_loop())) == own


async def test_a_live_plays_again_and_its_clock_never_goes_back() -> None:
    live = clocks()
    now = live.engine.clock.now
    before = now()
    for _ in range(2):
        async with Stage(live) as stage:
            ann = await stage.connect()
            await stage.advance(3_600)
            assert (stage.count(), len(ann.received)) == (Count(1, 1, 1), 60)
    after = live.engine.clock.now()
    assert after - before >= 7_200
    await asyncio.sleep(0.01)
    assert live.engine.clock.now() > after


async def test_a_live_is_on_one_stage_at_a_time() -> None:
    live = Live()
    async with Stage(live):
        with pytest.raises(RuntimeError, match="on a stage already"):
            await Stage(live).__aenter__()
    async with Stage(live):
        pass


async def test_a_live_that_serves_somebody_is_left_alone() -> None:
    live = Live()
    live.engine.open_by_poll()
    with pytest.raises(RuntimeError, match="has clients"):
        await Stage(live).__aenter__()
    live.engine.shut_down()


async def test_two_lives_have_stages_and_times_of_their_own() -> None:
    async with Stage(clocks()) as one, contextlib.AsyncExitStack() as stack:
        ann = await one.connect()
        other = await stack.enter_async_context(Stage(clocks()))
        bob = await other.connect()
        await other.advance(60)
        assert (ann.received, bob.received) == ([], [("minute",)])
        await stack.aclose()
        await one.advance(60)
        assert ann.received == [("minute",)]


async def test_a_stage_that_cannot_begin_gives_the_live_back() -> None:
    live, tasks = Live(), asyncio.all_tasks()

    @live.background
    async def break_down() -> None:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await Stage(live).__aenter__()
    assert asyncio.all_tasks() == tasks


async def test_the_application_may_use_a_page_from_a_change() -> None:
    live = Live()

    @live.on_change
    def changed(page: Page, count: Count) -> None:
        page.emit("now", count.visitors)

    async with Stage(live) as stage:
        ann = await stage.connect()
        assert ann.received == [("now", 1)]


# Mistakes


def test_a_stage_takes_the_live_and_not_the_app_that_it_is_mounted_in() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    expected = "Stage takes the Live itself, not an app that it is mounted in: .*not one of type function"
    with pytest.raises(TypeError, match=expected):
        Stage(app)  # type: ignore[arg-type]


async def test_a_stage_that_is_not_open_says_how_to_open_it() -> None:
    stage = Stage(Live())
    for call in (stage.connect(), stage.advance(1), stage.settle()):
        with pytest.raises(RuntimeError, match=r"use it as `async with Stage\(live\) as stage:`"):
            await call


async def test_a_page_without_its_slash_is_named_with_it() -> None:
    async with Stage(Live()) as stage:
        with pytest.raises(ValueError, match="a page's key starts with /: '/news', not 'news'"):
            await stage.connect("news")
        assert stage.count("/news").connections == 0


def test_a_test_that_does_not_run_on_asyncio_is_told_of_the_fixture() -> None:
    live = Live()
    opening = Stage(live).__aenter__()
    with pytest.raises(RuntimeError, match='a fixture anyio_backend that returns "asyncio"'):
        opening.send(None)

    async def stage_again() -> None:
        async with Stage(live) as stage:
            await stage.connect()

    asyncio.run(stage_again())
