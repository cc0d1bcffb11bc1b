"""What one Live's metrics are read from: its parts, and what each of them has to say of itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from nannin.hub.hub import Hub
from nannin.hub.pulse import Pulse
from nannin.nodes.node import Node

__all__ = ["HistoryHealth", "HookHealth", "PageNumbers", "Parts", "Totals", "Value"]

# A number, numbers by the value of the label, or the counts of a histogram with the sum of its values.
Value = float | dict[str, float] | list[float]


class Totals(NamedTuple):
    """The sums over all pages of all nodes: a visitor of two pages is in them twice."""

    pages: int
    connections: int
    visitors: int


class PageNumbers(Protocol):
    """What is counted on a page."""

    @property
    def page(self) -> str:
        """Its key, or a group's."""

    @property
    def connections(self) -> int:
        """How many connections there are, those in grace too."""

    @property
    def visitors(self) -> int:
        """How many visitors that is."""


class HookHealth(Protocol):
    """What the hooks say of themselves."""

    @property
    def waiting(self) -> int:
        """How many notices wait to be delivered."""

    @property
    def delivered(self) -> int:
        """How many notices were delivered since the start."""

    @property
    def failed(self) -> int:
        """How many attempts to deliver one have failed since the start."""

    @property
    def dropped(self) -> int:
        """How many notices were given up since the start."""


class HistoryHealth(Protocol):
    """What the history says of itself."""

    @property
    def is_leader(self) -> bool:
        """Whether this process is the one that writes the totals of all nodes."""

    @property
    def lag_s(self) -> float:
        """How old the oldest row is that waits to be written, in seconds; 0 where none does."""

    @property
    def dropped(self) -> int:
        """How many rows could not be written since the start."""

    def numbers(self) -> Sequence[PageNumbers] | None:
        """What is counted on each page and in each group, over all nodes; None while that isn't known."""


@dataclasses.dataclass(slots=True)
class Parts:
    """What one Live's metrics are read from.

    Attributes:
        hub: what happens on its pages.
        now: monotonic seconds.
        why_not_ready: why new clients should go elsewhere; "" where they are welcome.
        streams: how many event streams are open.
        pulse: how late the loop is.
        unsent: how often the server could not send to a WebSocket.
        node: this node among the others; None where it is the only one.
        history: what the history says of itself; None where there is none.
        transports: how many sessions there are, by their transport, as they were just counted.
        totals: the sums over all pages, if this process knows them and is the one that shows them.
        groups: the keys of the groups, whose pages are there as well.
        hooks: what the hooks say of themselves; None where there are none.
    """

    hub: Hub
    now: Callable[[], float]
    why_not_ready: Callable[[], str]
    streams: Callable[[], int]
    pulse: Pulse
    unsent: Callable[[], int] = lambda: 0
    node: Node | None = None
    history: HistoryHealth | None = None
    groups: Callable[[], Collection[str]] = tuple
    hooks: Callable[[], HookHealth | None] = lambda: None
    transports: Mapping[str, int] = dataclasses.field(default_factory=dict)
    totals: Totals | None = None
