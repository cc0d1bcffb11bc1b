"""Hearing other programs over Redis: what is subscribed to, understood, refused, and survived."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from redis.exceptions import ConnectionError as Unconnected
from redis.exceptions import NoPermissionError

from nannin.nodes import outside
from nannin.nodes.orders import Order
from nannin.nodes.outside import Outside


class FakeConnection:
    """A connection to a Redis that says what a test puts into it."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self.is_closed = False

    async def send(self, commands: Sequence[tuple[Any, ...]]) -> None:
        self.sent += commands

    async def listen(self) -> Any:
        said = await self.said.get()
        if isinstance(said, Exception):
            raise said
        return said

    async def close(self) -> None:
        self.is_closed = True


class FakeRedis:
    """An address at which nobody answers while `down` says why.

    Attributes:
        opened: the connections, of which the last one is in use.
        orders: what was heard.
        refused: why something was not understood.
    """

    def __init__(self) -> None:
        self.opened: list[FakeConnection] = []
        self.down: Exception | None = None
        self.orders: list[Order] = []
        self.refused: list[str] = []
        self.outside: Outside

    async def connect(self, _: str) -> FakeConnection:
        if self.down is not None:
            raise self.down
        self.opened.append(FakeConnection())
        return self.opened[-1]

    def say(self, *said: Any) -> None:
        for one in said:
            self.opened[-1].said.put_nowait(one)

    async def until_done(self) -> None:
        """What was said has been heard."""
        for _ in range(200):
            await asyncio.sleep(0)

    async def until_opened(self, number: int) -> None:
        async with asyncio.timeout(5):
            while len(self.opened) < number or not self.opened[-1].sent:
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def hearing(*names: str) -> AsyncIterator[FakeRedis]:
    redis = FakeRedis()
    address: Any = redis
    redis.outside = Outside(
        address, "nannin", names, redis.orders.append, redis.refused.append, lambda: 0.001
    )
    try:
        await redis.until_opened(1)
        yield redis
    finally:
        redis.outside.close()
        await redis.outside.wait_closed()
        assert all(connection.is_closed for connection in redis.opened)


def own(**order: Any) -> list[bytes]:
    return [b"message", b"nannin:emit", msgspec.json.encode(order)]


async def test_it_hears_its_own_channel_and_those_that_are_named() -> None:
    async with hearing("socketio") as redis:
        assert redis.opened[0].sent == [
            ("SUBSCRIBE", "socketio"),
            ("PSUBSCRIBE", "socketio#*"),
            ("PSUBSCRIBE", "socketio-request#*"),
            ("SUBSCRIBE", "nannin:emit"),
        ]
        assert not redis.outside.is_listening.is_set()
        redis.say([b"subscribe", b"socketio", 1], [b"subscribe", b"nannin:emit", 4])
        async with asyncio.timeout(5):
            await redis.outside.is_listening.wait()


async def test_each_channel_has_its_format() -> None:
    async with hearing("a", "b") as redis:
        python = json.dumps({"method": "emit", "event": "python", "data": [1]}).encode()
        node = msgspec.msgpack.encode(["emitter", {"type": 2, "data": ["node", 2]}, {"rooms": ["r"]}])
        redis.say(
            own(event="own"),
            [b"message", b"a", python],
            [b"pmessage", b"b#*", b"b#/#r#", node],
            [b"pmessage", b"b-request#*", b"b-request#/news#", b'{"type":4,"close":true}'],
            [b"pmessage", b"b-request#*", b"b-request#/news#", b'{"type":0}'],
            [b"psubscribe", b"b#*", 2],
        )
        await redis.until_done()
        assert redis.orders == [
            Order(event="own"),
            Order(event="python", args=[1]),
            Order(event="node", args=[2], to=["r"]),
            Order("/news", disconnect=True, close=True),
        ]
        assert redis.refused == []


async def test_what_is_not_understood_is_refused_and_the_next_is_heard() -> None:
    async with hearing("a") as redis:
        redis.say([b"message", b"a", b"\x80\x04N."], own(event=5), own(event="e"))
        await redis.until_done()
        assert [reason.partition(" ")[0] for reason in redis.refused] == ["a", "expected"]
        assert redis.orders == [Order(event="e")]


async def test_a_lost_connection_is_opened_again_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nannin.nodes")
    async with hearing() as redis:
        redis.say([b"subscribe", b"nannin:emit", 1])
        await redis.until_done()
        redis.down = Unconnected("gone")
        redis.say(Unconnected("gone"))
        async with asyncio.timeout(5):
            while not caplog.messages:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert not redis.outside.is_listening.is_set()
        redis.down = None
        await redis.until_opened(2)
        redis.say([b"subscribe", b"nannin:emit", 1], own(event="e"))
        await redis.until_done()
        assert redis.orders == [Order(event="e")]
        assert len(caplog.messages) == 1
        assert "gone" in caplog.text


async def test_channels_that_redis_does_not_allow_leave_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with hearing("a") as redis:
        redis.say(NoPermissionError("a"), [b"subscribe", b"nannin:emit", 1], own(event="e"))
        await redis.until_done()
        assert redis.orders == [Order(event="e")]
        assert "does not let this server hear" in caplog.text
        assert len(redis.opened) == 1


async def test_a_connection_without_a_sign_of_life_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "_SIGN_EVERY_S", 0.02)
    async with hearing() as redis:
        await redis.until_opened(2)
        assert redis.opened[0].sent == [("SUBSCRIBE", "nannin:emit")] * 2
        assert redis.opened[0].is_closed


async def test_a_connection_with_signs_of_life_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "_SIGN_EVERY_S", 0.2)
    async with hearing() as redis:
        for _ in range(40):
            redis.say([b"subscribe", b"nannin:emit", 1])
            await asyncio.sleep(0.01)
        assert len(redis.opened) == 1


async def test_a_mistake_of_ours_ends_no_hearing(caplog: pytest.LogCaptureFixture) -> None:
    async with hearing() as redis:
        redis.say(RuntimeError("ours"))
        await redis.until_opened(2)
        redis.say(own(event="e"))
        await redis.until_done()
        assert redis.orders == [Order(event="e")]
        assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_a_flood_leaves_others_their_turns() -> None:
    async with hearing() as redis:
        redis.say(*[own(event="e")] * 1000)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(redis.orders) < 10


def test_the_end_of_a_loop_is_survived() -> None:
    redis: Any = FakeRedis()

    async def open_it() -> Outside:
        return Outside(redis, "nannin", (), print, print, lambda: 0.0)

    asyncio.run(open_it()).close()
