"""What one who comes back has missed, by itself; test_recovery_any_order has it against a naive model."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from nannin.audience.recovery import MAX_OFFSET, Absent, Aim, Recovery, Return, Ticket

WINDOW_S = 120.0
TO_ALL = Aim()


def make_recovery(
    max_bytes: int = 1_000, max_absent: int = 100, max_total_bytes: float = math.inf
) -> Recovery:
    pids = map("{:08}-pid".format, itertools.count())
    return Recovery(
        window_s=WINDOW_S,
        max_bytes=max_bytes,
        new_pid=lambda: next(pids),
        max_absent=max_absent,
        max_total_bytes=max_total_bytes,
    )


def emit(
    recovery: Recovery,
    event: Any,
    *to: Ticket,
    page: str = "/",
    aim: Aim = TO_ALL,
    now: float = 0,
    size: int = 1,
) -> str:
    """Sends an event to those who are there, and keeps it; returns its offset."""
    offset = recovery.next_offset(page)
    recovery.keep(page, aim, event, size, now)
    for ticket in to:
        ticket.sent = recovery.last(page)
    return offset


def lose(recovery: Recovery, ticket: Ticket, *rooms: str, now: float = 0, page: str = "/") -> Absent:
    """Somebody's link is lost; its id is its pid's first letters."""
    absent = Absent(page, ticket, f"id-{ticket.pid}", list(rooms), {"name": ticket.pid})
    recovery.remember(absent, now)
    return absent


def missed(back: Return | None) -> list[Any]:
    assert back is not None
    return back.missed


# Aims


@pytest.mark.parametrize(
    ("aim", "takes"),
    [
        (Aim(), True),
        (Aim(frozenset()), False),
        (Aim(frozenset({"x"})), True),
        (Aim(frozenset({"y"})), False),
        (Aim(frozenset({"y", "me"})), True),
        (Aim(except_=frozenset({"me"})), False),
        (Aim(except_=frozenset({"y"})), True),
        (Aim(frozenset({"x"}), frozenset({"me"})), False),
    ],
)
def test_an_aim_is_for_rooms_and_ids_without_those_excepted(aim: Aim, takes: bool) -> None:
    assert aim.takes(["me", "x"]) is takes


# Calls, which carry no offset: the client says the text that ended the last one


def test_the_text_of_a_call_says_that_all_before_it_has_arrived() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    emit(recovery, "one", ticket)
    ticket.call("what?")
    emit(recovery, "two", ticket)
    lose(recovery, ticket)
    assert missed(recovery.come_back("/", ticket.pid, "what?", 1)) == ["two"]


def test_an_offset_behind_a_call_counts_for_more_than_the_call() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    ticket.call("what?")
    offset = emit(recovery, "one", ticket)
    emit(recovery, "two", ticket)
    lose(recovery, ticket)
    assert missed(recovery.come_back("/", ticket.pid, offset, 1)) == ["two"]


@pytest.mark.parametrize("text", ["what?", "x" * (MAX_OFFSET + 1)])
def test_where_another_text_stands_for_the_offset_it_can_not_be_told_what_was_missed(text: str) -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    emit(recovery, "one", ticket)
    ticket.call("an earlier call")
    ticket.call(text)
    lose(recovery, ticket)
    assert recovery.come_back("/", ticket.pid, "an earlier call", 1) is None


def test_one_who_got_nothing_before_a_call_that_was_lost_misses_all() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    emit(recovery, "one", ticket)
    ticket.call("what?")
    lose(recovery, ticket)
    assert missed(recovery.come_back("/", ticket.pid, None, 1)) == ["one"]


def test_a_call_that_ends_in_no_text_leaves_the_offset_alone() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    ticket.call({"what": 1})
    emit(recovery, "one", ticket)
    lose(recovery, ticket)
    assert missed(recovery.come_back("/", ticket.pid, "somebody else's", 1)) == ["one"]


# Coming back


def test_one_who_comes_back_is_who_it_was_and_gets_what_it_missed_in_order() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    offset = emit(recovery, "seen", ticket)
    absent = lose(recovery, ticket, "x")
    for event in ("one", "two", "three"):
        emit(recovery, event)
    assert recovery.come_back("/", ticket.pid, offset, 1) == Return(absent, ["one", "two", "three"])
    assert len(recovery) == 0


def test_it_missed_only_what_was_meant_for_it() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    absent = lose(recovery, ticket, "x", "y")
    for event, aim in [
        ("page", Aim()),
        ("x and y", Aim(frozenset({"x", "y"}))),
        ("z", Aim(frozenset({"z"}))),
        ("id", Aim(frozenset({absent.id}))),
        ("but me", Aim(except_=frozenset({absent.id}))),
        ("but y", Aim(frozenset({"x"}), frozenset({"y"}))),
    ]:
        emit(recovery, event, aim=aim)
    assert missed(recovery.come_back("/", ticket.pid, None, 1)) == ["page", "x and y", "id"]


def test_what_was_under_way_when_the_link_was_lost_comes_again() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    offset = emit(recovery, "arrived", ticket)
    emit(recovery, "under way", ticket)
    lose(recovery, ticket)
    emit(recovery, "missed")
    assert missed(recovery.come_back("/", ticket.pid, offset, 1)) == ["under way", "missed"]


def test_one_who_got_nothing_since_it_joined_gets_all_since_then() -> None:
    recovery = make_recovery()
    early = recovery.join("/")
    emit(recovery, "before", early)
    ticket = recovery.join("/")
    emit(recovery, "under way", early, ticket)
    lose(recovery, ticket)
    assert missed(recovery.come_back("/", ticket.pid, None, 1)) == ["under way"]


def test_what_a_room_heard_before_it_joined_the_room_was_not_missed() -> None:
    recovery = make_recovery()
    ticket, other = recovery.join("/"), recovery.join("/")
    offset = emit(recovery, "seen", ticket, other)
    emit(recovery, "before it came in", other, aim=Aim(frozenset({"x"})))
    lose(recovery, ticket, "x")
    emit(recovery, "missed", other, aim=Aim(frozenset({"x"})))
    assert missed(recovery.come_back("/", ticket.pid, offset, 1)) == ["missed"]


def test_one_that_hears_little_on_a_loud_page_lacks_nothing_that_was_dropped() -> None:
    recovery = make_recovery(max_bytes=10)
    ticket, other = recovery.join("/"), recovery.join("/")
    offset = emit(recovery, "seen", ticket, other)
    for number in range(100):
        emit(recovery, number, other, aim=Aim(except_=frozenset({f"id-{ticket.pid}"})))
    lose(recovery, ticket)
    emit(recovery, "missed", other)
    assert missed(recovery.come_back("/", ticket.pid, offset, 1)) == ["missed"]


def test_a_second_loss_is_told_from_the_first() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    lose(recovery, ticket)
    offset = emit(recovery, "first")
    assert missed(recovery.come_back("/", ticket.pid, None, 1)) == ["first"]
    lose(recovery, ticket)
    emit(recovery, "second")
    assert missed(recovery.come_back("/", ticket.pid, offset, 2)) == ["second"]


def test_what_was_missed_comes_again_where_the_return_itself_was_lost() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    lose(recovery, ticket)
    emit(recovery, "first")
    for number in range(3):
        assert missed(recovery.come_back("/", ticket.pid, None, number)) == ["first"]
        lose(recovery, ticket, now=number)


def test_a_second_return_brings_nothing_from_before_it_joined_either() -> None:
    recovery = make_recovery()
    other = recovery.join("/")
    emit(recovery, "before", other)
    ticket = recovery.join("/")
    for number in range(2):
        lose(recovery, ticket, now=number)
        assert missed(recovery.come_back("/", ticket.pid, None, number)) == []
    emit(recovery, "under way", other, ticket)
    lose(recovery, ticket, now=2)
    assert missed(recovery.come_back("/", ticket.pid, None, 2)) == ["under way"]


def test_two_absent_ones_each_get_their_own() -> None:
    recovery = make_recovery()
    ann, bob = recovery.join("/"), recovery.join("/")
    lose(recovery, ann, "x")
    emit(recovery, "to x", aim=Aim(frozenset({"x"})))
    lose(recovery, bob, "x")
    emit(recovery, "to all")
    assert missed(recovery.come_back("/", bob.pid, None, 1)) == ["to all"]
    assert missed(recovery.come_back("/", ann.pid, None, 1)) == ["to x", "to all"]


def test_pages_have_logs_of_their_own() -> None:
    recovery = make_recovery()
    here, there = recovery.join("/here"), recovery.join("/there")
    lose(recovery, here, page="/here")
    lose(recovery, there, page="/there")
    emit(recovery, "here", page="/here")
    emit(recovery, "there", page="/there")
    assert missed(recovery.come_back("/there", there.pid, None, 1)) == ["there"]
    assert missed(recovery.come_back("/here", here.pid, None, 1)) == ["here"]


# Not coming back


def test_the_same_one_comes_back_once() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    lose(recovery, ticket)
    assert recovery.come_back("/", ticket.pid, None, 1) is not None
    assert recovery.come_back("/", ticket.pid, None, 1) is None


@pytest.mark.parametrize("pid", ["", "nobody", None, 5, ["pid"], {"pid": 1}, True, "00000001-PID"])
def test_a_pid_that_nobody_has_brings_nobody_back(pid: object) -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    lose(recovery, ticket)
    assert recovery.come_back("/", pid, None, 1) is None
    assert len(recovery) == 1


def test_one_comes_back_to_its_own_page_only() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    recovery.join("/other")
    lose(recovery, ticket)
    assert recovery.come_back("/other", ticket.pid, None, 1) is None
    assert recovery.come_back("/", ticket.pid, None, 1) is not None


@pytest.mark.parametrize("offset", [5, "", "x", "00000000", "00000000.", "00000000.xyz", ["a"], {}, True])
def test_an_offset_of_nothing_is_as_none(offset: object) -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    lose(recovery, ticket)
    emit(recovery, "missed")
    assert missed(recovery.come_back("/", ticket.pid, offset, 1)) == ["missed"]


def test_an_offset_that_a_client_kept_from_another_log_is_as_none() -> None:
    recovery = make_recovery()
    first = recovery.join("/")
    stale = emit(recovery, "of another log", first)
    recovery.leave("/")
    ticket = recovery.join("/")
    lose(recovery, ticket)
    emit(recovery, "missed")
    assert missed(recovery.come_back("/", ticket.pid, stale, 1)) == ["missed"]


def test_an_offset_from_before_it_joined_brings_nothing_from_before() -> None:
    recovery = make_recovery()
    other = recovery.join("/")
    stale = emit(recovery, "a", other)
    emit(recovery, "before", other)
    ticket = recovery.join("/")
    emit(recovery, "under way", other, ticket)
    lose(recovery, ticket)
    assert missed(recovery.come_back("/", ticket.pid, stale, 1)) == ["under way"]


def test_an_offset_that_has_not_been_given_yet_brings_nobody_back() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    offset = emit(recovery, "seen", ticket)
    lose(recovery, ticket)
    assert recovery.come_back("/", ticket.pid, offset[:-1] + "2", 1) is None


# The window


@pytest.mark.parametrize(("after_s", "in_time"), [(0, True), (WINDOW_S - 0.01, True), (WINDOW_S, False)])
def test_one_comes_back_within_the_window(after_s: float, in_time: bool) -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    lose(recovery, ticket, now=50)
    emit(recovery, "missed", now=50)
    back = recovery.come_back("/", ticket.pid, None, 50 + after_s)
    assert (back is not None) is in_time
    assert len(recovery) == 0


def test_the_window_counts_from_the_last_loss() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    lose(recovery, ticket, now=0)
    assert recovery.come_back("/", ticket.pid, None, 10) is not None
    lose(recovery, ticket, now=100)
    assert recovery.next_deadline() == 100 + WINDOW_S
    recovery.expire(WINDOW_S + 1)
    assert recovery.come_back("/", ticket.pid, None, WINDOW_S + 50) is not None


def test_deadlines_come_in_the_order_of_the_losses_and_end_with_the_last() -> None:
    recovery = make_recovery()
    assert recovery.next_deadline() == math.inf
    tickets = [recovery.join("/") for _ in range(3)]
    for number, ticket in enumerate(tickets):
        lose(recovery, ticket, now=number)
    assert recovery.come_back("/", tickets[0].pid, None, 3) is not None
    assert recovery.next_deadline() == 1 + WINDOW_S
    recovery.expire(1 + WINDOW_S)
    assert (len(recovery), recovery.next_deadline()) == (1, 2 + WINDOW_S)
    recovery.expire(2 + WINDOW_S)
    assert (len(recovery), recovery.next_deadline()) == (0, math.inf)


def test_without_a_window_it_is_off() -> None:
    assert make_recovery().is_on
    assert not Recovery(window_s=0, max_bytes=1, new_pid=str).is_on


# Memory


def test_a_page_keeps_no_more_than_so_many_bytes() -> None:
    recovery = make_recovery(max_bytes=100)
    ticket = recovery.join("/")
    lose(recovery, ticket)
    for number in range(1_000):
        emit(recovery, number, size=30)
        log = recovery._logs["/"]
        assert log.size_bytes == sum(kept.size_bytes for kept in log.events) <= 100
    assert [kept.event for kept in log.events] == [997, 998, 999]


def test_one_who_missed_more_than_is_kept_does_not_come_back() -> None:
    recovery = make_recovery(max_bytes=100)
    late, early = recovery.join("/"), recovery.join("/")
    lose(recovery, early)
    offset = emit(recovery, "dropped", late, size=60)
    lose(recovery, late)
    emit(recovery, "kept", size=60)
    assert recovery.come_back("/", early.pid, None, 1) is None
    assert missed(recovery.come_back("/", late.pid, offset, 1)) == ["kept"]


def test_an_event_that_is_larger_than_all_that_may_be_kept_is_not() -> None:
    recovery = make_recovery(max_bytes=100)
    ticket = recovery.join("/")
    emit(recovery, "huge", ticket, size=101)
    assert not recovery._logs["/"].events
    lose(recovery, ticket)
    assert recovery.come_back("/", ticket.pid, None, 1) is None


def test_old_events_are_dropped_by_newer_ones() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    emit(recovery, "old", ticket, now=0)
    emit(recovery, "new", ticket, now=WINDOW_S + 1)
    assert [kept.event for kept in recovery._logs["/"].events] == ["new"]


def test_no_more_than_so_many_may_be_absent() -> None:
    recovery = make_recovery(max_absent=2)
    tickets = [recovery.join("/") for _ in range(3)]
    for ticket in tickets:
        lose(recovery, ticket)
    assert len(recovery) == 2
    assert recovery.come_back("/", tickets[0].pid, None, 1) is None
    assert recovery.come_back("/", tickets[1].pid, None, 1) is not None


def test_a_page_is_forgotten_with_the_last_one_who_may_come_back() -> None:
    recovery = make_recovery()
    _, _, absent = recovery.join("/"), recovery.join("/"), recovery.join("/")
    assert not recovery.is_used("/other")
    lose(recovery, absent)
    recovery.leave("/")
    recovery.leave("/")
    assert recovery.is_used("/")
    recovery.expire(WINDOW_S)
    assert not recovery.is_used("/")
    assert not recovery._logs
    assert not recovery._absent


# All pages together


def kept(recovery: Recovery) -> dict[str, list[Any]]:
    return {page: [event.event for event in log.events] for page, log in recovery._logs.items()}


def test_over_the_limit_of_all_pages_the_one_without_news_for_longest_loses_its_eldest_events() -> None:
    recovery = make_recovery(max_total_bytes=4)
    for page in ("/a", "/b"):
        recovery.join(page)
    for page, event in (("/a", 1), ("/b", 2), ("/b", 3), ("/a", 4)):
        emit(recovery, event, page=page)
    assert kept(recovery) == {"/a": [1, 4], "/b": [2, 3]}
    emit(recovery, 5, page="/a")
    assert kept(recovery) == {"/a": [1, 4, 5], "/b": [3]}
    emit(recovery, 6, page="/a", size=3)
    assert kept(recovery) == {"/a": [5, 6], "/b": []}
    emit(recovery, 7, page="/b")
    assert kept(recovery) == {"/a": [6], "/b": [7]}


def test_who_missed_what_was_lost_for_other_pages_is_a_new_client() -> None:
    recovery = make_recovery(max_total_bytes=2)
    ticket, late = recovery.join("/a"), recovery.join("/a")
    recovery.join("/b")
    lose(recovery, ticket, page="/a")
    emit(recovery, 1, page="/a")
    lose(recovery, late, page="/a")
    for event in (2, 3):
        emit(recovery, event, page="/b")
    assert recovery.come_back("/a", ticket.pid, None, 0) is None
    assert missed(recovery.come_back("/a", late.pid, None, 0)) == []


def test_a_page_that_nobody_may_come_back_to_gives_its_room_to_others() -> None:
    recovery = make_recovery(max_total_bytes=2)
    for page in ("/a", "/b", "/c"):
        recovery.join(page)
    emit(recovery, 1, page="/a")
    emit(recovery, 2, page="/a")
    recovery.leave("/a")
    recovery.leave("/c")
    emit(recovery, 3, page="/b")
    emit(recovery, 4, page="/b")
    assert kept(recovery) == {"/b": [3, 4]}


def test_an_event_that_is_too_large_for_all_pages_is_not_kept() -> None:
    recovery = make_recovery(max_total_bytes=2)
    recovery.join("/a")
    emit(recovery, 1, page="/a", size=3)
    assert kept(recovery) == {"/a": []}
    emit(recovery, 2, page="/a")
    assert kept(recovery) == {"/a": [2]}


def test_what_is_too_old_on_a_page_without_news_goes_with_the_news_of_others() -> None:
    recovery = make_recovery()
    for page in ("/a", "/b"):
        recovery.join(page)
    emit(recovery, 1, page="/a", now=0)
    emit(recovery, 2, page="/a", now=1)
    emit(recovery, 3, page="/b", now=WINDOW_S + 0.5)
    assert kept(recovery) == {"/a": [2], "/b": [3]}


# Several nodes


def test_one_who_is_known_to_be_elsewhere_will_not_come_back() -> None:
    recovery = make_recovery()
    ticket = recovery.join("/")
    lose(recovery, ticket)
    recovery.forget("/other", ticket.pid)
    recovery.forget("/", "unknown")
    assert len(recovery) == 1
    recovery.forget("/", ticket.pid)
    assert (len(recovery), recovery.is_used("/")) == (0, False)
    assert recovery.come_back("/", ticket.pid, None, 0) is None


def test_who_listens_is_told_while_somebody_may_come_back_to_a_page() -> None:
    recovery, told = make_recovery(), list[tuple[str, bool]]()
    recovery.on_use = lambda page, is_used: told.append((page, is_used))
    tickets = [recovery.join("/"), recovery.join("/")]
    assert told == [("/", True)]
    recovery.leave("/")
    lose(recovery, tickets[1])
    assert told == [("/", True)]
    recovery.expire(WINDOW_S + 1)
    assert told == [("/", True), ("/", False)]
