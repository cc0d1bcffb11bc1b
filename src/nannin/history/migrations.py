"""Brings the tables of a database to the version that this nannin writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, insert, inspect, select, text, update

from nannin.history.checking import newer
from nannin.history.schema import METADATA, versions

__all__ = ["MIGRATIONS", "Migration", "migrate"]

Migration = Callable[[Connection], None]

# How to come from each version to the next: the first leads from 1 to 2. Each says in SQL what it changes,
# and not by `schema.py`, which will have changed again by the time that it runs.
MIGRATIONS: Final[Sequence[Migration]] = ()

# The number of the lock that keeps several nodes from making the tables at once: the bytes of a word.
_LOCK: Final = int.from_bytes(b"tables")


def migrate(connection: Connection, where: str) -> None:
    """Makes the tables, or changes those of an older version, in the open transaction: all or nothing.

    Args:
        connection: has a transaction in which may be written.
        where: names the database in errors.

    Raises:
        HistoryError: a newer nannin has written the database.
    """
    newest = 1 + len(MIGRATIONS)
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    if not inspect(connection).has_table(versions.name):
        METADATA.create_all(connection)
        connection.execute(insert(versions), {"version": newest})
        return
    version = connection.execute(select(versions.c.version)).scalar_one()
    if version > newest:
        raise newer(where, version)
    for change in MIGRATIONS[version - 1 :]:
        change(connection)
    if version < newest:
        connection.execute(update(versions), {"version": newest})
