"""A real PostgreSQL on a Unix socket, which ends with its test."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

START_S = 20.0
_USER = "nannin"
# PostgreSQL refuses to run as root; then it is run as the user that its package has made.
_AS: dict[str, Any] = (
    {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
)


def binary(name: str) -> str:
    """A program of PostgreSQL. Debian keeps them out of the path, one folder for each version."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    found = shutil.which(name, path=os.pathsep.join([*map(str, reversed(folders)), os.environ["PATH"]]))
    assert found, "PostgreSQL is not installed"
    return found


class PostgresServer:
    """One server. It writes without waiting for the disk, and has a folder of its own that goes with it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nannin-pg-"))
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self._schemas = 0
        try:
            if _AS:
                shutil.chown(self.folder, "postgres", "postgres")
            made = subprocess.run(
                [
                    *(binary("initdb"), "--pgdata", str(self.folder / "data"), "--username", _USER),
                    *(
                        "--encoding",
                        "UTF8",
                        "--locale",
                        "C",
                        "--auth",
                        "trust",
                        "--no-sync",
                        "--no-instructions",
                    ),
                ],
                cwd=self.folder,
                capture_output=True,
                timeout=60,
                **_AS,
            )
            assert made.returncode == 0, made.stderr.decode()
            self.start()
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """The address of its database."""
        return f"postgresql://{_USER}@/postgres?host={quote(str(self.folder), safe='')}"

    def start(self) -> None:
        """Starts it, for the first time or again."""
        command = [
            *(binary("postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), "-F"),
            *("-c", "listen_addresses=", "-c", "shared_buffers=16MB", "-c", "max_connections=30"),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, **_AS
            )
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), self.connect():
                return
            time.sleep(0.02)
        raise AssertionError(f"it did not start: {self.log.read_text()}")

    def connect(self) -> psycopg.Connection[Any]:
        """A connection in which each statement is a transaction."""
        return psycopg.connect(self.url, autocommit=True)

    def run(self, *statements: str) -> None:
        """Runs statements."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def empty(self) -> str:
        """The address of a part of its database that is empty."""
        self._schemas += 1
        name = f"part{self._schemas}"
        self.run(f"CREATE SCHEMA {name}")
        return f"{self.url}&options={quote(f'-c search_path={name}', safe='')}"

    def kill(self) -> None:
        """Ends it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(START_S)

    def stop(self) -> None:
        """Ends it, and removes its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def serving() -> Iterator[PostgresServer]:
    """A server for as long as the block lasts."""
    server = PostgresServer()
    try:
        yield server
    finally:
        server.stop()
