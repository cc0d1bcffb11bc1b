"""A census and its nodes, each of whose calls a test sees or has carried, with nothing lost on the way."""

from __future__ import annotations

from nannin.audience.census import Census
from nannin.audience.census_calls import Applied, Apply, Beat, Call, Exited, Registered, Returned, Total
from nannin.audience.heard import Heard, Presence
from nannin.audience.leases import Leases
from nannin.audience.roster import Count, Roster
from nannin.audience.share import Share


class Node:
    """A node whose calls a test carries to the census, or not."""

    def __init__(
        self,
        epoch: str = "one",
        *,
        everything: bool = False,
        leases: Leases | None = None,
    ) -> None:
        self.roster: Roster[str] = Roster()
        self.share = Share(self.roster, epoch, everything=everything, leases=leases)
        self.roster.on_change = self.share.touch
        self.entered: list[Presence] = []
        self.exited: list[Presence] = []
        self.returned: list[Presence] = []
        self.changed: list[str] = []

    def hear(self, heard: Heard) -> None:
        self.changed += heard.pages
        self.entered += heard.entered
        self.exited += heard.exited
        self.returned += heard.returned
        for then in heard.thens:
            then()

    def registered(self) -> Node:
        """It has number 7, and no part of any page."""
        self.hear(self.share.found())
        [register] = self.share.take(0.0)
        self.hear(self.share.answer(Registered(register.call, 7, "name"), 0.0))
        return self

    def write(self) -> Apply:
        """The only call to send, which is a write."""
        [call] = self.share.take(0.0)
        assert isinstance(call, Apply)
        return call

    def applied(self, call: Call, total: Total) -> None:
        self.hear(self.share.answer(Applied(call.call, total), 0.0))

    def beat(self) -> Beat:
        beat = self.share.beat()
        assert beat is not None
        return beat


def total(version: int, connections: int, page: str = "/") -> Total:
    return Total(page, version, connections, connections, connections)


class City:
    """A census and its nodes, between which all comes at once and in order."""

    def __init__(self, *nodes: Node) -> None:
        self.census = Census("name")
        self.nodes = nodes
        for node in nodes:
            node.hear(node.share.found())
        self.carry()

    def carry(self) -> None:
        """Carries calls, answers and what is told, until there are none."""
        while calls := [(node, call) for node in self.nodes for call in node.share.take(0.0)]:
            for node, call in calls:
                answer, tells = self.census.receive(call)
                node.hear(node.share.answer(answer, 0.0))
                for tell in tells:
                    for other in self.nodes:
                        if other.share.number in tell.nodes:
                            assert isinstance(tell.what, Total | Exited | Returned)
                            other.hear(other.share.told(tell.what))

    def lose(self) -> None:
        """The census is empty from now on, and no node has noticed."""
        self.census = Census("empty")

    def find_out(self, node: Node) -> None:
        """A node notices that, and says again what it has."""
        node.hear(node.share.answer(self.census.receive(node.beat()).answer, 0.0))
        self.carry()

    def settle(self) -> None:
        """So much time has passed that all have noticed."""
        for node in self.nodes:
            node.hear(node.share.settle(8.0))
        self.carry()

    def counts(self, page: str = "/") -> list[Count]:
        return [node.share.count(page) for node in self.nodes]
