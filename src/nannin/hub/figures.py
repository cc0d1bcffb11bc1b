"""What the hub counts of its own work since the start: plain numbers, which are read when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from nannin.wire.disconnect_reason import DisconnectReason

__all__ = ["FAN_OUT_BOUNDS_S", "Figures", "Histogram"]

# The upper bounds of the spans of time that fan-outs are sorted into, in seconds. A page of a few clients
# takes less than the first, and one of 50,000 some seconds.
FAN_OUT_BOUNDS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Histogram:
    """How many values there were up to each of some bounds.

    Args:
        bounds: the bounds, the least first. What is above the last one has a place of its own.

    Attributes:
        bounds: as above.
        counts: how many values lie between a bound and the one before it.
        total: the sum of all values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """One more value; one that equals a bound lies within it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Figures:
    """What there was since the start. Whoever does it adds to these numbers by itself, without a call.

    Attributes:
        joins: connections that were counted on a page, those that came back within grace too.
        leaves: connections that were counted and have ended, by the reason.
        observers: connections that are told of a page without being counted; the number of now.
        opened_by_polling, opened_by_websocket: sessions that were opened, by their first transport.
        ended: sessions that have ended, by the reason.
        updates: how often the clients on a page were told its count.
        deliveries: how many clients that were, without those who are told a count when they join.
        fan_outs: the seconds from the first to the last client who was told, for each update.
        busy_s: the seconds of the loop that this took.
    """

    __slots__ = (
        "busy_s",
        "deliveries",
        "ended",
        "fan_outs",
        "joins",
        "leaves",
        "observers",
        "opened_by_polling",
        "opened_by_websocket",
        "updates",
    )

    def __init__(self) -> None:
        self.joins = 0
        self.leaves = dict.fromkeys(DisconnectReason, 0)
        self.observers = 0
        self.opened_by_polling = 0
        self.opened_by_websocket = 0
        self.ended = dict.fromkeys(DisconnectReason, 0)
        self.updates = 0
        self.deliveries = 0
        self.fan_outs = Histogram(FAN_OUT_BOUNDS_S)
        self.busy_s = 0.0

    @property
    def connections(self) -> int:
        """How many connections are counted now, those in grace excepted."""
        return self.joins - sum(self.leaves.values())
