"""Counts as lines, for a pipe or a file."""

from __future__ import annotations

import sys
import time

from nannin.cli.remote import escape
from nannin.cli.watch.events import Told

__all__ = ["JsonLines", "Lines", "complain"]


class Lines:
    """One line for each update, with the time of day."""

    def opened(self) -> None:
        """Nothing is printed: what follows says enough."""

    def told(self, told: Told) -> None:
        """Prints the count."""
        numbers = f"{told.visitors} visitors {told.connections} connections {told.visible} visible"
        _print(f"{time.strftime('%H:%M:%S')} {escape(told.page)} {numbers}")

    def lost(self, reason: str) -> None:
        """Says so on standard error."""
        complain(reason)


class JsonLines(Lines):
    """One JSON object for each update, as it came."""

    def told(self, told: Told) -> None:
        """Prints the object."""
        _print(told.text)


def complain(reason: str) -> None:
    """Says on standard error that the stream is lost."""
    sys.stderr.write(f"nannin: {reason}; trying again\n")
    sys.stderr.flush()


def _print(line: str) -> None:
    # A line at a time, also into a pipe: whoever reads it wants to know now.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
