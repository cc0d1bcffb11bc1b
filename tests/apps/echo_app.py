"""The smallest Engine.IO application: every message goes back as it came."""

from __future__ import annotations

from nannin import EngineIO, Session


class Echo:
    """Three callbacks are all that an Engine.IO application needs."""

    def open(self, session: Session) -> None:
        """A client is here; nothing is said until it speaks."""

    def message(self, session: Session, data: str | bytes) -> None:
        session.send(data)

    def close(self, session: Session, reason: str) -> None:
        """The client is gone; an echo remembers nothing of it."""


app = EngineIO(Echo())
