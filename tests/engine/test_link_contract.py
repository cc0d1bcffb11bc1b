"""What every kind of link does for its session, however its client is connected: one suite for all."""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
from websockets.frames import Frame, Opcode

from nannin.access.gate import Gate
from nannin.engine.endpoint import Endpoint
from nannin.engine.handshake import Handshake
from nannin.engine.served_session import ServedSession
from nannin.testing.links import WebSocketWire
from nannin.testing.timing import StageTime
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.outgoing import Outgoing
from support.asgi import GONE, no_tasks_left, scope, text, websocket
from support.fakes import LIMITS, FakeLink, FakePoll, Hall
from support.peers import Peer, turn

QUERY = "EIO=4&transport=websocket"
# More than what may wait.
MUCH = "x" * (LIMITS.max_outbox_bytes + 1)


class Line(abc.ABC):
    """A session, its link, and a client that reads or doesn't.

    Attributes:
        heard: the messages that reached the client, without the OPEN packet.
        close_code: of the close frame that reached the client.
    """

    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self.heard: list[str | bytes] = []
        self.close_code: int | None = None
        self.session: ServedSession

    @abc.abstractmethod
    async def open(self) -> None:
        """Opens the session."""

    @abc.abstractmethod
    def stop_reading(self) -> None:
        """The client reads nothing from now on."""

    @abc.abstractmethod
    async def read_on(self) -> None:
        """The client reads all that has come, and what will come."""

    async def leave(self) -> None:  # noqa: B027 - most have nothing to do
        """The client goes, if it is still there."""

    def say(self, message: str) -> None:
        """The client sends a message, which the server need not have read."""
        raise AssertionError("only real WebSockets are asked for this")

    def send(self, *messages: str) -> None:
        for message in messages:
            self.session.send(message)

    def send_newest(self, key: str, message: str) -> None:
        self.session.send_newest(key, Outgoing([f"4{message}"]))


class DirectLine(Line):
    """A DirectWebSocket on a fake transport."""

    async def open(self) -> None:
        endpoint = cast(Any, Endpoint(self.hall.engine, Gate()))
        self.peer = Peer(endpoint, target=f"/socket.io/?{QUERY}")
        await self.peer.open()
        (self.session,) = self.hall.engine.sessions.values()
        self.peer.hear()

    def stop_reading(self) -> None:
        self.peer.transport.full = True

    def say(self, message: str) -> None:
        # The kernel keeps what is not read.
        self._said = [*getattr(self, "_said", []), message]
        while self._said and self.peer.transport.reading:
            self.peer.text(self._said.pop(0))

    async def read_on(self) -> None:
        if self.peer.transport.full:
            self.peer.transport.empty()
        await turn()
        for frame in self.peer.hear():
            assert isinstance(frame, Frame)
            if frame.opcode is Opcode.CLOSE:
                self.close_code = int.from_bytes(bytes(frame.data)[:2], "big")
            else:
                assert self.close_code is None, "a message after the close frame"
                data = bytes(frame.data)
                self.heard.append(data.decode() if frame.opcode is Opcode.TEXT else data)

    async def leave(self) -> None:
        self.peer.lose()


class AsgiLine(Line):
    """An AsgiLink, as on any other server."""

    async def open(self) -> None:
        self.call = websocket(Endpoint(self.hall.engine, Gate()), QUERY)
        await self.call.sends(2)
        await turn()
        (self.session,) = self.hall.engine.sessions.values()

    def stop_reading(self) -> None:
        self.call.open_gate.clear()

    def say(self, message: str) -> None:
        self.call.put(text(message))

    async def read_on(self) -> None:
        self.call.open_gate.set()
        for _ in range(10):
            await turn()
        for message in self.call.sent[2 + len(self.heard) :]:
            if message["type"] == "websocket.close":
                self.close_code = message["code"]
            else:
                assert self.close_code is None, "a message after the close frame"
                self.heard.append(message.get("text", message.get("bytes")))

    async def leave(self) -> None:
        self.call.put(GONE)
        await self.call.ends()


class PollingLine(Line):
    """A session over polling; a client that doesn't read asks for nothing."""

    async def open(self) -> None:
        self.session = self.hall.polling()
        self.poll: FakePoll | None = None

    def stop_reading(self) -> None:
        assert self.poll is None

    async def read_on(self) -> None:
        while self.session.sid in self.hall.engine.sessions:
            self.poll = self.poll or self.hall.poll(self.session)
            self.hall.clock.settle()
            if self.poll.packets is None:
                return
            packets, self.poll = self.poll.packets, None
            for packet in packets:
                if packet == "1":
                    self.close_code = 1000
                else:
                    self.heard.append(packet)


