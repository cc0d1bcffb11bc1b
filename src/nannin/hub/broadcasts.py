"""Events on their way to many: what takes longer than a slice of the loop's time goes on in the next turns.

An event to few is sent at once, and so is a large one. Another is sent for the time of a slice, and the rest
of its recipients get it in the turns that follow, so that others can join and be heard in between. Nobody
notices but by the clock: whatever the application sends to the session of one of these next goes out after
it, as if it had been sent at once.
"""

from __future__ import annotations

import bisect
import math
import sys
from collections import deque
from collections.abc import Iterable
from typing import Final

from nannin.audience.crowd import Crowd
from nannin.audience.rooms import Rooms
from nannin.clock import Clock
from nannin.engine.session import Session
from nannin.hub.client import client_of
from nannin.hub.connection import Connection
from nannin.hub.crowds import Crowds, Slices
from nannin.wire.outgoing import Outgoing

# How many events may be on their way. Beyond that the oldest is sent to all that are left: an application
# that sends more than the process can send is held up.
MOST: Final = 256


class Broadcast:
    """One event for the members of one crowd.

    Args:
        page: the page's key.
        crowd: whose.
        room: the name of the crowd's room; None where it is one of its page's.
        ranges: the seats of those who are to get it, as starts and stops, in order and none of them empty.
        event: the event.
        volatile: whether it is dropped for clients that can't take it at once.

    Attributes:
        page, crowd, room, event, volatile: as above.
        ranges: the seats of those who have not got it yet.
    """

    __slots__ = ("crowd", "event", "page", "ranges", "room", "volatile")

    def __init__(
        self,
        page: str,
        crowd: Crowd[Connection],
        room: str | None,
        ranges: Iterable[tuple[int, int]],
        event: Outgoing,
        *,
        volatile: bool,
    ) -> None:
        self.page = page
        self.crowd = crowd
        self.room = room
        self.ranges = list(ranges)
        self.event = event
        self.volatile = volatile

    def seats(self) -> int:
        """How many seats it still has to go to."""
        return sum(stop - start for start, stop in self.ranges)

    def take(self, seat: int) -> bool:
        """Takes a seat out of those that are left; whether it was among them."""
        at = bisect.bisect(self.ranges, (seat, sys.maxsize)) - 1
        if at < 0 or self.ranges[at][1] <= seat:
            return False
        start, stop = self.ranges[at]
        self.ranges[at : at + 1] = [part for part in ((start, seat), (seat + 1, stop)) if part[0] < part[1]]
        return True

    def send(self, connection: Connection, taken_bytes: int = 0) -> None:
        """Sends it to one who can't be sent to with the others, or what that one has not taken of it."""
        if taken_bytes:
            connection.write(self.event.rest(taken_bytes))
        elif not self.volatile or connection.session.is_writable:
            connection.write(self.event)


class Broadcasts:
    """Sends events to many.

    Args:
        crowds: the connections of each page.
        rooms: those in each room.
        clock: time and turns of the loop.
        slices: how long may be sent before the loop turns.
        most_bytes: how many bytes of events may be on their way. To a client that reads slowly they are what
            is sent in later turns, which must not end it by itself.

    Attributes:
        waiting: the events that have not reached all yet, in their order. It is one order for all pages, as a
            session may be on several.
    """

    def __init__(
        self, crowds: Crowds, rooms: Rooms[Connection], clock: Clock, slices: Slices, most_bytes: int
    ) -> None:
        self.waiting: deque[Broadcast] = deque()
        self._crowds = crowds
        self._rooms = rooms
        self._clock = clock
        self._slices = slices
        self._most_bytes = most_bytes
        self._bytes = 0
        self._is_turning = False

    def send(self, broadcast: Broadcast) -> None:
        """Sends an event to as many as there is time for, and to the others soon."""
        broadcast.crowd.begin_walk()  # nobody's seat may change until all have got it
        if not self.waiting:
            few = broadcast.seats() <= self._slices.at_once or broadcast.event.size_bytes > self._most_bytes
            if self._go_on(broadcast, math.inf if few else self._clock.now() + self._slices.seconds):
                broadcast.crowd.end_walk()
                return
        self.waiting.append(broadcast)
        self._bytes += broadcast.event.size_bytes
        while len(self.waiting) > MOST or self._bytes > self._most_bytes:
            self._finish_first()
        self._turn_soon()

    def catch_up(self, session: Session) -> None:
        """Sends a session at once what it has yet to get, since it is to get something else next."""
        if not self.waiting:
            return
        connections = client_of(session).connections
        for broadcast in self.waiting:
            connection = connections.get(broadcast.page)
            if connection is not None:
                seat = self._seat(broadcast, connection)
                if seat is not None and broadcast.take(seat):
                    broadcast.send(connection)

    def finish(self) -> None:
        """Sends all that is on its way."""
        while self.waiting:
            self._finish_first()

    def _seat(self, broadcast: Broadcast, connection: Connection) -> int | None:
        """A connection's seat in the crowd of an event; None where it has none."""
        room, members = broadcast.room, broadcast.crowd.members
        seat = connection.seat if room is None else self._rooms.seat(room, connection)
        return seat if seat is not None and seat < len(members) and members[seat] is connection else None

    def _turn_soon(self) -> None:
        if self.waiting and not self._is_turning:
            self._is_turning = True
            self._clock.call_soon(self._turn)

    def _turn(self) -> None:
        """Goes on for the time of a slice."""
        self._is_turning = False
        until = self._clock.now() + self._slices.seconds
        try:
            while self.waiting and self._go_on(self.waiting[0], until):
                self._drop_first()
                if self._clock.now() >= until:
                    return
        finally:
            self._turn_soon()

    def _finish_first(self) -> None:
        self._go_on(self.waiting[0], math.inf)
        self._drop_first()

    def _drop_first(self) -> None:
        broadcast = self.waiting.popleft()
        broadcast.crowd.end_walk()
        self._bytes -= broadcast.event.size_bytes

    def _go_on(self, broadcast: Broadcast, until: float) -> bool:
        """Sends an event to those who are left, most of them in one call; whether all have got it now."""
        ranges = broadcast.ranges
        while ranges:
            start, stop = ranges[0]
            unsent, reached = self._crowds.send_some(
                broadcast.crowd,
                start,
                stop,
                broadcast.event,
                seconds=until - self._clock.now(),
                most_left=self._slices.look_every,
            )
            ranges[:1] = [(reached, stop)] if reached < stop else []
            for connection, taken_bytes in unsent:
                broadcast.send(connection, taken_bytes)
            if self._clock.now() >= until:
                break
        return not ranges
