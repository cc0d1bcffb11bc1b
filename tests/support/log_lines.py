"""The log of a server's process: one line at its start, one at its end, and what is between them."""

from __future__ import annotations

import re

_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
START = re.compile(_TIME + r" INFO nannin\.server: nannin \S+ listens on (.+)")
STOP = re.compile(_TIME + r" INFO nannin\.server: stopped by (SIG\w+) after \d+:\d\d:\d\d")


def place(log: str) -> str:
    """Where the server says that it listens, in its first line."""
    match = START.match(log)
    assert match is not None, log
    return match[1]


def noise(log: str) -> list[str]:
    """What a server that was ended has logged besides its start and its end."""
    first, *between, last = log.splitlines()
    assert START.fullmatch(first), log
    assert STOP.fullmatch(last), log
    return between
