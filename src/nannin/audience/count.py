"""What a page's count is, the part that one node has in it, and who a visitor is."""

from __future__ import annotations

from typing import NamedTuple


class Given(NamedTuple):
    """A visitor's id that the application gave. A client that sends the same text by itself is another."""

    id: str


# Who a visitor is on a page.
VisitorName = str | Given


class Count(NamedTuple):
    """How many are on a page: connections, the visitors they belong to, and the visitors who see it now."""

    connections: int = 0
    visitors: int = 0
    visible: int = 0

    @property
    def stale(self) -> bool:
        """Whether it may be old: other nodes that have a part in it can't be reached."""
        return False

    def as_dict(self) -> dict[str, int | bool]:
        """The numbers by their names, as observers read them; and `stale` where it is so."""
        return {"connections": self.connections, "visitors": self.visitors, "visible": self.visible}


class StaleCount(Count):
    """A count that may be old. It equals no sure one, so that its hearers hear when it is sure again."""

    __slots__ = ()

    @property
    def stale(self) -> bool:
        """Whether it may be old: yes."""
        return True

    def as_dict(self) -> dict[str, int | bool]:
        """The numbers by their names, and that they may be old."""
        return {**super().as_dict(), "stale": True}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StaleCount) and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = Count.__hash__


class Part(NamedTuple):
    """What a node's connections add to a page's count, but for the visitors with an id.

    Attributes:
        connections: all of them, those in grace too.
        anonymous: those without a visitor's id, each a visitor of its own.
        anonymous_visible: how many of these are visible.
    """

    connections: int = 0
    anonymous: int = 0
    anonymous_visible: int = 0
