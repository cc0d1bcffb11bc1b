"""Which versions of the tables there are. What a migration does is tried over both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from nannin.errors import HistoryError
from nannin.history.checking import SCHEMA_VERSION
from nannin.history.migrations import MIGRATIONS, migrate


def test_there_is_a_way_from_the_first_version_to_the_one_that_is_written() -> None:
    assert 1 + len(MIGRATIONS) == SCHEMA_VERSION


def test_the_tables_are_made_once(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'history'}")
    with engine.begin() as connection:
        for _ in range(2):
            migrate(connection, "here")
        assert connection.execute(text("SELECT version FROM nannin_schema")).scalar_one() == SCHEMA_VERSION
        connection.execute(text("UPDATE nannin_schema SET version = 7"))
        with pytest.raises(HistoryError, match="the history in here: a newer nannin has written it"):
            migrate(connection, "here")
    engine.dispose()
