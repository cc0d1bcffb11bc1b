"""Sends the application's events: encoded once for all recipients, kept for those who may come back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from nannin.audience.crowd import Crowd
from nannin.audience.recovery import EVENT_BYTES, Aim, Recovery
from nannin.audience.rooms import Rooms
from nannin.audience.roster import Roster
from nannin.clock import Clock
from nannin.hub.broadcasts import Broadcast, Broadcasts
from nannin.hub.connection import Connection
from nannin.hub.crowds import Crowds, form_of
from nannin.hub.encoding import add_number, add_text, encode_event
from nannin.hub.home_thread import HomeThread
from nannin.hub.reasons import SocketState
from nannin.wire.outgoing import Outgoing

# Maximum connections that an event to a crowd spares before its members are looked at one by one.
_MAX_SPARED = 16


class Emitter:
    """Knows every connection by its id and its rooms, and sends to those whom an aim means.

    Args:
        roster: who is on which page.
        rooms: who is in which room.
        crowds: the connections of each page, to be sent to at once.
        broadcasts: sends to them.
        recovery: what is kept for those who may come back.
        clock: time.
        home: the thread in which everything is sent.

    Attributes:
        broadcasts: as above.
        on_emit: called with each event that the application sends here, where other nodes send it on.
    """

    def __init__(
        self,
        roster: Roster[Connection],
        rooms: Rooms[Connection],
        crowds: Crowds,
        broadcasts: Broadcasts,
        recovery: Recovery,
        clock: Clock,
        home: HomeThread,
    ) -> None:
        self.connections: dict[str, Connection] = {}  # by id, those too that have not joined yet
        # Clients that came back, and whose connect handlers still run: what they missed is known already, and
        # what is sent to all meanwhile must follow that. They are in their rooms, but not on the page yet.
        self.returning: set[Connection] = set()
        self._roster = roster
        self._rooms = rooms
        self._crowds = crowds
        self.broadcasts = broadcasts
        self._recovery = recovery
        self._clock = clock
        self._home = home
        self._numbers = itertools.count()
        self.on_emit: Callable[[str, Aim, Outgoing, bool], None] | None = None

    def enter(self, connection: Connection, *, returns: bool = False) -> None:
        """Can send to this connection from now on, by its id and its rooms.

        Args:
            connection: one that joins a page.
            returns: whether it came back as who it was; until `arrive`, it also gets what its page gets.
        """
        self.connections[connection.id] = connection
        if returns:
            self.returning.add(connection)

    def arrive(self, connection: Connection) -> None:
        """The connection is on its page."""
        self.returning.discard(connection)

    def release(self, connection: Connection) -> None:
        """Nothing is held back for the connection any more: from now on it is sent to with all others."""
        if connection.state is SocketState.JOINED:
            self._crowds.renumber(connection)
            self._rooms.renumber(connection.key, connection, connection.number)

    def part(self, connection: Connection) -> None:
        """The connection has left: its id is free. A client that came back may have taken it over already."""
        self.returning.discard(connection)
        if self.connections.get(connection.id) is connection:
            del self.connections[connection.id]

    def emit(self, page: str, aim: Aim, event: str, args: tuple[Any, ...], *, volatile: bool = False) -> None:
        """Sends an event. It may be called in any thread: encoded here, it is sent in the hub's.

        Args:
            page: the page's key.
            aim: whom it is meant for.
            event: its name.
            args: its arguments.
            volatile: whether it is dropped for clients that can't take it at once.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
        """
        self._home.do(partial(self._emit, page, aim, encode_event(page, event, args), volatile))

    def emit_to(self, connection: Connection, event: str, args: tuple[Any, ...]) -> None:
        """Sends an event to one client, without a look at aims and rooms; otherwise as `emit`.

        Raises:
            TypeError, ValueError: the arguments can't be sent.
        """
        self._home.do(partial(self._send_to, connection, encode_event(connection.key, event, args)))

    def ask(
        self, page: str, recipients: list[Connection], event: Outgoing, last: object
    ) -> dict[Connection, asyncio.Future[Any]]:
        """Sends an event that wants acks; returns what will hold each.

        Args:
            page: the page's key.
            recipients: who is asked; those that are not on the page are left out.
            event: the event, encoded without the number of an ack.
            last: its last argument, if it has any.
        """
        number = next(self._numbers)
        outgoing = add_number(event, page, number)
        asked = {}
        for connection in recipients:
            if connection.connected:
                if connection.ticket is not None:
                    connection.ticket.call(last)
                asked[connection] = connection.expect(number)
                connection.send(outgoing)
        return asked

    def recipients(self, page: str, aim: Aim) -> list[Connection]:
        """Those whom an aim means now, each once; a list, since a write may end a slow client's session."""
        if aim.rooms is None:
            found = list(self._roster.audience(page))
        else:
            found = list(dict.fromkeys(c for name in sorted(aim.rooms) for c in self._named(page, name)))
        if not aim.except_:
            return found
        spared = {connection for name in aim.except_ for connection in self._named(page, name)}
        return [connection for connection in found if connection not in spared]

    def _named(self, page: str, name: str) -> list[Connection]:
        """Those in a room; an id is the room of its connection."""
        connection = self.connections.get(name)
        if connection is not None and connection.key == page:
            return [connection]
        return self._rooms.members(page, name)

    def _send_to(self, connection: Connection, event: Outgoing) -> None:
        if connection.ticket is None:
            connection.send(event)
        else:
            self.deliver(connection.key, Aim(frozenset((connection.id,))), event)

    def _emit(self, page: str, aim: Aim, event: Outgoing, volatile: bool) -> None:
        self.deliver(page, aim, event, volatile=volatile)
        if self.on_emit is not None and not self.is_local(page, aim):
            self.on_emit(page, aim, event, volatile)

    def is_local(self, page: str, aim: Aim) -> bool:
        """Whether it means only clients of this node, which are named by their ids."""
        if aim.rooms is None:
            return False
        named = map(self.connections.get, aim.rooms)
        return all(connection is not None and connection.key == page for connection in named)

    def deliver(self, page: str, aim: Aim, event: Outgoing, *, volatile: bool = False) -> None:
        """Sends an event that is encoded already to those of this node whom the aim means."""
        spared = self._spared(page, aim)
        if spared is not None and not self._recovery.is_used(page):  # whoever returns to a page uses it
            self._send_to_crowds(page, aim, event, spared, volatile)
            return
        recipients = self.recipients(page, aim)
        if self.returning and aim.rooms is None:
            recipients += [c for c in self.returning if c.key == page and aim.takes({c.id, *c.rooms})]
        if volatile:
            recipients = [connection for connection in recipients if connection.session.is_writable]
        if self._recovery.is_used(page) and not _is_for_one_without_a_ticket(aim, recipients):
            self._send_marked(page, aim, event, recipients, volatile)
        else:
            for connection in recipients:
                connection.send(event)

    def _spared(self, page: str, aim: Aim) -> list[Connection] | None:
        """Whom the aim spares.

        None if the recipients have to be looked at one by one: the aim names several rooms or an id, or it
        spares more than `_MAX_SPARED`.
        """
        if aim.rooms is not None and (
            len(aim.rooms) != 1 or not self.connections.keys().isdisjoint(aim.rooms)
        ):
            return None
        spared: list[Connection] = []
        for name in aim.except_:
            spared += self._named(page, name)
            if len(spared) > _MAX_SPARED:
                return None
        return spared

    def _send_to_crowds(
        self, page: str, aim: Aim, event: Outgoing, spared: list[Connection], volatile: bool
    ) -> None:
        """Most are sent to in one call, and the others each in its way."""
        for crowd, room, seats in self._crowds_of(page, aim, spared):
            starts, stops = [0, *(seat + 1 for seat in seats)], [*seats, len(crowd.members)]
            ranges = ((start, stop) for start, stop in zip(starts, stops, strict=True) if start < stop)
            self.broadcasts.send(Broadcast(page, crowd, room, ranges, event, volatile=volatile))

    def _crowds_of(
        self, page: str, aim: Aim, spared: list[Connection]
    ) -> Iterator[tuple[Crowd[Connection], str | None, list[int]]]:
        """The crowds that an aim means, each with its room, and the seats of whom it spares, in order."""
        if aim.rooms is None:
            for form, crowd in list(self._crowds.of(page).items()):
                if not form.observes:
                    here = [one for one in spared if form_of(one) == form and one.connected]
                    yield crowd, None, sorted({one.seat for one in here})
            return
        for room in aim.rooms:
            members = self._rooms.crowd(page, room)
            if members is not None:
                seats = {self._rooms.seat(room, one) for one in spared}
                yield members, room, sorted(seat for seat in seats if seat is not None)

    def _send_marked(
        self, page: str, aim: Aim, event: Outgoing, recipients: list[Connection], volatile: bool
    ) -> None:
        """Clients that may come back get the event with its offset as the last argument."""
        if volatile:
            marked = add_text(event, self._recovery.last_offset(page))
        else:
            marked = add_text(event, self._recovery.next_offset(page))
            self._recovery.keep(page, aim, marked, marked.size_bytes + EVENT_BYTES, self._clock.now())
        number = self._recovery.last(page)
        for connection in recipients:
            if connection.ticket is None:
                connection.send(event)
            else:
                if not volatile:
                    connection.ticket.sent = number
                connection.send(marked)


def _is_for_one_without_a_ticket(aim: Aim, recipients: list[Connection]) -> bool:
    """Whether nobody who may come back can miss it, as most of what goes to one client."""
    return (
        len(recipients) == 1 and recipients[0].ticket is None and aim.rooms == frozenset((recipients[0].id,))
    )
