"""Where each session can be written to at once: a table of sockets by the sessions' numbers.

Whoever sends to many keeps arrays of numbers. What a session's number leads to changes in one place only,
here, when its client falls behind, catches up, changes its transport or goes: so a socket is never used once
its connection is gone, though the system may have given its descriptor to another client.
"""

from __future__ import annotations

import math
import sys
from array import array

from nannin.engine.send_all import Left, send_all
from nannin.wire.outgoing import Outgoing

# No session has this number: it stands for one that must not be sent to at once.
NOT_AT_ONCE = 0


class Descriptors:
    """The sockets of one engine's sessions."""

    __slots__ = ("_free", "_table")

    def __init__(self) -> None:
        self._table = array("i", [-1])
        self._free: list[int] = []

    def take_number(self) -> int:
        """A number for a new session, which cannot be written to at once yet."""
        if self._free:
            return self._free.pop()
        self._table.append(-1)
        return len(self._table) - 1

    def free_number(self, number: int) -> None:
        """The session with this number is over; nobody who sends to many may still know it."""
        self._table[number] = -1
        self._free.append(number)

    def set(self, number: int, descriptor: int) -> None:
        """From now on the session is written to by this socket.

        Args:
            number: the session's.
            descriptor: of a socket that takes bytes as they are, with nothing waiting before them; -1 while
                the session has to be asked to send.
        """
        self._table[number] = descriptor

    def send(self, numbers: array[int], start: int, stop: int, outgoing: Outgoing) -> Left:
        """Sends packets to a range of sessions.

        Args:
            numbers: the sessions; those below 0 are skipped.
            start: the index of the first one.
            stop: the index after the last one.
            outgoing: what is sent.

        Returns:
            The index of each session that has still to be asked to send, and how many bytes of the packets'
            frames its socket has taken.
        """
        return send_all(numbers, start, stop, self._table, outgoing.frames, math.inf, sys.maxsize)[0]

    def send_some(
        self,
        numbers: array[int],
        start: int,
        stop: int,
        outgoing: Outgoing,
        *,
        seconds: float,
        most_left: int,
    ) -> tuple[Left, int]:
        """Sends packets to the first of a range of sessions.

        Args:
            numbers, start, stop, outgoing: as `send` has them.
            seconds: after so long it ends.
            most_left: once so many sessions have still to be asked to send, it ends.

        Returns:
            What `send` returns, and the index after the last session that was looked at.
        """
        return send_all(numbers, start, stop, self._table, outgoing.frames, seconds, most_left)
