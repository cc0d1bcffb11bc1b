"""What the application holds: a client's socket, the page it is on, and the three targets of a message."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple, Never, Self

from nannin.audience.groups import looks_like_group
from nannin.audience.page_key import is_pattern
from nannin.audience.people import Person
from nannin.audience.recovery import Aim
from nannin.audience.roster import Count
from nannin.errors import CallTimeout, NotConnected
from nannin.hub.about import About
from nannin.hub.asking import Asking
from nannin.hub.connection import Connection, HubPort
from nannin.hub.encoding import encode_event
from nannin.hub.handled import Handled
from nannin.hub.reasons import SocketState
from nannin.hub.remote import Remote
from nannin.hub.targets import MESSAGE, Aimed, check_event


def socket_of(connection: Connection) -> Socket:
    """The application's socket of a connection: the same one each time, while the connection lasts."""
    socket = connection.socket
    if not isinstance(socket, Socket):
        socket = connection.socket = Socket(connection)
    return socket


class _Answers(NamedTuple):
    answered: dict[Socket | RemoteSocket, Any]
    missing: list[Socket | RemoteSocket]


class Answers(_Answers):
    """What came back from a call to many.

    Attributes:
        answered: each socket that acknowledged in time, with its answer: None, one argument, or a list.
        missing: those that did not.
        silent_nodes: how many other nodes did not answer in full: they have died or said nothing in time, and
            may have more sockets that did not answer. 0 where there is one node, or all have answered.
    """

    silent_nodes: int = 0


class Target(Aimed):
    """Some of those on a page. Each method that narrows it down returns a new one."""

    __slots__ = ()

    @property
    def sockets(self) -> list[Socket]:
        """The sockets of this node that it means now. `fetch_sockets` has those of all nodes."""
        return list(map(socket_of, self._hub.emitter.recipients(self._page, self._aim)))

    async def fetch_sockets(self, timeout: float = 5.0) -> list[Socket | RemoteSocket]:
        """The sockets that it means now, of all nodes: first those of this one.

        Args:
            timeout: how long to wait for other nodes, in seconds.

        Returns:
            A `Socket` for each client of this node, and a `RemoteSocket` for each one of another.

        Raises:
            NodesSilent: a node did not answer in time.
            WrongThread: it is not called on the server's loop.
        """
        self._hub.home.check("target.fetch_sockets", is_async=True)
        own: list[Socket | RemoteSocket] = [*self.sockets]
        asking = await self._ask_others(timeout, counts=False)
        return own if asking is None else [*own, *self._remotes(asking)]

    async def call(self, event: str, *args: Any, timeout: float = 60.0) -> Answers:
        """Sends an event and waits for everybody's ack, on all nodes, or until the time is over.

        Args:
            event: its name.
            args: as for `emit`.
            timeout: how long to wait, in seconds.

        Returns:
            Who answered what, and who did not: no answer in time, or gone.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
            WrongThread: it is not called on the server's loop.
        """
        check_event(event)
        self._hub.home.check("page.call", is_async=True)
        emitter, others = self._hub.emitter, self._hub.others
        encoded, last = encode_event(self._page, event, args), args[-1] if args else None
        recipients = emitter.recipients(self._page, self._aim)
        waiting = emitter.ask(self._page, recipients, encoded, last)
        asking = others.call(self._page, self._aim, encoded, last, timeout) if others is not None else None
        asked = {socket_of(connection): answer for connection, answer in waiting.items()}
        awaited = [*asked.values(), *([asking.done] if asking is not None else [])]
        answers = Answers({}, [])
        try:
            if awaited:
                await asyncio.wait(awaited, timeout=timeout)
        finally:  # the caller may be cancelled: then nobody waits for the answers any more
            for socket, answer in asked.items():
                if answer.done() and not answer.cancelled() and answer.exception() is None:
                    answers.answered[socket] = answer.result()
                else:
                    answer.cancel()
                    answers.missing.append(socket)
            if asking is not None:
                asking.done.cancel()
        if asking is not None:
            answers.silent_nodes = asking.silent
            for remote in self._remotes(asking):
                if remote.id in asking.answers:
                    answers.answered[remote] = asking.answers[remote.id]
                else:
                    answers.missing.append(remote)
        return answers

    def _remotes(self, asking: Asking) -> list[RemoteSocket]:
        return [RemoteSocket(self._hub, self._page, seen) for seen in asking.seen.values()]


