"""What outlasts a restart: the notices that wait to be delivered, and what rules remember of pages."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from nannin.hooks.notices import Notice

__all__ = ["Kept", "NotKept", "Waiting"]

_VERSION: Final = 1
# Marks a SQLite file as one of ours: "nnhk".
_APPLICATION_ID: Final = 0x6E6E686B
_TABLES: Final = """
CREATE TABLE waiting (id TEXT PRIMARY KEY, hook TEXT NOT NULL, notice BLOB NOT NULL);
CREATE TABLE memory (hook TEXT NOT NULL, page TEXT NOT NULL, state BLOB NOT NULL, PRIMARY KEY (hook, page));
"""


class NotKept(Exception):
    """The file can't be used; the text says why.

    Args:
        words: why.
        may_pass: whether it may be used later: another process has it, or the disk is full.
    """

    def __init__(self, words: str, *, may_pass: bool) -> None:
        super().__init__(words)
        self.may_pass = may_pass


class Waiting(msgspec.Struct, frozen=True):
    """A notice that waits, and the name of the hook whose destination it is for."""

    hook: str
    notice: Notice


class Kept:
    """A SQLite file. It belongs to one thread of one process at a time: whoever opens it holds its lock.

    Args:
        path: where it is; it is made if it is not there.

    Raises:
        NotKept: it is another process's, damaged, or no file of ours.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Notice).decode
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Pages' keys are nobody else's business.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._database = sqlite3.connect(path, timeout=0.1, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise NotKept(f"{path} can't be opened: {error}", may_pass=False) from None
        try:
            self._open()
        except BaseException:
            self._database.close()
            raise

    def _open(self) -> None:
        with self._told():
            # The lock is held until the file is closed, or the process ends.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("BEGIN EXCLUSIVE")
            ((application,),) = self._database.execute("PRAGMA application_id")
            ((version,),) = self._database.execute("PRAGMA user_version")
            tables = list(self._database.execute("SELECT name FROM sqlite_master"))
            if not tables:
                for statement in filter(str.strip, _TABLES.split(";")):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                self._database.execute(f"PRAGMA user_version = {_VERSION}")
            elif application != _APPLICATION_ID:
                raise NotKept(f"{self._path} is a file of another program", may_pass=False)
            elif version != _VERSION:
                raise NotKept(f"{self._path} is of a newer nannin", may_pass=False)
            self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Says in words what SQLite says."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise NotKept(f"{self._path}: {error}", may_pass=True) from None
        except sqlite3.Error as error:
            raise NotKept(f"{self._path}: {error}", may_pass=False) from None

    def waiting(self) -> list[Waiting]:
        """What waits, in order. What can't be read any more is left out."""
        found = []
        with self._told():
            for hook, notice in self._database.execute("SELECT hook, notice FROM waiting ORDER BY rowid"):
                with contextlib.suppress(msgspec.MsgspecError):
                    found.append(Waiting(hook, self._decode(notice)))
        return found

    def memory(self) -> dict[tuple[str, str], bytes]:
        """What rules remember: by the name of the hook and the page."""
        with self._told():
            rows = self._database.execute("SELECT hook, page, state FROM memory")
            return {(hook, page): bytes(state) for hook, page, state in rows}

    def put_away(
        self,
        waiting: Iterable[Waiting] = (),
        ids: Iterable[str] = (),
        states: Mapping[tuple[str, str], bytes | None] | None = None,
    ) -> None:
        """Writes what has changed, all of it or nothing.

        Args:
            waiting: what waits as well.
            ids: of notices that wait no more.
            states: what rules remember, by the name of the hook and the page; None: nothing any more.
        """
        states = states or {}
        changes: list[tuple[str, Sequence[tuple[object, ...]]]] = [
            (
                "INSERT OR REPLACE INTO waiting VALUES (?, ?, ?)",
                [(one.notice.id, one.hook, self._encode(one.notice)) for one in waiting],
            ),
            ("DELETE FROM waiting WHERE id = ?", [(id,) for id in ids]),
            (
                "INSERT OR REPLACE INTO memory VALUES (?, ?, ?)",
                [(*key, state) for key, state in states.items() if state is not None],
            ),
            (
                "DELETE FROM memory WHERE hook = ? AND page = ?",
                [key for key, state in states.items() if state is None],
            ),
        ]
        with self._told():
            self._database.execute("BEGIN")
            try:
                for statement, rows in changes:
                    if rows:
                        self._database.executemany(statement, rows)
                self._database.execute("COMMIT")
            except sqlite3.Error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Gives the file back."""
        self._database.close()
