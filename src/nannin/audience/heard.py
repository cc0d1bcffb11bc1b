"""What a node's share makes of what it hears from the census."""

from __future__ import annotations

from typing import NamedTuple

from nannin.audience.census_calls import Exited, Returned, from_wire
from nannin.audience.roster import VisitorName
from nannin.audience.writes import Then


class Presence(NamedTuple):
    """A visitor who came to a page or left it, over all nodes."""

    page: str
    visitor: VisitorName


class Heard:
    """What an answer, or what was told, has changed.

    Attributes:
        pages: those whose count, or whether it is stale, may have changed.
        thens: what waited for a count, to be called now.
        entered, exited: visitors who are new on a page over all nodes, or gone from all. Those of this node,
            and those of a node that is gone and that this node has to speak for.
        returned: visitors of this node who have come to the page through another.
    """

    __slots__ = ("entered", "exited", "pages", "returned", "thens")

    def __init__(self) -> None:
        self.pages: dict[str, None] = {}
        self.thens: list[Then] = []
        self.entered: list[Presence] = []
        self.exited: list[Presence] = []
        self.returned: list[Presence] = []

    def exit(self, exited: Exited) -> None:
        """Visitors are gone with their node."""
        self.exited += [Presence(exited.page, from_wire(name)) for name in exited.visitors]

    def come_back(self, returned: Returned) -> None:
        """Visitors of this node are at another one, too."""
        self.returned += [Presence(returned.page, from_wire(name)) for name in returned.visitors]
