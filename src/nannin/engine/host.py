"""What a session needs of the engine that serves it."""

from __future__ import annotations

from typing import Protocol, TypeVar

from nannin.access.budgets import Rate
from nannin.clock import Clock
from nannin.engine.descriptors import Descriptors
from nannin.engine.session import Application
from nannin.wire.engine_limits import Limits

SessionT = TypeVar("SessionT", contravariant=True)


class Host(Protocol[SessionT]):
    """What sessions of a type need of the engine that serves them."""

    @property
    def application(self) -> Application:
        """What is told of opens, messages and closes."""

    @property
    def limits(self) -> Limits:
        """Intervals and sizes."""

    @property
    def rate(self) -> Rate:
        """How many messages of a client may come."""

    @property
    def clock(self) -> Clock:
        """Time, and turns of the loop."""

    @property
    def descriptors(self) -> Descriptors:
        """Where its sessions can be written to at once."""

    @property
    def pings_every_s(self) -> float:
        """Pings may be late, up to the next multiple of so many seconds, and then leave together."""

    def schedule(self, session: SessionT) -> None:
        """Sees to it that the session's `tick` is called at its next deadline."""

    def move(self, session: SessionT, deadline: float) -> None:
        """As `schedule`, for a deadline that is known, and may be later than the one before."""

    def flush_soon(self, session: SessionT) -> None:
        """Sees to it that the session's `flush` is called at the end of this turn of the loop."""

    def ping_soon(self, session: SessionT) -> None:
        """Sees to it that the session's WebSocket is sent a ping at the end of this turn of the loop."""

    def drop(self, session: SessionT) -> None:
        """Forgets a session that is over."""

    def refuse_request(self) -> None:
        """Tallies a request that the session does not allow at this moment."""

    def refuse_flood(self) -> None:
        """Tallies a client that sent too many messages, and tells the log once."""

    def report(self, words: str, error: Exception) -> None:
        """Tells the log that the application raised: each cause in full once."""

    def warn_once(self, cause: str, message: str, *args: object) -> None:
        """Tells the log why clients are refused, once for each cause and not for each client."""
