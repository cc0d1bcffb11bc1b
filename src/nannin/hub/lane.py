"""The async handlers of one client: so many run at once, and the rest wait for their turn.

A client that sends events faster than its handlers end would else make as many tasks as it likes. While
something waits, nothing more is read from the client, so that what it sends waits at the client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from nannin.engine.session import Session

# Maximum calls that wait for one client while its messages have to be read, and the bytes of their events:
# an ack or a pong may come after them. More are refused.
MAX_WAITING: Final = 1_000
MAX_WAITING_BYTES: Final = 1_048_576


class LaneFull(Exception):
    """So many calls wait for this client that one more is refused."""

    def __init__(self) -> None:
        super().__init__("Too many events at once: those before this one are still being handled")


class Waiting(NamedTuple):
    """A call that waits.

    Attributes:
        start: begins it.
        drop: called instead where the client has gone before.
        size_bytes: about how many bytes its event has.
    """

    start: Callable[[], None]
    drop: Callable[[], None]
    size_bytes: int


class Lane:
    """What runs and waits for one client. Handlers that have begun go on after the client has gone.

    Args:
        session: the client's.
        most: how many handlers may run at once; 0 for any number.
        awaits_ack: whether the application waits for an ack of the client, which has to be read.

    Attributes:
        running: how many handlers run.
    """

    __slots__ = ("_awaits_ack", "_is_held", "_most", "_session", "_waiting", "_waiting_bytes", "running")

    def __init__(self, session: Session, most: int, awaits_ack: Callable[[], bool]) -> None:
        self.running = 0
        self._session = session
        self._most = most
        self._awaits_ack = awaits_ack
        self._waiting: deque[Waiting] = deque()
        self._waiting_bytes = 0
        self._is_held = False

    def __bool__(self) -> bool:
        """Whether anything runs or waits."""
        return self.running > 0 or bool(self._waiting)

    @property
    def is_open(self) -> bool:
        """Whether a handler may begin at once."""
        return not self._most or (self.running < self._most and not self._waiting)

    def wait(self, waiting: Waiting) -> None:
        """Lets a call wait for its turn.

        Raises:
            LaneFull: too many wait, though the client's messages have to be read.
        """
        is_full = len(self._waiting) >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES
        if is_full and self._session.reads:
            raise LaneFull
        self._waiting.append(waiting)
        self._waiting_bytes += waiting.size_bytes
        self.look()

    def begin(self) -> None:
        """A handler begins."""
        self.running += 1
        self.look()

    def end(self) -> None:
        """A handler has ended: the next one that waits begins."""
        self.running -= 1
        while self._waiting and self.running < self._most:
            following = self._waiting.popleft()
            self._waiting_bytes -= following.size_bytes
            following.start()
        self.look()

    def drop(self) -> None:
        """The client has gone: what has not begun never will."""
        dropped, self._waiting = self._waiting, deque()
        self._waiting_bytes = 0
        for waiting in dropped:
            waiting.drop()

    def look(self) -> None:
        """Stops reading from the client while something waits, unless an ack of the client is awaited."""
        is_behind = bool(self._waiting) or (0 < self._most < self.running)
        if is_behind or self._is_held:
            held = is_behind and not self._awaits_ack()
            if held is not self._is_held:
                self._is_held = held
                self._session.read_on(not held)