class KitLine(Line):
    """The testing kit's WebSocket, whose client always reads."""

    async def open(self) -> None:
        time = cast(StageTime, KitTime(self.hall))
        wire = WebSocketWire(self.hall.engine, time, self.heard.append, lambda reason: self._end())
        wire.open(Handshake(scope("websocket", QUERY, {})))
        self.session = wire.session
        self.heard.clear()

    def stop_reading(self) -> None:
        raise AssertionError("it always reads")

    async def read_on(self) -> None:
        self.hall.clock.settle()

    def _end(self) -> None:
        self.close_code = 1000


class KitTime:
    """What the kit's wire asks of time, on the clock of a hall."""

    def __init__(self, hall: Hall) -> None:
        self.call_soon = hall.clock.call_soon

    def run(self, call: Callable[[], Any]) -> Any:
        return call()


class FakeLine(Line):
    """The link that the tests of the middle floors use."""

    async def open(self) -> None:
        self.link = FakeLink()
        self.session = self.hall.engine.open_by_websocket(self.link)
        self.link.packets.clear()

    def stop_reading(self) -> None:
        self.link.blocked = True

    async def read_on(self) -> None:
        self.link.drain()
        self.heard, self.close_code = list(self.link.packets), self.link.close_code


every_link = pytest.mark.parametrize("kind", [DirectLine, AsgiLine, PollingLine, KitLine, FakeLine])
every_link_that_waits = pytest.mark.parametrize("kind", [DirectLine, AsgiLine, PollingLine, FakeLine])
every_websocket = pytest.mark.parametrize("kind", [DirectLine, AsgiLine, KitLine, FakeLine])
every_real_websocket = pytest.mark.parametrize("kind", [DirectLine, AsgiLine])
every_bounded_link = pytest.mark.parametrize("kind", [DirectLine, AsgiLine, PollingLine])


@contextlib.asynccontextmanager
async def opened(kind: type[Line]) -> AsyncIterator[Line]:
    line = kind(Hall())
    await line.open()
    yield line
    await line.leave()


def run(kind: type[Line], test: Callable[[Line], Any]) -> None:
    """Runs a test on an open line; no task may be left of it."""

    async def main() -> None:
        async with no_tasks_left(), opened(kind) as line:
            await test(line)

    asyncio.run(main())


