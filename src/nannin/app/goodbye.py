"""What a stopping server has to end: sessions, streams and tasks, in whatever app of this process."""

from __future__ import annotations

import weakref
from typing import Protocol


class Ending(Protocol):
    """Something that would keep a server from stopping."""

    def shut_down(self) -> None:
        """Ends it; once is enough, and more does no harm."""


# Weakly: an app that is forgotten has nothing left to end.
_ALL: weakref.WeakSet[Ending] = weakref.WeakSet()


def end_with_server(ending: Ending) -> None:
    """Has it ended with the server: nobody passes a lifespan on to an app that is mounted in another."""
    _ALL.add(ending)


def shut_down_all() -> None:
    """The server stops: ends all of them."""
    for ending in list(_ALL):
        ending.shut_down()
