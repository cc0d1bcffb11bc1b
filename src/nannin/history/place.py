"""Where history is kept, by the settings, or why there is none."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from nannin.errors import HistoryAway, HistoryError, SettingsError
from nannin.history.checking import check_file
from nannin.settings import SETTINGS, Settings

__all__ = ["FILE", "Place", "data_dir", "find_place"]

# The name of the file in the data directory.
FILE: Final = "history.sqlite3"


class Place(NamedTuple):
    """Where history is kept.

    Attributes:
        target: a file's path, or an address of PostgreSQL; None where there is no history.
        words: the place for people, without a password.
        why_not: why there is no history though it was not turned off, and what to do.
    """

    target: str | None = None
    words: str = ""
    why_not: str = ""

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine."""
        return self.target is not None and "://" not in self.target


def data_dir(settings: Settings, environ: Mapping[str, str] = os.environ) -> str:
    """The folder of what is kept. It may not exist yet.

    Source: systemd.exec(5), StateDirectory; XDG Base Directory Specification 0.8, XDG_DATA_HOME.
    """
    if settings.data_dir is not None:
        return os.path.abspath(settings.data_dir)
    if state := environ.get("STATE_DIRECTORY", ""):
        return state.partition(":")[0]
    home = environ.get("XDG_DATA_HOME", "")
    return os.path.join(home if os.path.isabs(home) else os.path.expanduser("~/.local/share"), "nannin")


def find_place(
    settings: Settings, *, by_default: bool = False, environ: Mapping[str, str] = os.environ
) -> Place:
    """Where history is to be kept.

    Args:
        settings: the server's.
        by_default: whether there is history where the settings don't say so.
        environ: the environment.

    Raises:
        SettingsError: it can't be kept where it was asked for, or what is there is not history.
    """
    history = settings.history or ("on" if by_default else "off")
    if history == "off":
        return Place()
    if history != "on":
        if importlib.util.find_spec("psycopg") is None:
            raise SettingsError(
                'history in PostgreSQL needs psycopg: install it with pip install "nannin[postgres]"'
            )
        return Place(history, _words(history))
    flag = SETTINGS["history"].flag
    if settings.redis is not None:
        why = f"several machines keep it in PostgreSQL: {flag} postgresql://..., or {flag} off"
        return Place(why_not=why)
    path = Path(data_dir(settings, environ), FILE)
    try:
        check_file(path)
    except HistoryAway as error:
        if settings.data_dir is not None or _exists(path):
            raise SettingsError(str(error)) from None
        return Place(
            why_not=f"{path.parent} can't be written: name a folder with {SETTINGS['data_dir'].flag}"
        )
    except HistoryError as error:
        raise SettingsError(str(error)) from None
    return Place(str(path), str(path))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _words(address: str) -> str:
    """An address without the user and the password."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or "this machine"
    except ValueError:
        return "PostgreSQL"
    return f"PostgreSQL at {host}" + (f", database {parts.path[1:]}" if parts.path[1:] else "")
