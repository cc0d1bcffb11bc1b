"""What commands print: to a terminal or into a pipe, whatever either of them can take."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from nannin.errors import NanninError

__all__ = ["OutputError", "is_terminal", "printing"]


class OutputError(NanninError):
    """What a command prints can't be written. The message is one line."""


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Lets any page's key be printed, and ends quietly when nobody reads the output any more.

    Raises:
        OutputError: the output can't be written, as on a full disk.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # for a terminal that knows ASCII only
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        # Flushing at exit would fail as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"the output can't be written: {error.strerror}") from None


def is_terminal() -> bool:
    """Whether the output is a terminal that can show a table."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
