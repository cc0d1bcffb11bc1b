"""One node's share: what it says of its clients, and what it shows."""

from __future__ import annotations

import pytest

from nannin.audience import share as share_module
from nannin.audience.census import Census
from nannin.audience.census_calls import (
    Applied,
    Apply,
    Beat,
    Beaten,
    Call,
    Exited,
    Former,
    Gap,
    Leave,
    Read,
    Reap,
    Reaped,
    Register,
    Registered,
    Returned,
    Total,
    Totals,
    Unknown,
    Watch,
    Watching,
)
from nannin.audience.groups import Groups
from nannin.audience.heard import Heard, Presence
from nannin.audience.leases import Leases
from nannin.audience.roster import Count, Given, Roster
from nannin.audience.share import Share


class Node:
    """A node whose calls a test carries to the census, or not."""

    def __init__(
        self,
        epoch: str = "one",
        *,
        everything: bool = False,
        leases: Leases | None = None,
        groups: Groups | None = None,
    ) -> None:
        self.roster: Roster[str] = Roster(groups)
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


def test_before_anything_was_heard_of_a_page_its_count_is_this_nodes() -> None:
    node = Node().registered()
    assert node.share.count("/") == Count()
    node.roster.join("/", "a")
    assert node.share.count("/") == Count(1, 1, 1)


def test_a_total_that_comes_late_is_not_shown() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    call = node.write()
    node.hear(node.share.told(total(5, 5)))
    node.applied(call, total(4, 4))
    assert node.share.count("/") == Count(5, 5, 5)


def test_count_with_adds_one_who_joins_here_to_the_count_of_all() -> None:
    node = Node().registered()
    node.roster.join("/", "a", "ann")
    node.applied(node.write(), total(1, 5))
    assert node.share.count_with("/", "ann") == Count(6, 5, 5)
    assert node.share.count_with("/", None, visible=False) == Count(6, 6, 5)


def test_the_pages_are_those_that_somebody_is_on_anywhere_as_far_as_is_known() -> None:
    city = City(one := Node("one"), two := Node("two"), Node("three", everything=True))
    one.roster.join("/one", "a")
    two.roster.join("/two", "b")
    city.carry()
    two.share.listen("/nobody", True)
    city.carry()
    assert [set(node.share.pages()) for node in city.nodes] == [{"/one"}, {"/two"}, {"/one", "/two"}]
    assert [node.share.is_held("/one") for node in city.nodes] == [True, False, False]


def test_a_node_may_know_every_page() -> None:
    city = City(one := Node("one"), late := Node("late", everything=True))
    one.roster.join("/", "a")
    one.roster.join("/news", "a")
    city.carry()
    assert (late.share.count("/"), late.share.count("/news")) == (Count(1, 1, 1),) * 2
    one.roster.leave("/news", "a", now=0.0)
    city.carry()
    assert list(late.share.pages()) == ["/"]
    later = City(Node("two"))
    later.census, later.nodes = city.census, (node := Node("later", everything=True),)
    node.hear(node.share.found())
    later.carry()
    assert node.share.count("/") == Count(1, 1, 1)


def test_who_listens_is_told_until_it_listens_no_more() -> None:
    city = City(one := Node("one"), two := Node("two"))
    for _ in range(2):
        two.share.listen("/", True)
        city.carry()
    one.roster.join("/", "a")
    city.carry()
    assert two.share.count("/") == Count(1, 1, 1)
    two.share.listen("/", False)
    city.carry()
    one.roster.join("/", "b")
    city.carry()
    assert two.share.count("/") == Count()


def test_who_watches_all_pages_from_the_beginning_goes_on_when_nobody_listens_any_more() -> None:
    one, two = Node("one"), Node("two")
    two.share.watch_all()
    city = City(one, two)
    for listens in (True, False):
        two.share.listen(None, listens)
        city.carry()
    one.roster.join("/", "a")
    city.carry()
    assert two.share.knows(None)
    assert two.share.count("/") == Count(1, 1, 1)


