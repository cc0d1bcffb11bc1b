"""A node notices that the census has lost something, and all nodes say it again."""

from __future__ import annotations

import pytest

from nannin.audience import unsaid
from nannin.audience.census import Census
from nannin.audience.census_calls import (
    Apply,
    Beaten,
    Exited,
    Former,
    Gap,
    Reap,
    Reaped,
    Register,
    Registered,
    Totals,
)
from nannin.audience.heard import Presence
from nannin.audience.roster import Count
from support.census_city import City, Node, total

# What the census has lost


def test_a_write_that_was_lost_is_said_again_after_the_last_that_the_census_has() -> None:
    node = Node().registered()
    node.roster.join("/", "a", "ann")
    first = node.write()
    node.roster.join("/news", "a", "ann")
    second = node.write()
    node.hear(node.share.answer(Gap(second.call, 1), 0.0))
    again = node.share.take(0.0)
    assert [(call.page, call.visible) for call in again if isinstance(call, Apply)] == [
        ("/news", ["cann"]),
        ("/", ["cann"]),
    ]
    assert isinstance(again[0], Apply)
    assert again[0].previous == 1
    assert first.call not in [call.call for call in again]


def test_where_the_census_has_lost_what_it_had_told_everything_is_stale_and_read_again() -> None:
    node = Node().registered()
    for page in ("/", "/news"):
        node.roster.join(page, "a")
        node.applied(node.write(), total(1, 1, page))
    node.roster.join("/", "b")
    node.hear(node.share.answer(Gap(node.write().call, 2), 0.0))
    assert node.share.is_stale("/news")
    calls = node.share.take(0.0)
    assert {call.page for call in calls if isinstance(call, Apply)} == {"/", "/news"}


def test_a_total_that_is_older_than_what_was_known_when_it_was_asked_for_makes_all_stale() -> None:
    node = Node().registered()
    for page in ("/", "/news"):
        node.roster.join(page, "a")
        node.applied(node.write(), total(9, 1, page))
    node.roster.join("/", "b")
    node.applied(node.write(), total(2, 2))
    assert (node.share.is_stale("/"), node.share.count("/")) == (True, Count(2, 2, 2))
    assert node.share.is_stale("/news")
    assert node.share.settles_at == 8.0


def test_where_it_has_lost_more_than_is_remembered_the_node_registers_anew() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    node.applied(node.write(), total(1, 1))
    node.share.take(1_000.0)
    node.roster.join("/", "b")
    node.hear(node.share.answer(Gap(node.write().call, 1), 0.0))
    assert (node.share.number, node.share.stale) == (None, True)
    [register] = node.share.take(0.0)
    assert register == Register(register.call, "one")
    assert node.share.take(0.0) == []
    node.hear(node.share.answer(Former(register.call, {7: "one:2:0"}), 0.0))
    [reap] = node.share.take(0.0)
    assert reap == Reap(reap.call, 7, "one:2:0")
    node.hear(node.share.answer(Reaped(reap.call, "", [Exited("/", ["cann"])]), 0.0))
    assert node.exited == []  # it is still here
    [register] = node.share.take(0.0)
    node.hear(node.share.answer(Registered(register.call, 8, "name"), 0.0))
    call = node.write()
    assert (call.number, call.previous, call.connections) == (8, register.call, 2)


def test_a_node_that_is_not_known_any_more_registers_anew_and_says_everything() -> None:
    city = City(one := Node("one"), two := Node("two"))
    one.roster.join("/", "a", "ann")
    two.roster.join("/", "b", "ann")
    one.share.listen("/news", True)
    city.carry()
    city.census = Census("empty")
    for node in city.nodes:
        answer = city.census.receive(node.beat()).answer
        node.hear(node.share.answer(answer, 0.0))
    assert [node.share.stale for node in city.nodes] == [True, True]
    city.carry()
    assert city.counts() == [Count(2, 1, 1)] * 2
    assert [node.share.stale for node in city.nodes] == [True, True]
    city.settle()
    assert city.counts() == [Count(2, 1, 1)] * 2
    assert [node.share.stale for node in city.nodes] == [False, False]
    two.roster.join("/news", "c")
    city.carry()
    assert one.share.count("/news") == Count(1, 1, 1)


