"""What a node says of its clients, and what it says again."""

from __future__ import annotations

import itertools

import pytest

from nannin.audience import unsaid
from nannin.audience.census_calls import Applied, Apply, Total
from nannin.audience.groups import Groups
from nannin.audience.heard import Heard, Presence
from nannin.audience.known_pages import KnownPages
from nannin.audience.resettling import Resettling
from nannin.audience.roster import Count, Given, Roster
from nannin.audience.unsaid import Unsaid
from nannin.audience.writes import Write, Writes


class Node:
    """A node that has registered by call 1, and has number 7."""

    def __init__(self, groups: Groups | None = None) -> None:
        self.roster: Roster[str] = Roster(groups)
        self.pages = KnownPages()
        self.writes = Writes(30.0, 100)
        self.writes.begin(1)
        self.resettling = Resettling(8.0)
        self.unsaid = Unsaid(
            self.roster, self.pages, "one", itertools.count(2).__next__, self.writes, self.resettling
        )
        self.roster.on_change = self.unsaid.touch
        self.heard = Heard()

    def join(self, *names: str, page: str = "/") -> None:
        """Each of these visitors comes to a page."""
        for name in names:
            self.roster.join(page, name, name)

    def leave(self, *names: str, page: str = "/") -> None:
        for name in names:
            self.roster.leave(page, name, now=0.0)

    def take(self) -> list[Apply]:
        return self.unsaid.take(7, 0.0)

    def write(self) -> Apply:
        """The only call to send."""
        [call] = self.take()
        return call

    def applied(self, call: Apply, *, entered: list[str] | None = None) -> Write | None:
        total = Total(call.page, 1, 1, 1, 1)
        return self.unsaid.answer(Applied(call.call, total, entered or []), self.heard)

    def say(self) -> None:
        """All that is to be said is said, and answered."""
        for call in self.take():
            self.applied(call)

    def lose(self, *again: str) -> None:
        """It turns out at 100 s that the census has lost its data."""
        self.unsaid.lose(100.0, again, has_others=True)


def named(call: Apply) -> tuple[list[str], list[str], list[str]]:
    return (call.visible, call.hidden, call.absent)


# What is said


def test_a_write_says_what_is_when_it_is_sent() -> None:
    node = Node()
    node.roster.join("/", "a", "ann")
    node.roster.join("/", "b", "bob", visible=False)
    node.roster.join("/", "c", Given("eve"))
    node.roster.join("/", "d")
    node.roster.join("/", "e", visible=False)
    node.leave("c")
    call = node.write()
    assert (call.number, call.epoch, call.previous, call.page) == (7, "one", 1, "/")
    assert (call.connections, call.anonymous, call.anonymous_visible) == (4, 2, 1)
    assert named(call) == (["cann"], ["cbob"], ["aeve"])


def test_a_page_has_one_write_under_way_and_what_changes_meanwhile_is_said_together() -> None:
    node = Node()
    node.join("ann")
    first = node.write()
    node.join("bob")
    node.join("eve")
    node.join("ann", page="/news")
    other = node.write()
    assert (other.page, other.previous) == ("/news", first.call)
    node.applied(first)
    second = node.write()
    assert (second.page, second.connections, second.visible) == ("/", 3, ["cbob", "ceve"])
    assert second.previous == other.call


def test_a_clean_page_is_not_said() -> None:
    node = Node()
    node.join("ann")
    node.say()
    assert node.take() == []


def test_a_page_may_be_said_without_its_visitors() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.unsaid.touch_page("/")
    assert named(node.write()) == ([], [], [])


def test_a_refresh_says_everything_of_a_page_again() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.unsaid.refresh("/")
    call = node.write()
    assert (call.connections, call.visible) == (1, ["cann"])


def test_so_many_visitors_are_named_at_a_time_and_meanwhile_the_node_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unsaid, "_VISITORS", 2)
    node = Node()
    node.join("ann", "bob", "eve")
    for _ in range(2):
        node.say()
    node.leave("ann", "bob", "eve")
    call = node.write()
    assert (call.connections, call.stays, len(call.absent)) == (0, True, 2)
    node.applied(call)
    call = node.write()
    assert (call.connections, call.stays, len(call.absent)) == (0, False, 1)


def test_only_so_many_writes_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsaid, "_IN_FLIGHT", 2)
    node = Node()
    for page in ("/a", "/b", "/c"):
        node.join("ann", page=page)
    first, _ = node.take()
    assert node.take() == []
    node.applied(first)
    assert node.write().page == "/c"