def test_a_node_that_hears_a_page_has_a_part_of_it_though_it_is_told_of_every_page() -> None:
    node = Node("one", everything=True)
    city = City(node)
    node.share.listen("/", True)
    city.carry()
    assert not city.census._pages
    for hears in (True, True):
        node.share.hear("/", hears)
        city.carry()
    assert list(city.census._pages["/"].parts) == [node.share.number]
    node.hear(node.share.lost())
    node.hear(node.share.found())
    city.carry()
    assert list(city.census._pages["/"].parts) == [node.share.number]
    node.share.hear("/", False)
    city.carry()
    assert not city.census._pages


# What is said


def test_a_write_says_what_is_when_it_is_sent() -> None:
    node = Node().registered()
    node.roster.join("/", "a", "ann")
    node.roster.join("/", "b", "bob", visible=False)
    node.roster.join("/", "c", Given("eve"))
    node.roster.join("/", "d")
    node.roster.join("/", "e", visible=False)
    node.roster.leave("/", "c", now=0.0)
    call = node.write()
    assert (call.number, call.epoch, call.previous, call.page) == (7, "one", 1, "/")
    assert (call.connections, call.anonymous, call.anonymous_visible) == (4, 2, 1)
    assert (call.visible, call.hidden, call.absent) == (["cann"], ["cbob"], ["aeve"])


def test_a_page_has_one_write_under_way_and_what_changes_meanwhile_is_said_together() -> None:
    node = Node().registered()
    node.roster.join("/", "a", "ann")
    first = node.write()
    node.roster.join("/", "b", "bob")
    node.roster.join("/", "c", "eve")
    node.roster.join("/news", "a")
    other = node.write()
    assert (other.page, other.previous) == ("/news", first.call)
    node.applied(first, total(1, 1))
    second = node.write()
    assert (second.page, second.connections, second.visible) == ("/", 3, ["cbob", "ceve"])
    assert second.previous == other.call


def test_a_clean_page_is_not_said() -> None:
    node = Node().registered()
    node.roster.join("/", "a", "ann")
    node.applied(node.write(), total(1, 1))
    assert node.share.take(0.0) == []


def test_so_many_visitors_are_named_at_a_time_and_meanwhile_the_node_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(share_module, "_VISITORS", 2)
    city = City(node := Node())
    for name in "abc":
        node.roster.join("/", name, name)
    city.carry()
    assert city.counts() == [Count(3, 3, 3)]
    for name in "abc":
        node.roster.leave("/", name, now=0.0)
    call = node.write()
    assert (call.connections, call.stays, len(call.absent)) == (0, True, 2)
    node.hear(node.share.answer(city.census.receive(call).answer, 0.0))
    call = node.write()
    assert (call.connections, call.stays, len(call.absent)) == (0, False, 1)
    city.census.receive(call)
    assert city.census.total("/").count == Count()


def test_only_so_many_writes_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_module, "_IN_FLIGHT", 2)
    node = Node().registered()
    for page in ("/a", "/b", "/c"):
        node.roster.join(page, "a")
    first, _ = node.share.take(0.0)
    assert node.share.take(0.0) == []
    node.applied(first, total(1, 1, "/a"))
    assert node.write().page == "/c"


def test_only_so_many_visitors_are_named_in_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_module, "_NAMED", 3)
    node = Node().registered()
    for page in ("/a", "/b", "/c", "/d"):
        for name in ("ann", "bob"):
            node.roster.join(page, f"{page}{name}", name)
    assert [len(node.share.take(0.0)) for _ in range(3)] == [2, 2, 0]


def test_a_refresh_says_everything_of_a_page_again() -> None:
    node = Node().registered()
    node.roster.join("/", "a", "ann")
    node.applied(node.write(), total(1, 1))
    node.share.refresh("/")
    call = node.write()
    assert (call.connections, call.visible) == (1, ["cann"])