def test_a_page_is_stale_until_the_last_of_its_visitors_is_said_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unsaid, "_VISITORS", 1)
    node = Node()
    for name in "ab":
        node.roster.join("/", name, name)
    node.registered()
    node.applied(node.write(), total(1, 1))
    assert (node.share.stale, node.share.count("/")) == (True, Count(2, 2, 2))
    node.applied(node.write(), total(2, 5))
    assert (node.share.stale, node.share.count("/")) == (False, Count(5, 5, 5))


def test_a_beat_finds_out_that_a_write_was_lost_while_nothing_is_under_way() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    node.applied(node.write(), total(1, 1))
    node.hear(node.share.answer(Beaten(node.beat().call, "name", {7: "one:2:3"}), 0.0))
    assert not node.share.stale
    node.hear(node.share.answer(Beaten(node.beat().call, "name", {7: "one:1:4"}), 0.0))
    assert node.share.stale
    assert node.write().previous == 1


def test_a_beat_says_nothing_of_writes_that_were_under_way() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    call = node.write()
    node.hear(node.share.answer(Beaten(node.beat().call, "name", {7: "one:1:3"}), 0.0))
    assert node.share.take(0.0) == []
    beat = node.beat()
    node.applied(call, total(1, 1))
    node.hear(node.share.answer(Beaten(beat.call, "name", {7: "one:1:4"}), 0.0))
    assert not node.share.stale


# After the census has lost its data


def test_a_number_is_the_last_known_and_stale_until_all_nodes_have_had_time_to_say_theirs_again() -> None:
    city = City(one := Node("one"), two := Node("two"))
    for name in "abc":
        one.roster.join("/", f"one {name}")
        two.roster.join("/", f"two {name}")
    city.carry()
    city.lose()
    city.find_out(one)
    assert (one.share.count("/"), one.share.is_stale("/")) == (Count(6, 6, 6), True)
    one.roster.join("/", "one d")
    city.carry()
    assert (one.share.count("/"), one.share.is_stale("/")) == (Count(7, 7, 7), True)
    city.find_out(two)
    one.hear(one.share.settle(7.9))
    assert (one.share.is_stale("/"), one.share.settles_at, one.share.is_cut_off) == (True, 8.0, False)
    city.settle()
    assert city.counts() == [Count(7, 7, 7)] * 2
    assert [(node.share.stale, node.share.settles_at) for node in city.nodes] == [(False, None)] * 2


def test_a_page_that_nobody_knew_before_the_loss_has_what_is_known_since() -> None:
    city = City(one := Node("one"), two := Node("two"))
    city.lose()
    for node in city.nodes:
        city.find_out(node)
    two.roster.join("/", "b")
    city.carry()
    one.roster.join("/", "a")
    city.carry()
    assert city.counts() == [Count(2, 2, 2)] * 2
    assert [node.share.is_stale("/") for node in city.nodes] == [True, True]
    city.settle()
    assert [node.share.is_stale("/") for node in city.nodes] == [False, False]


def test_it_is_not_over_before_this_node_has_said_everything_again() -> None:
    city = City(node := Node())
    node.roster.join("/", "a")
    city.carry()
    city.lose()
    node.hear(node.share.answer(city.census.receive(node.beat()).answer, 0.0))
    node.hear(node.share.settle(8.0))
    assert node.share.settles_at == 8.0
    city.carry()
    node.hear(node.share.settle(8.0))
    assert node.share.settles_at is None


