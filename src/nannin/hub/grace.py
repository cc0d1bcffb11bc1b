"""Takes connections off their pages: at once, or when the grace of their visitor is over."""

from __future__ import annotations

import sys

from nannin.audience.roster import Roster, VisitorName
from nannin.clock import Alarm, Clock
from nannin.hub.client import client_of
from nannin.hub.connection import Connection
from nannin.hub.figures import Figures
from nannin.hub.presence import Presence
from nannin.hub.teller import Teller
from nannin.settings import Settings
from nannin.wire.disconnect_reason import DisconnectReason, GraceKind


def graces(settings: Settings) -> dict[DisconnectReason, float]:
    """How many seconds a visitor still counts after a connection ended, by the reason."""
    seconds = {
        GraceKind.NONE: 0.0,
        GraceKind.CLEAN: settings.grace,
        GraceKind.LOST: settings.grace_lost,
        GraceKind.LOST_IN_SILENCE: max(0.0, settings.grace_lost - settings.ping_timeout),
    }
    return {reason: seconds[reason.grace] for reason in DisconnectReason}


class Grace:
    """Lets a visitor who may be back in a moment count until then.

    Args:
        roster: who is on which page.
        teller: is told of each change of a count.
        presence: is told of each visitor whose grace is over.
        clock: time.
        settings: how long a grace is.
        figures: counts who has left, and why.
    """

    def __init__(
        self,
        roster: Roster[Connection],
        teller: Teller,
        presence: Presence,
        clock: Clock,
        settings: Settings,
        figures: Figures,
    ) -> None:
        self._roster = roster
        self._teller = teller
        self._presence = presence
        self._clock = clock
        self._leaves = figures.leaves
        self._graces = graces(settings)
        self._alarm = Alarm(clock, self._end)

    def leave(self, connection: Connection, reason: DisconnectReason) -> None:
        """A counted connection has ended."""
        self.leave_unanswered(connection, reason)
        self._teller.leave(connection)

    def leave_unanswered(self, connection: Connection, reason: DisconnectReason) -> None:
        """The same for one whose CONNECT has not been answered, and that was told of nothing."""
        grace_s = self._graces[reason]
        if grace_s and not client_of(connection.session).may_count_on(connection.visitor):
            grace_s = 0.0
        was_there = self._roster.leave(connection.key, connection, grace_s=grace_s, now=self._clock.now())
        assert was_there
        self._leaves[reason] += 1
        self._alarm.set(self._roster.next_deadline())

    def end_one(self, page: str, visitor: VisitorName) -> None:
        """A visitor is back, on another node, and takes the place of one that is in grace here."""
        if self._roster.end_grace(page, visitor):
            self._teller.change(page)
            self._presence.end_grace(page, visitor)

    def end_all(self) -> None:
        """Ends every grace now: the server stops, and nobody comes back in time."""
        self._expire(sys.float_info.max)

    def _end(self) -> None:
        self._expire(self._clock.now())
        self._alarm.set(self._roster.next_deadline())

    def _expire(self, now: float) -> None:
        ended = self._roster.end_graces(now)
        for _, change in ended:
            self._teller.change(change.page)
        for visitor, change in ended:
            self._presence.end_grace(change.page, visitor)