def test_a_node_stays_on_a_group_while_somebody_there_has_a_grace_but_no_place() -> None:
    node = Node(groups=Groups("/*")).registered()
    node.roster.join("/a", "a", "ann")
    node.roster.leave("/a", "a", now=0.0, grace_s=10.0)
    node.roster.end_grace("/*", "ann")
    page, group = node.share.take(0.0)
    assert isinstance(page, Apply)
    assert isinstance(group, Apply)
    assert (page.page, page.connections, page.stays) == ("/a", 1, False)
    assert (group.page, group.connections, group.stays, group.visible) == ("/*", 0, True, ["cann"])


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
    monkeypatch.setattr(share_module, "_VISITORS", 1)
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


def test_a_stale_count_is_the_last_total_with_this_nodes_clients_as_they_are_now() -> None:
    node = Node().registered()
    node.roster.join("/", "a")
    node.applied(node.write(), total(1, 10))
    node.hear(node.share.lost())
    node.roster.join("/", "b")
    assert node.share.count("/") == Count(11, 11, 11)
    for name in "ab":
        node.roster.leave("/", name, now=0.0)
    assert node.share.count("/") == Count(9, 9, 9)
    node.hear(node.share.told(total(2, 3)))  # late, from the link that was lost
    assert node.share.count("/") == Count(9, 9, 9)


def test_a_stale_count_is_never_less_than_this_nodes_own() -> None:
    node = Node().registered()
    for name in "ab":
        node.roster.join("/", name)
    node.applied(node.write(), total(1, 1))
    node.hear(node.share.lost())
    assert node.share.count("/") == Count(2, 2, 2)


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


def test_many_pages_are_read_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_module, "_PAGES", 2)
    node = Node().registered()
    for page in ("/a", "/b", "/c"):
        node.roster.join(page, "a")
        node.applied(node.write(), total(1, 1, page))
    node.hear(node.share.found())
    [beat] = node.share.take(0.0)
    node.hear(node.share.answer(Beaten(beat.call, "name", {7: "one:4:9"}), 0.0))
    first, second = node.share.take(0.0)
    assert (first, second) == (Read(first.call, ["/a", "/b"]), Read(second.call, ["/c"]))
    node.hear(node.share.answer(Totals(first.call, [total(1, 1, "/a"), total(1, 1, "/b")]), 0.0))
    assert node.share.stale
    node.hear(node.share.answer(Totals(second.call, [total(1, 1, "/c")]), 0.0))
    assert not node.share.stale


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
    monkeypatch.setattr(share_module, "_VISITORS", 1)
    node = Node()
    for name in "ab":
        node.roster.join("/", name, name)
    node.registered()
    node.applied(node.write(), total(1, 1))
    assert (node.share.stale, node.share.count("/")) == (True, Count(2, 2, 2))
    node.applied(node.write(), total(2, 5))
    assert (node.share.stale, node.share.count("/")) == (False, Count(5, 5, 5))


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


# Who is told of every page


def test_a_link_that_is_found_again_brings_every_page_again() -> None:
    node = Node(everything=True).registered()
    assert (node.share.knows(None), node.share.knows("/nobody")) == (True, True)
    node.hear(node.share.told(total(3, 3)))
    node.hear(node.share.told(total(3, 0, "/nobody")))
    assert node.share.count("/") == Count(3, 3, 3)
    node.hear(node.share.found())
    [beat] = node.share.take(0.0)
    node.hear(node.share.answer(Beaten(beat.call, "name", {7: "one:1:2"}), 0.0))
    watch, read = node.share.take(0.0)
    assert (watch, read) == (Watch(watch.call, 7, "one", True), Read(read.call, ["/"]))
    assert node.share.stale
    node.hear(node.share.answer(Watching(watch.call, [total(1, 4, "/news")]), 0.0))
    assert (list(node.share.pages()), node.share.count("/news")) == (["/news"], Count(4, 4, 4))
    assert not node.share.stale


