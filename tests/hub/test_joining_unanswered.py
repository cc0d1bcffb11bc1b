"""What a client does before its CONNECT is answered: it asks again, or leaves while a handler decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from nannin import ConnectionRefused, DisconnectReason, Socket
from nannin.access.admission import Verdict
from nannin.audience.roster import Count
from nannin.hub.joining import ANSWER_UNDER_WAY_S, MAX_MISSING_TOLD
from nannin.wire.socket_packet import PacketType
from support.fakes import Client, House

ONE = Count(1, 1, 1)
CONNECT = PacketType.CONNECT


class Table:
    """An application that keeps a table of those who are here, and lets them in when a door opens."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.present: list[str] = []
        self.parted: list[DisconnectReason] = []
        self.doors: list[asyncio.Future[None]] = []
        house.on("connect", self.let_in)
        house.on("disconnect", self.see_off)

    async def let_in(self, socket: Socket) -> None:
        self.present.append(socket.id)
        self.doors.append(asyncio.get_running_loop().create_future())
        await self.doors[-1]

    def see_off(self, socket: Socket, reason: DisconnectReason) -> None:
        self.present.remove(socket.id)
        self.parted.append(reason)


# A second CONNECT


@pytest.mark.parametrize("polling", [False, True])
@pytest.mark.parametrize("auth", [{}, {"visitor": "ann"}, {"observe": True}])
def test_a_second_connect_under_way_takes_the_place_of_the_first(polling: bool, auth: dict[str, Any]) -> None:
    house, parted = House(), []
    house.on("disconnect", lambda socket, reason: parted.append((socket.id, reason)), "/b")
    client = house.client("/", polling=polling)
    for _ in range(2):
        client.connect("/b", **auth)
    house.clock.settle()
    first, second = [p.data["sid"] for p in client.packets if p.namespace == "/b" and p.type is CONNECT]
    assert first != second
    assert parted == [(first, "client namespace disconnect")]
    assert house.count("/b") == (Count() if "observe" in auth else ONE)
    assert not client.refusals()
    house.page("/b").emit("hello")
    client.leave("/b")
    house.clock.advance(60)
    assert house.count("/b") == Count()


@pytest.mark.anyio
async def test_a_second_connect_while_the_handler_decides_takes_the_place_of_the_first() -> None:
    house = House()
    table = Table(house)
    client = house.client("/")
    await house.turn()
    client.connect("/")
    await house.turn()
    for door in table.doors:
        door.set_result(None)
    await house.turn()
    assert client.types() == [CONNECT]
    assert (table.present, house.count()) == ([client.packets[0].data["sid"]], ONE)
    assert table.parted == ["client namespace disconnect"]


def test_it_counts_once_among_the_pages_that_a_session_may_be_on() -> None:
    client = House(max_namespaces=1).client("/")
    client.connect("/")
    assert (client.types().count(CONNECT), client.refusals()) == (2, [])


def test_a_second_connect_that_is_refused_leaves_the_first() -> None:
    house = House()
    client = house.client("/")
    client.connect("/", visitor=5)
    assert [message for _, message in client.refusals()] == [
        {"message": "Invalid visitor: expected a string of 1 to 64 bytes"}
    ]
    assert (house.count(), len(house.page().sockets)) == (ONE, 1)


@pytest.mark.parametrize(
    "know",
    [
        lambda client: client.emit("anything"),
        lambda client: client.emit("nannin:visible", True),
        lambda client: client.ack(1),
        lambda client: client.house.clock.advance(ANSWER_UNDER_WAY_S),
    ],
)
def test_a_client_that_has_heard_the_answer_is_on_the_page_already(know: Callable[[Client], None]) -> None:
    house = House()
    client = house.client("/")
    know(client)
    client.connect("/")
    assert client.refusals() == [("/", {"message": "Already connected"})]
    assert (house.count(), len(house.page().sockets)) == (ONE, 1)


def test_who_joins_and_then_observes_is_on_the_page_already() -> None:
    client = House().client("/")
    client.connect("/", observe=True)
    assert client.refusals() == [("/", {"message": "Already connected"})]


