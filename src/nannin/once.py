"""Tells the log of a thing once, however often a client does it."""

from __future__ import annotations

# Maximum characters of a name by which it is remembered: clients make up names of any length.
_MAX_LENGTH = 256


class Once:
    """Remembers what was told.

    Args:
        most: maximum things to remember; clients make up names, and after that many nothing is told.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._told: set[tuple[str, ...]] = set()

    def is_first(self, *what: str) -> bool:
        """Whether this is to be told now, because it was not before."""
        if not self.is_new(*what):
            return False
        self._told.add(_cut(what))
        return True

    def is_new(self, *what: str) -> bool:
        """Whether `is_first` would say so; nothing is remembered."""
        return len(self._told) < self._most and _cut(what) not in self._told


def _cut(what: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[:_MAX_LENGTH] for name in what)
