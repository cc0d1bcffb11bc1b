"""A Live on a stage: how its clients leave and come back, and how it ends them."""

from __future__ import annotations

from typing import Any

import pytest

from nannin import Count, DisconnectReason, Live, NotConnected
from nannin.testing import Client, Stage

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


def farewells() -> tuple[Live, list[str]]:
    """An application that remembers why each socket left."""
    live = Live()
    reasons: list[str] = []
    live.on("disconnect")(lambda socket, reason: reasons.append(reason))
    live.on("out")(lambda socket, close=False: socket.disconnect(close=close))
    return live, reasons


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


async def test_a_call_that_ends_the_connection_raises() -> None:
    live, _ = farewells()
    async with Stage(live) as stage:
        ann = await stage.connect()
        with pytest.raises(NotConnected, match="before 'out' was acknowledged"):
            await ann.call("out")


async def test_who_comes_back_in_its_grace_is_no_join_and_no_leave() -> None:
    async with Stage(Live()) as stage:
        ann, bob = await stage.connect(visitor="ann"), await stage.connect()
        news = await ann.connect("/news")
        first = ann.id
        await ann.close()
        await ann.come_back()
        await stage.advance(60)
        assert ann.connected
        assert news.connected
        assert first != ann.id
        assert bob.updates == [("user connected", 2)]
        with pytest.raises(RuntimeError, match="is there"):
            await ann.come_back()


async def test_who_may_recover_comes_back_as_who_it_was() -> None:
    live = Live()
    live.on("say")(lambda socket, text: socket.broadcast.emit("said", text))
    live.on("join")(lambda socket, room: socket.join(room))
    async with Stage(live) as stage:
        ann, bob = await stage.connect(auth={"recover": True}), await stage.connect()
        await ann.emit("join", "red")
        await bob.emit("say", "one")
        first = ann.id
        await ann.lose()
        await bob.emit("say", "two")
        await stage.advance(119)
        await ann.come_back()
        assert (ann.recovered, ann.socket.recovered, ann.id, ann.socket.rooms) == (True, True, first, ["red"])
        assert ann.received == [("said", "one"), ("said", "two")]
        await ann.lose()
        await stage.advance(121)
        await ann.come_back()
        assert (ann.recovered, ann.id == first) == (False, False)


@pytest.mark.parametrize(
    ("polling", "reason"), [(False, DisconnectReason.PARSE_ERROR), (True, DisconnectReason.FORCED_CLOSE)]
)
async def test_what_is_too_large_ends_the_session(polling: bool, reason: str) -> None:
    async with Stage(Live(max_payload=1_000)) as stage:
        ann = await stage.connect(polling=polling)
        await ann.emit("say", "x" * 1_000)
        assert ann.reason == reason
        assert stage.count() == Count()


async def test_leaving_twice_changes_nothing() -> None:
    live, reasons = farewells()
    async with Stage(live) as stage:
        ann = await stage.connect()
        for leave in (ann.close, ann.close, ann.lose, ann.vanish, ann.leave):
            await leave()
        assert reasons == [ann.reason] == [DisconnectReason.TRANSPORT_CLOSE]
