"""Notices another site that has the same prefix in the same Redis, by a mark in the name of each node."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import Final

from nannin.once import Once

__all__ = ["Strangers"]

logger = logging.getLogger("nannin.nodes")

# Hexadecimal digits of a mark: two sites have the same one by chance once in four billion.
_DIGITS: Final = 8
# Maximum marks that the log is told of.
_MOST: Final = 10


class Strangers:
    """Knows the nodes of this site from those of another.

    Args:
        same: what all nodes of a site have in common.
        prefix: the site's, in Redis.
    """

    def __init__(self, same: tuple[object, ...], prefix: str) -> None:
        self._mark = hashlib.sha256(repr(same).encode()).hexdigest()[:_DIGITS]
        self._prefix = prefix
        self._once = Once(_MOST)

    def epoch(self, id: str) -> str:
        """The name of a node of this site, from a random one."""
        return f"{id}.{self._mark}"

    def look(self, nodes: Mapping[int, str]) -> None:
        """Tells the log of another site, once.

        Args:
            nodes: each node's number and value, as `Beaten` has them.
        """
        for number, value in sorted(nodes.items()):
            _, dot, mark = value.partition(":")[0].rpartition(".")
            if dot and mark != self._mark and self._once.is_first(mark):
                logger.warning(
                    "node %d has the same redis_prefix (%s) as this one, but another app, pages, groups or "
                    "allow_origins: as long as both run, they are one site with one number for each page. "
                    "Give each site a redis_prefix of its own, and all servers of a site the same settings.",
                    number,
                    self._prefix,
                )
