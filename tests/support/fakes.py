"""Stand-ins for what is above and below the middle floors: links and polls that remember, an application that
does, and a Socket.IO client that speaks to a hub without a socket. `fake_clock` has the clock.

Why there are two test kits: `nannin.testing` plays a whole Live for the tests of an application. It is
async, comes to rest after every step and shows what a client would see. These parts are synchronous, and
the test turns the loop by hand: so it decides what happens within one turn (between two slices of a fan-
out, before a late timer), and a state machine of Hypothesis, which cannot await, can drive them. The stage
stands on the floors that are tested with these parts, so they cannot stand on it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar, cast

import msgspec

from nannin.access.admission import Verdict
from nannin.access.budgets import NO_LIMIT, Rate
from nannin.access.refusals import Refusals
from nannin.audience.roster import Count, Counts, Roster
from nannin.engine.engine import Engine
from nannin.engine.handshake import Handshake
from nannin.engine.served_session import ServedSession
from nannin.engine.session import Session
from nannin.hub.connection import Connection
from nannin.hub.crowds import Slices
from nannin.hub.handlers import Handlers
from nannin.hub.hub import Hub
from nannin.hub.sockets import Page, Socket
from nannin.settings import Settings
from nannin.wire.engine_limits import Limits
from nannin.wire.engine_packet import Encoded, encode_message, encode_payload
from nannin.wire.outbox import Newest
from nannin.wire.outgoing import Outgoing
from nannin.wire.socket_packet import Decoder, Packet, PacketType, encode_packet
from support.fake_clock import FakeClock as FakeClock  # who needs more than the clock finds it here too

_MANY = 1_000


def connection_of(house: House, socket: Socket) -> Connection:
    """What the hub keeps for a socket of the application."""
    return house.hub.emitter.connections[socket.id]


class FakeLink:
    """The server's end of a WebSocket that remembers what is written.

    Args:
        receive: called with each packet that reaches the client.
        be_closed: called when the server closes it.
    """

    def __init__(
        self,
        receive: Callable[[Encoded], None] = lambda packet: None,
        be_closed: Callable[[], None] = lambda: None,
    ) -> None:
        self._be_closed = be_closed
        self.packets: list[Encoded] = []
        self.writes = 0
        self.close_code: int | None = None
        self.blocked = False  # a client that does not read: of the newest only the newest waits
        self.descriptor = -1
        self.on_blocked: Callable[[], None] = nothing
        self._receive = receive
        self._newest: Newest[Outgoing] = Newest()
        self.reads = True

    def write(self, outgoing: Outgoing) -> None:
        assert self.close_code is None, f"{outgoing.packets} is written after the close"
        self.writes += 1
        self.packets += outgoing.packets
        for packet in outgoing.packets:
            self._receive(packet)

    def write_newest(self, key: str, outgoing: Outgoing) -> None:
        if self.blocked:
            self._newest.put(key, outgoing)
        else:
            self.write(outgoing)

    def forget_newest(self, key: str) -> None:
        self._newest.forget(key)

    def read_on(self, on: bool) -> None:
        self.reads = on

    def close(self, code: int) -> None:
        assert self.close_code is None, "closed twice"
        self.close_code = code
        self._be_closed()

    def pull(self) -> None:
        """What was sent to the client reaches it, where it has not yet."""

    def end(self) -> None:
        """The WebSocket is gone."""

    def drain(self) -> None:
        """The client reads again."""
        self.blocked = False
        while self._newest:
            self.write(self._newest.take())


class FakePoll:
    """A GET that remembers its answer."""

    def __init__(
        self,
        receive: Callable[[Sequence[Encoded]], None] = lambda packets: None,
        *,
        comes_back: bool = False,
    ) -> None:
        self.comes_back = comes_back
        self.packets: Sequence[Encoded] | None = None
        self._receive = receive

    def answer(self, packets: Sequence[Encoded]) -> None:
        assert self.packets is None, "answered twice"
        self.packets = packets
        self._receive(packets)


LIMITS = Limits(ping_interval_s=25, ping_timeout_s=20, upgrade_timeout_s=10, max_outbox_bytes=1_000)


T = TypeVar("T")


def made(steps: Generator[None, None, T]) -> T:
    """What is made in steps, with nobody else's turn in between."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(T, end.value)


def nothing(*_: object) -> None:
    """What an application does by default."""


class App:
    """An application that remembers what it is told; each call may do more."""

    def __init__(self) -> None:
        self.opened: list[Session] = []
        self.messages: list[str | bytes] = []
        self.closed: list[tuple[Session, str]] = []
        self.on_open: Callable[[Session], None] = nothing
        self.on_message: Callable[[Session, str | bytes], None] = nothing
        self.on_close: Callable[[Session, str], None] = nothing

    def open(self, session: Session) -> None:
        self.opened.append(session)
        self.on_open(session)

    def message(self, session: Session, data: str | bytes) -> None:
        self.messages.append(data)
        self.on_message(session, data)

    def close(self, session: Session, reason: str) -> None:
        self.closed.append((session, reason))
        self.on_close(session, reason)


