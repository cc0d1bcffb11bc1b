"""Files that can't be the history are refused in words before a server starts, and left as they are."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from nannin.audience.tally_rows import Period
from nannin.errors import HistoryAway, HistoryError
from nannin.history.checking import check_file, explain, uri
from nannin.history.store import open_store
from support.history_rows import row
from support.unprivileged import open_folder, unprivileged


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history with some rows."""
    path = tmp_path_factory.mktemp("made") / "history.sqlite3"
    with contextlib.closing(open_store(path)) as kept:
        kept.write([row(f"/{number}", Period.MINUTE, 60 * number, 1) for number in range(500)], 7)
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(made, tmp_path / "history.sqlite3"))


def refused(path: Path, words: str, kind: type[HistoryError] = HistoryError) -> None:
    """It is refused with these words, in one line that names it, and nothing is changed."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(HistoryError) as error:
        check_file(path, 0.05)
    assert type(error.value) is kind
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert before is None or path.read_bytes() == before


def test_a_history_is_fine(path: Path) -> None:
    before = path.read_bytes()
    check_file(path)
    assert path.read_bytes() == before


def test_a_file_that_is_not_there_is_fine_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where" / "history.sqlite3"
    check_file(path)
    assert path.parent.is_dir()
    assert not list(path.parent.iterdir())


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "expected a file as history at")


def test_a_folder_that_is_a_file_is_refused(path: Path) -> None:
    with pytest.raises(HistoryAway, match=r"can't keep history in .*: (Not a directory|File exists)"):
        check_file(path / "history.sqlite3")


def test_an_empty_file_is_not_taken_for_a_new_history(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    path.touch()
    refused(path, "it has only 0 bytes, so it was cut off. Put a backup in its place, or move it away")


@pytest.mark.parametrize("kept_bytes", [1, 99, 100, 4095, 4096, 4097, 3 * 4096, -4096, -4095, -1])
def test_a_file_that_was_cut_off_is_refused(path: Path, kept_bytes: int) -> None:
    size = path.stat().st_size
    os.truncate(path, kept_bytes if kept_bytes > 0 else size + kept_bytes)
    refused(path, "or move it away to begin anew")


@pytest.mark.parametrize("size", [50, 100, 5_000, 100_000])
def test_random_bytes_are_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "history.sqlite3"
    path.write_bytes(random.Random(7).randbytes(size))
    refused(path, "or move it away to begin anew")


def test_random_bytes_after_the_head_of_a_history_are_refused(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + random.Random(7).randbytes(len(whole) - 100))
    refused(path, "it is damaged: put a backup in its place, or move it away to begin anew")


@pytest.mark.parametrize("page", [5, 10])
def test_random_bytes_in_the_middle_of_a_history_are_refused(path: Path, page: int) -> None:
    whole = bytearray(path.read_bytes())
    whole[page * 4096 : (page + 1) * 4096] = random.Random(7).randbytes(4096)
    path.write_bytes(whole)
    refused(path, "it is damaged")


def test_a_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    path.write_text("who was here\n" * 100)
    refused(path, "it is not a database of SQLite")


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    refused(path, "it is the database of another program")


@pytest.mark.parametrize(
    ("version", "words"),
    [("2", "a newer nannin has written it (version 2 of its tables"), ("'two'", "it has no version")],
)
def test_another_version_is_refused(path: Path, version: str, words: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE nannin_schema SET version = {version}")
        connection.commit()
    refused(path, words)


def test_a_file_that_another_program_has_locked_is_refused_for_now(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        refused(path, "another program holds a lock on it: end that program, or try again", HistoryAway)
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        refused(path, "another program holds a lock on it: end that program, or try again", HistoryAway)
    check_file(path)


def test_a_file_without_the_right_to_write_it_is_refused_for_now(path: Path) -> None:
    with open_folder() as folder:
        copy = Path(shutil.copy(path, folder / "history.sqlite3"))
        copy.chmod(0o444)
        with unprivileged():
            with pytest.raises(HistoryAway, match=r"can't be (written|opened)"):
                check_file(copy, 0.05)
            with pytest.raises(
                HistoryAway, match=r"Permission denied. This user needs a folder that it may write"
            ):
                check_file(folder / "other.sqlite3")
            with pytest.raises(HistoryAway, match="Permission denied"):
                check_file(folder / "data" / "other.sqlite3")
        copy.chmod(0)
        with (
            unprivileged(),
            pytest.raises(HistoryAway, match="it can't be opened: this user needs the right"),
        ):
            check_file(copy, 0.05)


def test_what_waits_in_the_log_of_a_killed_process_is_no_damage(path: Path, tmp_path: Path) -> None:
    with contextlib.closing(open_store(path)) as kept:
        kept.write([row(f"/new/{number}", Period.MINUTE, 0, 1) for number in range(500)], 7)
        killed = tmp_path / "killed.sqlite3"
        for ending in ("", "-wal"):
            shutil.copy(f"{path}{ending}", f"{killed}{ending}")
    check_file(killed)
    with contextlib.closing(open_store(killed)) as kept:
        assert len(kept.pages(2_000)) == 1_000


def test_an_address_of_a_file_holds_every_sign(tmp_path: Path) -> None:
    path = tmp_path / "50 % of #1? ü.sqlite3"
    check_file(path)
    with contextlib.closing(open_store(path)):
        check_file(path)
    assert path.exists()
    assert "?mode=rw" in uri(path)


def test_what_sqlite_says_without_a_known_code_is_told_as_it_is() -> None:
    assert str(explain(sqlite3.OperationalError("no such table"), "here")).endswith("in here: no such table")
