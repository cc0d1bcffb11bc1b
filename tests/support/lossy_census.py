"""Nodes, a census, and a network between them that loses, repeats, delays and reorders what it carries."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from typing import Any

from nannin.audience.census import Census
from nannin.audience.census_calls import Answer, Call, Exited, Gone, Message, Returned, Total, What
from nannin.audience.heard import Heard
from nannin.audience.leases import Leases
from nannin.audience.roster import Count, Roster, VisitorName
from nannin.audience.share import Share

BEAT_S, LEASE_S = 5.0, 15.0
# Within this time all nodes that are gone must have been reaped: twice the lease where most are gone, once
# more for what a reaper that died has left, and the looks that have to be on time first.
SETTLED_S = 4 * LEASE_S


class Told(Enum):
    """What a node is told of, and how."""

    OWN = auto()  # its own pages, in any order
    ALL = auto()  # every page, in any order
    STREAM = auto()  # every page, in order, as over one stream


@dataclass
class Node:
    """One process: its clients, its share, and what is on its way from and to it."""

    epoch: str
    told: Told
    roster: Roster[int] = field(default_factory=Roster)
    calls: list[Call] = field(default_factory=list)
    coming: list[Answer | What] = field(default_factory=list)
    connections: dict[tuple[str, int], tuple[VisitorName | None, bool]] = field(default_factory=dict)
    linked: bool = True
    paused: bool = False
    hurt: bool = False  # something was lost that only its timeouts tell of
    clock_s: float = 0.0  # how far its clock is off
    waiting: int = 0  # how many wait for a count

    def __post_init__(self) -> None:
        leases = Leases(LEASE_S, BEAT_S)
        self.share = Share(self.roster, self.epoch, everything=self.told is Told.STREAM, leases=leases)
        if self.told is Told.ALL:
            self.share.watch_all()
        self.roster.on_change = self.share.touch
        self.share.found()

    def wait(self, page: str) -> None:
        self.waiting += 1
        self.share.when_counted(page, self.count)

    def count(self) -> None:
        self.waiting -= 1


class World:
    """All of them.

    Args:
        told: for each node what it is told of.
    """

    def __init__(self, told: list[Told]) -> None:
        self.census = Census("first")
        self.past: list[Census] = []
        self.now = 1_000.0
        self.epochs = 0
        self.connections = 0
        self.nodes = [self.start(each) for each in told]
        self.lost_calls: list[Call] = []  # of processes that have ended: they may still arrive

    def start(self, told: Told) -> Node:
        self.epochs += 1
        return Node(f"e{self.epochs}", told)

    # What clients do

    def join(self, node: Node, page: str, visitor: VisitorName | None, visible: bool) -> None:
        self.connections += 1
        node.roster.join(page, self.connections, visitor, visible=visible)
        node.connections[page, self.connections] = (visitor, visible)

    def change(
        self, random: Random, pages: list[str], visitors: list[VisitorName | None], changes: int
    ) -> None:
        """Some clients come, leave, or show and hide their tabs."""
        for _ in range(changes):
            node, what = random.choice(self.nodes), random.randrange(3)
            if what == 0 or not node.connections:
                visible = random.random() < 0.5
                self.join(node, random.choice(pages), random.choice(visitors), visible)
                continue
            page, connection = random.choice(list(node.connections))
            visitor, visible = node.connections.pop((page, connection))
            if what == 1:
                node.roster.leave(page, connection, now=self.now)
            else:
                node.connections[page, connection] = (visitor, not visible)
                node.roster.show(page, connection, not visible)

    # What a network does

    def call(self, node: Node | None, call: Call) -> None:
        """A call arrives at the census. Its answer goes to the node, if that still lives."""
        answer, tells = self.census.receive(call)
        if node is not None and node.linked:
            node.coming.append(answer)
        for tell in tells:
            # By their epochs: a node that has registered is told before it hears of its number.
            epochs = {self.census._nodes[number].epoch for number in tell.nodes}
            for other in self.nodes:
                if other.epoch in epochs and other.linked:
                    other.coming.append(tell.what)

    def flush(self, node: Node) -> None:
        node.calls += node.share.take(self.now + node.clock_s)

    def lose(self, node: Node) -> None:
        """The link of a node is lost, with what was on its way to it."""
        node.linked = False
        node.coming.clear()
        self.hear(node.share.lost())

    def find(self, node: Node) -> None:
        node.linked, node.hurt = True, False
        node.coming.clear()
        self.hear(node.share.found())

    def crash(self, node: Node) -> None:
        """A process ends, and another starts in its place. What it has sent may still arrive."""
        self.lost_calls += node.calls
        self.nodes[self.nodes.index(node)] = self.start(node.told)

    def remember(self) -> None:
        self.past.append(copy.deepcopy(self.census))

    def restore(self, census: Census) -> None:
        """The census is another, or the same as it was: every link to it is lost."""
        self.census = copy.deepcopy(census)
        for node in self.nodes:
            self.lose(node)

    def disturb(self, random: Random, steps: int) -> None:
        """What is on its way arrives, once or twice, early or late, or is lost."""
        losses = random.choice([0.0, 0.0, 0.1, 0.5])
        repeats = random.choice([0.0, 0.0, 0.2])
        in_order = random.random() < 0.5
        for _ in range(steps):
            node = random.choice(self.nodes)
            queue: list[Any] = random.choice([node.calls, node.coming, node.coming])
            if random.random() < 0.3 and not node.paused:
                self.flush(node)
            if self.lost_calls and random.random() < 0.05:
                self.call(None, self.lost_calls.pop(random.randrange(len(self.lost_calls))))
            if not queue or (node.paused and queue is not node.calls):
                continue
            is_stream = node.told is Told.STREAM and queue is node.coming
            place = 0 if in_order or is_stream else random.randrange(len(queue))
            said = queue[place]
            if random.random() >= repeats:
                del queue[place]
            if random.random() < losses:
                node.hurt = True
            else:
                self.deliver(node, said)

    def deliver(self, node: Node, said: Call | Answer | What) -> None:
        assert not isinstance(said, Message | Gone)
        if isinstance(said, Call):
            self.call(node, said)
        elif isinstance(said, Total | Exited | Returned):
            self.hear(node.share.told(said))
        else:
            self.hear(node.share.answer(said, self.now + node.clock_s))

    def hear(self, heard: Heard) -> None:
        for then in heard.thens:
            then()

    # What happens once all is well again

    def carry(self) -> None:
        """Delivers all that is on its way, and what is said in turn, in order, until nothing is."""
        for _ in range(1_000):
            for node in self.active():
                self.flush(node)
            if not any(node.calls or node.coming for node in self.active()):
                return
            for node in self.active():
                while node.calls:
                    self.call(node, node.calls.pop(0))
            for node in self.active():
                while node.coming:
                    self.deliver(node, node.coming.pop(0))
        raise AssertionError("they never come to an end")

    def active(self) -> list[Node]:
        return [node for node in self.nodes if not node.paused]

    def beat(self) -> None:
        """A beat of every node that is not paused."""
        self.now += BEAT_S
        for node in self.active():
            self.hear(node.share.settle(self.now + node.clock_s))
            beat = node.share.beat()
            node.calls += [beat] if beat is not None else []
        self.carry()

    def settle(self) -> None:
        """All links are there again, and the time of the leases passes."""
        for call in self.lost_calls:
            self.call(None, call)
        self.lost_calls.clear()
        for node in self.nodes:
            node.paused = False
            if node.hurt or not node.linked:
                self.find(node)
        for _ in range(int(SETTLED_S / BEAT_S)):
            self.beat()

    # What must be true

    def truth(self, page: str) -> Count:
        """The page's count, from who is there."""
        rows = [row for node in self.nodes for (where, _), row in node.connections.items() if where == page]

        def visitors(rows: list[tuple[VisitorName | None, bool]]) -> int:
            known = {visitor for visitor, _ in rows if visitor is not None}
            return len(known) + sum(visitor is None for visitor, _ in rows)

        return Count(len(rows), visitors(rows), visitors([row for row in rows if row[1]]))

    def total(self, page: str) -> Total:
        return self.census.total(page)

    def parts(self) -> dict[str, int]:
        """How many numbers each process has in the census."""
        found: dict[str, int] = {}
        for node in self.census._nodes.values():
            found[node.epoch] = found.get(node.epoch, 0) + 1
        return found
