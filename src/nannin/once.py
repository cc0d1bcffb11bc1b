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
        if what in self._told or len(self._told) >= self._most:
            return False
        self._told.add(what)
        return True
