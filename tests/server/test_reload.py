"""Which files a server with --reload watches; that it starts again is in tests/whole."""

from __future__ import annotations

import os
import pathlib

import pytest

from nannin.server.reload import Files, tell_supervisor
from support.files import write


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Files:
    for place in (".git", "__pycache__", "node_modules", "site/package", "venv/lib", "lib/site-packages"):
        (tmp_path / place).mkdir(parents=True)
        write(tmp_path / place / "one.py", "")
    write(tmp_path / "app.py", "")
    write(tmp_path / "notes.txt", "")
    write(tmp_path / "venv" / "pyvenv.cfg", "")
    return Files(tmp_path, tmp_path / "nannin.toml")


def test_python_files_are_watched_at_any_depth_but_not_those_of_others(files: Files) -> None:
    assert len(files) == 2


def test_a_change_is_told_once(files: Files, tmp_path: pathlib.Path) -> None:
    assert files.changed() == []
    write(tmp_path / "app.py", "x = 1")
    os.utime(tmp_path / "site" / "package" / "one.py", ns=(1, 1))
    assert files.changed() == [tmp_path / "app.py", tmp_path / "site" / "package" / "one.py"]
    assert files.changed() == []


def test_a_new_and_a_removed_file_are_changes(files: Files, tmp_path: pathlib.Path) -> None:
    write(tmp_path / "new.py", "")
    assert files.changed() == [tmp_path / "new.py"]
    (tmp_path / "new.py").unlink()
    assert files.changed() == [tmp_path / "new.py"]


def test_the_file_of_settings_is_watched_even_before_it_is_there(tmp_path: pathlib.Path) -> None:
    config = tmp_path / "nannin.toml"
    files = Files(None, config)
    assert len(files) == 0
    write(config, "grace = 0")
    assert files.changed() == [config]


def test_what_changes_elsewhere_is_not_told(files: Files, tmp_path: pathlib.Path) -> None:
    write(tmp_path / "notes.txt", "more")
    write(tmp_path / "venv" / "lib" / "one.py", "x = 1")
    write(tmp_path / "node_modules" / "one.py", "x = 1")
    assert files.changed() == []


def test_the_supervisor_is_told_why_its_own_server_can_not_start() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    tell_supervisor("no such file", {})
    tell_supervisor("no such file", {"_NANNIN_REASON": f"{writing},1"})  # a process that the server started
    with pytest.raises(BlockingIOError):
        os.read(reading, 100)
    tell_supervisor("no such file", {"_NANNIN_REASON": f"{writing},{os.getppid()}"})
    assert os.read(reading, 100) == b"no such file"
    os.close(reading)
    os.close(writing)
