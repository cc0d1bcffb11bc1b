"""The port to what merges the counts of several nodes: a supervisor on this machine, or Redis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from nannin.audience.census_calls import Answer, Call, What

__all__ = ["Backplane", "Connect", "Ears"]


class Ears(Protocol):
    """Who hears a backplane. All of it is called on the node's own loop."""

    def found(self) -> None:
        """Calls are answered from now on."""

    def lost(self) -> None:
        """What was sent may never be answered, and nothing is told, until it is found again."""

    def refused(self) -> None:
        """Something came that no node or census of this version says, and was left out."""

    def heard(self, messages: Sequence[Answer | What]) -> None:
        """Answers to calls, and what is told unasked, in the order in which they came."""


class Backplane(Protocol):
    """Carries calls to the census, and back what it says. It keeps looking for the census by itself."""

    def send(self, calls: Sequence[Call]) -> None:
        """Sends calls in this order, with one write; while the census is lost they are dropped."""

    def close(self) -> None:
        """Sends what it was given, and hears no more."""

    async def wait_closed(self) -> None:
        """After `close`: returns once all is sent, or after some seconds."""


Connect = Callable[[Ears], Backplane]
