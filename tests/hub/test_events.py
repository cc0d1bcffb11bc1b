"""What a client's events do: the handler's result is the ack, and whatever goes wrong is told to somebody."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Literal

import pytest

from nannin import ConnectionRefused, Socket
from nannin.access.refusals import Refusal
from nannin.hub.events import MAX_TOLD
from nannin.mistakes import AT_ONCE, EVERY_S
from nannin.wire.engine_limits import Limits
from support.fakes import House


def double(_: Socket, number: int) -> int:
    return 2 * number


@pytest.mark.parametrize(
    ("result", "answer"),
    [(None, []), (5, [5]), ([1, 2], [[1, 2]]), ((1, 2), [1, 2]), ((), []), (b"x", [b"x"]), (False, [False])],
)
def test_what_a_handler_returns_is_the_ack(result: Any, answer: list[Any]) -> None:
    house = House()
    house.on("ask", lambda socket: result)
    client = house.client("/")
    client.emit("ask", number=7)
    client.emit("ask")
    assert client.acks() == [(7, answer)]


def test_a_payload_that_does_not_fit_is_refused_in_the_ack_or_as_an_event() -> None:
    house = House()
    house.on("double", double)
    client = house.client("/")
    client.emit("double", "x", number=1)
    client.emit("double", "x")
    why = "argument 1: Expected `int`, got `str`"
    house.clock.advance(0.01)
    assert client.acks() == [(1, [{"error": why}])]
    assert client.events() == [["nannin:refused", {"event": "double", "message": why}]]
    assert house.hub.refusals.tally == {Refusal.EVENT: 2}


@pytest.mark.parametrize("result", [object(), {"a": [1, object()]}, [b"x"] * 11])
def test_a_result_that_cant_be_sent_is_answered_and_logged(
    result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    house.on("ask", lambda socket: result)
    client = house.client("/")
    client.emit("ask")
    assert not caplog.records
    client.emit("ask", number=7)
    assert client.acks() == [(7, [{"error": "Internal error"}])]
    [record] = caplog.records
    assert record.getMessage() == "the answer of the handler of 'ask' on page / can't be sent"
    client.emit("unknown", number=8)
    assert not client.session.ended


# Handlers that are cancelled


async def wait_for_one_that_is_cancelled(*_: Any) -> str:
    task = asyncio.get_running_loop().create_task(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task
    return "never"


async def cancel_oneself(*_: Any) -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(60)
    return "never"


def ask_one_that_was_cancelled(*_: Any) -> Any:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.cancel()
    return future.result()


CANCELLED = [wait_for_one_that_is_cancelled, cancel_oneself, ask_one_that_was_cancelled]


@pytest.mark.parametrize("handler", CANCELLED)
@pytest.mark.parametrize("with_middleware", [False, True])
@pytest.mark.anyio
async def test_a_handler_that_is_cancelled_is_logged_and_answered(
    handler: Any, with_middleware: bool, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    house.on("ask", handler)
    if with_middleware:
        house.page().use(pass_on)
    client = house.client("/")
    await house.turn()
    client.emit("ask", number=1)
    await house.turn()
    assert client.acks() == [(1, [{"error": "Internal error"}])]
    [record] = caplog.records
    assert record.getMessage() == "the handler of 'ask' on page / was cancelled"
    assert not house.hub.tasks


@pytest.mark.parametrize("handler", CANCELLED)
@pytest.mark.anyio
async def test_a_connect_handler_that_is_cancelled_turns_the_client_away(
    handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    house.on("connect", handler)
    client = house.client("/")
    await house.turn()
    assert client.refusals() == [("/", {"message": "Internal error"})]
    assert "cancelled" in caplog.text
    client.close()
    house.assert_empty()


async def pass_on(_socket: Socket, _event: str, _args: tuple[Any, ...], call_next: Any) -> Any:
    return await call_next()


# What clients can repeat


def break_down(*_: Any) -> None:
    raise RuntimeError("on purpose")


@pytest.mark.parametrize("name", ["ask", "*", "connect", "disconnect"])
def test_the_log_does_not_grow_with_what_a_client_repeats(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)  # at debug each is told
    house = House()
    house.on(name, break_down)
    for number in range(200):
        client = house.client("/")
        client.emit(f"ask {number}" if name == "*" else "ask", number=1)
        client.lose(clean=True)
    raised = [record for record in caplog.records if "raised" in record.getMessage()]
    assert [bool(record.exc_info) for record in raised] == [True] + [False] * AT_ONCE
    assert house.hub.mistakes.number == 200
    house.clock.advance(EVERY_S)
    client = house.client("/")
    client.emit("ask", number=1)
    client.lose(clean=True)
    assert f"{200 - AT_ONCE} more times" in caplog.records[-1].getMessage()


def test_nor_with_answers_and_refusals_that_cant_be_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House()

    def refuse(_: Socket) -> None:
        raise ConnectionRefused("no", object())

    house.on("*", lambda socket, event: object())
    house.on("connect", refuse, "/refusing")
    for number in range(200):
        house.client("/").emit(f"ask {number}", number=1)
        house.client("/refusing")
    assert len([record for record in caplog.records if "sent" in record.getMessage()]) == 2 * (1 + AT_ONCE)


def test_names_and_values_of_any_length_take_no_more_of_the_log_than_short_ones(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    house = House(limits=Limits(max_payload_bytes=1_000_000))

    def choose(_: Socket, which: Literal["a", "b"]) -> None:
        """Takes one of two."""

    house.on("choose", choose)
    house.on("*", break_down, "/any")
    client = house.client("/")
    client.connect("/any")
    long = "long" * 200_000
    client.emit("choose", long, number=1)
    client.emit(long)
    client.emit(long, page="/any")
    client.emit(long, page="/any")
    assert len(caplog.records) == 4
    assert [record for record in caplog.records if len(record.getMessage()) > 500] == []
    ((number, [answer]),) = client.acks()
    assert number == 1
    assert len(answer["error"]) < 400


def test_an_endless_name_is_not_compared_with_those_that_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def compare(word: str, *_: object) -> list[str]:
        compared.append(word)
        return []

    monkeypatch.setattr("nannin.hub.events.get_close_matches", compare)
    house = House(limits=Limits(max_payload_bytes=1_000_000))
    house.on("say", break_down)
    client = house.client("/")
    for name in ("sya", "say" * 300_000):
        client.emit(name)
    assert compared == ["sya"]


# What a developer is told once


def test_an_event_without_a_handler_is_told_once_with_the_name_that_is_meant(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)  # what Python shows where nobody has configured any logging
    house = House()
    house.on("say", print)
    house.on("connect", lambda socket: None, page="/news")
    client = house.client("/")
    client.connect("/news")
    for _ in range(3):
        client.emit("sya", "hello", number=1)
    client.emit("quite else", page="/news")
    assert [record.getMessage() for record in caplog.records] == [
        "no handler for 'sya' on page / (did you mean 'say'?); this is told once",
        "no handler for 'quite else' on page /news; this is told once",
    ]
    assert client.acks() == []


def test_where_any_event_has_a_handler_or_none_has_no_event_is_unknown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    House().client("/").emit("sya")
    house = House()
    house.on("*", lambda socket, event, *args: None)
    house.client("/").emit("sya")
    assert not caplog.records


def test_a_refused_payload_is_told_once_for_each_event_and_page(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    house = House()
    for page in ("/", "/news"):
        house.on("double", double, page)
        client = house.client(page)
        client.emit("double", "x", number=1, page=page)
        client.emit("double", page=page)
    assert [record.getMessage() for record in caplog.records] == [
        f"'double' on page {page} was refused: argument 1: Expected `int`, got `str`; this is told once"
        for page in ("/", "/news")
    ]


@pytest.mark.parametrize("came", ["a-secret-token", "it's \n a-secret-token", "a-secret-token" * 1_000])
def test_the_log_is_not_told_what_came_that_does_not_fit(came: str, caplog: pytest.LogCaptureFixture) -> None:
    def paint(socket: Socket, color: Literal["red", "green"]) -> None:
        """Nothing to do."""

    caplog.set_level(logging.WARNING)
    house = House()
    house.on("paint", paint)
    client = house.client("/")
    client.emit("paint", came, number=1)
    assert "a-secret-token" in str(client.acks())
    (record,) = caplog.records
    words = "argument 1: Invalid enum value; this is told once"
    assert record.getMessage() == f"'paint' on page / was refused: {words}"


def test_only_so_many_names_of_clients_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    house = House()
    house.on("say", print)
    client = house.client("/")
    for number in range(MAX_TOLD + 10):
        client.emit(f"event {number} " + "x" * 200)
    assert len(caplog.records) == MAX_TOLD
    assert max(len(record.getMessage()) for record in caplog.records) < 150


async def test_a_needless_await_is_explained_where_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    house = House()

    @house.page().on("say")
    async def say(socket: Socket) -> None:
        await socket.emit("said")  # type: ignore[misc, func-returns-value]

    client = house.client("/")
    client.emit("say")
    await house.turn()
    assert client.events() == [["said"]]
    assert caplog.records[0].exc_info is not None
    assert "nannin: emit, send, join, leave and disconnect need no await: leave it out" in caplog.text


async def test_a_client_that_leaves_while_its_ack_is_awaited_is_no_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()

    async def ask(socket: Socket) -> Any:
        return await socket.call("question")

    house.on("ask", ask)
    client = house.client("/")
    client.emit("ask")
    await house.turn()
    client.leave()
    await house.turn()
    assert not caplog.records
    assert not house.hub.tasks
