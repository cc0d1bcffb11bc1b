"""TLS handshakes that are under way: those that come to nothing are tallied, as other refusals are.

A connection that has yet to finish its handshake is known to nobody but the loop, which cuts it off when its
time is over and says nothing of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.engine.turned_away import Door

__all__ = ["Handshakes"]

# Seconds after its time until a handshake counts as failed, so that one that was in time has been seen.
_LATE_S: Final = 1.0


class Handshakes:
    """The handshakes of one server.

    Args:
        door: judges each connection that is through.
        now: the time, in seconds.
        patience_s: how many seconds a client has for its handshake.
    """

    def __init__(self, door: Door, now: Callable[[], float], patience_s: float) -> None:
        self._door = door
        self._now = now
        self._patience_s = patience_s
        self._under_way: dict[_Handshake, float] = {}  # the eldest first

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self) -> Door:
        """A connection begins its handshake; returns the door for it alone."""
        handshake = _Handshake(self._door, self._under_way)
        self._under_way[handshake] = self._now()
        return handshake

    def look(self) -> None:
        """Tallies those that should be through by now; to be called several times a second."""
        late_s = self._now() - self._patience_s - _LATE_S
        while self._under_way:
            handshake, began_s = next(iter(self._under_way.items()))
            if began_s > late_s:
                return
            del self._under_way[handshake]
            AT_THE_DOOR.add(Refusal.TLS)


class _Handshake:
    """The door for one connection, which comes to it once its handshake is through."""

    __slots__ = ("_door", "_under_way")

    def __init__(self, door: Door, under_way: dict[_Handshake, float]) -> None:
        self._door = door
        self._under_way = under_way

    def admits(self, transport: asyncio.Transport) -> bool:
        """Whether the connection may stay."""
        self._under_way.pop(self, None)
        return self._door.admits(transport)
