"""Both links of a client on a stage, WebSocket and polling: what they carry, and how they end."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import (
    Count,
    DisconnectReason,
    Live,
    NotConnected,
)
from nannin.testing import Client, Stage
from support.staged import chat, farewells


async def test_bytes_travel_both_ways() -> None:
    async with Stage(chat()) as stage:
        for polling in (False, True):
            ann = await stage.connect(polling=polling)
            assert await ann.call("echo", b"\0\xff", {"deep": [b"ab"]}) == [b"\0\xff", {"deep": [b"ab"]}]
            stage.page().to(ann.id).emit("file", b"\0")
            await stage.settle()
            assert ann.received == [("file", b"\0")]


@pytest.mark.parametrize(
    ("leave", "polling", "reason", "grace_s"),
    [
        (Client.leave, False, DisconnectReason.CLIENT_LEFT, 2),
        (Client.leave, True, DisconnectReason.CLIENT_LEFT, 2),
        (Client.close, False, DisconnectReason.TRANSPORT_CLOSE, 2),
        (Client.close, True, DisconnectReason.TRANSPORT_CLOSE, 2),
        (Client.lose, False, DisconnectReason.TRANSPORT_ERROR, 10),
        (Client.lose, True, DisconnectReason.TRANSPORT_CLOSE, 2),
    ],
)
async def test_who_leaves_is_counted_until_its_grace_is_over(
    leave: Any, polling: bool, reason: str, grace_s: float
) -> None:
    live, reasons = farewells()
    async with Stage(live) as stage:
        ann = await stage.connect(visitor="ann", polling=polling)
        await leave(ann)
        assert (ann.connected, reasons) == (False, [reason])
        await stage.advance(grace_s - 0.01)
        assert stage.count().visitors == 1
        await stage.advance(0.01)
        assert stage.count() == Count()


@pytest.mark.parametrize("polling", [False, True])
async def test_who_vanishes_is_missed_when_a_pings_answer_is_due(polling: bool) -> None:
    live, reasons = farewells()
    async with Stage(live) as stage:
        ann, bob = await stage.connect(polling=polling), await stage.connect(polling=polling)
        await ann.vanish()
        await stage.advance(44)
        assert reasons == []
        await stage.advance(2)
        assert reasons == [ann.reason] == [DisconnectReason.PING_TIMEOUT]
        await stage.advance(1_000)
        assert bob.connected  # it answers its pings


@pytest.mark.parametrize("polling", [False, True])
async def test_a_client_sees_that_the_server_ends_it(polling: bool) -> None:
    live, reasons = farewells()
    async with Stage(live) as stage:
        ann = await stage.connect(polling=polling)
        news = await ann.connect("/news")
        await ann.emit("out")
        assert (ann.reason, news.connected) == (DisconnectReason.SERVER_LEFT, True)
        await ann.come_back()
        await ann.emit("out", True)
        assert (ann.reason, news.reason) == (DisconnectReason.SERVER_LEFT, DisconnectReason.FORCED_CLOSE)
        with pytest.raises(NotConnected):
            await news.call("say")
        assert reasons == [DisconnectReason.SERVER_LEFT] * 2


@pytest.mark.parametrize(
    ("polling", "reason"), [(False, DisconnectReason.TOO_LARGE), (True, DisconnectReason.FORCED_CLOSE)]
)
async def test_what_is_too_large_ends_the_session(polling: bool, reason: str) -> None:
    async with Stage(Live(max_payload=1_000)) as stage:
        ann = await stage.connect(polling=polling)
        await ann.emit("say", "x" * 1_000)
        assert ann.reason == reason
        assert stage.count() == Count()