def test_a_node_without_others_waits_for_nobody() -> None:
    city = City(node := Node())
    node.roster.join("/", "a")
    city.carry()
    node.hear(node.share.answer(city.census.receive(node.beat()).answer, 0.0))
    city.lose()
    city.find_out(node)
    node.hear(node.share.settle(0.0))
    city.carry()
    assert (node.share.stale, node.share.count("/")) == (False, Count(1, 1, 1))


def test_a_link_that_is_found_again_to_a_census_that_knows_less_than_before_is_such_a_loss() -> None:
    node = Node().registered()
    node.share.listen("/", True)
    node.applied(node.write(), total(9, 4))
    node.hear(node.share.found())
    [beat] = node.share.take(0.0)
    node.hear(node.share.answer(Beaten(beat.call, "name", {7: f"one:{beat.call - 1}:2", 8: "two:1:1"}), 0.0))
    [read] = node.share.take(0.0)
    node.hear(node.share.answer(Totals(read.call, [total(5, 1)]), 0.0))
    assert (node.share.count("/"), node.share.is_stale("/")) == (Count(4, 4, 4), True)
    node.hear(node.share.settle(8.0))
    [read] = node.share.take(0.0)
    node.hear(node.share.answer(Totals(read.call, [total(6, 4)]), 0.0))
    assert (node.share.count("/"), node.share.is_stale("/")) == (Count(4, 4, 4), False)


def presence(city: City) -> list[tuple[str, list[str]]]:
    """Who has entered and exited on each node since the last look."""
    found = []
    for node in city.nodes:
        for what, people in (("enter", node.entered), ("exit", node.exited)):
            found.append((what, [str(presence.visitor) for presence in people]))
        node.entered, node.exited = [], []
    return [(what, names) for what, names in found if names]


def test_who_is_still_with_another_node_neither_enters_again_nor_exits() -> None:
    city = City(one := Node("one"), two := Node("two"))
    one.roster.join("/", "a", "ann")
    one.roster.join("/", "b", "bob")
    two.roster.join("/", "c", "bob")
    city.carry()
    presence(city)
    city.lose()
    two.roster.join("/", "d", "ann")  # who is with one, which has not said so again yet
    city.find_out(two)
    two.roster.leave("/", "c", now=0.0)
    city.carry()
    city.find_out(one)
    city.settle()
    assert presence(city) == []
    assert city.counts() == [Count(3, 2, 2)] * 2


def test_who_comes_and_goes_meanwhile_enters_and_exits_once_all_have_said_theirs() -> None:
    city = City(one := Node("one"), two := Node("two"))
    one.roster.join("/", "a", "ann")
    two.roster.join("/", "b", "bob")
    two.roster.join("/", "e", "eve")
    city.carry()
    presence(city)
    city.lose()
    one.roster.leave("/", "a", now=0.0)  # before it is noticed
    one.roster.join("/", "c", "cid")
    city.find_out(one)
    two.hear(two.share.answer(city.census.receive(two.beat()).answer, 0.0))
    two.roster.leave("/", "b", now=0.0)  # before it is said again
    city.carry()
    two.roster.leave("/", "e", now=0.0)  # after that
    two.roster.join("/", "d", "dan")
    two.roster.join("/", "f", "fay")
    two.roster.leave("/", "f", now=0.0)
    city.carry()
    assert presence(city) == []
    city.settle()
    assert sorted((what, sorted(names)) for what, names in presence(city)) == [
        ("enter", ["cid"]),
        ("enter", ["dan"]),
        ("exit", ["ann"]),
        ("exit", ["bob", "eve"]),
    ]
    assert city.counts() == [Count(2, 2, 2)] * 2


def test_who_leaves_a_page_as_the_last_after_a_loss_exits_when_all_have_said_theirs() -> None:
    city = City(node := Node())
    node.roster.join("/", "a", "ann")
    city.carry()
    city.lose()
    city.find_out(node)
    node.roster.leave("/", "a", now=0.0)
    city.carry()
    assert node.exited == []
    city.settle()
    assert node.exited == [Presence("/", "ann")]
    assert city.census.total("/").count == Count()
