"""The application's connect handlers: they accept, refuse, raise, send and disconnect, now or later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from nannin import ConnectionRefused, Socket
from nannin.access.admission import Verdict
from nannin.access.refusals import Refusal
from nannin.audience.roster import Count
from nannin.wire.socket_packet import Packet, PacketType
from support.fakes import House

CONNECT, DISCONNECT, EVENT = PacketType.CONNECT, PacketType.DISCONNECT, PacketType.EVENT
CONNECT_ERROR = PacketType.CONNECT_ERROR


def refuse(*arguments: Any) -> Callable[[Socket], None]:
    """A connect handler that turns everyone away."""

    def handler(_: Socket) -> None:
        raise ConnectionRefused(*arguments)

    return handler


def test_a_refusal_is_told_with_its_message_and_data() -> None:
    house = House()
    house.on("connect", refuse("not you", {"why": "age"}))
    client = house.client("/")
    assert client.packets == [Packet(CONNECT_ERROR, "/", {"message": "not you", "data": {"why": "age"}})]


def test_who_leaves_a_page_before_it_hears_of_its_refusal_breaks_no_rule() -> None:
    house = House()
    house.on("connect", refuse("not you"), page="/members")
    client = house.client("/")
    client.connect("/members")
    client.leave("/members")
    assert not client.session.ended
    client.leave("/never")
    assert client.session.ended


def test_a_refusal_without_data_has_none() -> None:
    house = House()
    house.on("connect", refuse("not you"))
    assert house.client("/").refusals() == [("/", {"message": "not you"})]


def test_pythons_own_refusal_does_the_same() -> None:
    house = House()

    def handler(_: Socket) -> None:
        raise ConnectionRefusedError("not you", 5)

    house.on("connect", handler)
    assert house.client("/").refusals() == [("/", {"message": "not you", "data": 5})]


def test_a_bare_refusal_has_a_message_too(caplog: pytest.LogCaptureFixture) -> None:
    house = House()

    def handler(_: Socket) -> None:
        raise ConnectionRefusedError

    house.on("connect", handler)
    assert house.client("/").refusals() == [("/", {"message": "Connection refused"})]
    assert not caplog.records


def test_a_connect_handler_that_raises_refuses_and_says_no_more_than_that(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()

    def handler(_: Socket) -> None:
        raise RuntimeError("the password is tiger")

    house.on("connect", handler)
    client = house.client("/")
    assert client.refusals() == [("/", {"message": "Internal error"})]
    assert "tiger" in caplog.text
    assert not client.session.ended


@pytest.mark.parametrize("error", [ConnectionRefused("no"), RuntimeError("broken")])
def test_a_refused_connection_was_never_counted_and_hears_nothing_else(error: Exception) -> None:
    house = House()
    counts: list[Count] = []

    def handler(socket: Socket) -> None:
        socket.emit("never", "told")
        socket.page.emit("never", "told")
        counts.append(house.count("/x"))
        raise error

    house.on("connect", handler, "/x")
    gone: list[str] = []
    house.on("disconnect", lambda _, reason: gone.append(reason), "/x")
    client = house.client("/x")
    counts.append(house.count("/x"))
    client.close()
    assert counts == [Count(), Count()]
    assert client.types("/x") == [CONNECT_ERROR]
    assert gone == []
    house.assert_empty()


def test_a_refused_client_may_try_again() -> None:
    house = House()
    house.on("connect", lambda socket: socket.auth.get("token") == "tiger" or refuse("no")(socket))
    client = house.client("/")
    client.connect("/", token="tiger")
    assert client.types() == [CONNECT_ERROR, CONNECT]


def test_what_a_connect_handler_emits_comes_behind_connect() -> None:
    house = House()

    def handler(socket: Socket) -> None:
        socket.emit("first", b"\x01")
        socket.page.emit("second")

    house.on("connect", handler)
    client = house.client("/")
    house.clock.advance(0.1)
    assert client.types() == [CONNECT, EVENT, EVENT]
    assert client.events() == [["first", b"\x01"], ["second"]]


def test_the_count_inside_a_connect_handler_includes_the_joiner() -> None:
    house, seen = House(), []
    house.on("connect", lambda socket: seen.append((socket.page.count, house.count())))
    house.client("/", visitor="a")
    house.client("/", visitor="a")
    house.client("/")
    one, two, three = Count(1, 1, 1), Count(2, 1, 1), Count(3, 2, 2)
    assert seen == [(one, Count()), (two, one), (three, two)]


def test_a_client_that_its_connect_handler_disconnects_is_told_both() -> None:
    house, gone = House(), []
    house.on("connect", lambda socket: socket.disconnect())
    house.on("disconnect", lambda _, reason: gone.append(reason))
    client = house.client("/")
    assert client.types() == [CONNECT, DISCONNECT]
    assert gone == ["server namespace disconnect"]
    assert not client.session.ended
    assert house.count() == Count()


def test_one_that_its_connect_handler_closes_is_told_and_gone() -> None:
    house = House()
    house.on("connect", lambda socket: socket.disconnect(close=True))
    client = house.client("/")
    assert client.types() == [CONNECT, DISCONNECT]
    assert client.session.ended
    house.assert_empty()


# Async connect handlers


async def test_an_async_connect_handler_is_waited_for() -> None:
    house, door = House(), asyncio.Event()

    async def handler(socket: Socket) -> None:
        await door.wait()
        socket.emit("welcome", socket.page.count.connections)

    house.on("connect", handler)
    client = house.client("/")
    await house.turn()
    assert (client.packets, house.count()) == ([], Count())
    door.set()
    await house.turn()
    assert client.types() == [CONNECT, EVENT]
    assert client.events() == [["welcome", 1]]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConnectionRefused("no"), "no"),
        (ConnectionRefusedError("no"), "no"),
        (RuntimeError("broken"), "Internal error"),
    ],
)
async def test_an_async_connect_handler_may_refuse_or_raise(error: Exception, message: str) -> None:
    house = House()

    async def handler(_: Socket) -> None:
        await asyncio.sleep(0)
        raise error

    house.on("connect", handler)
    client = house.client("/")
    await house.turn()
    assert client.refusals() == [("/", {"message": message})]
    client.close()
    house.assert_empty()


async def test_a_session_that_ends_while_its_connect_handler_thinks_was_never_counted() -> None:
    house, door, gone = House(), asyncio.Event(), []

    async def handler(socket: Socket) -> None:
        await door.wait()
        socket.emit("too late")

    house.on("connect", handler)
    house.on("disconnect", lambda _, reason: gone.append(reason))
    client = house.client("/")
    client.lose()
    door.set()
    await house.turn()
    assert (client.packets, gone, house.count()) == ([], ["transport error"], Count())
    house.assert_empty()


async def test_one_that_leaves_and_comes_again_meanwhile_is_counted_once() -> None:
    house, doors = House(), [asyncio.Event(), asyncio.Event()]
    waiting = iter(doors)

    async def handler(_: Socket) -> None:
        await next(waiting).wait()

    house.on("connect", handler)
    client = house.client("/")
    await house.turn()
    client.leave("/")
    client.connect("/")
    await house.turn()
    for door in doors:
        door.set()
        await house.turn()
    assert client.types() == [CONNECT]
    assert house.count() == Count(1, 1, 1)


async def test_a_connect_handler_that_never_decides_is_cut_off_by_the_connect_timeout() -> None:
    house, door = House(connect_timeout=10), asyncio.Event()

    async def handler(_: Socket) -> None:
        await door.wait()

    house.on("connect", handler)
    client = house.client("/")
    await house.turn()
    house.clock.advance(10)
    assert client.session.ended
    door.set()
    await house.turn()
    house.assert_empty()


def test_a_token_that_is_refused_again_is_looked_at_once_more_and_not_twice() -> None:
    looks: list[str] = []

    def judge(page: str, token: str) -> Verdict:
        looks.append(token)
        return Verdict.WRONG

    house = House(judge_token=judge)
    for number in range(3):
        house.client("/", token=str(number))
    assert looks == ["0", "0", "1", "2"], "the first time, to tell the log why"


@pytest.mark.parametrize("page", ["/", "/room"])
def test_a_payload_that_is_too_large_is_refused(page: str) -> None:
    house = House(max_auth=100)
    client = house.client()
    client.connect(page, other="x" * 200)
    ((key, data),) = client.refusals()
    assert key == page
    assert data["message"].startswith("Invalid auth: expected up to 100 bytes, not 2")
    assert house.hub.refusals.tally == {Refusal.PAYLOAD: 1}
    client.connect(page, other="x" * 50)
    assert house.count(page).connections == 1


def test_of_a_refused_page_with_an_endless_key_nothing_is_kept() -> None:
    house = House()
    client = house.client("/")
    client.connect("/" + "x" * 10_000)
    client.connect("/" + "x" * 200 + "\x7f")
    assert len(client.refusals()) == 2
    assert not client.session.data.was_on("/" + "x" * 10_000)
