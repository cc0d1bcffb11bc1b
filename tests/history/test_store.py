"""The store over a file of SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.history_contract import *  # noqa: F403 - its tests are run here


@pytest.fixture
def where(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite3"
