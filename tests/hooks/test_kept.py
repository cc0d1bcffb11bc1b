"""The file that outlasts a restart: what it keeps, and what is wrong with some files."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from nannin.hooks.kept import Kept, NotKept, Waiting
from nannin.hooks.notices import Notice


def waiting(id: str) -> Waiting:
    notice = Notice(
        id=id, hook="h", what="spike", page="/日", value=3, mean=1.5, at_unix_s=1.25, since_unix_s=1.0
    )
    return Waiting("h", notice)


def test_what_waits_is_there_after_a_restart_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "hooks.sqlite3"
    kept = Kept(path)
    kept.put_away([waiting("b"), waiting("a")])
    kept.put_away([waiting("c")], ["a", "unknown"])
    kept.close()
    kept = Kept(path)
    assert kept.waiting() == [waiting("b"), waiting("c")]
    kept.close()


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "hooks.sqlite3")
    kept.close()
    assert (tmp_path / "hooks.sqlite3").stat().st_mode & 0o077 == 0


def test_what_rules_remember_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    kept = Kept(path)
    kept.put_away(states={("h", "/"): b"1", ("h", "/news"): b"2"})
    kept.put_away(states={("h", "/"): b"3", ("h", "/news"): None, ("i", "/"): None})
    kept.close()
    kept = Kept(path)
    assert kept.memory() == {("h", "/"): b"3"}
    kept.close()


def test_it_belongs_to_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    first = Kept(path)
    with pytest.raises(NotKept, match="locked") as raised:
        Kept(path)
    assert raised.value.may_pass
    first.close()
    Kept(path).close()


def test_a_file_of_another_kind_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    path.write_bytes(b"not a database" * 100)
    other = tmp_path / "other.sqlite3"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE waiting (id)")
    database.close()
    newer = tmp_path / "newer.sqlite3"
    Kept(newer).close()
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    for file, words in ((path, "not a database"), (other, "another program"), (newer, "a newer nannin")):
        before = file.read_bytes()
        with pytest.raises(NotKept, match=words) as raised:
            Kept(file)
        assert not raised.value.may_pass
        assert file.read_bytes() == before


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotKept, match="can't be opened"):
        Kept(tmp_path)


def test_what_can_not_be_read_any_more_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    kept = Kept(path)
    kept.put_away([waiting("a")])
    kept.close()
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO waiting VALUES ('b', 'h', '{')")
    database.close()
    kept = Kept(path)
    assert kept.waiting() == [waiting("a")]
    kept.close()


def test_a_write_is_whole_or_not_there(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "hooks.sqlite3")
    wrong: dict[tuple[str, str], bytes | None] = {("h", "/"): b"1", ("h", None): b"2"}  # type: ignore[dict-item]
    with pytest.raises(NotKept):
        kept.put_away([waiting("a")], [], wrong)
    assert (kept.waiting(), kept.memory()) == ([], {})
    kept.put_away([waiting("a")])
    assert len(kept.waiting()) == 1
    kept.close()