class OnlyMe(Target):
    """One socket, for volatile events. Narrowed down it means the others, as the socket's own methods do.

    Attributes:
        broadcast: everyone else on the page.
    """

    __slots__ = ("broadcast",)

    def __init__(self, hub: HubPort, page: str, aim: Aim, others: Target) -> None:
        super().__init__(hub, page, aim, volatile=True)
        self.broadcast = others

    def to(self, *names: str) -> Target:  # type: ignore[override] # no longer only me
        """Everyone else in these rooms."""
        return self.broadcast.to(*names)

    def except_(self, *names: str) -> Target:  # type: ignore[override] # as above
        """Everyone else but those in these rooms, or with these ids."""
        return self.broadcast.except_(*names)

    @property
    def volatile(self) -> Self:
        """Itself: it is volatile already."""
        return self


class Socket(About):
    """One connection: a client on a page."""

    __slots__ = ()

    @property
    def page(self) -> Page:
        """The page; while the connect handler runs, its count includes this connection already."""
        connection = self._connection
        joiner = None if connection.connected else connection
        return Page(connection.hub, connection.key, joiner, is_one=True)

    @property
    def broadcast(self) -> Target:
        """Everyone else on the page."""
        connection = self._connection
        return Target(connection.hub, connection.key, Aim(except_=frozenset((connection.id,))))

    @property
    def volatile(self) -> OnlyMe:
        """This client, for events that may be lost if it can't take them at once."""
        connection = self._connection
        aim = Aim(frozenset((connection.id,)))
        return OnlyMe(connection.hub, connection.key, aim, self.broadcast.volatile)

    def to(self, *names: str) -> Target:
        """Everyone else in these rooms; another socket's id is a room with that socket alone."""
        return self.broadcast.to(*names)

    def except_(self, *names: str) -> Target:
        """Everyone else but those in these rooms, or with these ids."""
        return self.broadcast.except_(*names)

    def join(self, *rooms: str) -> None:
        """Joins rooms of the page; once is enough. It leaves them with the page.

        Raises:
            NotConnected: it has left the page.
            WrongThread: it is not called in the server's thread.
        """
        connection = self._connection
        connection.hub.home.check("socket.join")
        if connection.state is SocketState.LEFT:
            raise NotConnected(f"socket {self.id} is not on {connection.key}: it can't join a room")
        for room in rooms:
            connection.hub.rooms.join(connection.key, room, connection, connection.number)

    def leave(self, *rooms: str) -> None:
        """Leaves rooms of the page.

        Raises:
            WrongThread: it is not called in the server's thread.
        """
        connection = self._connection
        connection.hub.home.check("socket.leave")
        for room in rooms:
            connection.hub.leave_room(connection, room)

    def emit(self, event: str, *args: Any, **options: Never) -> None:
        """Sends an event to this client only; to a socket that has left it does nothing.

        It never blocks, needs no `await`, and works from any thread.

        Args:
            event: its name; none of the protocol's own, such as "connect".
            args: anything that JSON has a form for, and bytes anywhere inside.
            options: none; the error of one says what to write instead.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
        """
        check_event(event, options)
        if self._connection.state is not SocketState.LEFT:
            self._connection.hub.emitter.emit_to(self._connection, event, args)

    def send(self, *args: Any) -> None:
        """Sends a `message` event to this client only, as in Socket.IO; see `emit`."""
        self.emit(MESSAGE, *args)

    async def call(self, event: str, *args: Any, timeout: float = 60.0) -> Any:
        """Sends an event and waits for the client's ack.

        Args:
            event: its name.
            args: as for `emit`.
            timeout: how long to wait, in seconds.

        Returns:
            What the client answered: None, its one argument, or a list of several.

        Raises:
            CallTimeout: no ack came in time.
            NotConnected: the connection ended first, or has not joined yet.
            TypeError, ValueError: the arguments can't be sent.
            WrongThread: it is not called on the server's loop.
        """
        check_event(event)
        connection = self._connection
        connection.hub.home.check("socket.call", is_async=True)
        if not connection.connected:
            raise NotConnected(f"socket {self.id} is not on {connection.key}: it can't be called")
        encoded, last = encode_event(connection.key, event, args), args[-1] if args else None
        answer = connection.hub.emitter.ask(connection.key, [connection], encoded, last)[connection]
        try:
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise CallTimeout(f"socket {self.id} did not acknowledge {event!r} in {timeout} s") from None
        finally:
            del answer  # it holds the exception, whose traceback holds this frame: a circle

    def disconnect(self, close: bool = False) -> None:
        """Takes the client off the page, which it learns; it does not come back by itself.

        Args:
            close: end the whole session, with all pages that it is on.

        Raises:
            WrongThread: it is not called in the server's thread.
        """
        self._connection.hub.home.check("socket.disconnect")
        self._connection.hub.disconnect(self._connection, close=close)


