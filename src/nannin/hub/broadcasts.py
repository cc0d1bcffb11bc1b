"""Events on their way to many: what takes longer than a slice of the loop's time goes on in the next turns.

An event to few is sent at once. One to many is sent for the time of a slice, and the rest of its recipients
get it in the turns that follow, so that others can join and be heard in between. Nobody notices but by the
clock: whatever the application sends to one of these next goes out after it, as if it had been sent at once.
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
from nannin.hub.connection import Connection
from nannin.hub.crowds import Crowds, Slices
from nannin.wire.outgoing import Outgoing

# How many events may be on their way, and with how many bytes. Beyond that the oldest is sent to all that are
# left: an application that sends more than the process can send is held up, and its events don't fill memory.
MOST: Final = 256
MOST_BYTES: Final = 1_048_576


class Broadcast:
    """One event for the members of one crowd.

    Args:
        crowd: whose.
        room: the name of the crowd's room; None where it is one of its page's.
        ranges: the seats of those who are to get it, as starts and stops, in order and none of them empty.
        event: the event.
        volatile: whether it is dropped for clients that can't take it at once.

    Attributes:
        crowd, room, event, volatile: as above.
        ranges: the seats of those who have not got it yet.
    """

    __slots__ = ("crowd", "event", "ranges", "room", "volatile")

    def __init__(
        self,
        crowd: Crowd[Connection],
        room: str | None,
        ranges: Iterable[tuple[int, int]],
        event: Outgoing,
        *,
        volatile: bool,
    ) -> None:
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

    Attributes:
        waiting: the events of each page that have not reached all yet, in their order.
    """

    def __init__(self, crowds: Crowds, rooms: Rooms[Connection], clock: Clock, slices: Slices) -> None:
        self.waiting: dict[str, deque[Broadcast]] = {}
        self._crowds = crowds
        self._rooms = rooms
        self._clock = clock
        self._slices = slices
        self._size = self._bytes = 0
        self._is_turning = False

    def send(self, page: str, broadcast: Broadcast) -> None:
        """Sends an event to as many as there is time for, and to the others soon.

        Args:
            page: the page's key.
            broadcast: the event, and who is to get it.
        """
        before = self.waiting.get(page)
        if before is None and broadcast.seats() <= self._slices.at_once:
            self._go_on(broadcast, math.inf)
            return
        # No more than one slice in a turn, whatever else is sent in it.
        if not self.waiting and self._go_on(broadcast, self._clock.now() + self._slices.seconds):
            return
        broadcast.crowd.begin_walk()
        if before is None:
            before = self.waiting[page] = deque()
        before.append(broadcast)
        self._size += 1
        self._bytes += broadcast.event.size_bytes
        while self._size > MOST or self._bytes > MOST_BYTES:
            self._finish_first(next(iter(self.waiting)))
        self._turn_soon()

    def catch_up(self, connection: Connection) -> None:
        """Sends a connection at once what it has yet to get, since it is to get something else next."""
        for broadcast in self.waiting.get(connection.key, ()):
            room = broadcast.room
            seat = connection.seat if room is None else self._rooms.seat(room, connection)
            members = broadcast.crowd.members
            if seat is None or seat >= len(members) or members[seat] is not connection:
                continue
            if broadcast.take(seat):
                broadcast.send(connection)

    def finish(self) -> None:
        """Sends all that is on its way."""
        while self.waiting:
            self._finish_first(next(iter(self.waiting)))

    def _turn_soon(self) -> None:
        if self.waiting and not self._is_turning:
            self._is_turning = True
            self._clock.call_soon(self._turn)

    def _turn(self) -> None:
        """Goes on for the time of a slice; the pages take turns."""
        self._is_turning = False
        until = self._clock.now() + self._slices.seconds
        try:
            while self.waiting:
                page = next(iter(self.waiting))
                if not self._go_on(self.waiting[page][0], until):
                    self.waiting[page] = self.waiting.pop(page)  # another page begins the next turn
                    return
                self._drop_first(page)
                if self._clock.now() >= until:
                    return
        finally:
            self._turn_soon()

    def _finish_first(self, page: str) -> None:
        self._go_on(self.waiting[page][0], math.inf)
        self._drop_first(page)

    def _drop_first(self, page: str) -> None:
        broadcast = self.waiting[page].popleft()
        broadcast.crowd.end_walk()
        self._size -= 1
        self._bytes -= broadcast.event.size_bytes
        if not self.waiting[page]:
            del self.waiting[page]

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
