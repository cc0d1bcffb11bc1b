"""Tells the log of a thing once, however often a client does it."""

from __future__ import annotations


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
        self._told.add(what)
        return True

    def is_new(self, *what: str) -> bool:
        """Whether `is_first` would say so; nothing is remembered."""
        return what not in self._told and len(self._told) < self._most
