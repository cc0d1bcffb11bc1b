"""A Live on a stage: what its clients send, receive and are told, and how they come and go."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from nannin import (
    ConnectionRefused,
    Count,
    DisconnectReason,
    Live,
    NotConnected,
    Page,
    PayloadError,
    Socket,
)
from nannin.testing import Stage

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@dataclasses.dataclass
class Move:
    x: int


def chat() -> Live:
    """An application with a sync and an async handler."""
    live = Live()

    @live.on("say")
    async def say(socket: Socket, text: str) -> int:
        await asyncio.sleep(0)
        socket.broadcast.emit("said", text)
        return len(text)

    @live.on("echo")
    def echo(socket: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    return live


# Events


async def test_what_a_handler_emits_has_been_received_when_the_emit_returns() -> None:
    async with Stage(chat()) as stage:
        ann, bob = await stage.connect(), await stage.connect()
        await ann.emit("say", "hi")
        assert (ann.received, bob.received) == ([], [("said", "hi")])


@pytest.mark.parametrize(
    ("args", "answer"), [((), None), ((5,), 5), ((5, "six"), [5, "six"]), (({"a": [b"\0\xff"]},),) * 2]
)
async def test_a_call_returns_the_handlers_answer(args: tuple[Any, ...], answer: object) -> None:
    async with Stage(chat()) as stage:
        ann = await stage.connect()
        expected = answer[0] if isinstance(answer, tuple) else answer
        assert await ann.call("echo", *args) == expected
        assert await ann.call("say", "hello") == 5


async def test_a_call_without_a_handler_fails_at_once() -> None:
    async with Stage(chat()) as stage:
        ann = await stage.connect()
        with pytest.raises(AssertionError, match=r"no ack of 'sing'.*no handler"):
            await ann.call("sing", timeout=60)


async def test_a_call_waits_for_a_handler_that_waits_for_something_outside() -> None:
    live = Live()
    live.on("work")(lambda socket: asyncio.to_thread(lambda: "done"))
    async with Stage(live) as stage:
        ann = await stage.connect()
        assert await ann.call("work") == "done"


async def test_next_waits_for_an_event_and_returns_each_once() -> None:
    live = Live()

    @live.on("work")
    async def work(socket: Socket) -> None:
        for number in (1, 2):
            socket.emit("step", await asyncio.to_thread(abs, -number), number)
        socket.emit("done")

    async with Stage(live) as stage:
        ann = await stage.connect()
        await ann.emit("work")
        assert await ann.next("done") is None
        assert [await ann.next("step"), await ann.next("step")] == [[1, 1], [2, 2]]
        with pytest.raises(AssertionError, match="no 'step' came"):
            await ann.next("step", timeout=0.01)
        assert ann.received == [("step", 1, 1), ("step", 2, 2), ("done",)]


async def test_bytes_travel_both_ways() -> None:
    async with Stage(chat()) as stage:
        for polling in (False, True):
            ann = await stage.connect(polling=polling)
            assert await ann.call("echo", b"\0\xff", {"deep": [b"ab"]}) == [b"\0\xff", {"deep": [b"ab"]}]
            stage.page().to(ann.id).emit("file", b"\0")
            await stage.settle()
            assert ann.received == [("file", b"\0")]


async def test_a_client_answers_what_the_server_asks() -> None:
    live = Live()

    @live.on("start")
    async def start(socket: Socket) -> list[Any]:
        return [await socket.call("ask", 2), await socket.call("later"), await socket.call("nothing")]

    async def later() -> tuple[int, int]:
        await asyncio.sleep(0)
        return 1, 2

    async with Stage(live) as stage:
        ann = await stage.connect(on={"ask": lambda number: number * 2, "later": later})
        ann.on("nothing")(lambda: None)
        assert await ann.call("start") == [4, [1, 2], None]
        assert ann.received == [("ask", 2), ("later",), ("nothing",)]


async def test_a_page_is_called_and_those_without_an_answer_are_missing() -> None:
    live = Live()
    found: list[Any] = []

    @live.on("poll")
    async def poll(socket: Socket) -> None:
        answers = await socket.page.call("vote", timeout=3)
        found.append((list(answers.answered.values()), [socket.id for socket in answers.missing]))

    async with Stage(live) as stage:
        ann, bob = await stage.connect(on={"vote": lambda: "yes"}), await stage.connect()
        await ann.emit("poll")
        await stage.advance(2.9)
        assert found == []
        await stage.advance(0.2)
        assert found == [(["yes"], [bob.id])]


async def test_what_does_not_fit_is_refused_as_on_a_server() -> None:
    live = Live()

    @live.on("move")
    def move(socket: Socket, move: Move) -> int:
        if move.x < 0:
            raise PayloadError("off the board")
        return move.x

    async with Stage(live) as stage:
        ann = await stage.connect()
        assert await ann.call("move", {"x": 5}) == 5
        assert await ann.call("move", {"x": -1}) == {"error": "off the board"}
        await ann.emit("move", {"x": "far"})
        assert ann.received[0][:1] == ("nannin:refused",)


async def test_what_cannot_be_sent_raises() -> None:
    async with Stage(chat()) as stage:
        ann = await stage.connect()
        with pytest.raises(ValueError, match="reserved"):
            await ann.emit("connect")
        with pytest.raises(TypeError):
            await ann.emit("say", object())
        await ann.close()
        with pytest.raises(NotConnected):
            await ann.emit("say", "hi")


# Connecting


async def test_a_connect_handler_sees_the_request() -> None:
    live = Live()
    seen: list[Any] = []

    @live.on("connect")
    def hello(socket: Socket) -> None:
        seen.extend([socket.auth, socket.visitor, socket.headers, socket.query["room"], socket.address])
        seen.append(socket.handshake.scope["user"])

    async with Stage(live) as stage:
        await stage.connect(
            auth={"name": "Ann"},
            visitor="a",
            headers={"Cookie": "b=c"},
            query={"room": "1"},
            address="203.0.113.9",
            scope={"user": "ann"},
        )
        assert seen == [{"visitor": "a", "name": "Ann"}, "a", {"cookie": "b=c"}, "1", "203.0.113.9", "ann"]


async def test_what_a_connect_handler_emits_has_been_received() -> None:
    live = Live()

    @live.on("connect")
    async def hello(socket: Socket) -> None:
        socket.emit("welcome", socket.id)

    async with Stage(live) as stage:
        for polling in (False, True):
            ann = await stage.connect(polling=polling)
            assert ann.received == [("welcome", ann.id)]


async def test_a_refusal_is_raised_with_its_message_and_data() -> None:
    live = Live()

    @live.on("connect")
    def refuse(socket: Socket) -> None:
        raise ConnectionRefused("not today", {"opens": 9})

    async with Stage(live) as stage:
        with pytest.raises(ConnectionRefused, match="not today") as refused:
            await stage.connect()
        assert (refused.value.message, refused.value.data) == ("not today", {"opens": 9})
        assert not live.engine.sessions


async def test_a_page_that_does_not_exist_refuses() -> None:
    async with Stage(Live(pages=("/news/*",))) as stage:
        with pytest.raises(ConnectionRefused, match="Invalid namespace"):
            await stage.connect("/other")
        assert (await stage.connect("/news/1")).connected


async def test_several_pages_share_a_session() -> None:
    live = Live()
    live.on("where")(lambda socket: socket.session.sid)
    live.page("/news").on("where")(lambda socket: socket.session.sid)
    async with Stage(live) as stage:
        ann = await stage.connect(visitor="ann")
        news = await ann.connect("/news", auth={"updates": "audience"})
        assert await ann.call("where") == await news.call("where")
        assert (news.socket.visitor, news.page) == ("ann", "/news")
        await ann.leave()
        assert (ann.reason, news.connected) == (DisconnectReason.CLIENT_LEFT, True)
        with pytest.raises(RuntimeError, match="on it already"):
            await ann.connect("/news")
        await news.close()
        with pytest.raises(RuntimeError, match="ended"):
            await ann.connect("/news")


# Counts


async def test_visitors_are_counted_and_told() -> None:
    async with Stage(Live()) as stage:
        ann = await stage.connect("/news", visitor="ann")
        await stage.connect("/news", visitor="ann")
        bob = await stage.connect("/news", auth={"updates": "audience"}, polling=True)
        assert stage.count("/news") == stage.page("/news").count == Count(3, 2, 2)
        assert ann.updates == [("user connected", 1), ("user connected", 2)]
        assert await bob.next("audience") == {"page": "/news", "connections": 3, "visitors": 2, "visible": 2}
        assert ann.received == bob.received == []


async def test_a_change_of_the_count_is_told_to_the_application() -> None:
    live = Live()
    changes: list[tuple[str, int]] = []

    @live.on_change
    async def changed(page: Page, count: Count) -> None:
        changes.append((page.key, count.visitors))

    async with Stage(live) as stage:
        await stage.connect("/news")
    assert changes == [("/news", 1), ("/news", 0)]


async def test_rooms_and_targets_reach_whom_they_mean() -> None:
    live = Live()
    live.on("join")(lambda socket, room: socket.join(room))
    live.on("tell")(lambda socket, room: socket.to(room).emit("told"))
    async with Stage(live) as stage:
        ann, bob, cid = [await stage.connect() for _ in range(3)]
        await ann.emit("join", "red")
        await bob.emit("join", "red")
        await ann.emit("tell", "red")
        stage.page().except_("red").emit("rest")
        assert (ann.received, bob.received, cid.received) == ([], [("told",)], [("rest",)])
        assert bob.socket.rooms == ["red"]


async def test_an_answer_may_send_something_itself() -> None:
    async with Stage(chat()) as stage:
        ann, bob = await stage.connect(), await stage.connect()

        @bob.on("said")
        async def reply(text: str) -> None:
            if text == "hi":
                await bob.emit("say", "hello")

        await ann.emit("say", "hi")
        assert ann.received == [("said", "hello")]
