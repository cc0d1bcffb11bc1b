"""Nodes that are gone, and those that leave."""

from __future__ import annotations

from nannin.audience.census_calls import Beaten, Exited, Gap, Leave, Reap, Reaped, Unknown
from nannin.audience.heard import Presence
from nannin.audience.leases import Leases
from nannin.audience.roster import Count
from support.census_city import City, Node, total


def test_a_node_that_stands_still_is_reaped_and_its_visitors_exit() -> None:
    node = Node(leases=Leases(15.0, 5.0)).registered()
    for now in (0.0, 5.0, 10.0, 15.0):
        beaten = Beaten(node.beat().call, "name", {7: f"one:1:{now:.0f}", 8: "two:1:0"})
        node.hear(node.share.answer(beaten, now))
    [reap] = node.share.take(15.0)
    assert reap == Reap(reap.call, 8, "two:1:0")
    node.hear(node.share.answer(Reaped(reap.call, "two:-", [Exited("/", ["cann"])]), 0.0))
    [reap] = node.share.take(15.0)
    assert reap == Reap(reap.call, 8, "two:-")
    node.hear(node.share.answer(Reaped(reap.call, "", [Exited("/", ["cbob"])]), 0.0))
    assert node.exited == [Presence("/", "ann"), Presence("/", "bob")]
    assert (node.share.take(15.0), node.share.left) == ([], False)


def test_a_node_that_judges_others_says_its_pages_again_with_its_beats() -> None:
    judge, other = Node(leases=Leases(15.0, 5.0)).registered(), Node().registered()
    for node in (judge, other):
        node.roster.join("/", "a", "ann")
        node.applied(node.write(), total(1, 1))
        for _ in range(120):
            node.beat()
    assert judge.write().visible == ["cann"]
    assert other.share.take(0.0) == []


def test_a_node_leaves_slice_by_slice() -> None:
    node = Node().registered()
    node.share.leave()
    [leave] = node.share.take(0.0)
    assert leave == Leave(leave.call, 7, "one", 1)
    assert (node.share.take(0.0), node.share.beat(), node.share.left) == ([], None, False)
    node.hear(node.share.answer(Reaped(leave.call, "one:-"), 0.0))
    [reap] = node.share.take(0.0)
    assert reap == Reap(reap.call, 7, "one:-")
    node.hear(node.share.answer(Reaped(reap.call, ""), 0.0))
    assert node.share.left
    assert node.share.take(0.0) == []


def test_a_node_leaves_in_one_step_where_it_has_little() -> None:
    city = City(node := Node())
    node.roster.join("/", "a")
    city.carry()
    node.share.leave()
    city.carry()
    assert node.share.left
    assert city.census.total("/").count == Count()


def test_a_leave_that_misses_writes_is_said_again() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    node.write()
    node.share.leave()
    [leave] = node.share.take(0.0)
    node.hear(node.share.answer(Gap(leave.call, 1), 0.0))
    [leave] = node.share.take(0.0)
    assert leave == Leave(leave.call, 7, "one", 1)


def test_a_leave_whose_answer_was_lost_is_finished_by_reaping() -> None:
    node = Node().registered()
    node.share.leave()
    node.share.take(0.0)
    node.hear(node.share.lost())
    node.hear(node.share.found())
    [leave] = node.share.take(0.0)
    node.hear(node.share.answer(Unknown(leave.call), 0.0))
    [reap] = node.share.take(0.0)
    assert reap == Reap(reap.call, 7, "one:-")
    node.hear(node.share.answer(Reaped(reap.call, ""), 0.0))
    assert node.share.left


def test_a_node_without_a_number_has_left_at_once() -> None:
    node = Node()
    node.share.leave()
    assert node.share.left


def test_nodes_whose_processes_have_ended_are_reaped_after_the_next_sign_of_life() -> None:
    judge = Node("judge", leases=Leases(15.0, 5.0))
    dead = Node("dead")
    city = City(judge, dead)
    dead.roster.join("/", "connection", None)
    city.carry()
    assert judge.share.number is not None
    judge.share.bury(["dead"])
    answer, _ = city.census.receive(judge.beat())
    judge.hear(judge.share.answer(answer, 0.0))
    [reap] = judge.share.take(0.0)
    assert isinstance(reap, Reap)
    assert reap.number == dead.share.number


def test_a_node_that_judges_nobody_buries_nobody() -> None:
    node = Node().registered()
    node.share.bury(["dead"])
    node.hear(node.share.answer(Beaten(node.beat().call, "name", {7: "one:1:2", 8: "dead:3:4"}), 0.0))
    assert node.share.take(0.0) == []
