"""`nannin demo`: writes a year of history, serves a small site, and lets people in."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NoReturn
from zoneinfo import ZoneInfo

import click

from nannin.cli.banner import address_of, open_browser, version
from nannin.cli.demo.crowd import Crowd
from nannin.cli.demo.pages import GROUPS, PAGES
from nannin.cli.demo.past import Past
from nannin.cli.demo.rhythm import Rhythm
from nannin.errors import SettingsError
from nannin.history.place import FILE
from nannin.history.zones import machine, named
from nannin.setting import PREFIX
from nannin.settings import Settings
from nannin.sources import PURE_VARIABLE, load, to_environ

__all__ = ["run"]

_APP: Final = "nannin.cli.demo.site:app"
_EXIT_TERMINATED: Final = 128 + signal.SIGTERM
# What the rows of the past say they were written by.
_WRITER: Final = 2011


def run(
    *, port: int, people: int, seed: int, days: int, timezone: str | None, open_page: bool = False
) -> int:
    """Serves the demo until Ctrl-C. What it has written is removed then.

    Args:
        port: where it listens, on this machine only.
        people: how many the site has at its busiest hour.
        seed: the same seed makes the same people.
        days: how many days of history, besides today.
        timezone: the name of the zone in which people have their days; None for this machine's.
        open_page: whether the dashboard is opened in a browser.

    Returns:
        The exit code.
    """
    zone = _zone(timezone)
    signal.signal(signal.SIGTERM, _end)  # before the server heeds it, so that nothing is left behind
    with tempfile.TemporaryDirectory(prefix="nannin-demo-") as folder, contextlib.chdir(folder):
        settings = _settings(port, folder, timezone)
        now_s = time.time()
        rhythm = Rhythm(now_s, zone, people, seed)
        began_s = time.monotonic()
        rows = write_past(Past(rhythm, int(now_s) // 60 * 60, zone, seed, days), Path(folder))
        click.echo(f"wrote {rows:,} rows of history in {time.monotonic() - began_s:.1f} s", err=True)
        crowds: list[Crowd] = []

        def announce(_has_page: bool, served: Settings) -> None:
            address = address_of(served, served.port)
            click.echo("\n".join(banner(address, days)))
            crowds.append(Crowd(address.replace("http", "ws", 1), rhythm, seed))
            crowds[0].start()
            if open_page:
                open_browser(f"{address}/dashboard")

        from nannin.server.process import serve

        try:
            return serve(settings, announce)
        finally:
            for crowd in crowds:
                crowd.stop()


def write_past(past: Past, folder: Path) -> int:
    """Writes the past into a new history in this folder; returns how many rows that was."""
    from nannin.history.store import open_store

    store = open_store(folder / FILE)
    count = 0
    try:
        for rows in past.rows():
            store.write(rows, _WRITER)
            count += len(rows)
    finally:
        store.close()
    return count


def banner(address: str, days: int) -> list[str]:
    """What a person reads once the demo is served."""
    rows = {
        "Dashboard": f"{address}/dashboard",
        "Site": f"{address}/",
        "Embed": f'<script async src="{address}/nannin.js"></script>',
        "Stop": "Ctrl-C, which also removes what the demo has written",
    }
    width = max(map(len, rows))
    title = click.style(f"nannin {version()}", bold=True)
    return [
        "",
        f"{title}, a demo: {len(PAGES)} pages and {days} days of history, all made up",
        "",
        *(f"  {click.style(name.ljust(width), dim=True)}  {rows[name]}" for name in rows),
        "",
    ]


def _end(_number: int, _frame: object) -> NoReturn:
    sys.exit(_EXIT_TERMINATED)


def _zone(name: str | None) -> ZoneInfo:
    try:
        return machine() if name is None else named(name)
    except ValueError as error:
        raise SettingsError(f"--timezone: {error}") from None


def _settings(port: int, folder: str, timezone: str | None) -> Settings:
    """The demo's settings, which nothing on this machine changes, also for the Live of the site."""
    for name in [name for name in os.environ if name.startswith(PREFIX) and name != PURE_VARIABLE]:
        del os.environ[name]
    flags = {
        "port": port,
        "app": _APP,
        "groups": ",".join(GROUPS),
        "history": "on",
        "data_dir": folder,
        "timezone": timezone,
    }
    os.environ.update(to_environ(flags))
    return load(flags)
