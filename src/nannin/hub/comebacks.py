"""Lets a client whose link was lost come back as who it was: its id, its rooms, its data, what it missed."""

from __future__ import annotations

from nannin.access.connect import Connect
from nannin.audience.recovery import Absent, Recovery, Return
from nannin.audience.rooms import Rooms
from nannin.clock import Alarm, Clock
from nannin.hub.connection import Connection
from nannin.wire.disconnect_reason import DisconnectReason


class Comebacks:
    """Knows which clients may come back, and for how long.

    Args:
        recovery: what is kept for them.
        rooms: who is in which room.
        clock: time.
        for_all: whether clients may come back that do not ask to.
    """

    def __init__(self, recovery: Recovery, rooms: Rooms[Connection], clock: Clock, *, for_all: bool) -> None:
        self._recovery = recovery
        self._rooms = rooms
        self._for_all = for_all
        self._clock = clock
        self._present: dict[str, Connection] = {}  # the connections that have a ticket, by its pid
        self._alarm = Alarm(clock, self._expire)

    def give_up(self, page: str, pid: str) -> None:
        """A client has come to another node, where it is a new one: whom it was here is gone."""
        present = self._present.get(pid)
        if present is not None and present.key == page:
            present.session.close(DisconnectReason.TRANSPORT_ERROR)
        self._recovery.forget(page, pid)

    def find(self, page: str, connect: Connect) -> Return | None:
        """Who a client was, and what it missed, by what it sent to connect; None if it is a new client."""
        if connect.pid is None:
            return None
        present = self._present.get(connect.pid)
        if present is not None and present.key == page:
            # Only the client itself knows its pid: it has lost its link, and we have not noticed yet.
            present.session.close(DisconnectReason.TRANSPORT_ERROR)
        return self._recovery.come_back(page, connect.pid, connect.offset, self._clock.now())

    def welcome(self, connection: Connection, back: Return | None, *, recover: bool | None) -> None:
        """Gives a connection its old self, or a ticket to come back with.

        An observer gets no ticket: a page's events are not sent to it, and on its return they would be.

        Args:
            connection: one that joins its page.
            back: who it was; None if it is a new client.
            recover: whether the client wants a ticket; None: as the settings say.
        """
        if back is not None:
            connection.recovered, connection.ticket = True, back.absent.ticket
            for room in back.absent.rooms:
                self._rooms.join(connection.key, room, connection)
            connection.data = back.absent.data
            connection.outbox = list(back.missed)
        elif (
            (self._for_all if recover is None else recover)
            and self._recovery.is_on
            and not connection.observes
        ):
            connection.ticket = self._recovery.join(connection.key)
        if connection.ticket is not None:
            self._present[connection.ticket.pid] = connection

    def part(self, connection: Connection, reason: DisconnectReason | None) -> None:
        """A connection has left, and may come back if its link was lost.

        Args:
            connection: whose state is LEFT.
            reason: why it left; None if it never joined.
        """
        if connection.ticket is None:
            return
        del self._present[connection.ticket.pid]
        if reason is not None and reason.may_return:
            rooms, data = connection.rooms, connection.data or {}
            absent = Absent(connection.key, connection.ticket, connection.id, rooms, data)
            self._recovery.remember(absent, self._clock.now())
            self._alarm.set(self._recovery.next_deadline())
        else:
            self._recovery.leave(connection.key)

    def _expire(self) -> None:
        self._recovery.expire(self._clock.now())
        self._alarm.set(self._recovery.next_deadline())