# A leave while the handler decides


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("leave", "reason"),
    [
        (lambda client: client.leave(), "client namespace disconnect"),
        (lambda client: client.close(), "transport close"),
        (lambda client: client.lose(), "transport error"),
        (lambda client: client.engine.shut_down(), "server shutting down"),
    ],
)
@pytest.mark.parametrize("with_middleware", [False, True])
async def test_every_connect_that_ran_has_its_disconnect(
    leave: Callable[[Client], None], reason: str, with_middleware: bool
) -> None:
    house = House()
    table = Table(house)
    if with_middleware:
        house.page().use(pass_on)
    client = house.client("/")
    await house.turn()
    assert len(table.present) == 1
    leave(client)
    await house.turn()
    assert (len(table.present), table.parted, house.count()) == (1, [], Count())  # it may still write there
    table.doors[0].set_result(None)
    await house.turn()
    assert (table.present, table.parted) == ([], [reason])


@pytest.mark.anyio
async def test_a_connect_handler_cancelled_after_its_client_left_has_its_disconnect() -> None:
    house = House()
    table = Table(house)
    client = house.client("/")
    await house.turn()
    client.lose()
    table.doors[0].cancel()
    await house.turn()
    assert (table.present, table.parted) == ([], ["transport error"])


@pytest.mark.anyio
async def test_a_connect_handler_that_says_no_after_its_client_left_has_none() -> None:
    house = House()
    table = Table(house)
    client = house.client("/")
    await house.turn()
    client.lose()
    table.doors[0].set_exception(ConnectionRefused("no"))
    await house.turn()
    assert table.parted == []


@pytest.mark.anyio
async def test_a_connect_handler_that_never_ran_has_none() -> None:
    house = House()
    table = Table(house)

    async def wait(_socket: Socket, event: str, _args: tuple[Any, ...], call_next: Any) -> Any:
        if event == "connect":
            await asyncio.sleep(0)
        return await call_next()

    house.page().use(wait)
    client = house.client("/")
    client.lose()
    await house.turn()
    assert (table.present, table.parted) == ([], [])


async def pass_on(_socket: Socket, _event: str, _args: tuple[Any, ...], call_next: Any) -> Any:
    return await call_next()


# What is refused


def test_a_refusal_whose_data_cant_be_sent_is_sent_without_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()

    def refuse(_: Socket) -> None:
        raise ConnectionRefused("no", {"why": object()})

    house.on("connect", refuse)
    assert house.client("/").refusals() == [("/", {"message": "no"})]
    assert "the data of a ConnectionRefused of 'connect' on page / can't be sent" in caplog.text


def test_a_refusal_that_is_cut_in_an_emoji_is_sent_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    house = House()

    def refuse(_: Socket) -> None:
        raise ConnectionRefused("no \ud83d", {"why": 1})

    house.on("connect", refuse)
    client = house.client("/")
    assert client.refusals() == [("/", {"message": "no ?"})]
    assert not client.session.ended
    assert "the data of a ConnectionRefused of 'connect' on page / can't be sent" in caplog.text


def test_a_page_that_handlers_leave_out_is_named_once_with_what_lets_it_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()
    house.on("say", print, "/chat/{room}")
    for page in ("/news", "/news", "/olds", "/news,", "/chat/1", "/"):
        house.client(page)
    told = [record for record in caplog.records if "invalid namespace" in record.getMessage()]
    assert [(record.levelno, record.getMessage()) for record in told] == [
        (
            logging.WARNING,
            f"'{page}' is refused as an invalid namespace, since only pages with handlers exist: "
            'live.page("/*") with a handler, or the setting pages, lets it in',
        )
        for page in ("/news", "/olds")
    ]


def test_a_page_that_is_not_among_those_of_the_setting_is_named_with_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House(pages=["/", "/news/*"])
    house.hub.handlers.declare("/news/*")
    for page in ("/olds", "/olds", "/news/1"):
        house.client(page)
    assert caplog.messages == [
        "'/olds' is refused as an invalid namespace: it is not among the pages /,/news/*; "
        "add it to --pages, or wherever the setting pages is"
    ]


def test_a_page_that_needs_a_token_is_named_once_with_the_command_that_prints_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House(judge_token=lambda page, token: Verdict.VALID if token == "right" else Verdict.WRONG)
    for token in ("", "wrong", "right"):
        house.client("/news", token=token)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("'/news' is refused to a client with no token: page_secret is set")
    assert "`nannin token PAGE`" in record.getMessage()


def test_only_so_many_missing_pages_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.hub.handlers.declare("/news")
    client = house.client("/")
    for number in range(MAX_MISSING_TOLD + 5):
        client.connect(f"/{number}" + "x" * 200)
    assert len(caplog.records) == MAX_MISSING_TOLD
    assert max(len(record.getMessage()) for record in caplog.records) < 250
