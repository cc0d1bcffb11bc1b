"""Writers of a history file that are killed in the middle: `python -m torture.killed_writers FILE TIMES`.

Each writer is forked, and writes the same rows again and again, each time with another number in all of them.
It is killed a random moment after its first write. Then the file has to be sound, and to have one number in
all rows.
Standard output gets a line: how many writes there were, and how many of the killed were in one.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

from nannin.audience.tally_rows import Period
from nannin.history.store import open_store
from support.history_rows import row

PAGES = 400
LONGEST_S = 0.08
PATIENCE_S = 20.0
WRITER = 7


def write_for_ever(path: Path, first: int, news: int) -> None:
    """Writes until it is killed. Before and after each write, a byte says so."""
    kept = open_store(path)
    number = first
    while True:
        rows = [row(f"/killed/{page}", Period.MINUTE, 0, number % 1_000_000 + 1) for page in range(PAGES)]
        os.write(news, b"(")
        kept.write(rows, WRITER)
        os.write(news, b")")
        number += 1


def kill_one(path: Path, first: int, after_s: float) -> str:
    """Has one writer killed, so long after its first write; returns what it said of its writes."""
    reads, news = os.pipe()
    writer = os.fork()
    if not writer:
        os.close(reads)
        try:
            write_for_ever(path, first, news)
        finally:
            os._exit(1)
    os.close(news)
    try:
        said = b""
        while b")" not in said and (some := os.read(reads, 100)):
            said += some
        time.sleep(after_s)
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    with os.fdopen(reads, "rb") as rest:
        return (said + rest.read()).decode()


def look(path: Path) -> None:
    """Holds the file to being whole, and to the rows of one write.

    Raises:
        AssertionError: it is damaged, or has a part of a write.
    """
    with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE_S)) as connection:
        [[integrity]] = connection.execute("PRAGMA integrity_check")
        assert integrity == "ok", integrity
        numbers = connection.execute(
            "SELECT DISTINCT visitors_least, count(*) FROM nannin_rows WHERE writer = ? GROUP BY 1", [WRITER]
        ).fetchall()
        assert len(numbers) <= 1, f"rows of {len(numbers)} writes: {numbers}"
        assert not numbers or numbers[0][1] == PAGES, f"{numbers[0][1]} of {PAGES} rows"


def main() -> int:
    """Kills as many as the command line says."""
    path, times = Path(sys.argv[1]), int(sys.argv[2])
    open_store(path).close()
    chance = random.Random(16)
    writes = in_one = 0
    for _ in range(times):
        said = kill_one(path, writes, chance.uniform(0, LONGEST_S))
        writes += said.count(")")
        in_one += said.endswith("(")
        look(path)
    print(f"{writes} writes, {in_one} of {times} were killed in one", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
