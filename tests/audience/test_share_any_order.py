"""Several shares over one census, whatever happens to calls and nodes: a list of who is there is right."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nannin.audience import unsaid
from nannin.audience.census import Census
from nannin.audience.roster import Count, Given, VisitorName
from support.lossy_census import Node, Told, World

PAGES = ["/", "/何人"]
SOME_PAGE = st.sampled_from(PAGES)
SOME_NODE = st.integers(0, 2)
VISITORS = [None, "ann", "bob", Given("ann"), "eve"]
SOME_VISITOR = st.sampled_from(VISITORS)
SEEDS = st.integers(0, 2**32)
SOME_PLACE = st.integers(0, 9)


def test_a_node_is_told_of_what_happens_before_it_hears_that_it_has_registered() -> None:
    world = World([Told.OWN, Told.STREAM])
    for node in world.nodes:
        world.flush(node)
    one, all_ = world.nodes
    world.call(one, one.calls.pop())
    world.deliver(one, one.coming.pop())
    world.call(all_, all_.calls.pop())  # the answer to its registration is on its way
    world.join(one, "/", "ann", True)
    world.carry()
    assert all_.share.count("/") == Count(1, 1, 1)


class AnyOrder(RuleBasedStateMachine):
    """Clients come and go, calls are lost, late, repeated and reordered, processes crash, stop and go on.

    The census itself forgets what it knew, or some of it. Once all flows again, every number is right.
    """

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(unsaid, "_VISITORS", 2)  # so that many writes have to be cut
        self.world = World([Told.OWN, Told.ALL, Told.STREAM])
        self.emptied = 0

    def node(self, number: int) -> Node:
        return self.world.nodes[number]

    # Clients

    @rule(number=SOME_NODE, page=SOME_PAGE, visitor=SOME_VISITOR, visible=st.booleans(), waits=st.booleans())
    def join(self, number: int, page: str, visitor: VisitorName | None, visible: bool, waits: bool) -> None:
        self.world.join(self.node(number), page, visitor, visible)
        if waits:
            self.node(number).wait(page)

    @rule(seed=SEEDS, changes=st.integers(1, 9))
    def change(self, seed: int, changes: int) -> None:
        self.world.change(Random(seed), PAGES, VISITORS, changes)

    @rule(number=SOME_NODE, page=st.sampled_from([None, *PAGES]), listens=st.booleans())
    def listen(self, number: int, page: str | None, listens: bool) -> None:
        self.node(number).share.listen(page, listens)

    @rule(number=SOME_NODE, page=SOME_PAGE)
    def refresh(self, number: int, page: str) -> None:
        self.node(number).share._unsaid.refresh(page)

    # The network

    @rule(seed=SEEDS, steps=st.sampled_from([5, 20, 60]))
    def disturb(self, seed: int, steps: int) -> None:
        self.world.disturb(Random(seed), steps)

    @rule(number=SOME_NODE)
    def send_beat(self, number: int) -> None:
        beat = self.node(number).share.beat()
        if beat is not None:
            self.node(number).calls.append(beat)

    @rule(number=SOME_NODE)
    def lose_link(self, number: int) -> None:
        self.world.lose(self.node(number))

    @rule(number=SOME_NODE)
    def find_link(self, number: int) -> None:
        self.world.find(self.node(number))

    # Processes and time

    @rule(number=SOME_NODE)
    def crash(self, number: int) -> None:
        self.world.crash(self.node(number))

    @rule(number=SOME_NODE, pauses=st.booleans())
    def pause(self, number: int, pauses: bool) -> None:
        self.node(number).paused = pauses

    @rule(number=SOME_NODE, seconds=st.sampled_from([-3_600.0, -20.0, 20.0, 3_600.0]))
    def jump(self, number: int, seconds: float) -> None:
        self.node(number).clock_s += seconds

    @rule(beats=st.sampled_from([1, 4, 8]))
    def beat(self, beats: int) -> None:
        for _ in range(beats):
            self.world.beat()

    # The census

    @rule()
    def remember(self) -> None:
        self.world.remember()

    @precondition(lambda self: self.world.past)
    @rule(place=SOME_PLACE)
    def lose_a_suffix(self, place: int) -> None:
        self.world.restore(self.world.past[place % len(self.world.past)])

    @rule()
    def come_back_empty(self) -> None:
        self.emptied += 1
        self.world.restore(Census(f"empty {self.emptied}"))

    # What must be true

    @invariant()
    def no_process_has_two_numbers_and_none_is_negative(self) -> None:
        assert all(numbers == 1 for numbers in self.world.parts().values())
        for page in PAGES:
            assert min(self.world.total(page).count) >= 0
            for node in self.world.nodes:
                count, own = node.share.count(page), node.roster.count(page)
                assert min(count) >= 0
                if node.share.is_stale(page):
                    assert all(all_ >= here for all_, here in zip(count, own, strict=True))

    @rule()
    def settle(self) -> None:
        self.world.settle()
        for node in self.world.nodes:
            assert node.waiting == 0
            assert not node.share.stale
        for page in PAGES:
            truth = self.world.truth(page)
            assert self.world.total(page).count == truth
            for node in self.world.nodes:
                if node.roster.is_held(page) or node.share.knows(page) or node.share.knows(None):
                    assert node.share.count(page) == truth
        assert len(self.world.census._nodes) == len(self.world.nodes)
        pages = {page for page in PAGES if self.world.truth(page) != Count()}
        for node in self.world.nodes:
            if node.told is not Told.OWN:
                assert set(node.share.pages()) == pages

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.patch.undo()


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestAnyOrder = pytest.mark.timeout(120)(AnyOrder.TestCase)