def test_only_so_many_visitors_are_named_in_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsaid, "_NAMED", 3)
    node = Node()
    for page in ("/a", "/b", "/c", "/d"):
        node.join("ann", "bob", page=page)
    assert [len(node.take()) for _ in range(3)] == [2, 2, 0]


def test_a_node_stays_on_a_group_while_somebody_there_has_a_grace_but_no_place() -> None:
    node = Node(Groups("/*"))
    node.roster.join("/a", "a", "ann")
    node.roster.leave("/a", "a", now=0.0, grace_s=10.0)
    node.roster.end_grace("/*", "ann")
    page, group = node.take()
    assert (page.page, page.connections, page.stays) == ("/a", 1, False)
    assert (group.page, group.connections, group.stays, group.visible) == ("/*", 0, True, ["cann"])


# What is answered


def test_an_answer_says_who_of_those_that_had_changed_has_entered() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.unsaid.refresh("/")
    node.join("bob")
    node.applied(node.write(), entered=["cann", "cbob"])
    assert node.heard.entered == [Presence("/", "bob")]


def test_an_answer_calls_who_waits_for_it_and_says_what_the_census_has_of_this_node() -> None:
    node = Node()
    node.join("ann")
    held = node.pages.of("/")
    held.wait(then := lambda: None)
    call = node.write()
    write = node.applied(call)
    assert write is not None
    assert (write.call, held.write, held.said) == (call.call, None, Count(1, 1, 1))
    assert node.heard.thens == [then]


def test_an_answer_that_nobody_waits_for_is_ignored() -> None:
    node = Node()
    node.join("ann")
    call = node.write()
    assert node.applied(call) is not None
    assert node.applied(call) is None


def test_a_total_in_doubt_counts_with_the_last_of_a_pages_writes_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unsaid, "_VISITORS", 1)
    node = Node()
    node.join("ann", "bob")
    assert node.applied(node.write()) is not None
    node.join("eve")
    node.pages.doubt()
    assert node.applied(node.write()) is None
    assert node.applied(node.write()) is not None


def test_a_write_knows_the_version_of_a_total_that_is_not_in_doubt() -> None:
    node = Node()
    held = node.pages.of("/")
    held.total = Total("/", 5, 1, 1, 1)
    node.unsaid.touch_page("/")
    write = node.applied(node.write())
    assert write is not None
    assert write.version == 5
    node.pages.doubt()
    node.unsaid.touch_page("/")
    write = node.applied(node.write())
    assert write is not None
    assert write.version == 0


# What was said in vain


def test_what_later_writes_named_is_said_again_after_the_last_that_the_census_has() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.join("bob", page="/news")
    refused = node.write()
    assert node.unsaid.go_back(1, refused.call)
    again = node.take()
    assert [(call.page, call.visible) for call in again] == [("/news", ["cbob"]), ("/", ["cann"])]
    assert again[0].previous == 1
    for call in again:
        node.applied(call, entered=["cann", "cbob"])
    assert node.heard.entered == [Presence("/news", "bob")]  # of the other it was heard before


def test_a_write_that_named_nobody_is_said_again_as_well() -> None:
    node = Node()
    node.roster.join("/", "a")
    refused = node.write()
    assert node.unsaid.go_back(1, refused.call)
    assert node.write().connections == 1


def test_a_write_that_was_answered_is_said_again_with_the_one_that_followed() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.join("bob")
    node.pages.of("/").wait(then := lambda: None)
    refused = node.write()
    assert node.unsaid.go_back(1, refused.call)
    assert node.pages.of("/").thens == [then]
    assert sorted(node.write().visible) == ["cann", "cbob"]


def test_who_has_joined_once_more_is_named_again_where_that_was_under_way() -> None:
    node = Node()
    node.join("ann")
    first = node.write()
    node.applied(first)
    node.roster.join("/", "second tab", "ann")
    lost = node.write()
    assert lost.joined == ["cann"]
    assert node.unsaid.go_back(first.call, lost.call)
    again = node.write()
    assert again.joined == ["cann"]
    node.applied(again)
    node.join("bob")
    last = node.write()
    assert last.joined == []
    assert node.unsaid.go_back(first.call, last.call)
    assert node.write().joined == [], "the census has told the others of it"


def test_who_leaves_and_joins_before_that_is_said_has_joined_once_more() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.leave("ann")
    node.join("ann")
    assert node.write().joined == ["cann"]


def test_what_is_not_remembered_can_not_be_said_again() -> None:
    node = Node()
    assert not node.unsaid.go_back(0, 1)


