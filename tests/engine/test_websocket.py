"""WebSocket as plain ASGI: a link that never blocks, and a session from its handshake to its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message

from nannin.access.gate import Gate
from nannin.engine.endpoint import Endpoint
from nannin.engine.reading import SHARE_FRAMES
from nannin.engine.session import Session
from nannin.engine.websocket import AsgiLink
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.outgoing import Outgoing
from support.asgi import GONE, Call, ask, no_tasks_left, scope, text, websocket
from support.fakes import LIMITS, Hall

CLOSED: Message = {"type": "websocket.disconnect", "code": 1001, "reason": ""}
POLLING, WEBSOCKET = "EIO=4&transport=polling", "EIO=4&transport=websocket"


class Room:
    """An endpoint, and the sessions that are opened on it."""

    def __init__(self) -> None:
        self.hall = Hall()
        self.endpoint = Endpoint(self.hall.engine, Gate())

    async def open(self) -> tuple[Session, Call]:
        """A session over a WebSocket."""
        call = websocket(self.endpoint, WEBSOCKET)
        sid = json.loads((await call.sends(2))[1]["text"][1:])["sid"]
        return self.hall.engine.sessions[sid], call

    async def open_polling(self) -> tuple[Session, str]:
        """A session over polling, and the query of its WebSockets."""
        sid = json.loads((await ask(self.endpoint, "GET", POLLING)).body[1:])["sid"]
        return self.hall.engine.sessions[sid], f"{WEBSOCKET}&sid={sid}"


def run(test: Callable[[Room], Awaitable[None]]) -> None:
    """Runs a test in a room; no task may be left of it."""

    async def main() -> None:
        async with no_tasks_left():
            await test(Room())

    asyncio.run(main())


async def leave(call: Call, goodbye: Message = CLOSED) -> None:
    """The client goes."""
    call.put(goodbye)
    await call.ends()


# A session


def test_a_websocket_is_accepted_and_sent_the_handshake() -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        assert call.sent[0]["type"] == "websocket.accept"
        assert json.loads(call.sent[1]["text"][1:])["upgrades"] == []
        assert room.hall.app.opened == [session]
        await leave(call)

    run(test)


def test_messages_are_delivered_as_text_and_bytes() -> None:
    async def test(room: Room) -> None:
        _, call = await room.open()
        call.put(
            text("4a"),
            {"type": "websocket.receive", "bytes": b"\x01"},
            {"type": "websocket.receive", "text": None, "bytes": b""},
            {"type": "websocket.receive", "text": "4", "bytes": None},
        )
        await leave(call)
        assert room.hall.app.messages == ["a", b"\x01", b"", ""]

    run(test)


def test_each_packet_is_a_message_of_its_own_in_order() -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        session.send_outgoing(Outgoing(["4a", b"\x01"]))
        session.send("b")
        await call.sends(5)
        assert call.sent[2:] == [
            {"type": "websocket.send", "text": "4a"},
            {"type": "websocket.send", "bytes": b"\x01"},
            {"type": "websocket.send", "text": "4b"},
        ]
        await leave(call)

    run(test)


def test_a_client_that_goes_ends_its_session() -> None:
    async def test(room: Room) -> None:
        _, call = await room.open()
        await leave(call)
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_CLOSE]
        room.hall.assert_empty()

    run(test)


@pytest.mark.parametrize(
    "goodbye",
    [
        {"code": 1000},
        {"code": 1001},
        {"code": 1001, "reason": "going away"},
        {"code": 1005, "reason": ""},  # a close frame without a code
        {"code": 4_000},
    ],
)
def test_a_close_frame_of_the_client_is_a_clean_end(goodbye: dict[str, Any]) -> None:
    async def test(room: Room) -> None:
        _, call = await room.open()
        await leave(call, {"type": "websocket.disconnect", **goodbye})
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_CLOSE]

    run(test)


@pytest.mark.parametrize(
    "goodbye",
    [
        {"code": 1006},
        {"code": 1006, "reason": ""},
        {},
        {"code": 1005},  # so uvicorn's own WebSocket class says that the connection broke
    ],
)
def test_an_end_without_a_close_frame_is_a_loss(goodbye: dict[str, Any]) -> None:
    async def test(room: Room) -> None:
        _, call = await room.open()
        await leave(call, {"type": "websocket.disconnect", **goodbye})
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]

    run(test)


def test_a_task_that_the_server_cancels_ends_the_session() -> None:
    async def test(room: Room) -> None:
        _, call = await room.open()
        assert call.task is not None
        call.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.ends()
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]

    run(test)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (DisconnectReason.FORCED_CLOSE, 1000),
        (DisconnectReason.PARSE_ERROR, 1002),
        (DisconnectReason.SHUTTING_DOWN, 1012),
    ],
)
def test_the_sessions_end_closes_the_websocket_behind_what_was_sent(
    reason: DisconnectReason, code: int
) -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        session.send("goodbye")
        session.close(reason)
        await call.sends(4)
        assert call.sent[2:] == [
            {"type": "websocket.send", "text": "4goodbye"},
            {"type": "websocket.close", "code": code},
        ]
        await leave(call)
        assert room.hall.reasons() == [reason]

    run(test)


def test_a_malformed_packet_closes_the_websocket() -> None:
    async def test(room: Room) -> None:
        _, call = await room.open()
        call.put(text("junk"))
        assert (await call.sends(3))[2] == {"type": "websocket.close", "code": 1002}
        await leave(call)

    run(test)


# Cost


def test_messages_to_many_clients_that_read_need_no_task_each(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(room: Room) -> None:
        opened = [await room.open() for _ in range(20)]
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        made: list[str] = []

        def counted(name: str) -> Callable[..., Any]:
            original = getattr(loop, name)

            def call(*args: Any, **more: Any) -> Any:
                made.append(name)
                return original(*args, **more)

            return call

        with monkeypatch.context() as patch:
            for name in ("create_task", "call_soon"):
                patch.setattr(loop, name, counted(name))
            for session, _ in opened:
                session.send_newest("count", Outgoing(["41"]))
                session.send("a")
        assert [call.sent[2:] for _, call in opened] == [
            [{"type": "websocket.send", "text": "41"}, {"type": "websocket.send", "text": "4a"}]
        ] * 20
        assert made.count("create_task") == 1
        assert made.count("call_soon") <= 1
        for _, call in opened:
            await leave(call)

    run(test)


# Slow clients and broken links


def test_while_a_client_does_not_read_only_the_newest_of_each_key_waits() -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        call.open_gate.clear()
        session.send("under way")
        await asyncio.sleep(0)
        for number in "123":
            session.send_newest("count", Outgoing([f"4{number}"]))
        session.send_newest("other", Outgoing(["4x"]))
        session.send_newest("left", Outgoing(["4y"]))
        session.forget_newest("left")
        session.send("event")
        call.open_gate.set()
        await call.sends(6)
        assert [message["text"] for message in call.sent[2:]] == ["4under way", "4event", "43", "4x"]
        await leave(call)

    run(test)


def test_a_client_that_lets_too_much_wait_is_ended() -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        call.open_gate.clear()
        for _ in range(LIMITS.max_outbox_bytes // 100 + 5):
            session.send("x" * 100)
            await asyncio.sleep(0)
        room.hall.clock.settle()
        assert room.hall.reasons() == [DisconnectReason.SLOW_CLIENT]
        call.open_gate.set()
        async with asyncio.timeout(5):
            while call.sent[-1]["type"] != "websocket.close":
                await asyncio.sleep(0)
        assert call.sent[-1]["code"] == 1008
        assert len(call.sent) <= 4, "what waited is not sent any more"
        await leave(call)

    run(test)


def test_one_that_reads_again_in_time_gets_all_of_it() -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        for index in range(100):
            call.open_gate.clear()
            session.send("x" * 100)
            await asyncio.sleep(0)
            call.open_gate.set()
            await call.sends(3 + index)
        assert not room.hall.app.closed
        await leave(call)

    run(test)


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("gone")])
def test_a_link_that_breaks_while_it_is_written_to_waits_for_its_disconnect(error: Exception) -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        call.broken = error
        session.send("a")
        await asyncio.sleep(0)
        session.send("b")
        await leave(call, GONE)
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]

    run(test)


def test_what_is_sent_to_one_who_is_gone_goes_nowhere() -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        call.open_gate.clear()
        session.send("a")
        await leave(call)
        session.send("b")
        call.open_gate.set()
        await asyncio.sleep(0)
        assert len(call.sent) == 2

    run(test)


def test_a_client_that_reads_slowly_lives_on_while_it_reads() -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        call.open_gate.clear()
        for number in range(3):
            session.send(str(number))
        call.refuses = lambda message: call.open_gate.clear()  # it reads one message at a time
        for number in range(3):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            room.hall.clock.advance(LIMITS.drain_timeout_s - 1)
            assert room.hall.reasons() == []
            call.open_gate.set()
            await call.sends(3 + number)
        await leave(call)

    run(test)


class Refusing(Exception):
    """What a server raises that takes no such close code."""


def test_a_server_that_refuses_a_close_code_gets_one_that_all_take() -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        call.refuses = lambda message: Refusing() if message.get("code", 1000) != 1000 else None
        session.close(DisconnectReason.SHUTTING_DOWN)
        assert (await call.sends(3))[2] == {"type": "websocket.close", "code": 1000}
        await leave(call)

    run(test)


def test_a_server_that_can_not_send_ends_the_session(caplog: pytest.LogCaptureFixture) -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        call.broken = Refusing("it can't")
        session.send("a")
        await call.ends()
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]

    run(test)
    assert "it can't" in caplog.text


def test_what_a_server_raises_again_and_again_is_told_in_full_once(caplog: pytest.LogCaptureFixture) -> None:
    async def test(room: Room) -> None:
        for _ in range(20):
            session, call = await room.open()
            call.broken = Refusing("it can't")
            session.send("a")
            await call.ends()
        assert room.hall.engine.unsent.number == 20

    run(test)
    assert caplog.text.count("Traceback") == 1


def test_a_server_that_can_not_send_the_very_first_packet_ends_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test(room: Room) -> None:
        call = Call(scope("websocket", WEBSOCKET, {}))
        call.refuses = lambda message: Refusing("it can't") if "text" in message else None
        call.put({"type": "websocket.connect"})
        await call.start(room.endpoint).ends()
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]

    run(test)
    assert "it can't" in caplog.text


def test_a_client_that_goes_in_the_turn_in_which_it_stops_reading_is_lost() -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        call.open_gate.clear()
        asyncio.get_running_loop().call_soon(session.send, "a")
        await leave(call, GONE)
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]
        assert len(call.sent) == 2

    run(test)


def test_a_client_that_does_not_let_its_websocket_close_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AsgiLink, "close_timeout_s", 0.01)

    async def test(room: Room) -> None:
        session, call = await room.open()
        call.open_gate.clear()
        session.send("never read")
        await asyncio.sleep(0)
        session.close()
        await call.ends()
        assert room.hall.reasons() == [DisconnectReason.FORCED_CLOSE]

    run(test)


def test_a_timeout_of_the_server_is_not_taken_for_ours() -> None:
    async def test(room: Room) -> None:
        _, call = await room.open()
        call.put_error(TimeoutError("the server's"))
        with pytest.raises(TimeoutError, match="the server's"):
            await call.ends()
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]

    run(test)


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["chat"], {"subprotocol": "chat"}), (["b", "a"], {"subprotocol": "b"}), ([], {})]
)
def test_the_first_subprotocol_that_a_client_offers_is_taken(
    offered: list[str], chosen: dict[str, str]
) -> None:
    async def test(room: Room) -> None:
        for query in (WEBSOCKET, (await room.open_polling())[1]):
            call = Call(scope("websocket", query, {}, subprotocols=offered))
            call.put({"type": "websocket.connect"})
            call.start(room.endpoint)
            assert (await call.sends(1))[0] == {"type": "websocket.accept", **chosen}
            await leave(call)

    run(test)


# Upgrades


def test_a_session_goes_over_to_a_websocket() -> None:
    async def test(room: Room) -> None:
        session, query = await room.open_polling()
        session.send("waited")
        call = websocket(room.endpoint, query)
        call.put(text("2probe"))
        assert (await call.sends(2))[1]["text"] == "3probe"
        call.put(text("5"))
        assert (await call.sends(3))[2]["text"] == "4waited"
        call.put(text("4a"))
        await leave(call)
        assert room.hall.app.messages == ["a"]
        assert room.hall.reasons() == [DisconnectReason.TRANSPORT_CLOSE]

    run(test)


def test_a_candidate_that_is_lost_leaves_the_session_polling() -> None:
    async def test(room: Room) -> None:
        session, query = await room.open_polling()
        call = websocket(room.endpoint, query)
        call.put(text("2probe"))
        await leave(call)
        session.send("a")
        assert (await ask(room.endpoint, "GET", f"{POLLING}&sid={session.sid}")).body == b"4a"
        second = websocket(room.endpoint, query)
        second.put(text("2probe"))
        assert (await second.sends(2))[1]["text"] == "3probe"
        await leave(second)

    run(test)


@pytest.mark.parametrize("message", ["4a", "2", "2prob", "junk"])
def test_a_candidate_that_says_anything_else_is_closed(message: str) -> None:
    async def test(room: Room) -> None:
        _, query = await room.open_polling()
        call = websocket(room.endpoint, query)
        call.put(text(message))
        assert (await call.sends(2))[1] == {"type": "websocket.close", "code": 1000}
        await leave(call)
        assert (room.hall.app.messages, room.hall.app.closed) == ([], [])

    run(test)


def test_a_second_websocket_is_accepted_and_closed_at_once_and_the_first_lives_on() -> None:
    async def test(room: Room) -> None:
        session, call = await room.open()
        second = await websocket(room.endpoint, f"{WEBSOCKET}&sid={session.sid}").ends()
        assert [message["type"] for message in second.sent] == ["websocket.accept", "websocket.close"]
        session.send("a")
        assert (await call.sends(3))[2]["text"] == "4a"
        await leave(call)

    run(test)


def test_a_candidate_that_goes_away_in_its_handshake_makes_room_for_the_next() -> None:
    async def test(room: Room) -> None:
        _, query = await room.open_polling()
        gone = Call(scope("websocket", query, {}))
        gone.broken = OSError("gone")
        gone.put({"type": "websocket.connect"})
        with pytest.raises(OSError, match="gone"):
            await gone.start(room.endpoint).ends()
        second = websocket(room.endpoint, query)
        second.put(text("2probe"))
        assert (await second.sends(2))[1].get("text") == "3probe"
        await leave(second)

    run(test)


def test_a_client_that_sends_without_a_pause_leaves_the_others_their_turns() -> None:
    async def test(room: Room) -> None:
        _, call = await room.open()
        messages = room.hall.app.messages
        call.put(*[text(f"4{number}") for number in range(5 * SHARE_FRAMES)])
        for turns in range(4):
            await asyncio.sleep(0)
            assert len(messages) <= (turns + 1) * SHARE_FRAMES
        await leave(call)
        assert messages == [str(number) for number in range(5 * SHARE_FRAMES)]

    run(test)
