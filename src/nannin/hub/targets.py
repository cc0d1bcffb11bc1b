"""Whom a message goes to: some of those on a page, named by their rooms and ids."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from nannin.audience.recovery import Aim
from nannin.wire.socket_packet import RESERVED_EVENTS

if TYPE_CHECKING:
    from nannin.hub.sockets import Socket


class Emitting(Protocol):
    """What targets ask of whoever sends."""

    def emit(self, page: str, aim: Aim, event: str, args: tuple[Any, ...], *, volatile: bool = False) -> None:
        """Sends an event."""

    def ask(
        self, page: str, aim: Aim, event: str, args: tuple[Any, ...]
    ) -> dict[Socket, asyncio.Future[Any]]:
        """Sends an event that wants acks; returns what will hold each."""

    def recipients(self, page: str, aim: Aim) -> list[Socket]:
        """Who that is now."""


class Answers(NamedTuple):
    """What came back from a call to many.

    Attributes:
        answered: each socket that acknowledged in time, with its answer: None, one argument, or a list.
        missing: those that did not.
    """

    answered: dict[Socket, Any]
    missing: list[Socket]


def check_event(event: str) -> None:
    """Raises where `event` can't be the name of an event that is sent."""
    if not isinstance(event, str):
        raise TypeError(f"an event's name is a str, not {event!r}")
    if event in RESERVED_EVENTS:
        raise ValueError(f"{event!r} is reserved for the protocol")


class Target:
    """Some of those on a page. Each method that narrows it down returns a new one."""

    __slots__ = ("_aim", "_emitting", "_page", "_volatile")

    def __init__(self, emitting: Emitting, page: str, aim: Aim, volatile: bool = False) -> None:
        self._emitting = emitting
        self._page = page
        self._aim = aim
        self._volatile = volatile

    def __repr__(self) -> str:
        return f"<Target on {self._page}: {self._aim}>"

    def to(self, *names: str) -> Target:
        """Only those who are in one of these rooms; a socket's id is a room with that socket alone."""
        rooms = _checked(names) | (self._aim.rooms or frozenset())
        return Target(self._emitting, self._page, self._aim._replace(rooms=rooms), self._volatile)

    def except_(self, *names: str) -> Target:
        """All but those who are in one of these rooms, or have one of these ids."""
        aim = self._aim._replace(except_=self._aim.except_ | _checked(names))
        return Target(self._emitting, self._page, aim, self._volatile)

    @property
    def volatile(self) -> Target:
        """Events that may be lost: who reads too slowly to take one at once does not get it."""
        return Target(self._emitting, self._page, self._aim, volatile=True)

    @property
    def sockets(self) -> list[Socket]:
        """Who that is now."""
        return self._emitting.recipients(self._page, self._aim)

    def emit(self, event: str, *args: Any) -> None:
        """Sends an event. It never blocks.

        Args:
            event: its name; none of the protocol's own, such as "connect".
            args: anything that JSON has a form for, and bytes anywhere inside.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
        """
        check_event(event)
        self._emitting.emit(self._page, self._aim, event, args, volatile=self._volatile)

    async def call(self, event: str, *args: Any, timeout: float = 60.0) -> Answers:
        """Sends an event and waits for everybody's ack, or until the time is over.

        Args:
            event: its name.
            args: as for `emit`.
            timeout: how long to wait, in seconds.

        Returns:
            Who answered what, and who did not: no answer in time, or gone.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
        """
        check_event(event)
        asked = self._emitting.ask(self._page, self._aim, event, args)
        answered, missing = {}, []
        try:
            if asked:
                await asyncio.wait(asked.values(), timeout=timeout)
        finally:  # whoever called may be cancelled: then nobody waits for the answers any more
            for socket, answer in asked.items():
                if answer.done() and not answer.cancelled() and answer.exception() is None:
                    answered[socket] = answer.result()
                else:
                    answer.cancel()
                    missing.append(socket)
        return Answers(answered, missing)


class OnlyMe(Target):
    """One socket, for volatile events. Narrowed down it means the others, as the socket's own methods do.

    Attributes:
        broadcast: everyone else on the page.
    """

    __slots__ = ("broadcast",)

    def __init__(self, emitting: Emitting, page: str, id_: str, others: Target) -> None:
        super().__init__(emitting, page, Aim(frozenset((id_,))), volatile=True)
        self.broadcast = others

    def to(self, *names: str) -> Target:
        """Everyone else in these rooms."""
        return self.broadcast.to(*names)

    def except_(self, *names: str) -> Target:
        """Everyone else but those in these rooms, or with these ids."""
        return self.broadcast.except_(*names)


def _checked(names: tuple[str, ...]) -> frozenset[str]:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a room's name is a str, not {name!r}")
    return frozenset(names)
