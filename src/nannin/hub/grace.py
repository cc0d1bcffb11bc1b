"""Takes connections off their pages: at once, or when the grace of their visitor is over."""

from __future__ import annotations

from nannin.audience.roster import Roster
from nannin.clock import Alarm, Clock
from nannin.hub.reasons import DisconnectReason
from nannin.hub.sockets import Socket
from nannin.hub.teller import Teller
from nannin.settings import Settings


def graces(settings: Settings) -> dict[str, float]:
    """How many seconds a visitor still counts after a connection ended, by the reason; 0 for all others."""
    return {
        DisconnectReason.CLIENT_LEFT: settings.grace,
        DisconnectReason.TRANSPORT_CLOSE: settings.grace,
        DisconnectReason.TRANSPORT_ERROR: settings.grace_lost,
        DisconnectReason.SLOW_CLIENT: settings.grace_lost,
        # The client has been silent for ping_timeout already.
        DisconnectReason.PING_TIMEOUT: max(0.0, settings.grace_lost - settings.ping_timeout),
    }


class Grace:
    """Lets a visitor who may be back in a moment count until then.

    Args:
        roster: who is on which page.
        teller: is told of each change of a count.
        clock: time.
        settings: how long a grace is.
    """

    def __init__(self, roster: Roster[Socket], teller: Teller, clock: Clock, settings: Settings) -> None:
        self._roster = roster
        self._teller = teller
        self._clock = clock
        self._graces = graces(settings)
        self._alarm = Alarm(clock, self._end)

    def leave(self, socket: Socket, reason: DisconnectReason) -> None:
        """A counted connection has ended."""
        grace_s = self._graces.get(reason, 0.0)
        change = self._roster.leave(socket.key, socket, grace_s=grace_s, now=self._clock.now())
        assert change is not None
        self._teller.leave(socket, change)
        self._alarm.set(self._roster.next_deadline())

    def _end(self) -> None:
        for change in self._roster.expire(self._clock.now()):
            self._teller.change(change)
        self._alarm.set(self._roster.next_deadline())
