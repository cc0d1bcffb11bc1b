"""What else an application asks of Live: changes of the counts, tasks of its own, middleware and tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from nannin import ConnectionRefused, Count, Live, Page, SettingsError, Socket
from nannin.access.admission import Verdict
from nannin.access.tokens import Tokens
from nannin.app.background import Background
from nannin.app.goodbye import shut_down_all
from nannin.app.live import _Changes
from nannin.testing import Stage

URL = "/socket.io/?EIO=4&transport=polling"
SECRET = "a secret of the tests"


def visit(live: Live) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=live), base_url="http://127.0.0.1")


async def enter(http: httpx.AsyncClient, connect: str = "40") -> str:
    """Opens a session and asks to join a page; returns its URL."""
    url = URL + "&sid=" + (await http.get(URL)).text.split('"')[3]
    assert (await http.post(url, content=connect)).text == "ok"
    return url


# Changes


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_change_handler_is_told_of_joins_and_of_the_last_leave(is_async: bool) -> None:
    live, told = Live(grace=0.0, min_interval=0.0), asyncio.Queue[tuple[str, Count]]()

    def now(page: Page, count: Count) -> None:
        told.put_nowait((page.key, count))

    async def later(page: Page, count: Count) -> None:
        now(page, count)

    handler = later if is_async else now
    assert live.on_change(handler) is handler
    async with visit(live) as http, asyncio.timeout(5):
        url = await enter(http, "40/news,")
        assert await told.get() == ("/news", Count(1, 1, 1))
        await http.post(url, content="41/news,")
        assert await told.get() == ("/news", Count())
        live.engine.shut_down()


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_change_handler_that_raises_is_logged_and_hurts_nobody(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    live = Live()

    async def later(page: Page, count: Count) -> None:
        raise RuntimeError("on purpose")

    def now(page: Page, count: Count) -> None:
        raise RuntimeError("on purpose")

    changes = _Changes(live._hub, later if is_async else now, Background(), live.page)
    changes.hear("/news", Count())
    for _ in range(5):
        await asyncio.sleep(0)
    (record,) = caplog.records
    assert "raised" in record.getMessage()
    assert record.exc_info is not None


# Tasks


async def test_a_background_task_begins_with_the_first_request_and_ends_with_the_server() -> None:
    live, steps = Live(), asyncio.Queue[str]()

    @live.background
    async def task() -> None:
        steps.put_nowait("begun")
        try:
            await asyncio.Event().wait()
        finally:
            steps.put_nowait("ended")

    async with visit(live) as http, asyncio.timeout(5):
        assert steps.empty()
        await http.get(URL)
        await http.get(URL)
        assert await steps.get() == "begun"
        shut_down_all()
        assert await steps.get() == "ended"
        assert steps.empty()


def test_what_can_be_no_background_task_raises_where_it_is_registered() -> None:
    async def needs_more(number: int) -> None:
        """A task that can't be begun."""

    live = Live()
    for wrong in (lambda: None, needs_more):
        with pytest.raises(TypeError, match="async function without arguments"):
            live.background(wrong)  # type: ignore[type-var]


async def test_a_spawned_task_runs_and_its_result_can_be_awaited() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 5

    assert await asyncio.wait_for(Live().spawn(work()), 5) == 5


# Middleware


async def test_middleware_of_live_stands_around_the_root_page_only() -> None:
    live = Live()

    @live.use
    async def closed(
        socket: Socket, event: str, args: tuple[Any, ...], call_next: Callable[[], Awaitable[Any]]
    ) -> Any:
        raise ConnectionRefused("closed")

    async with visit(live) as http, asyncio.timeout(5):
        url = await enter(http, "40")
        assert (await http.get(url)).text == '44{"message":"closed"}'
        await http.post(url, content="40/news,")
        assert (await http.get(url)).text.startswith('40/news,{"sid":')
    live.engine.shut_down()