@every_link
def test_messages_keep_their_order(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.send("a")
        line.session.send_outgoing(Outgoing(["4b", b"\x01"]))
        line.send("c")
        await line.read_on()
        assert line.heard == ["4a", "4b", b"\x01", "4c"]

    run(kind, test)


@every_websocket
def test_over_a_websocket_that_is_read_a_count_keeps_its_place_among_events(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.send_newest("/", "1")
        line.send("a")
        line.send_newest("/", "2")
        await line.read_on()
        assert line.heard == ["41", "4a", "42"]
        assert line.session.is_writable

    run(kind, test)


@every_link_that_waits
def test_for_a_client_that_does_not_read_only_the_newest_of_each_key_waits(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.stop_reading()
        line.send("under way")
        await turn()
        for number in "123":
            line.send_newest("/", number)
        line.send_newest("/b", "b")
        assert not line.session.is_writable
        await line.read_on()
        assert line.heard == ["4under way", "43", "4b"]

    run(kind, test)


@every_link_that_waits
def test_what_was_taken_back_is_not_sent(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.stop_reading()
        line.send("under way")
        await turn()
        line.send_newest("/", "1")
        line.session.forget_newest("/")
        line.session.forget_newest("/unknown")
        await line.read_on()
        assert line.heard == ["4under way"]

    run(kind, test)


@every_link_that_waits
def test_once_all_was_read_counts_are_sent_at_once_again(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.stop_reading()
        line.send("a")
        await turn()
        await line.read_on()
        line.send_newest("/", "1")
        await line.read_on()
        line.send_newest("/", "2")
        await line.read_on()
        assert line.heard == ["4a", "41", "42"]

    run(kind, test)


@every_real_websocket
def test_a_client_that_reads_nothing_is_ended_after_the_time_to_drain(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.stop_reading()
        line.send("a")
        await turn()
        line.hall.clock.advance(LIMITS.drain_timeout_s - 0.5)
        assert line.hall.reasons() == []
        line.hall.clock.advance(1)
        assert line.hall.reasons() == [DisconnectReason.SLOW_CLIENT]
        await line.read_on()  # so that the link's task can end

    run(kind, test)


@every_real_websocket
def test_a_client_that_reads_in_time_lives_on(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        for _ in range(3):
            line.stop_reading()
            line.send("a")
            await turn()
            line.hall.clock.advance(LIMITS.drain_timeout_s - 5)
            await line.read_on()
        assert line.hall.reasons() == []
        assert line.session.is_writable

    run(kind, test)


@every_real_websocket
def test_one_large_message_and_what_follows_it_are_no_overflow(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.stop_reading()
        line.send(MUCH)
        await turn()
        line.hall.clock.settle()
        line.send("a", "b")
        line.hall.clock.settle()
        await line.read_on()
        assert line.heard == [f"4{MUCH}", "4a", "4b"]
        assert line.hall.reasons() == []

    run(kind, test)


@every_real_websocket
def test_a_burst_in_one_turn_is_no_overflow(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.stop_reading()
        for number in range(30):
            line.send(f"{number:100}")
        line.hall.clock.settle()
        await turn()
        await line.read_on()
        assert line.heard == [f"4{number:100}" for number in range(30)]
        assert line.hall.reasons() == []

    run(kind, test)


@every_bounded_link
def test_what_piles_up_turn_after_turn_ends_the_client_in_a_turn_of_its_own(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.stop_reading()
        for _ in range(30):
            line.send("x" * 100)
            assert line.hall.reasons() == []
            await turn()
            line.hall.clock.advance(0.3)  # a client that polls has some seconds to do so
            if line.hall.reasons():
                break
        assert line.hall.reasons() == [DisconnectReason.SLOW_CLIENT]
        await line.read_on()

    run(kind, test)


@every_bounded_link
def test_what_piles_up_is_counted_in_bytes_and_not_in_characters(kind: type[Line]) -> None:
    def turns_until_the_end(text: str) -> int:
        turns = 0

        async def test(line: Line) -> None:
            nonlocal turns
            line.stop_reading()
            while not line.hall.reasons() and turns < 50:
                line.send(text)
                await turn()
                line.hall.clock.advance(0.3)
                turns += 1
            await line.read_on()

        run(kind, test)
        return turns

    assert turns_until_the_end("人" * 30) == turns_until_the_end("x" * 90) < turns_until_the_end("x" * 30)


@every_websocket
def test_what_a_client_sends_is_measured_in_bytes_and_not_in_characters(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        assert line.session.link is not None
        fits = "人" * (LIMITS.max_payload_bytes // 3)
        line.session.receive(line.session.link, "4" + fits)
        assert (line.hall.app.messages, line.hall.reasons()) == ([fits], [])
        line.session.receive(line.session.link, "4" + fits + "人")
        assert line.hall.reasons() == [DisconnectReason.TOO_LARGE]
        await line.read_on()

    run(kind, test)


@every_real_websocket
def test_what_the_client_sends_waits_with_it_while_the_application_does_not_read(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.say("4a")
        await turn()
        line.session.read_on(False)
        assert not line.session.reads
        line.say("4b")
        await turn()
        received = list(line.hall.app.messages)
        line.session.read_on(True)
        line.session.read_on(True)
        line.say("4c")
        await turn()
        # Where a message is under way to the application already, it is received.
        assert received in (["a"], ["a", "b"])
        assert line.hall.app.messages == ["a", "b", "c"]

    run(kind, test)


@every_real_websocket
def test_a_client_that_is_not_read_from_can_be_closed(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.session.read_on(False)
        line.session.close()
        await line.read_on()
        assert line.close_code == 1000

    run(kind, test)


@every_link
def test_the_close_comes_after_what_was_written(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        line.send("a", "b")
        line.session.close()
        await line.read_on()
        assert (line.heard, line.close_code) == (["4a", "4b"], 1000)
        assert line.hall.reasons() == [DisconnectReason.FORCED_CLOSE]

    run(kind, test)


@every_real_websocket
def test_nothing_comes_after_the_close(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        link = line.session.link
        assert link is not None
        line.session.close()
        link.write(Outgoing(["4late"]))
        link.write_newest("/", Outgoing(["4late"]))
        link.close(1001)
        await line.read_on()
        assert (line.heard, line.close_code) == ([], 1000)

    run(kind, test)


@every_real_websocket
def test_a_client_that_is_gone_is_lost_once_and_nothing_is_sent_to_it(kind: type[Line]) -> None:
    async def test(line: Line) -> None:
        link = line.session.link
        assert link is not None
        line.stop_reading()
        line.send("a")
        await turn()
        await line.leave()
        link.write(Outgoing(["4late"]))
        link.write_newest("/", Outgoing(["4late"]))
        link.close(1001)
        assert line.hall.reasons() == [DisconnectReason.TRANSPORT_ERROR]

    async def main() -> None:
        async with no_tasks_left():
            line = kind(Hall())
            await line.open()
            await test(line)

    asyncio.run(main())
