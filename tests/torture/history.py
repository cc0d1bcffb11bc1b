"""Items 15 to 17: disks that are full, writers that are killed, files that are not the history."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nannin.history.store import open_store
from support.forks import Fork
from support.places import ROOT
from support.raw_links import Client
from support.servers import APPS
from torture.campaign import item
from torture.ground import Ground

PATIENCE_S = 30.0
FILE = "history.sqlite3"


def wait(condition: Callable[[], bool], what: str) -> float:
    """Returns, after how many seconds, once it is so."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + PATIENCE_S, f"{what}: not within {PATIENCE_S:.0f} s"
        time.sleep(0.1)
    return time.monotonic() - began


def rows(path: Path) -> int:
    """How many rows there are."""
    with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE_S)) as connection:
        [[number]] = connection.execute("SELECT count(*) FROM nannin_rows")
        return int(number)


def integrity(path: Path) -> str:
    """What SQLite says of the file's soundness."""
    with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE_S)) as connection:
        [[said], *_] = connection.execute("PRAGMA integrity_check")
        return str(said)


@item(
    15,
    "a disk that takes no more while history is written",
    "--app",
    str(APPS / "hasty_clock.py:live"),
    keeps_history=True,
)
def full_disk(ground: Ground) -> None:
    path = ground.folder / FILE
    clients = [Client(ground.server, "websocket") for _ in range(20)]
    wait(lambda: rows(path) > 0, "rows")
    least, most = resource.prlimit(ground.pid, resource.RLIMIT_FSIZE)
    size_bytes = path.with_name(FILE + "-wal").stat().st_size
    resource.prlimit(ground.pid, resource.RLIMIT_FSIZE, (max(size_bytes, 16_384), most))
    wait(lambda: "history can't be written" in ground.server.log, "the log says that nothing is written")
    clients += [Client(ground.server, "websocket") for _ in range(20)]
    assert ground.count() == len(clients), "counts do not go on"
    before = rows(path)
    resource.prlimit(ground.pid, resource.RLIMIT_FSIZE, (least, most))
    took_s = wait(lambda: "history is written again" in ground.server.log, "it is written again")
    assert rows(path) > before, "nothing was written again"
    assert integrity(path) == "ok"
    ground.note(f"written again {took_s:.1f} s after there was room")
    for client in clients:
        client.close()


@item(16, "writers are killed in the middle of a write, again and again", keeps_history=True)
def killed_writers(ground: Ground) -> None:
    times = ground.size(200, 4)
    command = [sys.executable, "-m", "torture.killed_writers", str(ground.folder / FILE), str(times)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT / "tests")
    assert done.returncode == 0, done.stderr[-2000:]
    assert integrity(ground.folder / FILE) == "ok"
    ground.note(done.stdout.strip())


def cut_off(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def scribbled(path: Path) -> None:
    path.write_bytes(random.Random(17).randbytes(50_000))


def newer(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE nannin_schema SET version = 1000")
        connection.commit()


def of_another_program(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


WRONG = {
    cut_off: "can't use the history",
    emptied: "it has only 0 bytes",
    scribbled: "it is not a database of SQLite",
    newer: "a newer nannin has written it",
    of_another_program: "it is the database of another program",
    a_folder: "which is a folder",
}


@contextlib.contextmanager
def history() -> Iterator[Path]:
    """The file of a history, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="nannin-"))
    try:
        open_store(folder / FILE).close()
        yield folder / FILE
    finally:
        shutil.rmtree(folder)


def refuse(path: Path, words: str) -> None:
    """A server does not start with this file, says why in a line, and leaves it as it is."""
    before = path.read_bytes() if path.is_file() else None
    arguments = ["serve", "--port", "0", "--data-dir", str(path.parent)]
    with tempfile.TemporaryFile() as output:
        env = {**os.environ, "NO_COLOR": "1", "NANNIN_HISTORY": "on"}
        process = Fork("nannin", arguments, env=env, cwd=str(ROOT), output=output.fileno())
        try:
            code = process.wait(PATIENCE_S)
        finally:
            process.kill()
        output.seek(0)
        error = output.read().decode()
    assert code == 2, (words, code, error)
    assert words in error, (words, error)
    assert error.count("\n") == 1, error
    assert str(path) in error, error
    assert before is None or path.read_bytes() == before, f"{words}: the file was changed"


@item(17, "history files that are cut off, random, of a newer nannin, locked, or folders")
def wrong_files(ground: Ground) -> None:
    kinds = list(WRONG.items())[: ground.size(len(WRONG), 2)]
    for spoil, words in kinds:
        with history() as path:
            spoil(path)
            refuse(path, words)
    with history() as path, contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refuse(path, "another program holds a lock on it")
        other.execute("ROLLBACK")
    ground.note(f"{len(kinds) + 1} kinds")
