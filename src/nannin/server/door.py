"""The door: whether one more connection fits into the process, judged before anything is made for it.

The system allows the process so many descriptors. Some are kept back, so that files, look-ups of names and
connections to other servers can still be opened. A new connection gets the lowest number that is free: a high
number says that all below it are taken, whoever took them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Collection
from typing import Final

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.turned_away import GivesWay, TurnedAway

__all__ = ["MARGIN", "Door", "descriptor_limit", "lowest_free_descriptor"]

logger = logging.getLogger("nannin.server")

# How long a connection is idle before it may have to give way: a newcomer needs a moment to send its request.
IDLE_S: Final = 1.0
# How many idle connections give way at a time, and how long it is until the next search: that of a large
# server costs more than a newcomer.
GIVE_WAY: Final = 64
SEARCH_EVERY_S: Final = 0.25
# How long nobody is turned away before the log says that it is over. Clients can repeat all this, but not
# more often.
CALM_S: Final = 60.0
# How many descriptors have to be free at each look. A low one may be the only one, if what is kept back is in
# use: the next accept() would find none, and uvloop then drops all who wait.
MARGIN: Final = 32
# How many may still read that they were turned away, before those who have sent their request are cut off for
# the next, or nobody is accepted for a moment.
MOST_LEAVING: Final = 256
NO_LIMIT: Final = sys.maxsize


class Door:
    """Admits new connections while there is room, and has idle ones give way where there is none.

    Args:
        connections: those that there are, the one that is being judged among them.
        now: the time, in seconds; that of the loop, by which connections say since when they are idle.
        most: maximum number of connections; 0 for as many as the descriptors allow.
        spare: how many descriptors are kept back; at most half of all.
        on_crowded: called when nobody should be accepted for a moment: half of what is kept back is in use,
            and none of those who were turned away can be cut off.
        limit: how many descriptors the process may have.
        lowest_free: the lowest descriptor that is free besides so many others.
        count_taken: how many descriptors are in use; None where nobody can say.

    Attributes:
        is_crowded: whether half of what is kept back was in use at the last `look`.
    """

    def __init__(
        self,
        connections: Collection[object],
        now: Callable[[], float],
        *,
        most: int,
        spare: int,
        on_crowded: Callable[[], None] = lambda: None,
        limit: Callable[[], int] | None = None,
        lowest_free: Callable[[int], int] | None = None,
        count_taken: Callable[[], int | None] | None = None,
    ) -> None:
        self.is_crowded = False
        self._connections = connections
        self._now = now
        self._most = most or NO_LIMIT
        self._spare = spare
        self._on_crowded = on_crowded
        self._limit = limit or descriptor_limit
        self._lowest_free = lowest_free or lowest_free_descriptor
        self._count_taken = count_taken or make_counter()
        self._search_s = 0.0
        self._turned_away = 0
        self._leaving: dict[TurnedAway, None] = {}  # those who were turned away and may still read that
        self._is_told = False
        self._last_short_s = 0.0
        self._measure()

    def admits(self, transport: asyncio.Transport) -> bool:
        """Whether a connection that has just been accepted may stay."""
        sock = transport.get_extra_info("socket")
        descriptor = -1 if sock is None else sock.fileno()
        if descriptor < self._first_spare and len(self._connections) <= self._most:
            return True
        now = self._now()
        if self._make_room(now):
            return True
        is_short = descriptor >= self._first_spare
        self._note_short(now, Refusal.DESCRIPTORS if is_short else Refusal.CONNECTIONS)
        self._turn_away(transport)
        # Those who leave are counted: who comes next gets the number of one that was cut off, a low one.
        room = self._last_accepted - self._first_spare if is_short else MOST_LEAVING
        if descriptor >= self._last_accepted or len(self._leaving) > min(room, MOST_LEAVING):
            for leaving in self._leaving:
                if leaving.may_be_cut:
                    leaving.cut()
                    break
            else:
                self._on_crowded()
        return False

    def admits_handshake(self) -> bool:
        """Whether one that begins with TLS may be accepted: its number isn't known before that is through."""
        return self._lowest_free(0) < self._last_accepted

    def look(self, to_open: int = 0) -> None:
        """Looks how many descriptors are in use; to be called several times a second.

        Args:
            to_open: how many listening sockets are closed that will be opened if it is not crowded.
        """
        self._measure()
        now = self._now()
        self.is_crowded = self._is_short_of(to_open)
        if self.is_crowded:
            self._make_room(now)
            self._note_short(now, None)
        elif self._is_told and now - self._last_short_s >= CALM_S:
            logger.warning(
                "nobody has been turned away for %d s; before that, %d were", CALM_S, self._turned_away
            )
            self._is_told, self._turned_away = False, 0

    def _is_short_of(self, to_open: int) -> bool:
        """Whether half of what is kept back is in use, or hardly anything is free, with these open too."""
        taken = self._count_taken()
        wanted = to_open + min(self._spare // 2, MARGIN) + 1
        if taken is not None and taken + wanted <= self._last_accepted:
            return False  # whatever their numbers are
        if self._lowest_free(to_open) >= self._last_accepted:
            return True
        has_free = taken is not None and self._allowed - taken >= wanted
        return not has_free and self._lowest_free(wanted - 1) >= self._allowed

    def _turn_away(self, transport: asyncio.Transport) -> None:
        self._turned_away += 1
        self._leaving[TurnedAway(transport, lambda connection: self._leaving.pop(connection, None))] = None

    def _measure(self) -> None:
        """Notes how many descriptors the process may have: an administrator can change that while it runs."""
        limit = self._limit()
        spare = min(self._spare, limit // 2)
        self._allowed = limit
        self._first_spare = limit - spare
        self._last_accepted = limit - spare // 2

    def _make_room(self, now: float) -> bool:
        """Has the longest idle connections give way; False if there is none, or it is too early to search."""
        if now < self._search_s:
            return False
        self._search_s = now + SEARCH_EVERY_S
        idle = []
        for connection in self._connections:
            if isinstance(connection, GivesWay):
                since_s = connection.idle_since_s()
                if since_s is not None and now - since_s >= IDLE_S:
                    idle.append((since_s, connection))
        idle.sort(key=lambda entry: entry[0])
        for _, connection in idle[:GIVE_WAY]:
            connection.give_way()
        return bool(idle)

    def _note_short(self, now: float, refusal: Refusal | None) -> None:
        self._last_short_s = now
        if refusal is not None:
            AT_THE_DOOR.add(refusal)
        if self._is_told:
            return
        self._is_told = True
        if refusal is Refusal.CONNECTIONS:
            logger.warning(
                "there are %d connections, the most that max_connections allows: new ones get 503", self._most
            )
        else:
            logger.warning(
                "of %d descriptors, all but the %d of spare_descriptors are in use: new connections get 503 "
                "or wait; LimitNOFILE in systemd's unit, or ulimit -n, allows more",
                self._allowed,
                self._allowed - self._first_spare,
            )


def descriptor_limit() -> int:
    """How many descriptors this process may have."""
    if sys.platform == "win32":
        return NO_LIMIT
    import resource  # not there on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return NO_LIMIT if soft == resource.RLIM_INFINITY else soft


def make_counter(path: str = "/proc/self/fd") -> Callable[[], int | None]:
    """What counts the descriptors that are in use: one look at a folder's size, where the system gives that.

    That takes 5 µs. To take 33 descriptors and give them back took 47.
    Source: proc_pid_fd(5); Linux since 6.2.
    """

    def count() -> int:
        return os.stat(path).st_size

    with contextlib.suppress(OSError):
        before = count()
        descriptor = os.open(os.devnull, os.O_RDONLY)
        try:
            if count() == before + 1:
                return count
        finally:
            os.close(descriptor)
    return lambda: None


def lowest_free_descriptor(besides: int = 0) -> int:
    """The lowest descriptor that is free: the one that the system gives out next, after so many others."""
    if sys.platform == "win32":
        return 0
    taken: list[int] = []
    try:
        taken += os.pipe()
        while len(taken) <= besides:
            taken.append(os.dup(taken[0]))
        return taken[besides]
    except OSError:
        return NO_LIMIT
    finally:
        for descriptor in taken:
            os.close(descriptor)
