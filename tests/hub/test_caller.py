"""How handlers are called: through middleware, with checked arguments, sync or async, and timed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from nannin import ConnectionRefused, DisconnectReason, PayloadError, Socket
from nannin.hub.connection import Connection
from nannin.hub.lag import SLOW_S
from nannin.wire.socket_packet import PacketType
from support.fakes import Client, House

CallNext = Callable[[], Awaitable[Any]]


class Auth(msgspec.Struct):
    name: str


async def join(house: House, **auth: Any) -> Client:
    """A client on `/`, which its connect handler may have thought about."""
    client = house.client("/", updates="none", **auth)
    await house.turn()
    return client


# Middleware


async def test_middleware_stands_around_a_handler_and_the_first_one_is_the_outermost() -> None:
    house, steps = House(), []

    def make(name: str) -> Callable[..., Any]:
        async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
            steps.append((name, event, args))
            result = await call_next()
            steps.append((name, "back", result))
            return result and [*result, name]

        return middleware

    house.page().use(make("outer"))
    house.page().use(make("inner"))
    house.on("ask", lambda socket, number: [number])
    client = await join(house)
    assert [step[:2] for step in steps[:2]] == [("outer", "connect"), ("inner", "connect")]
    del steps[:]
    client.emit("ask", 5, number=1)
    await house.turn()
    assert steps == [
        ("outer", "ask", (5,)),
        ("inner", "ask", (5,)),
        ("inner", "back", [5]),
        ("outer", "back", [5, "inner"]),
    ]
    assert client.acks() == [(1, [[5, "inner", "outer"]])]


@pytest.mark.parametrize("is_async", [False, True])
async def test_middleware_awaits_handlers_of_both_kinds(is_async: bool) -> None:
    house = House()

    async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
        return await call_next()

    async def later(socket: Socket) -> int:
        await asyncio.sleep(0)
        return 5

    house.page().use(middleware)
    house.on("ask", later if is_async else lambda socket: 5)
    client = await join(house)
    client.emit("ask", number=1)
    await house.turn()
    assert client.acks() == [(1, [5])]


async def test_middleware_that_refuses_a_connect_keeps_the_handler_from_it() -> None:
    house = House()
    reached: list[Any] = []

    async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
        raise ConnectionRefused("members only", {"join": "/join"})

    house.page().use(middleware)
    house.on("connect", reached.append)
    client = await join(house)
    assert client.refusals() == [("/", {"message": "members only", "data": {"join": "/join"}})]
    assert reached == []


async def test_middleware_stands_around_a_connect_without_a_handler() -> None:
    house = House()

    async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
        if socket.auth.get("name") != "ann":
            raise ConnectionRefused("not you")
        return await call_next()

    house.page().use(middleware)
    assert (await join(house, name="ann")).types() == [PacketType.CONNECT]
    assert (await join(house, name="bob")).types() == [PacketType.CONNECT_ERROR]


async def test_middleware_that_refuses_an_event_keeps_the_handler_from_it_and_says_why() -> None:
    house = House()
    reached: list[Any] = []

    async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
        if event == "shout":
            raise PayloadError("no shouting")
        return await call_next()

    house.page().use(middleware)
    house.on("shout", reached.append)
    client = await join(house)
    client.emit("shout", number=1)
    client.emit("shout")
    await house.turn()
    assert client.acks() == [(1, [{"error": "no shouting"}])]
    assert client.events() == [["nannin:refused", {"event": "shout", "message": "no shouting"}]]
    assert reached == []


async def test_middleware_may_answer_without_the_handler() -> None:
    house = House()
    reached: list[Any] = []

    async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
        return "cached"

    house.page().use(middleware)
    house.on("ask", reached.append)
    client = await join(house)
    client.emit("ask", number=1)
    await house.turn()
    assert (client.acks(), reached) == ([(1, ["cached"])], [])


async def test_middleware_sees_what_a_handler_raises() -> None:
    house = House()

    async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
        try:
            return await call_next()
        except LookupError as error:
            return {"error": str(error)}

    def handler(socket: Socket) -> None:
        raise LookupError("nothing there")

    house.page().use(middleware)
    house.on("find", handler)
    client = await join(house)
    client.emit("find", number=1)
    await house.turn()
    assert client.acks() == [(1, [{"error": "nothing there"}])]


async def test_middleware_sees_no_event_that_has_no_handler() -> None:
    house, seen = House(), []

    async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
        seen.append(event)
        return await call_next()

    house.page().use(middleware)
    house.on("say", lambda socket: None)
    client = await join(house)
    client.emit("unknown")
    client.emit("say")
    client.leave()
    await house.turn()
    assert seen == ["connect", "say"]


async def test_a_client_that_leaves_while_middleware_decides_reaches_no_connect_handler() -> None:
    house, door = House(), asyncio.Event()
    reached: list[Any] = []

    async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
        await door.wait()
        return await call_next()

    house.page().use(middleware)
    house.on("connect", reached.append)
    house.on("disconnect", reached.append)
    client = await join(house)
    client.close()
    door.set()
    await house.turn()
    assert reached == []
    house.assert_empty()


async def test_events_pass_middleware_in_the_order_in_which_they_came() -> None:
    house, order = House(), []

    async def middleware(socket: Socket, event: str, args: tuple[Any, ...], call_next: CallNext) -> Any:
        return await call_next()

    house.page().use(middleware)
    house.on("say", lambda socket, number: order.append(number))
    client = await join(house)
    for number in range(20):
        client.emit("say", number)
    await house.turn()
    assert order == list(range(20))
    assert not house.hub.tasks


# What connect and disconnect handlers get


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_connect_handler_gets_its_auth_checked(is_async: bool) -> None:
    house, names = House(), []

    def now(socket: Socket, auth: Auth) -> None:
        names.append(auth.name)

    async def later(socket: Socket, auth: Auth) -> None:
        now(socket, auth)

    house.on("connect", later if is_async else now)
    assert (await join(house, name="ann")).types() == [PacketType.CONNECT]
    wrong = await join(house, name=5)
    missing = await join(house)
    ((_, first),) = wrong.refusals()
    ((_, second),) = missing.refusals()
    assert first["message"].startswith("Invalid auth: ")
    assert "`str`" in first["message"]
    assert "`name`" in second["message"]
    assert names == ["ann"]


@pytest.mark.parametrize("with_middleware", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
async def test_a_connect_handler_may_say_no_by_false(is_async: bool, with_middleware: bool) -> None:
    """Even where middleware forgets to return what the handler did."""

    house = House()

    async def later(socket: Socket) -> bool:
        return False

    async def forgets(socket: Socket, event: str, args: tuple[Any, ...], call_next: Any) -> None:
        await call_next()

    house.on("connect", later if is_async else lambda socket: False)
    if with_middleware:
        house.page().use(forgets)
    client = await join(house)
    assert client.refusals() == [("/", {"message": "Connection refused"})]
    assert house.count().connections == 0


@pytest.mark.parametrize("is_async", [False, True])
async def test_an_error_after_the_connect_handler_is_not_the_handlers(
    is_async: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()

    async def later(socket: Socket) -> None:
        await asyncio.sleep(0)

    def fail(connection: Connection) -> None:
        raise ZeroDivisionError

    house.on("connect", later if is_async else lambda socket: None)
    monkeypatch.setattr(house.hub.teller, "join", fail)
    client = await join(house)
    assert client.refusals() == []
    assert [record.message for record in caplog.records] == ["the server failed after a handler had returned"]
    (socket,) = house.page().sockets
    assert socket.connected


def test_a_disconnect_handler_may_take_the_reason_or_not() -> None:
    house = House()
    told: list[object] = []

    def with_reason(socket: Socket, reason: DisconnectReason) -> None:
        told.append(reason)

    house.on("disconnect", with_reason, "/a")
    house.on("disconnect", lambda socket: told.append("gone"), "/b")
    for page in ("/a", "/b"):
        house.client(page).leave(page)
    assert told == [DisconnectReason.CLIENT_LEFT, "gone"]


def test_a_handler_of_any_event_gets_its_name_before_the_arguments() -> None:
    house = House()

    def any_event(socket: Socket, event: str, *numbers: int) -> list[object]:
        return [event, *numbers]

    house.on("*", any_event)
    house.on("known", lambda socket: "known")
    client = house.client("/")
    for number, event in enumerate(("known", "other", "*")):
        client.emit(event, number=number)
    client.emit("sum", 1, 2, number=3)
    client.emit("sum", "one", number=4)
    *answers, (_, (refused,)) = client.acks()
    assert [args for _, args in answers] == [["known"], [["other"]], [["*"]], [["sum", 1, 2]]]
    assert refused["error"].startswith("argument 1: ")


def test_what_does_not_fit_never_reaches_the_handler() -> None:
    house = House()
    reached: list[Any] = []

    def handler(socket: Socket, auth: Auth) -> None:
        reached.append(auth)

    house.on("rename", handler)
    client = house.client("/", updates="none")
    for args in [(), ("ann",), ({"name": 5},), ({"name": "ann"}, "more"), (None,)]:
        client.emit("rename", *args)
    assert [event for event, _ in client.events()] == ["nannin:refused"] * 5
    assert reached == []
    client.emit("rename", {"name": "ann"})
    assert reached == [Auth("ann")]


# Slow handlers


def test_a_handler_that_holds_up_the_loop_is_named_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    house = House()

    def sluggish(socket: Socket, seconds: float) -> None:
        house.clock.spend(seconds)

    house.on("think", sluggish)
    client = house.client("/")

    def warnings(seconds: float) -> int:
        caplog.clear()
        client.emit("think", seconds)
        return sum("sluggish" in record.getMessage() for record in caplog.records)

    with caplog.at_level(logging.WARNING, "nannin.handlers"):
        assert warnings(SLOW_S / 2) == 0
        assert warnings(SLOW_S * 2) == 1
        assert "'think' on page /" in caplog.text
        assert "200 ms" in caplog.text
        assert warnings(SLOW_S * 2) == 0
        house.clock.advance(60)
        assert warnings(SLOW_S * 2) == 1


def test_a_slow_handler_that_raises_is_named_too(caplog: pytest.LogCaptureFixture) -> None:
    house = House()

    def sluggish(socket: Socket) -> None:
        house.clock.spend(1)
        raise RuntimeError("on purpose")

    house.on("think", sluggish)
    house.client("/").emit("think")
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
