"""The parts of a Live: made from its settings, joined, begun and ended together."""

from __future__ import annotations

import asyncio
import pathlib

import pytest

from nannin.access.refusals import Refusal
from nannin.access.tokens import Tokens
from nannin.app.assembly import Assembly
from nannin.hook import make_hook
from nannin.settings import Settings

SECRET = "0123456789abcdef"


async def test_the_engine_speaks_to_the_hub_by_the_clock_of_all() -> None:
    parts = Assembly(Settings())
    session, _ = parts.engine.open_by_poll()
    session.receive_post()
    session.receive_payload(b"40")
    assert list(parts.hub.pages()) == ["/"]
    parts.shut_down()
    assert not list(parts.hub.pages())


def test_pages_of_the_settings_exist_and_close_the_list() -> None:
    handlers = Assembly(Settings(pages=("/news/*",))).hub.handlers
    assert [handlers.exists(page) for page in ("/news/1", "/other")] == [True, False]


async def test_a_page_needs_a_token_where_there_is_a_secret() -> None:
    tried = {}
    for name, settings in {"open": Settings(), "closed": Settings(page_secret=(SECRET,))}.items():
        parts = Assembly(settings)
        tokens = [None, Tokens([SECRET]).sign("/")]
        tried[name] = [is_let_in(parts, token) for token in tokens]
        parts.shut_down()
    assert tried == {"open": [True, True], "closed": [False, True]}


def is_let_in(parts: Assembly, token: str | None) -> bool:
    """Whether a client that shows this token joins the page `/`."""
    session, _ = parts.engine.open_by_poll()
    session.receive_post()
    before = parts.hub.count("/").connections
    session.receive_payload(b"40" if token is None else b'40{"token":"%b"}' % token.encode())
    return parts.hub.count("/").connections > before


async def test_new_clients_are_unwelcome_while_the_others_are_told_to_go() -> None:
    parts = Assembly(Settings())
    parts.begin()
    assert parts.why_not_ready() == ""
    parts.goodbyes()
    assert parts.why_not_ready() == "stopping"
    parts.shut_down()


async def test_new_clients_are_unwelcome_while_the_count_may_not_be_that_of_all_nodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = Assembly(Settings())
    monkeypatch.setattr(Assembly, "is_settled", False)
    assert parts.why_not_ready() == "the other nodes can't be reached"


async def test_background_tasks_begin_with_the_first_request_and_end_at_the_end() -> None:
    parts, begun, ended = Assembly(Settings()), asyncio.Event(), asyncio.Event()

    async def task() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    parts.background.add(task)
    for _ in range(2):
        parts.begin()
    await asyncio.wait_for(begun.wait(), 5)
    parts.shut_down()
    await asyncio.wait_for(ended.wait(), 5)


async def test_an_assembly_of_one_process_is_settled_at_once() -> None:
    parts = Assembly(Settings())
    await parts.settle()
    assert parts.is_settled
    assert parts.hub.counts is parts.hub.roster
    parts.shut_down()


async def test_that_everybody_leaves_with_the_server_is_no_news_to_hooks() -> None:
    told: dict[bool, list[str]] = {}
    for says_goodbye in (False, True):
        parts = Assembly(Settings())
        told[says_goodbye] = []
        parts.add_hook(
            make_hook({"on": "vacated", "page": "/", "debounce": 0}),
            lambda notice, to=told[says_goodbye]: to.append(notice.what),  # type: ignore[misc]
        )
        parts.begin()
        session, _ = parts.engine.open_by_poll()
        session.receive_post()
        session.receive_payload(b"40")
        await asyncio.sleep(0.02)
        for end in parts.goodbyes() if says_goodbye else parts.engine.goodbyes():
            end()
        await asyncio.sleep(0.02)
        parts.shut_down()
        await parts.wait_closed()
    assert told == {False: ["vacated"], True: []}


async def test_nor_is_it_where_another_node_goes_on() -> None:
    parts = Assembly(Settings(redis="redis://127.0.0.1:1", drain=20.0))
    told: list[float] = []
    parts.add_hook(make_hook({"on": "vacated", "page": "/"}), lambda notice: None)
    assert parts.hooks is not None
    assert parts._neighbours is not None
    parts.hooks.stay = told.append
    parts._neighbours.leave_soon = told.append
    parts.hooks.open()
    parts.goodbyes()
    assert parts.hooks.is_open, "it is the one that tells, until it has left"
    parts._neighbours.on_leaving(7.0)
    assert told == [20.0, float("inf"), 7.0]
    parts.shut_down()


async def test_its_metrics_are_those_of_its_parts() -> None:
    parts = Assembly(Settings())
    session, _ = parts.engine.open_by_poll()
    session.receive_post()
    session.receive_payload(b"40")
    [(worker, found)] = (await parts.metrics.of_all()).items()
    assert found is not None
    assert worker == "1"
    assert found["nannin_sessions"] == {"polling": 1, "websocket": 0}
    assert (found["nannin_connections"], found["nannin_cluster_visitors"], found["nannin_ready"]) == (1, 1, 1)
    assert (found["nannin_streams"], found["nannin_send_errors"]) == (0, 0)
    parts.goodbyes()
    [found] = (await parts.metrics.of_all()).values()
    assert found is not None
    assert found["nannin_ready"] == 0
    parts.shut_down()


async def test_its_metrics_have_what_history_and_hooks_say_of_themselves(tmp_path: pathlib.Path) -> None:
    parts = Assembly(Settings(history="on", data_dir=str(tmp_path), groups=("/*",)))
    parts.add_hook(make_hook({"on": "vacated", "page": "/"}), lambda notice: None)
    parts.begin()
    for _ in range(2):
        session, _packet = parts.engine.open_by_poll()
        session.receive_post()
        session.receive_payload(b"40")
    async with asyncio.timeout(10):
        while (found := (await parts.metrics.of_all())["1"] or {})["nannin_history_leader"] != 1.0:
            await asyncio.sleep(0.02)
    assert (found["nannin_history_lag_seconds"], found["nannin_history_dropped"]) == (0.0, 0)
    names = ("nannin_pages", "nannin_cluster_pages", "nannin_cluster_visitors", "nannin_hooks_waiting")
    assert [found[name] for name in names] == [1, 1, 2, 0]
    parts.shut_down()
    await parts.wait_closed()


async def test_a_stream_that_is_not_read_is_tallied_with_the_slow_clients() -> None:
    parts = Assembly(Settings())
    parts.counts.streams.on_stuck()
    assert parts.refusals.tally == {Refusal.SLOW: 1}
