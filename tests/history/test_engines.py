"""Files of SQLite are made whole, and what happens to them later is told in words."""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from nannin.audience.tally_rows import Period
from nannin.errors import HistoryAway, HistoryError
from nannin.history import checking, engines
from nannin.history.engines import open_database
from nannin.history.store import Store, open_store
from support.history_rows import row
from support.unprivileged import open_folder, unprivileged


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite3"


@pytest.fixture
def kept(path: Path) -> Iterator[Store]:
    with contextlib.closing(open_store(path)) as opened:
        yield opened


def write(kept: Store, *, pages: int = 1, start_s: int = 0) -> None:
    kept.write([row(f"/{number}", Period.MINUTE, start_s, 1) for number in range(pages)], 7)


def run(path: Path, statement: str) -> None:
    database = open_database(path)
    with database.writing() as connection:
        connection.execute(text(statement))
    database.engine.dispose()


def test_a_file_writes_ahead_and_waits_for_others(kept: Store, path: Path) -> None:
    with kept.engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 5000}
    assert kept.where == str(path)


@pytest.mark.skipif(os.name != "posix", reason="files have no such modes")
def test_only_its_user_may_read_a_new_file_and_what_sqlite_has_beside_it(path: Path) -> None:
    before = os.umask(0o022)
    try:
        with contextlib.closing(open_store(path)) as kept:
            write(kept)
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {path.name + ending: 0o600 for ending in ("", "-wal", "-shm")}


@pytest.mark.skipif(os.name != "posix", reason="files have no such modes")
def test_a_file_stays_open_to_whom_its_owner_has_opened_it(path: Path) -> None:
    open_store(path).close()
    path.chmod(0o640)
    with contextlib.closing(open_store(path)) as kept:
        write(kept)
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o640}


def test_nothing_is_left_beside_a_file_that_was_closed(path: Path) -> None:
    with contextlib.closing(open_store(path)) as kept:
        write(kept)
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_could_not_be_made_whole_is_not_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise HistoryError("the tables can't be made")

    monkeypatch.setattr(engines, "migrate", fail)
    with pytest.raises(HistoryError, match="the tables can't be made"):
        open_store(path)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("is_new", [False, True])
def test_old_drafts_of_processes_that_were_killed_are_removed_at_the_next_start(
    path: Path, is_new: bool
) -> None:
    if not is_new:
        open_store(path).close()
    old, new = f".{path.name}.0123456789abcdef", f".{path.name}.fedcba9876543210"
    others = {f".{path.name}.backup", f"{path.name}.0123456789abcdef", f"{old}-journal"}
    for name in {old, f"{old}-wal", f"{old}-shm", new, *others}:
        path.with_name(name).touch()
        if name != new:
            os.utime(path.with_name(name), (0, 0))
    open_store(path).close()
    assert {file.name for file in path.parent.iterdir()} == {path.name, new, *others}


def test_the_log_of_a_file_that_was_deleted_is_not_taken_for_that_of_a_new_one(path: Path) -> None:
    with contextlib.closing(open_store(path)) as kept:
        write(kept, pages=300)
        left = path.with_name(path.name + "-wal").read_bytes()
    path.unlink()
    path.with_name(path.name + "-wal").write_bytes(left)
    with contextlib.closing(open_store(path)) as kept:
        assert kept.pages(10) == []
        with kept.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_a_file_that_was_moved_away_is_not_written_until_it_is_back(kept: Store, path: Path) -> None:
    write(kept)
    aside = path.rename(path.with_name("aside"))
    for _ in range(2):
        with pytest.raises(HistoryAway, match="the file was moved, deleted or replaced while the server ran"):
            write(kept, start_s=60)
        path.write_bytes(aside.read_bytes())
    aside.rename(path)
    write(kept, pages=2)
    assert kept.pages(10) == ["/0", "/1"]


def test_a_link_to_a_file_is_followed(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    with contextlib.closing(open_store(link)) as kept:
        write(kept)
    assert link.is_symlink()
    assert path.is_file()


def test_a_full_disk_keeps_what_was_written_and_goes_on_once_there_is_room(kept: Store) -> None:
    write(kept)
    with kept.engine.connect() as connection:
        [pages] = connection.exec_driver_sql("PRAGMA page_count").one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(HistoryAway, match="its disk is full: make room there"):
        write(kept, pages=2_000)
    assert kept.pages(10) == ["/0"]
    with kept.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    write(kept, pages=2_000)
    assert len(kept.pages(3_000)) == 2_000


def test_a_file_that_may_not_grow_keeps_what_was_written(kept: Store, path: Path) -> None:
    write(kept)
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(path.name + "-wal").stat().st_size, most))
    try:
        with pytest.raises(HistoryAway, match="its disk fails, or takes no more"):
            write(kept, pages=500)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))
    assert kept.pages(10) == ["/0"]
    write(kept, pages=500)
    with kept.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_a_lock_that_others_hold_is_told_and_passes(
    kept: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 20")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryAway, match="another program holds a lock on it"):
            write(kept)
        assert kept.pages(10) == []
        other.execute("ROLLBACK")
    write(kept)
    assert kept.pages(10) == ["/0"]


def test_damage_that_is_found_later_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_LOOKED_THROUGH_BYTES", 0)
    with contextlib.closing(open_store(path)) as kept:
        write(kept, pages=2_000)
    whole = bytearray(path.read_bytes())
    whole[20 * 4096 :] = os.urandom(len(whole) - 20 * 4096)
    path.write_bytes(whole)
    with contextlib.closing(open_store(path)) as kept:
        with pytest.raises(HistoryError, match="it is damaged") as error:
            kept.expire(10**10)
        assert type(error.value) is HistoryError


def test_a_folder_that_may_not_be_written_is_told() -> None:
    with (
        open_folder() as folder,
        unprivileged(),
        pytest.raises(HistoryAway, match="This user needs a folder"),
    ):
        open_store(folder / "history.sqlite3")


def test_a_draft_that_cannot_take_its_place_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(HistoryAway, match=r"can't make the history .*: No space left on device"):
        open_store(path)
    assert not list(path.parent.iterdir())


def test_a_table_that_is_missing_is_told(path: Path, kept: Store) -> None:
    run(path, "DROP TABLE nannin_peaks")
    with pytest.raises(HistoryError, match="no such table: nannin_peaks"):
        kept.peaks()


def test_an_answer_that_makes_no_sense_is_told(path: Path, kept: Store) -> None:
    run(path, "DELETE FROM nannin_schema")
    with pytest.raises(HistoryError, match=r"can't use the history in .*: No row was found"):
        open_store(path)
