"""The tables of history, the same in SQLite and PostgreSQL.

A change of them needs a new version and a migration (`migrations.py`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)

from nannin.audience.tally_rows import Period
from nannin.history.checking import TABLE_OF_VERSION
from nannin.history.points import Metric

__all__ = ["METADATA", "METRICS", "PERIODS", "joins", "pages", "peaks", "rows", "versions"]

METADATA: Final = MetaData()

# The numbers that stand for periods and metrics. They are in databases, so they stay.
PERIODS: Final = {Period.MINUTE: 0, Period.HOUR: 1, Period.DAY: 2}
METRICS: Final = {Metric.VISITORS: 0, Metric.CONNECTIONS: 1}

versions: Final = Table(TABLE_OF_VERSION, METADATA, Column("version", Integer, nullable=False))

# Keys are ordered by their characters' numbers everywhere: an export goes on after the last key that it had.
pages: Final = Table(
    "nannin_pages",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False, unique=True),
)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


# A row of `nannin.audience.tally_rows`. The primary key is the order on disk, so that a page's series of one
# period lies together, and what has expired of it, too.
rows: Final = Table(
    "nannin_rows",
    METADATA,
    Column("period", SmallInteger, nullable=False),
    Column("page", Integer, nullable=False),
    *map(_number, ["start_s", "writer", "since_ms", "until_ms"]),
    *map(_number, ["visitors_least", "visitors_greatest", "visitors_greatest_at_ms", "visitors_total_ms"]),
    *map(_number, ["connections_least", "connections_greatest"]),
    *map(_number, ["connections_greatest_at_ms", "connections_total_ms", "joins"]),
    PrimaryKeyConstraint("period", "page", "start_s", "writer", "since_ms"),
    sqlite_with_rowid=False,
)

# The connections that came to each of several nodes, which know them only of themselves.
joins: Final = Table(
    "nannin_joins",
    METADATA,
    Column("period", SmallInteger, nullable=False),
    Column("page", Integer, nullable=False),
    *map(_number, ["start_s", "writer", "since_ms", "joins"]),
    PrimaryKeyConstraint("period", "page", "start_s", "writer", "since_ms"),
    sqlite_with_rowid=False,
)

peaks: Final = Table(
    "nannin_peaks",
    METADATA,
    Column("page", Integer, nullable=False),
    Column("metric", SmallInteger, nullable=False),
    *map(_number, ["value", "at_ms"]),
    PrimaryKeyConstraint("page", "metric"),
    sqlite_with_rowid=False,
)
Index("nannin_peaks_by_value", peaks.c.metric, peaks.c.value)
