"""Whether a file can be the history, before a server starts. It needs nothing but the standard library."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

from nannin.errors import HistoryAway, HistoryError

__all__ = ["SCHEMA_VERSION", "TABLE_OF_VERSION", "check_file", "explain", "newer", "uri"]

# The version of the tables that this nannin writes, and the table that says which version a database has.
SCHEMA_VERSION: Final = 1
TABLE_OF_VERSION: Final = "nannin_schema"

# How many bytes a file of SQLite has before its first table.
_HEADER_BYTES: Final = 100
# Up to what size to look at every page of a file: it takes some 10 ms for each megabyte. Damage in the middle
# of a larger file is noticed by the first read or write that comes there.
_LOOKED_THROUGH_BYTES: Final = 2 * 2**20
# What SQLite says, by the lowest byte of its code: what that means here, and whether it may pass.
# Source: https://www.sqlite.org/rescode.html
_MEANINGS: Final[dict[int, tuple[str, bool]]] = {
    sqlite3.SQLITE_BUSY: ("another program holds a lock on it: end that program, or try again", True),
    sqlite3.SQLITE_LOCKED: ("another program holds a lock on it: end that program, or try again", True),
    sqlite3.SQLITE_READONLY: ("it can't be written: give this user the right to write it", True),
    sqlite3.SQLITE_PERM: ("this user may not use it: give this user the right to read and write it", True),
    sqlite3.SQLITE_AUTH: ("this user may not use it: give this user the right to read and write it", True),
    sqlite3.SQLITE_CANTOPEN: (
        "it can't be opened: this user needs the right to read and write it and its folder",
        True,
    ),
    sqlite3.SQLITE_IOERR: ("its disk fails, or takes no more: look at the system's log", True),
    sqlite3.SQLITE_FULL: ("its disk is full: make room there", True),
    sqlite3.SQLITE_NOMEM: ("there is not enough memory", True),
    sqlite3.SQLITE_CORRUPT: (
        "it is damaged: put a backup in its place, or move it away to begin anew",
        False,
    ),
    sqlite3.SQLITE_NOTADB: (
        "it is not a database of SQLite: put a backup in its place, or move it away to begin anew",
        False,
    ),
}


def check_file(path: Path, timeout_s: float = 2.0) -> None:
    """Checks a file that is to be the history. One that does not exist is fine; its folder is made.

    Args:
        path: the file.
        timeout_s: how long to wait for another program that holds a lock on it.

    Raises:
        HistoryError: it is another kind of file, damaged, or was written by a newer nannin.
        HistoryAway: it can't be read and written now.
    """
    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise HistoryError(f"expected a file as history at {path}, which is a folder: move it away")
        if not path.exists():
            with tempfile.TemporaryFile(dir=path.parent):
                return
        size_bytes = path.stat().st_size
    except OSError as error:
        reason = error.strerror or str(error)
        raise HistoryAway(
            f"can't keep history in {path}: {reason}. This user needs a folder that it may write in"
        ) from error
    if size_bytes < _HEADER_BYTES:
        raise _unlike(path, f"it has only {size_bytes} bytes, so it was cut off")
    try:
        with contextlib.closing(sqlite3.connect(uri(path), timeout_s, uri=True)) as connection:
            _check_tables(path, connection)
            _check_pages(path, connection)
            connection.isolation_level = None
            connection.execute("BEGIN IMMEDIATE").execute("ROLLBACK")
    except sqlite3.Error as error:
        raise explain(error, str(path)) from error


def uri(path: Path) -> str:
    """A file's address for SQLite, which then opens it to read and write, and makes none.

    Args:
        path: the file.
    """
    return f"file:{quote(str(path))}?mode=rw"


def explain(error: BaseException, where: str) -> HistoryError:
    """What SQLite says, as an error for people.

    Args:
        error: what SQLite raised.
        where: the file, or what else names the history.
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    meaning, may_pass = _MEANINGS.get(code, (str(error), False))
    return (HistoryAway if may_pass else HistoryError)(f"can't use the history in {where}: {meaning}")


def newer(where: str, version: int) -> HistoryError:
    """A newer nannin has written the history.

    Args:
        where: the file, or what else names the history.
        version: of its tables.
    """
    return HistoryError(
        f"can't use the history in {where}: a newer nannin has written it (version {version} of its tables, "
        f"and this one knows up to {SCHEMA_VERSION}). Install that nannin again, or keep history elsewhere"
    )


def _unlike(path: Path, reason: str) -> HistoryError:
    return HistoryError(
        f"can't use the history in {path}: {reason}. Put a backup in its place, or move it away to begin anew"
    )


def _check_tables(path: Path, connection: sqlite3.Connection) -> None:
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if TABLE_OF_VERSION not in names:
        raise _unlike(path, "it is the database of another program")
    for (version,) in connection.execute(f"SELECT version FROM {TABLE_OF_VERSION}"):  # noqa: S608 - our own
        if not isinstance(version, int):
            raise _unlike(path, "it has no version")
        if version > SCHEMA_VERSION:
            raise newer(str(path), version)


def _check_pages(path: Path, connection: sqlite3.Connection) -> None:
    """SQLite itself notices that pages are missing, but not that the last one is cut off."""
    [[page_bytes]] = connection.execute("PRAGMA page_size")
    log = path.with_name(path.name + "-wal")
    is_all_in_file = not log.exists() or not log.stat().st_size
    if path.stat().st_size % page_bytes and is_all_in_file:
        raise _unlike(path, "it was cut off")
    if path.stat().st_size <= _LOOKED_THROUGH_BYTES:
        [[found]] = connection.execute("PRAGMA quick_check(1)")
        if found != "ok":
            raise _unlike(path, "it is damaged")
