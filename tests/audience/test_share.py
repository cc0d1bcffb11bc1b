"""One node's share: what it shows, who waits for it, and what it does while the census is away."""

from __future__ import annotations

import pytest

from nannin.audience import unsaid
from nannin.audience.census_calls import (
    Applied,
    Apply,
    Beat,
    Beaten,
    Exited,
    Former,
    Gap,
    Read,
    Reaped,
    Registered,
    Totals,
    Unknown,
)
from nannin.audience.heard import Presence
from nannin.audience.roster import Count
from support.census_city import City, Node, total

# One count for all


def test_all_nodes_of_a_page_have_one_count() -> None:
    city = City(one := Node("one"), two := Node("two"))
    one.roster.join("/", "a", "ann")
    two.roster.join("/", "b", "ann")
    two.roster.join("/", "c", visible=False)
    city.carry()
    assert city.counts() == [Count(3, 2, 1)] * 2
    two.roster.leave("/", "b", now=0.0)
    city.carry()
    assert city.counts() == [Count(2, 2, 1)] * 2
    assert one.changed[-1] == two.changed[-1] == "/"


def test_a_count_changes_once_the_census_has_answered() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    node.applied(node.write(), total(1, 1))
    node.roster.join("/", "b")
    call = node.write()
    assert node.share.count("/") == Count(1, 1, 1)
    node.applied(call, total(2, 2))
    assert node.share.count("/") == Count(2, 2, 2)


def test_a_total_that_comes_late_is_not_shown() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    call = node.write()
    node.hear(node.share.told(total(5, 5)))
    node.applied(call, total(4, 4))
    assert node.share.count("/") == Count(5, 5, 5)


def test_the_pages_are_those_that_somebody_is_on_anywhere_as_far_as_is_known() -> None:
    city = City(one := Node("one"), two := Node("two"), Node("three", everything=True))
    one.roster.join("/one", "a")
    two.roster.join("/two", "b")
    city.carry()
    two.share.listen("/nobody", True)
    city.carry()
    assert [set(node.share.pages()) for node in city.nodes] == [{"/one"}, {"/two"}, {"/one", "/two"}]
    assert [node.share.is_held("/one") for node in city.nodes] == [True, False, False]


# Who waits for a count


def test_who_waits_hears_once_all_changes_so_far_are_counted() -> None:
    node, counted = Node().registered(), list[str]()
    node.roster.join("/", "a")
    node.share.when_counted("/", lambda: counted.append("before the write"))
    first = node.write()
    node.share.when_counted("/", lambda: counted.append("after the write"))
    node.roster.join("/", "b")
    node.share.when_counted("/", lambda: counted.append("second"))
    node.applied(first, total(1, 1))
    assert counted == ["before the write", "after the write"]
    node.applied(node.write(), total(2, 2))
    assert counted[2:] == ["second"]
    node.share.when_counted("/", lambda: counted.append("clean"))
    node.share.when_counted("/nobody", lambda: counted.append("unknown"))
    assert counted[3:] == ["clean", "unknown"]


def test_who_waits_for_many_visitors_waits_for_the_last_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsaid, "_VISITORS", 1)
    node, counted = Node().registered(), list[str]()
    for name in "ab":
        node.roster.join("/", name, name)
    node.share.when_counted("/", lambda: counted.append("both"))
    node.applied(node.write(), total(1, 1))
    assert counted == []
    node.applied(node.write(), total(2, 2))
    assert counted == ["both"]


def test_nobody_waits_while_the_census_is_away() -> None:
    node, counted = Node().registered(), list[str]()
    node.roster.join("/", "a")
    node.share.when_counted("/", lambda: counted.append("dirty"))
    node.write()
    node.share.when_counted("/", lambda: counted.append("under way"))
    node.roster.join("/", "b")
    node.share.when_counted("/", lambda: counted.append("dirty again"))
    node.hear(node.share.lost())
    assert sorted(counted) == ["dirty", "dirty again", "under way"]
    node.share.when_counted("/", lambda: counted.append("away"))
    assert counted[3:] == ["away"]


# Persons


def test_a_person_enters_and_exits_once_over_all_nodes() -> None:
    city = City(one := Node("one"), two := Node("two"))
    one.roster.join("/", "a", "ann")
    city.carry()
    two.roster.join("/", "b", "ann")
    one.roster.join("/", "c", "ann")
    city.carry()
    assert (one.entered, two.entered) == ([Presence("/", "ann")], [])
    for name in "ac":
        one.roster.leave("/", name, now=0.0)
    city.carry()
    assert (one.exited, two.exited) == ([], [])
    two.roster.leave("/", "b", now=0.0)
    city.carry()
    assert (one.exited, two.exited) == ([], [Presence("/", "ann")])


def test_who_is_only_said_again_does_not_enter_again() -> None:
    city = City(node := Node())
    node.roster.join("/", "a", "ann")
    city.carry()
    city.lose()
    node.roster.join("/", "b", "bob")
    city.carry()
    city.settle()
    assert node.entered == [Presence("/", "ann"), Presence("/", "bob")]
    assert city.counts() == [Count(2, 2, 2)]


def test_who_was_with_a_node_that_is_gone_exits_by_the_one_that_is_told() -> None:
    node = Node().registered()
    node.hear(node.share.told(Exited("/", ["cann"])))
    assert node.exited == [Presence("/", "ann")]


def test_who_moves_to_another_node_has_returned() -> None:
    city = City(one := Node("one"), two := Node("two"))
    one.roster.join("/", "a", "ann")
    city.carry()
    one.roster.leave("/", "a", now=0.0, grace_s=10.0)
    two.roster.join("/", "b", "ann")
    city.carry()
    assert (one.returned, two.returned) == ([Presence("/", "ann")], [])
    assert city.counts() == [Count(2, 1, 1)] * 2


