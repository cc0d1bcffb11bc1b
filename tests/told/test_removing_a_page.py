"""What docs/history.md says of removing a page leaves nothing of it, and all of the others."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

from nannin.audience.tally_rows import Period, Row, Span
from nannin.history.store import open_store
from nannin.hooks.kept import Kept, Waiting
from nannin.hooks.notices import Notice
from support.servers import ROOT

PAGE = (ROOT / "docs" / "history.md").read_text(encoding="utf-8")
MINUTE_S = 1_795_746_000


def run_what_is_said(name: str, path: Path) -> None:
    (script,) = re.findall(rf"^sqlite3 {name} <<'SQL'\n(.*?)^SQL$", PAGE, re.MULTILINE | re.DOTALL)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(script)


def test_nothing_of_it_is_left_in_the_history(tmp_path: Path) -> None:
    path, since_ms = tmp_path / "history.sqlite3", MINUTE_S * 1_000
    span = Span(1, 2, since_ms, 90_000)
    store = open_store(path)
    for page in ("/news/1", "/news/2"):
        row = Row(page, Period.MINUTE, MINUTE_S, since_ms, since_ms + 60_000, span, span, 2)
        store.write([row], 1)
        store.write_joins([row], 1)
    store.close()
    run_what_is_said("history.sqlite3", path)
    store = open_store(path)
    assert store.pages(10) == ["/news/2"]
    assert {peak.page for peak in store.peaks()} == {"/news/2"}
    store.close()
    assert b"/news/2" in path.read_bytes()
    assert b"/news/1" not in path.read_bytes()


def test_nor_in_what_hooks_keep(tmp_path: Path) -> None:
    path = tmp_path / "hooks.sqlite3"
    kept = Kept(path)
    for page in ("/news/1", "/news/2"):
        notice = Notice(id=page, hook="h", what="occupied", page=page, value=1, at_unix_s=1, since_unix_s=1)
        kept.put_away([Waiting("h", notice)], states={("h", page): b"[]"})
    kept.close()
    run_what_is_said("hooks.sqlite3", path)
    kept = Kept(path)
    assert [waiting.notice.page for waiting in kept.waiting()] == ["/news/2"]
    assert kept.memory() == {("h", "/news/2"): b"[]"}
    kept.close()
    assert b"/news/1" not in path.read_bytes()
