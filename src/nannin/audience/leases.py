"""Who of the other nodes is gone: one whose value has stood still for its whole lease, or that was buried."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

# How many looks in a row must be on time before this node may judge others. One that was stopped may not.
_LOOKS = 2


class Leases:
    """Watches the other nodes' values by this node's own clock.

    Args:
        lease_s: the seconds for which a value may stand still.
        beat_s: the seconds between two looks, which come with this node's own beats.
    """

    def __init__(self, lease_s: float, beat_s: float) -> None:
        self._lease_s = lease_s
        self._late_s = 2 * beat_s
        self._looked_at = -math.inf
        self._looks = 0
        self._seen: dict[int, tuple[str, float]] = {}  # each node's value, and since when
        self._buried: set[str] = set()  # epochs of nodes that may still be known to the census

    def bury(self, epochs: Iterable[str]) -> None:
        """The processes with these epochs have ended, as somebody knows for certain."""
        self._buried.update(epochs)

    def look(self, nodes: Mapping[int, str], now: float) -> dict[int, str]:
        """Compares the nodes' values with those of the last look.

        Args:
            nodes: each node's number and value, without this node's own.
            now: the time, in monotonic seconds.

        Returns:
            Those that are gone, with their values. Where over half of them seem to be, rather the census was
            away than they: they have twice the time.
        """
        buried = {number: value for number, value in nodes.items() if value.split(":")[0] in self._buried}
        self._buried.intersection_update([value.split(":")[0] for value in buried.values()])
        return {**self._look(nodes, now), **buried}

    def _look(self, nodes: Mapping[int, str], now: float) -> dict[int, str]:
        if not 0 <= now - self._looked_at <= self._late_s:
            self._looks, self._seen = 0, {}
        self._looked_at = now
        self._looks += 1
        before = self._seen
        self._seen = {
            number: before[number] if number in before and before[number][0] == value else (value, now)
            for number, value in nodes.items()
        }
        if self._looks <= _LOOKS:
            return {}
        gone = self._still(now, self._lease_s)
        return self._still(now, 2 * self._lease_s) if 2 * len(gone) > len(nodes) + 1 else gone

    def _still(self, now: float, for_s: float) -> dict[int, str]:
        return {number: value for number, (value, since) in self._seen.items() if now - since >= for_s}
