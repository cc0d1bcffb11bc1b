"""Async handlers of one client run side by side up to a limit, the rest wait, and nothing can lock up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from nannin import Socket
from nannin.access.refusals import Refusal
from nannin.engine.link import RequestRefused
from nannin.hub import lane as lanes
from nannin.hub.lag import Watched
from nannin.wire.engine_packet import encode_payload
from support.fakes import Client, House

CallNext = Callable[[], Awaitable[Any]]


@pytest.fixture(autouse=True)
async def no_handler_left() -> AsyncIterator[None]:
    """Ends the handlers that a test has left hanging, before another test's log hears of them."""
    yield
    while hanging := [task for task in asyncio.all_tasks() if isinstance(task.get_coro(), Watched)]:
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        await asyncio.sleep(0)  # those that waited begin


class Slow:
    """A house with a handler of `work` that ends when the test says so."""

    def __init__(self, **settings: Any) -> None:
        self.house = House(**{"max_handlers": 2, **settings})
        self.begun: list[Any] = []
        self.done = asyncio.Event()
        self.house.on("work", self.work)

    async def work(self, socket: Socket, name: Any) -> Any:
        self.begun.append(name)
        await self.done.wait()
        return name

    async def client(self, *events: Any, polling: bool = False) -> Client:
        client = self.house.client("/", updates="none", polling=polling)
        await self.house.turn()
        for name in events:
            client.emit("work", name, number=name)
        await self.house.turn()
        return client


async def test_only_so_many_tasks_run_for_a_client_and_its_events_keep_their_order() -> None:
    slow = Slow()
    client = await slow.client(*range(500))
    assert slow.begun == [0, 1]
    assert len(slow.house.hub.tasks) == 2
    slow.done.set()
    for _ in range(100):
        await slow.house.turn()
    assert slow.begun == list(range(500))
    assert client.acks() == [(number, [number]) for number in range(500)]
    assert not slow.house.hub.tasks


async def test_one_busy_client_does_not_hold_up_another() -> None:
    slow = Slow()
    await slow.client(1, 2, 3)
    await slow.client(4)
    assert slow.begun == [1, 2, 4]


async def test_nothing_more_is_read_from_a_client_while_its_events_wait() -> None:
    slow = Slow()
    client = await slow.client(1, 2)
    assert client.link is not None
    assert client.link.reads
    client.emit("work", 3)
    assert not client.link.reads
    slow.done.set()
    await slow.house.turn()
    assert client.link.reads


async def test_plain_functions_run_at_once_whatever_waits() -> None:
    slow = Slow()
    slow.house.on("ask", lambda socket: 5)
    client = await slow.client(1, 2, 3)
    client.emit("ask", number=9)
    assert client.acks() == [(9, [5])]


async def test_a_handler_that_waits_for_an_ack_gets_it_while_other_events_wait() -> None:
    house, answers = House(max_handlers=1), []

    async def ask(socket: Socket, name: str) -> None:
        answers.append(await socket.call("question", name))

    house.on("ask", ask)
    client = house.client("/", updates="none")
    assert client.link is not None
    for name in "ab":
        client.emit("ask", name)
    await house.turn()
    for number, name in enumerate("ab"):
        assert client.link.reads, "the ack has to be read"
        assert client.events()[-1] == ["question", name]
        client.ack(client.packets[-1].id or number, name.upper())
        await house.turn()
    assert answers == ["A", "B"]
    assert client.link.reads


async def test_events_that_come_while_an_ack_is_awaited_are_refused_over_a_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lanes, "MAX_WAITING", 3)
    house = House(max_handlers=1)

    async def ask(socket: Socket) -> Any:
        return await socket.call("question")

    house.on("ask", ask)
    client = house.client("/", updates="none")
    client.emit("ask", number=1)
    await house.turn()
    for number in range(2, 7):
        client.emit("ask", number=number)
    client.emit("ask")
    words = "Too many events at once: those before this one are still being handled"
    assert client.acks() == [(5, [{"error": words}]), (6, [{"error": words}])]
    assert client.events()[-1] == ["nannin:refused", {"event": "ask", "message": words}]
    assert house.hub.refusals.tally == {Refusal.BUSY: 3}
    [record] = caplog.records
    assert "max_handlers" in record.getMessage()