def test_middleware_is_an_async_function() -> None:
    with pytest.raises(TypeError, match="middleware is an async function"):
        Live().use(lambda *args: None)  # type: ignore[type-var]


# Tokens


async def test_a_token_opens_its_page() -> None:
    live = Live(page_secret=SECRET)
    assert Tokens([SECRET]).judge("/news", live.token("/news"), 1e12) is Verdict.VALID
    async with visit(live) as http, asyncio.timeout(5):
        url = await enter(http, f'40/news,{{"token":"{live.token("/other")}"}}')
        assert (await http.get(url)).text.startswith('44/news,{"message":"Invalid token')
        await http.post(url, content=f'40/news,{{"token":"{live.token("/news")}"}}')
        assert (await http.get(url)).text.startswith('40/news,{"sid":')
    live.engine.shut_down()


async def test_a_token_may_end_and_whoever_has_joined_by_then_stays() -> None:
    live = Live(page_secret=SECRET)
    async with Stage(live) as stage:
        token = live.token("/", expires=60)
        client = await stage.connect(auth={"token": token})
        await stage.advance(59)
        await stage.connect(auth={"token": token})
        await stage.advance(2)
        with pytest.raises(ConnectionRefused, match="Token expired: this page needs a newer token"):
            await stage.connect(auth={"token": token})
        assert client.connected
        await stage.connect(auth={"token": live.token("/", expires=0.5)})
        await stage.connect(auth={"token": live.token("/")})


@pytest.mark.parametrize("expires", [0, -1, float("inf"), float("nan")])
def test_a_time_after_which_a_token_ends_is_a_number_over_0(expires: float) -> None:
    with pytest.raises(ValueError, match=r"expires must be a number of seconds over 0, not"):
        Live(page_secret=SECRET).token("/", expires=expires)


def test_without_a_secret_there_are_no_tokens() -> None:
    with pytest.raises(SettingsError, match="page_secret"):
        Live().token("/news")


async def test_a_site_that_is_not_allowed_is_logged_once_with_what_lets_it_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    live = Live()
    foreign = {"origin": "https://blog.example"}

    transport = httpx.ASGITransport(live)
    async with httpx.AsyncClient(transport=transport, base_url="http://live.example") as http:
        for number in range(30):
            for headers in (foreign, {"origin": f"https://{number}.example\n"}):
                answer = await http.get("/socket.io/?EIO=4&transport=polling", headers=headers)
                assert answer.status_code == 403
    told = [record.getMessage() for record in caplog.records if record.name == "nannin.access"]
    assert (
        told[0]
        == "pages of https://blog.example may not connect; --allow-origins https://blog.example lets them in"
    )
    assert len(told) == 16
    assert not any("\n" in line for line in told)


def test_a_decorator_without_the_events_name_is_refused_at_once() -> None:
    live = Live()
    for on in (live.on, live.page("/news").on):
        with pytest.raises(TypeError, match=r"as in @on\('say'\), not <function"):
            on(test_a_decorator_without_the_events_name_is_refused_at_once)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["emit", "to", "sockets", "visitors"])
def test_what_a_page_has_and_a_live_has_not_is_named_with_the_page(name: str) -> None:
    with pytest.raises(
        AttributeError, match=rf"a Live has no attribute '{name}': a page has it, .*\.{name}$"
    ):
        getattr(Live(), name)


@pytest.mark.parametrize("name", ["emitt", "_hub_of", "__slots__"])
def test_what_neither_has_is_refused_without_a_hint(name: str) -> None:
    with pytest.raises(AttributeError, match=f"^a Live has no attribute '{name}'$"):
        getattr(Live(), name)
    assert not hasattr(Live(), name)


def test_an_application_may_follow_counts_before_the_loop_of_one_of_several_nodes_runs() -> None:
    live = Live(redis="redis://127.0.0.1:1")
    live.on_change(lambda page, count: None)
