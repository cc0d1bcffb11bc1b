"""Where history is kept: where it was asked for, or else where a user's programs keep what is theirs."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from nannin.errors import HistoryAway, HistoryError, SettingsError
from nannin.history import place as place_module
from nannin.history.place import Place, data_dir, find_place
from nannin.settings import Settings


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/nannin", "XDG_DATA_HOME": "/data"}, "/var/lib/nannin"),
        ({"STATE_DIRECTORY": "/var/lib/nannin:/var/lib/more"}, "/var/lib/nannin"),
        ({"XDG_DATA_HOME": "/data"}, "/data/nannin"),
        ({"XDG_DATA_HOME": "not/absolute"}, os.path.expanduser("~/.local/share/nannin")),
        ({}, os.path.expanduser("~/.local/share/nannin")),
    ],
)
def test_the_folder_is_that_of_the_service_or_of_the_user(environ: dict[str, str], folder: str) -> None:
    assert data_dir(Settings(), environ) == folder


def test_a_folder_that_was_named_is_that_of_this_moment() -> None:
    assert data_dir(Settings(data_dir="here"), {"STATE_DIRECTORY": "/there"}) == os.path.abspath("here")


def test_history_is_a_file_in_that_folder(tmp_path: Path) -> None:
    place = find_place(Settings(history="on", data_dir=str(tmp_path / "new")))
    assert place == Place(
        str(tmp_path / "new" / "history.sqlite3"), str(tmp_path / "new" / "history.sqlite3")
    )
    assert place.is_file


@pytest.mark.parametrize(("history", "by_default"), [("off", True), (None, False)])
def test_there_is_none_where_nobody_wants_it(history: str | None, by_default: bool, tmp_path: Path) -> None:
    settings = Settings(history=history, data_dir=str(tmp_path))
    assert find_place(settings, by_default=by_default) == Place()
    assert not Place().is_file


def test_what_serves_keeps_it_by_default(tmp_path: Path) -> None:
    assert find_place(Settings(data_dir=str(tmp_path)), by_default=True).is_file


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://me:word@db:5432/live", "PostgreSQL at db, database live"),
        ("postgresql:///live", "PostgreSQL at this machine, database live"),
        ("postgresql://db", "PostgreSQL at db"),
        ("postgresql://[db", "PostgreSQL"),
    ],
)
def test_a_database_is_named_without_its_password(
    address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    place = find_place(Settings(history=address, redis="redis://127.0.0.1"))
    assert (place.target, place.words, place.is_file) == (address, words, False)


def test_what_a_database_needs_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"nannin\[postgres\]"):
        find_place(Settings(history="postgresql://db"))


def test_several_machines_need_a_database() -> None:
    place = find_place(Settings(history="on", redis="redis://127.0.0.1"))
    assert place.target is None
    assert (
        place.why_not
        == "several machines keep it in PostgreSQL: --history postgresql://..., or --history off"
    )


def refusing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(path: Path) -> None:
        raise error

    monkeypatch.setattr(place_module, "check_file", refuse)


def test_a_folder_that_nobody_named_and_that_can_not_be_written_is_no_reason_not_to_serve(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing(monkeypatch, HistoryAway("no"))
    place = find_place(Settings(history="on"), environ={"XDG_DATA_HOME": str(tmp_path)})
    assert place == Place(why_not=f"{tmp_path}/nannin can't be written: name a folder with --data-dir")


@pytest.mark.parametrize("named", [True, False])
def test_a_folder_that_was_named_or_a_file_that_is_there_must_be_usable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: bool
) -> None:
    refusing(monkeypatch, HistoryAway("no"))
    settings: dict[str, Any] = {"data_dir": str(tmp_path)} if named else {}
    if not named:
        (tmp_path / "nannin").mkdir()
        (tmp_path / "nannin" / "history.sqlite3").touch()
    with pytest.raises(SettingsError, match="no"):
        find_place(Settings(history="on", **settings), environ={"XDG_DATA_HOME": str(tmp_path)})


def test_what_is_no_history_ends_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refusing(monkeypatch, HistoryError("damaged"))
    with pytest.raises(SettingsError, match="damaged"):
        find_place(Settings(history="on"), environ={"XDG_DATA_HOME": str(tmp_path)})


def test_a_folder_that_can_not_be_looked_into_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, HistoryAway("no"))

    def exists(path: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", exists)
    assert find_place(Settings(history="on"), environ={"XDG_DATA_HOME": "/secret"}).target is None
