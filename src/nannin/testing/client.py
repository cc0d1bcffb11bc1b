"""A client on a page, as a test holds it: what it sends, what it has received, how it comes and goes."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar, overload

from nannin.errors import ConnectionRefused, NotConnected
from nannin.hub.encoding import Variant
from nannin.hub.joining import EMIT_AFTER_CONNECT_S
from nannin.hub.sockets import Socket, socket_of
from nannin.hub.targets import check_event
from nannin.testing.run import Run
from nannin.testing.tab import Tab
from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.socket_packet import Packet, PacketType

AnswerT = TypeVar("AnswerT", bound=Callable[..., Any])

# Real seconds that a client waits for what the application does outside the stage's time.
TIMEOUT_S: Final = 5.0

_OFFSET: Final = re.compile(r".{8}\.[0-9a-f]{1,15}")


class Client:
    """A connection of a test: a client on a page.

    All that it does is awaited, and returns when the application has come to rest: everything that was sent
    in response has been received. A handler that waits for something outside, such as a database, goes on
    later; `next` waits for what it will send.

    Attributes:
        page: the page's key.
        id: its id, which the server knows as `socket.id`.
        received: the events that have reached it: for each a tuple of its name and its arguments. Updates are
            in `updates`. The offset that clients with `{"recover": True}` get as one more argument is left
            out.
        updates: the updates of the page's count that have reached it, such as `("user connected", 2)`.
        recovered: whether it came back with its id, its rooms and the events that it missed.
        reason: why it is not connected, as far as a client can know; None while it is.
    """

    def __init__(
        self,
        run: Run,
        tab: Tab[Client],
        page: str,
        auth: Mapping[str, Any],
        on: Mapping[str, Callable[..., Any]],
    ) -> None:
        self.page = page
        self.id = ""
        self.received: list[tuple[Any, ...]] = []
        self.updates: list[tuple[Any, ...]] = []
        self.recovered = False
        self.reason: DisconnectReason | None = None
        self._run = run
        self._tab = tab
        self._auth = dict(auth)
        self._on = dict(on)
        self._socket: Socket | None = None
        self._variant: Variant | None = None
        self._is_joining = False
        self._refusal: ConnectionRefused | None = None
        self._pid: str | None = None
        self._offset: str | None = None
        self._numbers = itertools.count()
        self._acks: dict[int, list[Any]] = {}
        self._not_taken: list[tuple[Any, ...]] = []  # what `next` has not returned yet

    def __repr__(self) -> str:
        return f"<Client {self.id} on {self.page}, {'connected' if self.connected else self.reason}>"

    @property
    def connected(self) -> bool:
        """Whether it is on its page, as far as it knows."""
        return self._socket is not None and self.reason is None

    @property
    def socket(self) -> Socket:
        """The server's end, as the handlers have it: look at its `rooms` and `data`, or `disconnect` it.

        Raises:
            NotConnected: it has never been on the page.
        """
        if self._socket is None:
            raise NotConnected(f"the client was never on {self.page}")
        return self._socket

    # Events

    @overload
    def on(self, event: str) -> Callable[[AnswerT], AnswerT]: ...

    @overload
    def on(self, event: str, answer: AnswerT) -> AnswerT: ...

    def on(self, event: str, answer: Any = None) -> Any:
        """Calls a function with the arguments of an event; what it returns is the ack, where one is wanted.

        What it returns is read as a handler's: None is an empty ack, a tuple is several arguments. The
        function may be async; it can be passed or decorated. An event without such a function is not
        acknowledged.
        """
        if answer is None:
            return lambda answer: self.on(event, answer)
        self._on[event] = answer
        return answer

    async def emit(self, event: str, *args: Any) -> None:
        """Sends an event.

        Raises:
            NotConnected: it is not on its page.
            TypeError, ValueError: the arguments can't be sent.
        """
        self._send_event(event, args, None)
        await self._run.rest()

    async def call(self, event: str, *args: Any, timeout: float = TIMEOUT_S) -> Any:
        """Sends an event and waits for the handler's ack.

        Args:
            event: its name.
            args: anything that JSON has a form for, and bytes anywhere inside.
            timeout: how many real seconds to wait for a handler that is at work.

        Returns:
            What the handler returned: None, one argument, or a list of several. For what the handler refuses
            it is `{"error": "..."}`.

        Raises:
            AssertionError: no ack came: there is no handler, or it has not returned in time.
            NotConnected: it is not on its page, or it was taken off before the ack came.
            TypeError, ValueError: the arguments can't be sent.
        """
        number = next(self._numbers)
        self._send_event(event, args, number)
        await self._run.until(
            lambda: number in self._acks or not self.connected,
            timeout,
            f"no ack of {event!r} came to {self}",
            by_handler=True,
        )
        if number not in self._acks:
            raise NotConnected(f"the client left {self.page} before {event!r} was acknowledged")
        return _one_or_all(self._acks.pop(number))

    async def next(self, event: str, *, timeout: float = TIMEOUT_S) -> Any:
        """The next event of this name, updates included. Each event is returned once, the oldest first.

        Args:
            event: its name.
            timeout: how many real seconds to wait for it.

        Returns:
            What came with it: None, one argument, or a list of several.

        Raises:
            AssertionError: none came.
        """

        def find() -> tuple[Any, ...] | None:
            return next((one for one in self._not_taken if one[0] == event), None)

        await self._run.until(
            lambda: find() is not None or not self.connected, timeout, f"no {event!r} came to {self}"
        )
        found = find()
        assert found is not None, f"no {event!r} came to {self}"
        self._not_taken.remove(found)
        return _one_or_all(list(found[1:]))

    # Coming and going

    async def connect(
        self,
        page: str,
        *,
        auth: Mapping[str, Any] | None = None,
        on: Mapping[str, Callable[..., Any]] | None = None,
    ) -> Client:
        """Joins one more page on the same session, as the same visitor.

        Args:
            page: its key.
            auth: what is sent to connect; the visitor's id is added.
            on: as for `Stage.connect`.

        Returns:
            The client on that page.

        Raises:
            ConnectionRefused: the server turns it away.
            RuntimeError: the session has ended, or is on that page already.
        """
        if not self._tab.is_open or (page in self._tab.clients and self._tab.clients[page].connected):
            state = "is on it already" if self._tab.is_open else "has ended"
            raise RuntimeError(f"can't join {page}: the session {state}")
        visitor = {"visitor": self._auth["visitor"]} if "visitor" in self._auth else {}
        client = Client(self._run, self._tab, page, {**visitor, **(auth or {})}, on or {})
        self._tab.clients[page] = client
        await client.join()
        return client

    async def leave(self) -> None:
        """Leaves the page, and no other page of its session: "client namespace disconnect"."""
        if self.connected:
            self._tab.send(Packet(PacketType.DISCONNECT, self.page))
            self.be_gone(DisconnectReason.CLIENT_LEFT)
        await self._run.rest()

    async def close(self) -> None:
        """Ends the session cleanly, as a closed tab does, and so leaves all its pages: "transport close"."""
        self._tab.close()
        await self._run.rest()

    async def lose(self) -> None:
        """Loses the link, and the server sees it at once: "transport error"; all pages are left.

        With `polling` that is a GET that was cancelled, which the server takes for a "transport close".
        """
        self._tab.lose()
        await self._run.rest()

    async def vanish(self) -> None:
        """Loses the link, and the server does not see it before the time for a ping's answer is over."""
        self._tab.vanish()
        await self._run.rest()

    async def come_back(self) -> None:
        """Connects again with the same `auth`: after a lost link, a reload, or a time away.

        If the session has ended, a new one is opened, and the pages that were left with it are joined again.
        A client with `{"recover": True}` also sends what it needs to resume where it was.

        Raises:
            ConnectionRefused: the server turns it away.
            RuntimeError: it is connected.
        """
        if self.connected:
            raise RuntimeError(f"{self} can't come back: it is there")
        for client in self._tab.reopen(self):
            await client.join()

    # For the tab and the stage

    async def join(self) -> None:
        """Asks to join the page, and waits for the answer."""
        self._is_joining, self._refusal = True, None
        recovery = {"pid": self._pid, "offset": self._offset} if self._pid is not None else {}
        auth = {**recovery, **self._auth}
        self._tab.send(Packet(PacketType.CONNECT, self.page, auth or None))
        await self._run.until(
            lambda: not (self._is_joining and self._tab.is_open),
            TIMEOUT_S,
            f"no answer came to the CONNECT for {self.page}",
            by_handler=True,
        )
        if self._refusal is not None:
            raise self._refusal
        if self._is_joining:
            raise NotConnected(f"the session ended before the client was on {self.page}")
        await self._run.advance(EMIT_AFTER_CONNECT_S)

    def receive(self, packet: Packet) -> None:
        """Takes a packet that has come for it."""
        match packet.type:
            case PacketType.CONNECT:
                self._receive_connect(packet.data)
            case PacketType.CONNECT_ERROR:
                self._is_joining = False
                self._refusal = ConnectionRefused(packet.data["message"], packet.data.get("data"))
            case PacketType.DISCONNECT:
                self.be_gone(DisconnectReason.SERVER_LEFT)
            case PacketType.ACK:
                assert packet.id is not None
                self._acks[packet.id] = packet.data
            case _:
                self._receive_event(packet)
        self._run.notify()

    def be_gone(self, reason: DisconnectReason) -> None:
        """Notes that it is not on the page any more."""
        if self.connected:
            self.reason = reason
            self._run.notify()

    def _receive_connect(self, data: Mapping[str, Any]) -> None:
        pid = data.get("pid")
        self.recovered = pid is not None and pid == self._pid
        self.id, self._pid = data["sid"], pid
        connection = self._tab.find_connection(self.page)
        self._socket, self._variant = socket_of(connection), connection.variant
        self._is_joining, self.reason = False, None

    def _receive_event(self, packet: Packet) -> None:
        event, *args = packet.data
        wants_offset = self._pid is not None and packet.id is None
        if wants_offset and args and isinstance(args[-1], str) and _OFFSET.fullmatch(args[-1]):
            self._offset = args.pop()
        came = (event, *args)
        is_update = self._variant is not None and event in self._variant.events
        (self.updates if is_update else self.received).append(came)
        self._not_taken.append(came)
        answer = self._on.get(event)
        if answer is not None:
            self._run.time.call_soon(lambda: self._answer(answer, args, packet.id))

    def _answer(self, answer: Callable[..., Any], args: list[Any], number: int | None) -> None:
        try:
            result = answer(*args)
        except Exception as error:  # noqa: BLE001 - the stage raises it
            self._run.report(error)
            return
        if inspect.isawaitable(result):
            self._run.spawn(self._finish(result, number))
        else:
            self._acknowledge(number, result)

    async def _finish(self, result: Awaitable[Any], number: int | None) -> None:
        try:
            self._acknowledge(number, await result)
        except Exception as error:  # noqa: BLE001 - the stage raises it
            self._run.report(error)

    def _acknowledge(self, number: int | None, result: Any) -> None:
        if number is not None and self.connected:
            args = [] if result is None else list(result) if isinstance(result, tuple) else [result]
            self._tab.send(Packet(PacketType.ACK, self.page, args, number))

    def _send_event(self, event: str, args: tuple[Any, ...], number: int | None) -> None:
        check_event(event)
        if not self.connected:
            raise NotConnected(f"{self} can't send {event!r}")
        self._tab.send(Packet(PacketType.EVENT, self.page, [event, *args], number))


def _one_or_all(args: list[Any]) -> Any:
    return None if not args else args[0] if len(args) == 1 else args
