"""Lets a client whose link was lost come back as who it was: its id, its rooms, its data, what it missed."""

from __future__ import annotations

from typing import Any

from nannin.audience.recovery import Absent, Recovery, Return
from nannin.clock import Alarm, Clock
from nannin.hub.sockets import DisconnectReason, Socket
from nannin.wire.engine_states import Reason

# After these a client may come back; the others are ends that somebody meant.
_LOST = frozenset(
    {
        DisconnectReason.TRANSPORT_CLOSE,
        DisconnectReason.TRANSPORT_ERROR,
        DisconnectReason.PING_TIMEOUT,
        DisconnectReason.SLOW_CLIENT,
    }
)


class Comebacks:
    """Knows who may come back, and for how long.

    Args:
        recovery: what is kept for them.
        clock: time.
        for_all: whether a client that says nothing may come back, as one that asks to.
    """

    def __init__(self, recovery: Recovery, clock: Clock, *, for_all: bool) -> None:
        self._recovery = recovery
        self._for_all = for_all
        self._clock = clock
        self._present: dict[str, Socket] = {}  # those who have a ticket, by its pid
        self._alarm = Alarm(clock, self._expire)

    def find(self, page: str, auth: dict[str, Any]) -> Return | None:
        """Who a client was, and what it missed, by what it sent to connect; None where it is a new one."""
        pid = auth.get("pid")
        if not isinstance(pid, str):
            return None
        present = self._present.get(pid)
        if present is not None and present.key == page:
            # Only the client itself knows its pid: it has lost its link, and we have not noticed yet.
            present.session.close(Reason.TRANSPORT_ERROR)
        return self._recovery.come_back(page, pid, auth.get("offset"), self._clock.now())

    def welcome(self, socket: Socket, back: Return | None) -> None:
        """Gives a socket its old self, or a ticket to come back with where it wants one (`recover`).

        An observer gets none: it is sent no page's events, and would be on its return.
        """
        if back is not None:
            socket.recovered, socket.ticket = True, back.absent.ticket
            socket.join(*back.absent.rooms)
            socket.data = back.absent.data
            socket.outbox = list(back.missed)
        elif self._recovery.is_on and socket.auth.get("recover", self._for_all) and not socket.observes:
            socket.ticket = self._recovery.join(socket.key)
        if socket.ticket is not None:
            self._present[socket.ticket.pid] = socket

    def part(self, socket: Socket, reason: DisconnectReason | None) -> None:
        """A socket leaves, and may come back if its link was lost; None: it never joined."""
        if socket.ticket is None:
            return
        del self._present[socket.ticket.pid]
        if reason in _LOST:
            absent = Absent(socket.key, socket.ticket, socket.id, socket.rooms, socket.data)
            self._recovery.remember(absent, self._clock.now())
            self._alarm.set(self._recovery.next_deadline())
        else:
            self._recovery.leave(socket.key)

    def _expire(self) -> None:
        self._recovery.expire(self._clock.now())
        self._alarm.set(self._recovery.next_deadline())