def test_a_node_may_begin_to_watch_every_page_and_end_that() -> None:
    city = City(one := Node("one"), two := Node("two"))
    asked = list[str]()
    two.share.on_listen = lambda: asked.append("listen")
    one.roster.join("/", "a")
    one.roster.join("/both", "a")
    two.roster.join("/both", "a")
    city.carry()
    assert (two.share.knows(None), two.share.knows("/"), two.share.knows("/both")) == (False, False, True)
    two.share.listen(None, True)
    two.share.when_counted(None, lambda: asked.append("counted"))
    assert asked == ["listen"]
    city.carry()
    assert asked == ["listen", "counted"]
    assert (set(two.share.pages()), two.share.knows("/")) == ({"/", "/both"}, True)
    two.share.when_counted(None, lambda: asked.append("known"))
    assert asked[2:] == ["known"]
    one.roster.join("/new", "a")
    city.carry()
    assert two.share.count("/new") == Count(1, 1, 1)
    two.share.listen(None, False)
    two.share.when_counted(None, lambda: asked.append("nobody asks"))
    city.carry()
    assert list(two.share.pages()) == ["/both"]
    one.roster.join("/", "b")
    city.carry()
    assert list(two.share.pages()) == ["/both"]


def test_a_node_that_watches_says_so_when_it_registers_anew() -> None:
    city = City(one := Node("one"), two := Node("two"))
    two.share.listen(None, True)
    two.share.listen("/", True)
    city.carry()
    city.census = Census("empty")
    one.roster.join("/news", "a")
    for node in city.nodes:
        node.hear(node.share.answer(city.census.receive(node.beat()).answer, 0.0))
    city.carry()
    assert two.share.count("/news") == Count(1, 1, 1)


def test_a_total_that_is_told_before_the_older_one_of_a_registration_comes_is_kept() -> None:
    node = Node()
    node.share.watch_all()
    node.hear(node.share.found())
    [register] = node.share.take(0.0)
    node.hear(node.share.told(total(2, 2, "/other")))
    node.hear(node.share.answer(Registered(register.call, 7, "name", [total(1, 1, "/other")]), 0.0))
    assert node.share.count("/other") == Count(2, 2, 2)
    assert not node.share.stale


def test_a_page_that_is_told_to_be_empty_before_an_older_total_of_it_comes_stays_unknown() -> None:
    node = Node()
    node.share.watch_all()
    node.hear(node.share.found())
    [register] = node.share.take(0.0)
    node.hear(node.share.told(total(2, 0, "/other")))
    node.hear(node.share.answer(Registered(register.call, 7, "name", [total(1, 1, "/other")], 1), 0.0))
    assert list(node.share.pages()) == []


def test_a_page_that_was_left_while_nobody_watched_is_empty_for_who_watches_again() -> None:
    node = Node().registered()
    node.share.listen(None, True)
    [begins] = node.share.take(0.0)
    node.hear(node.share.answer(Watching(begins.call, [total(1, 1, "/other")], 1), 0.0))
    node.share.listen(None, False)
    [ends] = node.share.take(0.0)
    node.share.listen(None, True)
    node.hear(node.share.answer(Watching(ends.call, []), 0.0))
    assert list(node.share.pages()) == ["/other"]
    [again] = node.share.take(0.0)
    node.hear(node.share.answer(Watching(again.call, [], 2), 0.0))
    assert list(node.share.pages()) == []


def test_who_waits_for_every_page_waits_no_longer_than_the_census_is_there() -> None:
    node, counted = Node().registered(), list[str]()
    node.share.listen(None, True)
    node.share.take(0.0)
    node.share.when_counted(None, lambda: counted.append("lost"))
    node.hear(node.share.lost())
    assert counted == ["lost"]
    node.share.when_counted(None, lambda: counted.append("apart"))
    assert counted == ["lost", "apart"]
    node.hear(node.share.found())
    [beat] = node.share.take(0.0)
    node.hear(node.share.answer(Beaten(beat.call, "name", {7: "one:1:2"}), 0.0))
    [again] = node.share.take(0.0)
    assert again == Watch(again.call, 7, "one", True)
    node.hear(node.share.answer(Unknown(again.call), 0.0))
    assert node.share.number is None