async def test_a_pong_is_read_while_events_wait_so_that_a_busy_client_is_not_taken_for_dead() -> None:
    slow = Slow()
    client = await slow.client(1, 2, 3)
    assert client.link is not None
    assert not client.link.reads
    client.silent = True
    slow.house.clock.advance(slow.house.limits.ping_interval_s)
    assert client.link.reads
    client.send("3")
    assert not client.link.reads
    slow.house.clock.advance(slow.house.limits.ping_interval_s + slow.house.limits.ping_timeout_s)
    assert client.session.ended


@pytest.mark.parametrize("has_middleware", [False, True])
async def test_what_has_not_begun_ends_with_its_client(
    has_middleware: bool, recwarn: pytest.WarningsRecorder
) -> None:
    slow = Slow()
    if has_middleware:

        @slow.house.page().use
        async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
            return await call_next()

    client = await slow.client(*range(10))
    client.close()
    assert slow.begun == [0, 1]
    assert len(slow.house.hub.tasks) == 2
    slow.done.set()
    await slow.house.turn()
    assert slow.begun == [0, 1]
    slow.house.assert_empty()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]


async def test_what_has_not_begun_ends_with_its_page_though_the_client_stays() -> None:
    slow = Slow()
    left: list[str] = []
    slow.house.on("disconnect", lambda socket: left.append(socket.id))
    client = await slow.client(1, 2, 3)
    client.leave()
    client.connect("/b")
    slow.done.set()
    await slow.house.turn()
    assert (slow.begun, len(left)) == ([1, 2], 1)


async def test_a_connect_handler_that_waits_begins_in_its_turn_or_never() -> None:
    house = House(max_handlers=1)
    begun, left, gate = [], [], asyncio.Event()

    async def connect(socket: Socket) -> None:
        begun.append(socket.page.key)
        await gate.wait()

    for key in ("/a", "/b", "/c"):
        house.on("connect", connect, key)
        house.on("disconnect", lambda socket: left.append(socket.page.key), key)
    client = house.client()
    for key in ("/a", "/b", "/c"):
        client.connect(key)
    client.leave("/b")
    await house.turn()
    assert begun == ["/a"]
    gate.set()
    await house.turn()
    assert (begun, left) == (["/a", "/c"], [])
    client.close()
    assert left == ["/a", "/c"]


async def test_a_connect_handler_that_may_not_even_wait_refuses_its_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "MAX_WAITING", 0)
    house = House(max_handlers=1)

    async def ask(socket: Socket) -> Any:
        return await socket.call("question")

    async def connect(socket: Socket) -> None: ...

    house.on("ask", ask)
    house.on("connect", connect, "/b")
    client = house.client("/", updates="none")
    client.emit("ask")
    await house.turn()
    client.connect("/b")
    words = "Too many events at once: those before this one are still being handled"
    assert client.refusals() == [("/b", {"message": words})]
    assert house.hub.refusals.tally == {Refusal.BUSY: 1}


async def test_a_disconnect_handler_runs_though_others_of_the_client_hang() -> None:
    slow = Slow()
    left: list[str] = []

    async def disconnect(socket: Socket) -> None:
        left.append(socket.id)

    slow.house.on("disconnect", disconnect)
    client = await slow.client(1, 2, 3)
    client.close()
    await slow.house.turn()
    assert len(left) == 1


async def test_a_limit_of_zero_is_none() -> None:
    slow = Slow(max_handlers=0)
    await slow.client(*range(200))
    assert len(slow.begun) == 200


async def test_nothing_is_kept_once_the_handlers_have_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    slow = Slow()
    client = await slow.client(1, 2, 3)
    slow.done.set()
    await slow.house.turn()
    assert client.session.data.lane is None
    assert not caplog.records


async def test_over_polling_a_post_waits_that_comes_while_events_wait() -> None:
    slow = Slow()
    client = await slow.client(1, 2, 3, polling=True)
    session = client.session
    assert not session.reads
    told: list[str] = []
    session.wait_to_read(lambda: told.append("read on"))
    assert told == []
    slow.done.set()
    await slow.house.turn()
    assert told == ["read on"]
    session.wait_to_read(lambda: told.append("at once"))
    assert told == ["read on", "at once"]


async def test_over_polling_a_post_that_waits_goes_on_when_its_session_ends() -> None:
    slow = Slow()
    client = await slow.client(1, 2, 3, polling=True)
    told: list[str] = []
    client.session.wait_to_read(lambda: told.append("over"))
    client.session.close()
    assert told == ["over"]
    with pytest.raises(RequestRefused):
        client.session.receive_payload(encode_payload(["4x"]))
