"""One of several has the lock: it ends with its process, or with its connection."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from nannin.errors import HistoryAway, HistoryError
from nannin.history.leader import DatabaseLead, FileLead


def test_one_of_several_has_the_lock_of_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    one, other = FileLead(path, "server"), FileLead(path, "server")
    assert one.take()
    assert one.take()
    assert one.holds()
    assert not other.take()
    assert not other.holds()
    assert not other.is_foreign
    one.release()
    one.release()
    assert not one.holds()
    assert other.take()
    other.release()


def test_whoever_is_refused_hears_that_the_other_ends(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    one, other, foreign = (FileLead(path, server) for server in ("server", "server", "another"))
    assert one.take()
    assert not other.take(to_end=True)
    assert not other.is_ending
    assert one.take(to_end=True)
    assert not other.take(to_end=True)
    assert other.is_ending
    assert not foreign.take()
    assert (foreign.is_foreign, foreign.is_ending) == (True, False)
    one.release()
    assert other.take(to_end=True)
    assert not other.is_ending
    assert not one.take()
    assert one.is_ending
    other.release()
    assert one.take()
    assert not other.take()
    assert not other.is_ending
    one.release()


def test_another_server_is_told_apart(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    one, other = FileLead(path, "server 1"), FileLead(path, "server 2")
    assert one.take()
    assert not other.take()
    assert other.is_foreign
    one.release()
    assert other.take()
    assert not other.is_foreign
    other.release()


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="lock"):
        FileLead(str(tmp_path / "gone" / "lock"), "server").take()


def test_without_locks_a_server_is_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *args: Any, **named: Any) -> Any:
        if name == "fcntl":
            raise ImportError
        return load(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    lead = FileLead(str(tmp_path / "lock"), "server")
    assert lead.take()
    lead.release()


class FakeConnection:
    """A connection of DBAPI to a database with one lock."""

    holder: FakeConnection | None = None
    is_away = False

    def __init__(self) -> None:
        if FakeConnection.is_away:
            raise OSError("away")
        self.is_closed = False

    def cursor(self) -> FakeConnection:
        return self

    def execute(self, sql: str) -> None:
        if FakeConnection.is_away or self.is_closed:
            raise OSError("away")
        if "lock" in sql and FakeConnection.holder is None:
            FakeConnection.holder = self
        self.answer = FakeConnection.holder is self if "lock" in sql else 1

    def fetchone(self) -> tuple[Any]:
        return (self.answer,)

    def commit(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True
        if FakeConnection.holder is self:
            FakeConnection.holder = None


@pytest.fixture(autouse=True)
def _fresh() -> None:
    FakeConnection.holder, FakeConnection.is_away = None, False


def test_one_of_several_has_the_lock_of_a_database() -> None:
    one, other = DatabaseLead(FakeConnection), DatabaseLead(FakeConnection)
    assert one.take()
    assert one.holds()
    assert not other.take()
    assert not other.holds()
    one.release()
    assert other.take()
    other.release()


def test_a_lost_connection_is_a_lost_lock() -> None:
    one = DatabaseLead(FakeConnection)
    assert one.take()
    FakeConnection.is_away = True
    with pytest.raises(HistoryAway, match="away"):
        one.holds()
    assert not one.holds()
    with pytest.raises(HistoryAway, match="away"):
        one.take()
    FakeConnection.is_away = False
    other = DatabaseLead(FakeConnection)
    assert other.take()
    assert not one.take()
    other.release()
    assert one.take()
    one.release()


def test_why_a_database_can_not_be_opened_is_told_in_its_own_words() -> None:
    def refuse() -> FakeConnection:
        raise HistoryError("its encoding is wrong")

    with pytest.raises(HistoryError, match="its encoding is wrong"):
        DatabaseLead(refuse).take()