class RemoteSocket(Remote):
    """A client on a page through another node, as it was when that node was asked.

    What `fetch_sockets` and `call` give for those who are not with this node. It has `id`, `page`, `visitor`,
    `rooms` and `data`, all as they were then, and can be sent to and disconnected.
    """

    __slots__ = ()

    @property
    def page(self) -> Page:
        """The page."""
        return Page(self._hub, self._key, is_one=True)

    async def call(self, event: str, *args: Any, timeout: float = 60.0) -> Any:
        """Sends an event and waits for the client's ack; as `Socket.call` otherwise.

        Raises:
            CallTimeout: no ack came in time.
            NotConnected: the client is on no node any more.
        """
        answers = await Target(self._hub, self._key, Aim(frozenset((self.id,)))).call(
            event, *args, timeout=timeout
        )
        if self in answers.answered:
            return answers.answered[self]
        if answers.missing or answers.silent_nodes:
            raise CallTimeout(f"socket {self.id} did not acknowledge {event!r} in {timeout} s")
        raise NotConnected(f"socket {self.id} is not on {self._key}: it can't be called")


class Visitor:
    """A person on a page: from when the first tab came until the last has gone and its grace is over.

    Where several nodes serve, it is what this node knows of the person: `sockets` and `data` are its own.

    Two that compare equal are the same visit of the same person, with the same data.
    """

    __slots__ = ("_hub", "_person")

    def __init__(self, hub: HubPort, person: Person[Connection]) -> None:
        self._hub = hub
        self._person = person

    def __repr__(self) -> str:
        return f"<Visitor {self.id} on {self._person.page}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Visitor) and hash(other) == hash(self)

    def __hash__(self) -> int:
        return id(self._person)

    @property
    def id(self) -> str:
        """The visitor's id; that of its socket where a client came without one."""
        name = self._person.name
        return name if isinstance(name, str) else name.id  # as it was given, or the connection's

    @property
    def page(self) -> Page:
        """The page."""
        return Page(self._hub, self._person.page, is_one=True)

    @property
    def sockets(self) -> list[Socket]:
        """The visitor's sockets on the page through this node, the eldest first.

        None while the visitor is in grace or gone, or is there through other nodes only.
        """
        return list(map(socket_of, self._person.connections))

    @property
    def data(self) -> dict[str, Any]:
        """The application's own notes on this visitor, which outlast a reload.

        Each node has its own, for as long as the visitor is there through that node.
        """
        if self._person.data is None:
            self._person.data = {}
        return self._person.data

    @data.setter
    def data(self, data: dict[str, Any]) -> None:
        self._person.data = data


