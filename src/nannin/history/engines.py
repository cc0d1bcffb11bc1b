"""Opens the database of history: a file of SQLite, or PostgreSQL. What they do not share is here."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from nannin.errors import HistoryAway, HistoryError, SettingsError
from nannin.history.checking import check_file, explain, uri
from nannin.history.migrations import migrate

if TYPE_CHECKING:
    import psycopg

__all__ = ["POSTGRES", "Database", "check_encoding", "connect", "open_database"]

POSTGRES: Final = ("postgresql://", "postgres://")

# How long to wait for another process that writes, before the rows are kept for the next time.
_BUSY_S: Final = 5.0
# How long the log of SQLite stays after much was deleted at once.
_LOG_BYTES: Final = 16 * 2**20
_SQLITE_START: Final = (
    "PRAGMA journal_mode = WAL",
    # What was written last may be lost with the machine, but not with the process, and the file stays whole.
    "PRAGMA synchronous = NORMAL",
    f"PRAGMA journal_size_limit = {_LOG_BYTES}",
)
# What an address of PostgreSQL does not say itself. A server that went without a word is noticed in 30 s.
_POSTGRES_DEFAULTS: Final = {
    "application_name": "nannin",
    "client_encoding": "UTF8",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
# How many seconds old a draft is at least when it is removed: some network drives can't lock, and one that is
# being made is milliseconds old.
_DRAFT_S: Final = 3_600
# Files that SQLite has beside its own.
_BESIDE: Final = ("-wal", "-shm")
# One for the thread that reads and writes, and one that another may hold to keep a lock.
_CONNECTIONS: Final[dict[str, Any]] = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 1}
_POSTGRES_START: Final = "SET statement_timeout = '30s'; SET lock_timeout = '10s'"


class Database:
    """A database, whichever it is.

    Args:
        engine: of SQLAlchemy.
        where: names the database for people, without a password.
        path: the file that it is in, if it is in one.
    """

    def __init__(self, engine: Engine, where: str, path: Path | None = None) -> None:
        self.engine, self.where = engine, where
        self._path = path
        self._identity = _identity(path)

    @property
    def is_postgres(self) -> bool:
        """Whether it is PostgreSQL."""
        return self.engine.dialect.name == "postgresql"

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that writes: all of it, or nothing if an exception ends it.

        Raises:
            HistoryError: the database can't be written, and waiting does not help.
            HistoryAway: it can't be written now.
        """
        return self._transaction(is_writing=True)

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that reads: what others write meanwhile is not seen in it.

        Raises:
            HistoryError: as for `writing`.
            HistoryAway: as for `writing`.
        """
        return self._transaction(is_writing=False)

    @contextlib.contextmanager
    def _transaction(self, *, is_writing: bool) -> Iterator[Connection]:
        if _identity(self._path) != self._identity:
            # SQLite would go on with the file that has no name any more, and all of it would be lost.
            raise HistoryAway(
                f"can't use the history in {self.where}: the file was moved, deleted or replaced while the "
                "server ran. Put it back, or restart the server"
            )
        try:
            with self.engine.connect() as connection:
                connection.execution_options(is_writing=is_writing)
                if self.is_postgres and not is_writing:
                    connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    yield connection
        except DBAPIError as error:
            raise self._explain(error) from error
        except (SQLAlchemyError, OverflowError) as error:
            raise HistoryError(f"can't use the history in {self.where}: {_in_a_line(error)}") from error

    def _explain(self, error: DBAPIError) -> HistoryError:
        original = error.orig or error
        if isinstance(original, sqlite3.Error):
            return explain(original, self.where)
        return _explain_postgres(original, self.where)


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Which file has this name now; None if there is none."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None


def open_database(where: str | Path) -> Database:
    """Opens a database; one in a file is made if there is none.

    Args:
        where: a file, or an address that begins with one of `POSTGRES`.

    Raises:
        HistoryError: it can't be the history.
        HistoryAway: it can't be opened now.
        SettingsError: an address can't be read, or what it needs is not installed.
    """
    if isinstance(where, str) and where.startswith(POSTGRES):
        return _open_postgres(where)
    return _open_file(Path(where))


def _open_file(path: Path) -> Database:
    path = path.resolve()
    check_file(path, _BUSY_S)
    drafts = _old_drafts(path)
    if drafts or not path.exists():
        with _alone_in(path.parent):
            for draft in drafts:
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)
            if not path.exists():
                _make_file(path)
    return Database(_engine_of_file(uri(path)), str(path), path)


def _old_drafts(path: Path) -> list[Path]:
    """What processes have left that were killed while they made the file."""
    names = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}({'|'.join(_BESIDE)})?")
    before_s = time.time() - _DRAFT_S
    with contextlib.suppress(OSError):
        return [
            Path(entry)
            for entry in os.scandir(path.parent)
            if names.fullmatch(entry.name) and entry.stat().st_mtime < before_s
        ]
    return []


def _make_file(path: Path) -> None:
    """Makes a file under another name first, so that one that is there is always whole."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        # The keys of pages may be secrets. What SQLite has beside a file gets the file's mode.
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        database = Database(_engine_of_file(uri(draft)), str(path))
        with database.writing() as connection:
            migrate(connection, database.where)
        database.engine.dispose()
        # The log of a file that was deleted would be taken for that of the new one.
        for ending in _BESIDE:
            path.with_name(path.name + ending).unlink(missing_ok=True)
        os.replace(draft, path)
    except OSError as error:
        raise HistoryAway(f"can't make the history {path}: {error.strerror or error}") from error
    finally:
        for ending in ("", *_BESIDE):
            with contextlib.suppress(OSError):
                draft.with_name(draft.name + ending).unlink(missing_ok=True)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Only one process at a time makes a file in a folder. The lock goes with the process."""
    try:
        import fcntl
    except ImportError:  # Windows, where a server is one process
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network drives can't lock a folder
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _engine_of_file(address: str) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, _BUSY_S, uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in _SQLITE_START:
                connection.execute(pragma)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, **_CONNECTIONS)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Python would begin transactions by itself, but only before some statements. And a transaction that
        # begins by reading and then writes fails at once if another process has written meanwhile.
        is_writing = connection.get_execution_options().get("is_writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def connect(address: str) -> psycopg.Connection[Any]:
    """Opens a connection to PostgreSQL.

    Args:
        address: as libpq takes it.

    Raises:
        SettingsError: the address can't be read, or psycopg is not installed.
        psycopg.Error: the connection can't be opened.
    """
    return _connect(_options(address))


def _options(address: str) -> dict[str, Any]:
    """What an address says, and what it leaves to nannin."""
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise SettingsError(
            'history in PostgreSQL needs psycopg: install it with pip install "nannin[postgres]"'
        ) from None
    try:
        return {**_POSTGRES_DEFAULTS, **conninfo_to_dict(address)}
    except psycopg.Error:
        # What psycopg says may hold a part of the address, and so a password.
        raise SettingsError(
            "history is not an address of PostgreSQL: expected one such as postgresql://user@host/database"
        ) from None


def _connect(options: dict[str, Any]) -> psycopg.Connection[Any]:
    import psycopg

    connection = psycopg.connect(**options, autocommit=True)
    try:
        connection.execute(_POSTGRES_START)
        connection.autocommit = False
    except psycopg.Error:
        connection.close()
        raise
    return connection


def _open_postgres(address: str) -> Database:
    options = _options(address)
    host, name = (options.get(key) for key in ("host", "dbname"))
    where = (
        f"PostgreSQL at {host or 'this machine'}, database {name or options.get('user') or 'of this user'}"
    )
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connect(options),
        pool_pre_ping=True,
        use_native_hstore=False,
        **_CONNECTIONS,
    )
    return Database(engine, where)


def check_encoding(connection: Connection, where: str) -> None:
    """Raises HistoryError where PostgreSQL can't keep keys of every script."""
    if connection.dialect.name == "postgresql":
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise HistoryError(
                f"can't use the history in {where}: its encoding is {encoding}. Make a database with "
                "createdb --encoding UTF8 --template template0, and name that one"
            )


def _explain_postgres(error: BaseException, where: str) -> HistoryError:
    """What PostgreSQL says, as an error for people."""
    import psycopg

    passing = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
    kind = HistoryAway if isinstance(error, passing) else HistoryError
    return kind(f"can't use the history in {where}: {_in_a_line(error)}")


def _in_a_line(error: BaseException) -> str:
    """What an error says, without what it says of the statement."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(filter(None, lines[:2])) or type(error).__name__
