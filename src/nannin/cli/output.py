"""What commands print: to a terminal or into a pipe, whatever either of them can take."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

__all__ = ["is_terminal", "printing"]


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Lets any page's key be printed, and ends quietly when nobody reads the output any more."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # for a terminal that knows ASCII only
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Flushing at exit would fail as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_terminal() -> bool:
    """Whether the output is a terminal that can show a table."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
