"""The Engine.IO layer by itself: every message goes back as it came."""

from nannin import EngineIO, Session


class Echo:
    def open(self, session: Session) -> None: ...

    def message(self, session: Session, data: str | bytes) -> None:
        session.send(data)

    def close(self, session: Session, reason: str) -> None: ...


app = EngineIO(Echo())
