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


class Lead(Protocol):
    """The lock. It is used in the thread that writes, and may raise what the disk or the network says."""

    def take(self) -> bool:
        """Takes the lock, unless another has it; returns whether this node has it now."""

    def holds(self) -> bool:
        """Whether it still has the lock that it took."""

    @property
    def is_foreign(self) -> bool:
        """Whether the lock was refused since another server has it, which counts other clients."""

    def release(self) -> None:
        """Gives the lock up, if it has it."""


class FileLead:
    """A lock on a file, for the processes of one machine.

    Args:
        path: the file. It is made, and stays.
        server: what all processes of this server have in common, and those of another have not.
    """

    def __init__(self, path: str, server: str) -> None:
        self.is_foreign = False
        self._path = path
        self._server = server
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Takes the lock, unless another has it; returns whether this node has it now."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            is_free = _lock(descriptor)
            if is_free:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, self._server.encode())
                self._descriptor = descriptor
            else:
                holder = os.read(descriptor, 100).decode(errors="replace")
                self.is_foreign = holder not in ("", self._server)  # empty: it has taken it at this moment
        finally:
            if self._descriptor != descriptor:
                os.close(descriptor)
        if is_free:
            self.is_foreign = False
        return is_free

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

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._has_it = False

    def take(self) -> bool:
        """Takes the lock, unless another has it; returns whether this node has it now."""
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