class Hall:
    """An engine with such an application on a fake clock."""

    def __init__(self, limits: Limits = LIMITS, rate: Rate = NO_LIMIT) -> None:
        self.app, self.clock = App(), FakeClock()
        sids = map("sid-{}".format, itertools.count())
        self.refusals = Refusals()
        self.engine = Engine(
            self.app,
            limits,
            new_sid=lambda: next(sids),
            clock=self.clock,
            refusals=self.refusals,
            rate=rate,
        )

    def websocket(self) -> tuple[ServedSession, FakeLink]:
        link = FakeLink()
        return self.engine.open_by_websocket(link), link

    def polling(self) -> ServedSession:
        return self.engine.open_by_poll()[0]

    def poll(self, session: ServedSession, *, comes_back: bool = False) -> FakePoll:
        poll = FakePoll(comes_back=comes_back)
        session.receive_poll(poll)
        return poll

    def post(self, session: ServedSession, *packets: str | bytes) -> None:
        session.receive_post()
        session.receive_payload(encode_payload(packets))

    def reasons(self) -> list[str]:
        return [reason for _, reason in self.app.closed]

    def assert_empty(self) -> None:
        self.clock.settle()
        assert not self.engine.sessions
        assert self.clock.pending == 0


class House:
    """A hub on an engine, with a clock turned by hand: everything between the transports and the clients."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        is_crawler: Callable[[str], bool] = lambda user_agent: False,
        judge_token: Callable[[str, str], Verdict] | None = None,
        slices: Slices = Slices(),  # noqa: B008 - it never changes
        make_counts: Callable[[Roster[Connection]], Counts] = lambda roster: roster,
        clock: FakeClock | None = None,
        id_prefix: str = "",
        **settings: Any,
    ) -> None:
        self.clock = clock or FakeClock()
        self.settings = Settings(**settings)
        self._ids = itertools.count()
        self.hub = Hub(
            Handlers(),
            self.settings,
            Refusals(),
            new_id=lambda: f"{id_prefix}socket-{next(self._ids)}",
            clock=self.clock,
            is_crawler=is_crawler,
            judge_token=judge_token,
            slices=slices,
            make_counts=make_counts,
        )
        for key in self.settings.groups:
            self.hub.handlers.group(key)
        self.limits = limits or Limits()
        self.engine = Engine(
            self.hub,
            self.limits,
            new_sid=lambda: f"session-{next(self._ids)}",
            clock=self.clock,
            descriptors=self.hub.descriptors,
            refusals=self.hub.refusals,
        )

    def page(self, key: str = "/") -> Page:
        return Page(self.hub, key)

    def on(self, event: str, handler: Callable[..., Any], page: str = "/") -> None:
        """Registers a handler."""
        self.page(page).on(event)(handler)

    def count(self, page: str = "/") -> Count:
        return self.hub.count(page)

    def client(
        self,
        page: str | None = None,
        *,
        polling: bool = False,
        link: type[FakeLink] = FakeLink,
        user_agent: str = "",
        **auth: Any,
    ) -> Client:
        """A client with an open session; on a page, if one is given."""
        client = Client(self, polling=polling, link=link, user_agent=user_agent)
        if page is not None:
            client.connect(page, **auth)
            self.clock.settle()
        return client

    async def turn(self) -> None:
        """Lets the application's tasks go on until they wait for something outside, and a moment pass."""
        for _ in range(10):
            await asyncio.sleep(0)
            self.clock.advance(0.01)

    def assert_empty(self) -> None:
        """Nothing is left of anybody."""
        self.clock.settle()
        assert not self.engine.sessions
        assert not list(self.hub.pages())
        assert not self.hub.tasks
        assert self.clock.pending == 0


