"""Which of several nodes writes what is counted: the one that has a lock, which ends with its process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any, Final, Protocol

from nannin.errors import HistoryAway, HistoryError

__all__ = ["DatabaseLead", "FileLead", "Lead"]

# The number of the lock in PostgreSQL: the bytes of "nannin".
_LOCK: Final = int.from_bytes(b"nannin")
# What the file says of whoever has the lock, after its server, if they are about to end.
_ENDS: Final = " ends"


class Lead(Protocol):
    """The lock. It is used in the thread that writes, and may raise what the disk or the network says."""

    def take(self, *, to_end: bool = False) -> bool:
        """Takes the lock, unless another has it; returns whether this node has it now.

        Args:
            to_end: it is needed only for what is written at the end; those who are refused may wait for it.
        """

    def holds(self) -> bool:
        """Whether it still has the lock that it took."""

    @property
    def is_foreign(self) -> bool:
        """Whether the lock was refused since another server has it, which counts other clients."""

    @property
    def is_ending(self) -> bool:
        """Whether the lock was refused since one has it who will give it up in a moment, or may."""

    def release(self) -> None:
        """Gives the lock up, if it has it."""


class FileLead:
    """A lock on a file, for the processes of one machine.

    Args:
        path: the file. It is made, and stays.
        server: what all processes of this server have in common, and those of another have not.
    """

    def __init__(self, path: str, server: str) -> None:
        self.is_foreign = self.is_ending = False
        self._path = path
        self._server = server
        self._descriptor: int | None = None

    def take(self, *, to_end: bool = False) -> bool:
        """Takes the lock, unless another has it; returns whether this node has it now.

        Args:
            to_end: it is needed only for what is written at the end; the file says so to the others.
        """
        if self._descriptor is not None:
            self._sign(self._descriptor, to_end=to_end)
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            is_free = _lock(descriptor)
            if is_free:
                self._sign(descriptor, to_end=to_end)
                self._descriptor = descriptor
            else:
                said = os.read(descriptor, 100).decode(errors="replace")
                holder = said.removesuffix(_ENDS)
                self.is_foreign = holder not in ("", self._server)  # empty: it has taken it at this moment
                self.is_ending = said != holder and not self.is_foreign
        finally:
            if self._descriptor != descriptor:
                os.close(descriptor)
        if is_free:
            self.is_foreign = self.is_ending = False
        return is_free

    def _sign(self, descriptor: int, *, to_end: bool) -> None:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, (self._server + (_ENDS if to_end else "")).encode(), 0)

    def holds(self) -> bool:
        """Whether it still has the lock: nobody can take it away."""
        return self._descriptor is not None

    def release(self) -> None:
        """Gives the lock up, if it has it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows, where a server is one process
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class DatabaseLead:
    """A lock in PostgreSQL, for the processes of several machines. It lasts as long as its own connection.

    Args:
        connect: opens a connection of DBAPI.
    """

    is_foreign = False  # all that use a database belong together
    is_ending = True  # it may be: that can't be seen

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._has_it = False

    def take(self, *, to_end: bool = False) -> bool:
        """Takes the lock, unless another has it; returns whether this node has it now.

        Args:
            to_end: makes no difference, as the others wait in any case.
        """
        if not self._has_it:
            self._has_it = bool(self._ask(f"SELECT pg_try_advisory_lock({_LOCK})"))
        return self._has_it

    def holds(self) -> bool:
        """Whether it still has the lock: the connection that took it is there."""
        return self._has_it and bool(self._ask("SELECT 1"))

    def release(self) -> None:
        """Gives the lock up, if it has it."""
        connection, self._connection, self._has_it = self._connection, None, False
        if connection is not None:
            with contextlib.suppress(Exception):  # it may be lost already, and the lock with it
                connection.close()

    def _ask(self, sql: str) -> Any:
        try:
            if self._connection is None:
                self._connection = self._connect()
            cursor = self._connection.cursor()
            cursor.execute(sql)
            (answer,) = cursor.fetchone()
            self._connection.commit()
        except HistoryError:
            self.release()
            raise
        except Exception as error:
            self.release()
            why = " ".join(str(error).split())
            raise HistoryAway(f"PostgreSQL can't be asked who writes the history: {why}") from error
        return answer
