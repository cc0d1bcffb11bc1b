"""Counts as lines, for a pipe or a file."""

from __future__ import annotations

import sys
import time

from nannin.cli.watch.events import Update

__all__ = ["JsonLines", "Lines", "complain"]


class Lines:
    """One line for each update, with the time of day."""

    def opened(self) -> None:
        """Prints nothing: the counts that follow are enough."""

    def update(self, update: Update) -> None:
        """Prints the count."""
        visitors, connections = _many(update.visitors, "visitor"), _many(update.connections, "connection")
        numbers = f"{visitors} {connections} {update.visible} visible{', stale' if update.stale else ''}"
        _print(f"{time.strftime('%H:%M:%S')} {update.label} {numbers}")

    def lost(self, reason: str) -> None:
        """Tells standard error."""
        complain(reason)


class JsonLines(Lines):
    """One JSON object for each update, as it came."""

    def update(self, update: Update) -> None:
        """Prints the object."""
        _print(update.text)


def complain(reason: str) -> None:
    """Says on standard error that the stream is lost."""
    sys.stderr.write(f"nannin: {reason}; trying again\n")
    sys.stderr.flush()


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _print(line: str) -> None:
    # Flushed line by line, also into a pipe: its reader wants each count at once.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