class Client:
    """A Socket.IO client without a socket: over a fake WebSocket, or over polls that it keeps asking.

    Attributes:
        packets: the Socket.IO packets that reached it, in their order.
        silent: it answers no pings.
        idle: it asks for no next poll by itself.
    """

    def __init__(
        self,
        house: House,
        *,
        polling: bool = False,
        link: type[FakeLink] = FakeLink,
        user_agent: str = "",
    ) -> None:
        self.house, self.engine = house, house.engine
        self.packets: list[Packet] = []
        self.opened: dict[str, Any] = {}
        self.silent = False
        self.idle = False
        self.closed = False
        self._pulls = False
        self.poll: FakePoll | None = None
        self.link: FakeLink | None = None
        self.candidate: FakeLink | None = None
        self._decoder = Decoder(_MANY)
        self.session: ServedSession
        handshake = Handshake({"headers": [(b"user-agent", user_agent.encode())]})
        if polling:
            self.session, opened = self.engine.open_by_poll(handshake)
            self._receive(opened)
            self.ask()
        else:
            self.link = link(self._receive)
            self.session = self.engine.open_by_websocket(self.link, handshake)
            self.link.on_blocked = self.stop_reading

    # What it does

    def send(self, *encoded: Encoded) -> None:
        """Sends encoded Engine.IO packets: as messages, or as one POST.

        Raises:
            RequestRefused: the POST is.
        """
        if self.link is not None:
            for packet in encoded:
                self.session.receive(self.link, packet)
        else:
            self.session.receive_post()
            self.session.receive_payload(encode_payload(encoded))

    def send_packet(self, packet: Packet) -> None:
        """Sends a Socket.IO packet."""
        self.send(*map(encode_message, encode_packet(packet)))

    def connect(self, page: str = "/", **auth: Any) -> None:
        self.send_packet(Packet(PacketType.CONNECT, page, auth or None))

    def emit(self, event: str, *args: Any, page: str = "/", number: int | None = None) -> None:
        self.send_packet(Packet(PacketType.EVENT, page, [event, *args], number))

    def ack(self, number: int, *args: Any, page: str = "/") -> None:
        self.send_packet(Packet(PacketType.ACK, page, list(args), number))

    def leave(self, page: str = "/") -> None:
        self.send_packet(Packet(PacketType.DISCONNECT, page))

    def close(self) -> None:
        """Says goodbye with a close packet."""
        self.send("1")

    def lose(self, *, clean: bool = False) -> None:
        """The link breaks, or is closed by the client: the WebSocket, or the poll in hand."""
        if self.link is not None:
            self.session.lose(self.link, clean=clean)
            self.link.end()
        elif self.poll is not None:
            self.session.receive_poll_lost(self.poll)

    def ask(self) -> None:
        """Sends a GET, if none waits and the transport is still polling."""
        if self.link is None and self.poll is None and not self.closed:
            poll = self.poll = FakePoll(self._receive_answer)
            self.session.receive_poll(poll)

    def upgrade(self) -> None:
        """Goes over to a WebSocket."""
        self.open_candidate()
        self.probe()
        self.switch()

    def open_candidate(self) -> None:
        candidate = FakeLink(self._receive, self._resume_polling)
        self.session.receive_candidate(candidate)
        self.candidate = candidate

    def probe(self) -> None:
        assert self.candidate is not None
        self.idle = True  # the poll in hand is the last, unless the upgrade fails
        self.session.receive(self.candidate, "2probe")

    def switch(self) -> None:
        assert self.candidate is not None
        self.link, self.candidate = self.candidate, None
        self.session.receive(self.link, "5")

    def lose_candidate(self) -> None:
        assert self.candidate is not None
        candidate = self.candidate
        self._resume_polling()
        self.session.lose(candidate, clean=False)

    def stop_reading(self) -> None:
        """Its WebSocket takes no more."""
        assert self.link is not None
        self.link.blocked = True
        self.session.block(self.link)

    def read_on(self) -> None:
        """It reads all that waits, and what comes."""
        assert self.link is not None
        self.link.drain()
        self.session.drain(self.link)

    # What it got

    def pull(self) -> None:
        """Reads what was sent to it, where that takes a system call, and answers pings at once."""
        if self.link is not None:
            self._pulls = True
            self.link.pull()
            self._pulls = False

    def events(self, page: str = "/") -> list[list[Any]]:
        """The events that reached it on a page: name and arguments of each."""
        self.pull()
        return [p.data for p in self.packets if p.namespace == page and p.type is PacketType.EVENT]

    def heard(self, page: str = "/") -> list[int]:
        """The numbers that it was told."""
        told = {"user connected", "user disconnected", "audience"}
        numbers = [args for name, *args in self.events(page) if name in told]
        return [arg["connections"] if isinstance(arg, dict) else arg for (arg,) in numbers]

    def acks(self) -> list[tuple[int | None, list[Any]]]:
        """The acks that reached it: number and arguments of each."""
        return [(p.id, p.data) for p in self.packets if p.type is PacketType.ACK]

    def refusals(self) -> list[tuple[str, Any]]:
        """The connect_errors that reached it: page and data of each."""
        return [(p.namespace, p.data) for p in self.packets if p.type is PacketType.CONNECT_ERROR]

    def types(self, page: str = "/") -> list[PacketType]:
        return [packet.type for packet in self.packets if packet.namespace == page]

    def _receive_answer(self, packets: Sequence[Encoded]) -> None:
        self.poll = None
        for packet in packets:
            self._receive(packet)
        if not self.idle:
            self.house.clock.call_soon(self._ask_again)

    def _resume_polling(self) -> None:
        self.candidate, self.idle = None, False
        self.house.clock.call_soon(self._ask_again)

    def _ask_again(self) -> None:
        if not self.idle and self.session.sid in self.engine.sessions:
            self.ask()

    def _receive(self, encoded: Encoded) -> None:
        if encoded == "2" and not self.silent:
            if self._pulls:
                self._pong()
            else:
                self.house.clock.call_soon(self._pong)
        elif encoded == "1":
            self.closed = True
        elif isinstance(encoded, bytes) or encoded[0] == "4":
            packet = self._decoder.receive(encoded if isinstance(encoded, bytes) else encoded[1:])
            if packet is not None:
                self.packets.append(packet)
        elif encoded[0] == "0":
            self.opened = msgspec.json.decode(encoded[1:])

    def _pong(self) -> None:
        if not self.session.ended:
            self.send("3")