def test_a_wish_that_changes_while_it_is_asked_for_is_asked_for_again() -> None:
    node = Node().registered()
    node.share.listen(None, True)
    [first] = node.share.take(0.0)
    node.share.listen(None, False)
    node.share.listen(None, False)
    assert node.share.take(0.0) == []
    node.hear(node.share.answer(Watching(first.call, [total(1, 1)]), 0.0))
    assert (node.share.knows(None), list(node.share.pages())) == (False, [])
    [second] = node.share.take(0.0)
    assert second == Watch(second.call, 7, "one", False)


def test_a_total_that_comes_late_brings_no_page_back() -> None:
    node = Node(everything=True).registered()
    node.roster.join("/", "a")
    node.applied(node.write(), total(1, 1))
    node.roster.leave("/", "a", now=0.0)
    node.applied(node.write(), total(3, 0))
    node.hear(node.share.told(total(2, 1)))
    assert list(node.share.pages()) == []
    node.hear(node.share.told(total(4, 1)))
    assert list(node.share.pages()) == ["/"]


def test_who_moves_to_another_node_has_returned() -> None:
    city = City(one := Node("one"), two := Node("two"))
    one.roster.join("/", "a", "ann")
    city.carry()
    one.roster.leave("/", "a", now=0.0, grace_s=10.0)
    two.roster.join("/", "b", "ann")
    city.carry()
    assert (one.returned, two.returned) == ([Presence("/", "ann")], [])
    assert city.counts() == [Count(2, 1, 1)] * 2


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


# Nodes that are gone, and leaving


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


def test_in_ten_minutes_every_page_is_said_again_in_case_that_somebody_removed_it() -> None:
    node = Node(leases=Leases(15.0, 5.0)).registered()
    for n in range(200):
        node.roster.join(f"/{n}", "a", "ann")
    for call in node.share.take(0.0):
        assert isinstance(call, Apply)
        node.applied(call, total(1, 1, call.page))
    node.roster.leave("/0", "a", now=0.0)
    node.applied(node.write(), total(2, 0, "/0"))
    said: list[str] = []
    for beat in range(120):
        node.beat()
        calls = [call for call in node.share.take(5.0 * beat) if isinstance(call, Apply)]
        assert len(calls) <= 2
        for call in calls:
            assert call.visible == ["cann"]
            node.applied(call, total(1, 1, call.page))
            said.append(call.page)
    assert set(said) == {f"/{n}" for n in range(1, 200)}
    assert len(said) == 199


def test_one_page_is_said_again_no_more_often_than_many() -> None:
    node = Node(leases=Leases(15.0, 5.0)).registered()
    node.roster.join("/", "a", "ann")
    node.applied(node.write(), total(1, 1))
    said = 0
    for beat in range(240):
        node.beat()
        for call in node.share.take(5.0 * beat):
            node.applied(call, total(1, 1))
            said += 1
    assert said == 2


def test_a_page_that_is_empty_by_then_is_not_said_again() -> None:
    node = Node(leases=Leases(15.0, 5.0)).registered()
    for n in range(150):
        node.roster.join(f"/{n}", "a", "ann")
    for call in node.share.take(0.0):
        assert isinstance(call, Apply)
        node.applied(call, total(1, 1, call.page))
    node.beat()
    for call in node.share.take(0.0):
        assert isinstance(call, Apply)
        node.applied(call, total(1, 1, call.page))
    for n in range(30, 150):
        node.roster.leave(f"/{n}", "a", now=0.0)
    for call in node.share.take(0.0):
        assert isinstance(call, Apply)
        node.applied(call, total(2, 0, call.page))
    for _ in range(5):
        node.beat()
        assert node.share.take(0.0) == []


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


def test_a_stale_count_has_no_visitor_twice_in_view_and_nobody_without_a_visitor() -> None:
    here, there = Node("here"), Node("there")
    city = City(here, there)
    here.roster.join("/", "tab here", "ann", visible=False)
    there.roster.join("/", "tab there", "ann")
    city.carry()
    assert city.counts() == [Count(2, 1, 1)] * 2
    here.hear(here.share.lost())
    here.roster.show("/", "tab here", True)
    assert here.share.count("/") == Count(2, 1, 1)
    here.roster.leave("/", "tab here", now=0.0)
    assert here.share.count("/") == Count(1, 1, 1)