def test_what_is_given_up_is_said_again() -> None:
    node = Node()
    node.join("ann")
    node.write()
    node.unsaid.give_up()
    call = node.write()
    assert call.visible == ["cann"]
    node.applied(call, entered=["cann"])
    assert node.heard.entered == [Presence("/", "ann")]


# After the census has lost its data


def test_all_of_a_lost_page_is_said_again_and_nobody_enters_by_that() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.lose("/")
    assert (node.pages.waits, node.unsaid.settle(108.0)) == (True, False)
    call = node.write()
    assert call.visible == ["cann"]
    node.applied(call, entered=["cann"])
    assert (node.heard.entered, node.unsaid.settle(107.9)) == ([], False)
    assert node.unsaid.settle(108.0)
    assert (node.pages.waits, node.take(), node.unsaid.settle(109.0)) == (False, [], False)


def test_without_other_nodes_it_is_over_once_all_is_said_again() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.unsaid.lose(100.0, ["/"], has_others=False)
    assert not node.unsaid.settle(100.0)
    node.say()
    assert node.unsaid.settle(100.0)


def test_who_came_before_the_loss_was_noticed_is_said_at_the_end() -> None:
    node = Node()
    node.join("ann", "bob")
    node.leave("bob")
    node.lose()
    call = node.write()
    assert named(call) == ([], [], ["cbob"])
    assert call.stays
    node.applied(call)
    assert node.unsaid.settle(108.0)
    call = node.write()
    assert call.visible == ["cann"]
    node.applied(call, entered=["cann"])
    assert node.heard.entered == [Presence("/", "ann")]


def test_who_left_before_the_loss_was_noticed_is_said_to_be_here_and_leaves_at_the_end() -> None:
    node = Node()
    node.join("ann", "bob")
    node.say()
    node.leave("ann")
    node.roster.show("/", "bob", False)
    node.lose()
    call = node.write()
    assert named(call) == ([], ["cann", "cbob"], [])
    node.applied(call)
    assert node.unsaid.settle(108.0)
    assert named(node.write()) == ([], [], ["cann"])


def test_who_comes_or_goes_meanwhile_is_said_at_the_end() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.lose("/")
    node.leave("ann")
    node.join("bob")
    call = node.write()
    assert named(call) == ([], ["cann"], [])
    node.applied(call)
    assert node.unsaid.settle(108.0)
    assert named(node.write()) == (["cbob"], [], ["cann"])


def test_who_has_come_meanwhile_is_not_named_by_a_refresh() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.lose("/")
    node.join("bob")
    node.say()
    node.unsaid.refresh("/")
    assert named(node.write()) == (["cann"], [], [])


def test_who_was_to_be_said_again_when_the_loss_was_noticed_still_is() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.unsaid.refresh("/")
    node.lose()
    assert named(node.write()) == (["cann"], [], [])


def test_a_loss_in_that_time_makes_who_has_left_since_the_first_be_said_once_more() -> None:
    node = Node()
    node.join("ann")
    node.say()
    node.lose("/")
    node.leave("ann")
    node.say()
    node.lose()
    assert named(node.write()) == ([], ["cann"], [])


# What is said now and then


def test_in_ten_minutes_every_page_is_said_again_in_case_that_somebody_removed_it() -> None:
    node = Node()
    for n in range(200):
        node.join("ann", page=f"/{n}")
    node.say()
    node.leave("ann", page="/0")
    node.say()
    said: list[str] = []
    for _ in range(120):
        node.unsaid.refresh_some()
        calls = node.take()
        assert len(calls) <= 2
        for call in calls:
            assert call.visible == ["cann"]
            node.applied(call)
            said.append(call.page)
    assert set(said) == {f"/{n}" for n in range(1, 200)}
    assert len(said) == 199


def test_one_page_is_said_again_no_more_often_than_many() -> None:
    node = Node()
    node.join("ann")
    node.say()
    said = 0
    for _ in range(240):
        node.unsaid.refresh_some()
        for call in node.take():
            node.applied(call)
            said += 1
    assert said == 2


def test_a_page_that_is_empty_by_then_is_not_said_again() -> None:
    node = Node()
    for n in range(150):
        node.join("ann", page=f"/{n}")
    node.say()
    node.unsaid.refresh_some()
    node.say()
    for n in range(30, 150):
        node.leave("ann", page=f"/{n}")
    node.say()
    for _ in range(5):
        node.unsaid.refresh_some()
        assert node.take() == []