def test_who_joins_once_more_elsewhere_has_returned_for_each_connection_that_took_no_place_there() -> None:
    city = City(one := Node("one"), two := Node("two"))
    one.roster.join("/", "a", "ann")
    city.carry()
    for connection in ("b", "c"):
        two.roster.join("/", connection, "ann")
    city.carry()
    assert one.returned == [Presence("/", "ann")] * 2
    two.roster.join("/", "d", "ann")
    city.carry()
    assert one.returned == [Presence("/", "ann")] * 3
    two.roster.leave("/", "d", now=0.0, grace_s=10.0)
    two.roster.join("/", "e", "ann")
    two.roster.join("/", "f")
    city.carry()
    assert one.returned == [Presence("/", "ann")] * 3, "it took the place that was there"
    assert two.returned == []


def test_who_leaves_and_joins_again_before_the_census_heard_has_joined_once_more() -> None:
    city = City(one := Node("one"), two := Node("two"))
    for node in (one, two):
        node.roster.join("/", node, "ann")  # type: ignore[arg-type]
    city.carry()
    one.returned.clear()
    two.returned.clear()
    two.roster.leave("/", two, now=0.0)  # type: ignore[arg-type]
    two.roster.join("/", "b", "ann")
    city.carry()
    assert (one.returned, two.returned) == ([Presence("/", "ann")], [])


# While the census is away


def test_a_node_is_alone_until_its_link_is_found() -> None:
    node = Node()
    assert node.share.is_alone()
    node.hear(node.share.found())
    assert (node.share.is_alone(), node.share.is_cut_off) == (False, True)
    node.hear(node.share.lost())
    assert node.share.is_alone()


def test_everything_is_stale_until_the_census_has_answered() -> None:
    node = Node()
    assert (node.share.stale, node.share.is_stale("/"), node.share.take(0.0)) == (True, True, [])
    assert node.share.beat() is None
    node.roster.join("/", "a")
    node.registered()
    assert (node.share.stale, node.share.is_stale("/"), node.share.is_stale("/other")) == (True, True, False)
    node.applied(node.write(), total(1, 1))
    assert (node.share.stale, node.share.is_stale("/")) == (False, False)


def test_what_comes_late_over_a_link_that_was_lost_is_not_shown() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    node.applied(node.write(), total(1, 10))
    node.hear(node.share.lost())
    node.hear(node.share.told(total(2, 3)))
    assert node.share.count("/") == Count(10, 10, 10)


def test_a_link_that_is_found_again_is_checked_then_what_was_missed_is_read_and_said() -> None:
    node = Node().registered()
    for page in ("/", "/news"):
        node.roster.join(page, "a")
        node.applied(node.write(), total(1, 1, page))
    node.roster.join("/", "b", "bob")
    node.write()
    node.hear(node.share.lost())
    node.hear(node.share.found())
    node.hear(node.share.told(total(7, 7, "/news")))
    [beat] = node.share.take(0.0)
    assert isinstance(beat, Beat)
    assert node.share.take(0.0) == []
    node.hear(node.share.answer(Beaten(beat.call, "name", {7: "one:4:9"}), 0.0))
    write, read = node.share.take(0.0)
    assert isinstance(write, Apply)
    assert (write.page, write.previous, write.visible) == ("/", 4, ["cbob"])
    assert read == Read(read.call, ["/news"])
    node.hear(node.share.answer(Totals(read.call, [total(6, 6, "/news"), total(6, 6, "/forgotten")]), 0.0))
    assert (node.share.is_stale("/news"), node.share.count("/news")) == (False, Count(7, 7, 7))
    node.applied(write, total(8, 2))
    assert (node.share.stale, node.share.count("/")) == (False, Count(2, 2, 2))


def test_a_page_that_changes_while_it_is_read_waits_for_its_write() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    node.applied(node.write(), total(1, 1))
    node.hear(node.share.found())
    [beat] = node.share.take(0.0)
    node.hear(node.share.answer(Beaten(beat.call, "name", {7: "one:2:9"}), 0.0))
    [read] = node.share.take(0.0)
    node.roster.join("/", "b")
    node.hear(node.share.answer(Totals(read.call, [total(5, 5)]), 0.0))
    assert node.share.is_stale("/")
    node.applied(node.write(), total(6, 6))
    assert not node.share.is_stale("/")


def test_a_page_that_nobody_is_on_any_more_is_forgotten_once_that_is_sure() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    node.applied(node.write(), total(1, 1))
    node.roster.leave("/", "a", now=0.0)
    call = node.write()
    node.roster.join("/", "b")
    node.applied(call, total(2, 0))
    node.roster.leave("/", "b", now=0.0)
    node.applied(node.write(), total(3, 4))
    assert node.share.count("/") == Count()
    node.hear(node.share.told(total(4, 4)))
    assert node.share.count("/") == Count()


def test_answers_that_nobody_waits_for_are_ignored() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    call = node.write()
    node.hear(node.share.lost())
    node.changed.clear()
    for answer in (
        Applied(call.call, total(1, 1)),
        Gap(call.call, 0),
        Unknown(call.call),
        Registered(call.call, 8, "name"),
        Former(call.call, {8: "one:1:0"}),
        Reaped(call.call, "", [Exited("/", ["cann"])]),
        Totals(call.call, [total(1, 1)]),
        Beaten(call.call, "name", {}),
    ):
        node.hear(node.share.answer(answer, 0.0))
    assert (node.changed, node.exited, node.share.number) == ([], [], 7)