class Page(Handled):
    """A page: its count, everyone on it, and the application's handlers for it.

    The key may hold `*` for any text, or `{name}` for any text without a `/`; such a page is many, takes
    handlers, and can't be counted or sent to; `live.group` counts many pages together.

    Attributes:
        key: the page's key.
    """

    __slots__ = ("_is_one", "_joiner")

    def __init__(
        self, hub: HubPort, key: str, joiner: Connection | None = None, *, is_one: bool = False
    ) -> None:
        super().__init__(hub, key)
        self._joiner = joiner
        self._is_one = is_one  # a client is on it: its key is literal even if it looks like a pattern

    def __repr__(self) -> str:
        return f"<Page {self.key}>"

    @property
    def count(self) -> Count:
        """How many are on the page: `connections`, `visitors` and `visible`, the visitors who see it now.

        Where several nodes serve, those of all nodes. In a connect handler it includes the client that joins;
        one whose visitor is on the page through another node already is taken for one more visitor there.
        """
        self._check_single()
        if self._joiner is not None and self._joiner.state is SocketState.JOINING:
            return self._hub.count_with(self._joiner)
        return self._hub.count(self.key)

    @property
    def sockets(self) -> list[Socket]:
        """The sockets on the page through this node, in the order in which they joined.

        Where several nodes serve, `fetch_sockets` has those of all.
        """
        return self._everyone().sockets

    async def fetch_sockets(self, timeout: float = 5.0) -> list[Socket | RemoteSocket]:
        """The sockets on the page, of all nodes; see `Target.fetch_sockets`."""
        return await self._everyone().fetch_sockets(timeout)

    def sockets_join(self, *rooms: str) -> None:
        """Puts everyone on the page into rooms, on all nodes; see `Target.sockets_join`."""
        self._everyone().sockets_join(*rooms)

    def sockets_leave(self, *rooms: str) -> None:
        """Takes everyone on the page out of rooms, on all nodes; see `Target.sockets_leave`."""
        self._everyone().sockets_leave(*rooms)

    def disconnect_sockets(self, close: bool = False) -> None:
        """Takes everyone off the page, on all nodes; see `Target.disconnect_sockets`."""
        self._everyone().disconnect_sockets(close)

    @property
    def visitors(self) -> list[Visitor]:
        """The people on the page, in the order in which they came: also those who may be back in a moment.

        Where several nodes serve, those who are there through this one.
        """
        self._check_single()
        return [Visitor(self._hub, person) for person in self._hub.people.of(self.key)]

    def emit(self, event: str, *args: Any, **options: Never) -> None:
        """Sends an event to everyone on the page; as `Socket.emit` otherwise."""
        self._everyone().emit(event, *args, **options)
        joiner = self._joiner
        if joiner is not None and joiner.state is SocketState.JOINING and not joiner.recovered:
            self._hub.emitter.emit_to(joiner, event, args)

    def send(self, *args: Any) -> None:
        """Sends a `message` event to everyone on the page, as in Socket.IO; see `emit`."""
        self.emit(MESSAGE, *args)

    async def call(self, event: str, *args: Any, timeout: float = 60.0) -> Answers:
        """Sends an event to everyone on the page and waits for their acks; see `Target.call`."""
        return await self._everyone().call(event, *args, timeout=timeout)

    def to(self, *names: str) -> Target:
        """Those on the page who are in one of these rooms; a socket's id is a room with that socket alone."""
        return self._everyone().to(*names)

    def except_(self, *names: str) -> Target:
        """All on the page but those in one of these rooms, or with one of these ids."""
        return self._everyone().except_(*names)

    @property
    def volatile(self) -> Target:
        """Everyone on the page, for events that may be lost where a client can't take them at once."""
        return self._everyone().volatile

    def _everyone(self) -> Target:
        self._check_single()
        return Target(self._hub, self.key, Aim())

    def _check_single(self) -> None:
        if not self._is_one and is_pattern(self.key):
            together = (
                f"; live.group({self.key!r}) counts them together" if looks_like_group(self.key) else ""
            )
            raise ValueError(
                f"{self.key!r} is many pages: count or send to one of them, by its key{together}"
            )
