"""Several nodes over one census, in one process and without sockets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nannin.audience.census import Census, Tell
from nannin.audience.census_calls import Answer, Call, Registered, What
from nannin.audience.roster import Count, Roster
from nannin.audience.share import Share
from nannin.hub.connection import Connection
from nannin.hub.neighbours import Neighbours
from nannin.nodes.backplane import Backplane, Ears
from nannin.nodes.node import Node
from support.fake_clock import FakeClock
from support.fakes import House


class Line:
    """A node's way to the census. Each direction takes one turn of the loop."""

    def __init__(self, city: City, ears: Ears) -> None:
        self._city = city
        self._ears = ears
        self.number: int | None = None
        self.writes = 0
        self.is_cut = False

    def send(self, calls: Sequence[Call]) -> None:
        self.writes += 1
        self._city.clock.call_soon(lambda: self._call(calls))

    def close(self) -> None:
        self._city.lines.remove(self)

    async def wait_closed(self) -> None:
        pass

    def hear(self, messages: Sequence[Answer | What]) -> None:
        self._city.clock.call_soon(lambda: None if self.is_cut else self._ears.heard(messages))

    def cut(self) -> None:
        """The census can't be reached any more."""
        self.is_cut = True
        self._ears.lost()

    def mend(self) -> None:
        self.is_cut = False
        self._ears.found()

    def _call(self, calls: Sequence[Call]) -> None:
        if not self.is_cut:
            self.hear([self._city.receive(self, call) for call in calls])


class City:
    """The census and its nodes, each of which is a house of its own.

    Args:
        nodes: how many.
        everything: whether each is told of every page, as the workers of one machine are.
        settings: of each house.
    """

    def __init__(self, nodes: int, *, everything: bool = True, **settings: Any) -> None:
        self._everything = everything
        self.clock = FakeClock()
        self.census = Census("city")
        self.lines: list[Line] = []
        self.neighbours: list[Neighbours] = []
        self.houses = [self.build(str(index), **settings) for index in range(nodes)]
        self.clock.settle()

    def build(self, epoch: str, **settings: Any) -> House:
        """One node more."""
        nodes: list[Node] = []

        def connect(ears: Ears) -> Backplane:
            line = Line(self, ears)
            self.lines.append(line)
            self.clock.call_soon(ears.found)
            return line

        def make_counts(roster: Roster[Connection]) -> Share:
            share = Share(roster, epoch, everything=self._everything)
            nodes.append(Node(share, self.clock, connect))
            roster.on_change = nodes[0].touch
            return share

        house = House(make_counts=make_counts, clock=self.clock, id_prefix=f"{epoch}-", **settings)
        self.neighbours.append(Neighbours(house.hub, nodes[0], f"node {epoch}"))
        self.neighbours[-1].open()
        return house

    def receive(self, line: Line, call: Call) -> Answer:
        reply = self.census.receive(call)
        if isinstance(reply.answer, Registered):
            line.number = reply.answer.number
        self._tell(reply.tells)
        return reply.answer

    def _tell(self, tells: list[Tell]) -> None:
        for nodes, what in tells:
            for other in self.lines:
                if other.number in nodes:
                    other.hear([what])

    def kill(self, index: int) -> None:
        """A node dies: the census removes it, and the node itself does nothing any more."""
        line = self.lines[index]
        line.is_cut = True
        assert line.number is not None
        self._tell(self.census.end(line.number))

    def counts(self, page: str = "/") -> set[Count]:
        """What the nodes say is on a page: one count if they agree."""
        self.clock.settle()
        return {house.count(page) for house in self.houses}
