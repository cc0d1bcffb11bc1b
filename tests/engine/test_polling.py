"""Long-polling as ASGI: GETs that wait, POSTs that carry packets, and clients that go away in between."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nannin.access.gate import Gate
from nannin.engine.endpoint import Endpoint
from nannin.engine.served_session import ServedSession
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_limits import Limits
from support.asgi import Call, ask, http, no_tasks_left, scope, websocket
from support.fakes import Hall

QUERY = "EIO=4&transport=polling"
LIMITS = Limits(max_payload_bytes=100)


class Room:
    """An endpoint, and one session that is open on it."""

    def __init__(self) -> None:
        self.hall = Hall(LIMITS)
        self.endpoint = Endpoint(self.hall.engine, Gate())
        self.session: ServedSession
        self.query = ""

    async def open(self) -> None:
        sid = json.loads((await ask(self.endpoint, "GET", QUERY)).body[1:])["sid"]
        self.session = self.hall.engine.sessions[sid]
        self.query = f"{QUERY}&sid={sid}"

    async def poll(self) -> Call:
        """A GET that waits."""
        call = http(self.endpoint, "GET", self.query)
        async with asyncio.timeout(5):
            while self.session.poll is None:
                await asyncio.sleep(0)
        return call

    async def get(self) -> bytes:
        return (await ask(self.endpoint, "GET", self.query)).body

    async def post(self, *body: bytes) -> Call:
        return await ask(self.endpoint, "POST", self.query, *body)


def run(test: Callable[[Room], Awaitable[None]]) -> None:
    """Runs a test in a room; no task may be left of it."""

    async def main() -> None:
        room = Room()
        async with no_tasks_left():
            await room.open()
            await test(room)

    asyncio.run(main())


# POST


def test_a_post_is_answered_ok_and_its_packets_are_delivered() -> None:
    async def test(room: Room) -> None:
        call = await room.post(b"4a\x1ebAQI=\x1e4b")
        assert (call.status, call.body) == (200, b"ok")
        assert call.header("content-type") == "text/plain; charset=UTF-8"
        assert call.header("content-length") == "2"
        assert call.header("cache-control") == "no-store"
        assert room.hall.app.messages == ["a", b"\x01\x02", "b"]

    run(test)


def test_a_body_may_come_in_pieces() -> None:
    async def test(room: Room) -> None:
        assert (await room.post("4は".encode()[:3], "4は".encode()[3:], b"")).status == 200
        assert room.hall.app.messages == ["は"]

    run(test)


def test_a_malformed_body_is_a_bad_request_and_the_sessions_end() -> None:
    async def test(room: Room) -> None:
        call = await room.post(b"junk")
        assert (call.status, json.loads(call.body)) == (400, {"code": 3, "message": "Bad request"})
        assert room.hall.reasons() == [DisconnectReason.PARSE_ERROR]

    run(test)


def test_a_body_at_the_limit_is_taken() -> None:
    async def test(room: Room) -> None:
        assert (await room.post(b"4" + b"x" * 99)).status == 200

    run(test)


def test_a_body_over_the_limit_is_told_of_with_the_setting(caplog: pytest.LogCaptureFixture) -> None:
    async def test(room: Room) -> None:
        assert (await room.post(b"4" + b"x" * 100)).status == 413

    run(test)
    assert "more than 100 bytes in one message" in caplog.text
    assert "raise max_payload" in caplog.text


def test_a_body_over_the_limit_is_answered_before_it_has_ended() -> None:
    async def test(room: Room) -> None:
        call = http(room.endpoint, "POST", room.query, b"4", b"x" * 100, b"never read")
        await call.ends()
        assert call.status == 413
        assert call.header("connection") == "close"
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]

    run(test)


def test_a_client_that_goes_away_in_its_post_is_gone() -> None:
    async def test(room: Room) -> None:
        call = Call(scope("http", room.query, {}, method="POST"))
        call.put({"type": "http.request", "body": b"4a", "more_body": True}, {"type": "http.disconnect"})
        await call.start(room.endpoint).ends()
        assert call.sent == []
        assert room.hall.app.messages == []
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]

    run(test)


def test_two_posts_at_once_end_the_session() -> None:
    async def test(room: Room) -> None:
        call = Call(scope("http", room.query, {}, method="POST"))
        call.put({"type": "http.request", "body": b"4a", "more_body": True})
        call.start(room.endpoint)
        await asyncio.sleep(0)
        assert (await room.post(b"4b")).status == 400
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]
        call.put({"type": "http.request", "body": b""})
        assert (await call.ends()).status == 400
        assert room.hall.app.messages == []

    run(test)


# GET


def test_a_get_is_answered_at_once_with_what_waits() -> None:
    async def test(room: Room) -> None:
        room.session.send("a")
        room.session.send(b"\x01\x02")
        assert await room.get() == b"4a\x1ebAQI="

    run(test)


def test_a_get_waits_for_what_is_sent() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        assert call.sent == []
        room.session.send("a")
        room.hall.clock.turn()
        assert (await call.ends()).body == b"4a"

    run(test)


def test_a_get_whose_receive_ends_with_the_answer_is_answered_once() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        room.session.send("a")
        room.hall.clock.turn()
        call.put({"type": "http.disconnect"})  # as most servers tell it after an answer
        assert (await call.ends()).body == b"4a"
        assert len(call.sent) == 2
        assert not room.hall.app.closed

    run(test)


def test_answers_to_gets_that_wait_need_one_task_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(room: Room) -> None:
        rooms = [room]
        for _ in range(9):
            one = copy.copy(room)
            await one.open()
            rooms.append(one)
        calls = [await one.poll() for one in rooms]
        loop = asyncio.get_running_loop()
        made: list[object] = []
        create = loop.create_task

        def counted(*args: Any, **more: Any) -> Any:
            made.append(args)
            return create(*args, **more)

        monkeypatch.setattr(loop, "create_task", counted)
        for one in rooms:
            one.session.send("a")
        room.hall.clock.turn()
        assert [call.body for call in calls] == [b"4a"] * 10
        for call in calls:
            await call.ends()
        assert len(made) == 1

    run(test)


def test_an_answer_that_the_client_takes_slowly_is_waited_for() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        call.open_gate.clear()
        room.session.send("a")
        room.hall.clock.turn()
        for _ in range(5):
            await asyncio.sleep(0)
        assert call.task is not None
        assert not call.task.done()
        call.open_gate.set()
        assert (await call.ends()).body == b"4a"

    run(test)


def test_a_client_that_goes_while_it_is_answered_loses_that_answer_alone() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        call.open_gate.clear()
        room.session.send("a")
        room.hall.clock.turn()
        call.put({"type": "http.disconnect"})
        for _ in range(5):
            await asyncio.sleep(0)
        call.broken = OSError("gone")
        call.open_gate.set()
        with pytest.raises(OSError, match="gone"):
            await call.ends()
        assert not room.hall.app.closed

    run(test)


def test_a_get_that_is_cancelled_while_it_is_answered_ends() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        call.open_gate.clear()
        room.session.send("a")
        room.hall.clock.turn()
        call.put({"type": "http.disconnect"})
        for _ in range(5):
            await asyncio.sleep(0)
        assert call.task is not None
        call.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.ends()
        assert call.sent == []

    run(test)


@pytest.mark.parametrize("turns", [0, 5])
def test_a_get_that_is_cancelled_while_its_client_reads_slowly_leaves_no_task(turns: int) -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        call.open_gate.clear()
        room.session.send("a")
        room.hall.clock.turn()
        for _ in range(turns):
            await asyncio.sleep(0)
        assert call.task is not None
        call.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.ends()
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert call.sent == []

    run(test)


def test_an_error_of_the_server_in_an_answer_is_raised_in_the_request() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        call.broken = ValueError("the server's")
        room.session.send("a")
        room.hall.clock.turn()
        with pytest.raises(ValueError, match="the server's"):
            await call.ends()

    run(test)


def test_a_timeout_of_the_server_in_a_get_is_not_taken_for_ours() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        call.put_error(TimeoutError("the server's"))
        with pytest.raises(TimeoutError, match="the server's"):
            await call.ends()
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_CLOSE]

    run(test)


def test_a_second_get_at_once_ends_the_session() -> None:
    async def test(room: Room) -> None:
        first = await room.poll()
        second = await ask(room.endpoint, "GET", room.query)
        assert (second.status, json.loads(second.body)["code"]) == (400, 3)
        assert ((await first.ends()).status, first.body) == (200, b"1")
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]

    run(test)


def test_a_client_that_goes_away_in_its_get_is_gone() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        call.put({"type": "http.disconnect"})
        await call.ends()
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_CLOSE]

    run(test)


def test_a_get_whose_task_is_cancelled_by_the_server_is_lost() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        assert call.task is not None
        call.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.ends()
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_CLOSE]

    run(test)


def test_a_close_packet_during_a_get_answers_it_with_a_noop() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        assert (await room.post(b"1")).body == b"ok"
        assert (await call.ends()).body == b"6"
        assert (await ask(room.endpoint, "GET", room.query)).status == 400

    run(test)


def test_the_servers_end_answers_a_get_with_a_close_packet() -> None:
    async def test(room: Room) -> None:
        call = await room.poll()
        room.session.close()
        assert (await call.ends()).body == b"1"

    run(test)


@pytest.mark.parametrize(
    ("agent", "now", "next_"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64)", b"1", b"1"),
        ("node-XMLHttpRequest", b"1", b"1"),
        ("python-requests/2.32.3", b"6", b'{"code":1,"message":"Session ID unknown"}'),
    ],
)
def test_a_client_that_comes_back_after_a_close_packet_gets_one_when_the_server_stops(
    agent: str, now: bytes, next_: bytes
) -> None:
    async def test(room: Room) -> None:
        waits = http(room.endpoint, "GET", room.query, user_agent=agent)
        while room.session.poll is None:
            await asyncio.sleep(0)
        await room.open()
        between_polls = room.query
        for goodbye in room.hall.engine.goodbyes():
            goodbye()
        assert (await waits.ends()).body == now
        assert (await ask(room.endpoint, "GET", between_polls, user_agent=agent)).body == next_
        room.hall.engine.shut_down()
        assert (await ask(room.endpoint, "GET", between_polls, user_agent=agent)).status == 400

    run(test)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_that_is_over_is_unknown(method: str) -> None:
    async def test(room: Room) -> None:
        await room.post(b"1")
        call = await ask(room.endpoint, method, room.query, b"4a")
        assert (call.status, json.loads(call.body)["code"]) == (400, 1)

    run(test)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
def test_other_methods_are_bad_requests_and_hurt_nothing(method: str) -> None:
    async def test(room: Room) -> None:
        assert (await ask(room.endpoint, method, room.query)).status == 400
        assert not room.hall.app.closed

    run(test)


def test_a_get_that_overtakes_the_upgrade_packet_does_not_disturb_the_upgrade() -> None:
    async def test(room: Room) -> None:
        link = websocket(room.endpoint, room.query.replace("polling", "websocket"))
        await link.sends(1)
        link.put({"type": "websocket.receive", "text": "2probe"})
        await link.sends(2)
        late = http(room.endpoint, "GET", room.query)
        link.put({"type": "websocket.receive", "text": "5"})
        assert (await late.ends()).status == 400, "the session polls no more"
        room.session.send("a")
        assert (await link.sends(3))[2]["text"] == "4a"
        link.put({"type": "websocket.disconnect", "code": 1005})
        await link.ends()

    run(test)


def test_a_post_waits_while_the_application_does_not_read() -> None:
    async def test(room: Room) -> None:
        room.session.read_on(False)
        post = http(room.endpoint, "POST", room.query, b"4a")
        for _ in range(5):
            await asyncio.sleep(0)
        assert (room.hall.app.messages, post.sent) == ([], [])
        room.session.read_on(True)
        await post.ends()
        assert (room.hall.app.messages, post.body) == (["a"], b"ok")

    run(test)


def test_a_post_that_waits_is_answered_when_its_session_ends() -> None:
    async def test(room: Room) -> None:
        room.session.read_on(False)
        post = http(room.endpoint, "POST", room.query, b"4a")
        for _ in range(5):
            await asyncio.sleep(0)
        room.session.close()
        await post.ends()
        assert (room.hall.app.messages, post.body) == ([], b"ok")

    run(test)
