"""What a node knows of pages: totals by version, and which may be old."""

from __future__ import annotations

import pytest

from nannin.audience import known_pages
from nannin.audience.census_calls import Total
from nannin.audience.count import Count
from nannin.audience.known_pages import KnownPage, KnownPages
from nannin.audience.writes import AGAIN, CAME, CHANGED, Write


def total(version: int, connections: int = 1) -> Total:
    return Total("/", version, connections, connections, connections)


def test_a_page_is_known_once_it_is_asked_for_and_until_it_is_forgotten() -> None:
    pages = KnownPages()
    assert pages.find("/") is None
    held = pages.of("/")
    assert pages.of("/") is held
    assert pages.find("/") is held
    assert (list(pages), pages.all()) == (["/"], [("/", held)])
    pages.forget("/")
    assert list(pages) == []


def test_who_waits_for_a_page_is_called_by_the_write_that_says_all_so_far() -> None:
    held = KnownPages().of("/")
    counted, again = (lambda: None), (lambda: None)
    assert not held.wait(counted)
    held.touch([], CHANGED)
    assert held.wait(counted)
    assert held.thens == [counted]
    held.take_visitors(1)
    held.write = Write(2, "/", {}, 0.0)
    assert held.wait(again)
    assert held.write.thens == [again]


def test_the_newer_total_counts_whatever_comes_last() -> None:
    pages = KnownPages()
    held = pages.of("/")
    assert pages.hear(held, total(2))
    assert not pages.hear(held, total(1, 7))
    assert not pages.settle(held, total(2, 7))
    assert held.total == total(2)
    assert pages.settle(held, total(3))
    assert held.total == total(3)


def test_what_is_told_in_doubt_waits_for_a_total_that_has_this_nodes_part() -> None:
    pages = KnownPages()
    held = pages.of("/")
    pages.hear(held, total(9))
    pages.doubt()
    assert (held.unsure, pages.unsure) == (True, 1)
    assert not pages.hear(held, total(4, 4))
    assert held.total == total(9)
    assert pages.settle(held, total(3, 3))
    assert (held.total, held.unsure, pages.unsure) == (total(4, 4), False, 0)


def test_what_was_told_since_a_doubt_is_kept_while_only_this_nodes_part_is_in_doubt() -> None:
    pages = KnownPages()
    old, new = pages.of("/"), pages.of("/new")
    pages.hear(old, total(9))
    pages.doubt()
    pages.hear(old, total(4, 4))
    pages.settle(new, Total("/new", 5, 5, 5, 5))
    pages.hear(also_new := pages.of("/also"), Total("/also", 6, 6, 6, 6))
    pages.doubt_parts()
    assert pages.unsure == 3
    assert pages.settle(old, total(3, 3))
    assert pages.settle(new, Total("/new", 3, 3, 3, 3))
    assert pages.settle(also_new, Total("/also", 7, 7, 7, 7))
    assert [held.total.version for held in (old, new, also_new) if held.total] == [4, 5, 7]
    assert pages.unsure == 0


def test_while_it_waits_a_page_stays_unsure_with_the_total_of_before() -> None:
    pages = KnownPages()
    old, new = pages.of("/"), pages.of("/new")
    pages.settle(old, total(9, 9))
    old.said = Count(1, 1, 1)
    pages.wait()
    assert not pages.settle(old, total(2, 2))
    assert (old.total, old.unsure, old.acknowledged) == (total(0, 9), True, Count())
    assert pages.settle(new, total(1, 5))
    assert (new.total, new.unsure) == (total(1, 5), False)
    pages.waits = False
    assert pages.settle(old, total(2, 2))
    assert (old.total, old.unsure, old.acknowledged) == (total(2, 2), False, Count(1, 1, 1))


def test_after_a_doubt_a_smaller_version_is_taken() -> None:
    pages = KnownPages()
    held = pages.of("/")
    pages.hear(held, total(9))
    pages.doubt()
    assert pages.settle(held, total(1, 5))
    assert held.total == total(1, 5)


def test_a_page_is_clean_until_it_is_touched() -> None:
    held = KnownPage()
    assert not held.is_writing()
    held.touch([], fresh=True)
    assert held.is_writing()
    assert held.take_visitors(10) == {}
    assert not held.is_writing()
    held.write = Write(1, "/", {}, 0.0)
    assert held.is_writing()


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_a_visitor_who_is_waited_for_stays_waited_for(order: tuple[bool, bool]) -> None:
    held = KnownPage()
    for fresh in order:
        held.touch(["ann"], fresh)
    held.touch(["bob"], fresh=False)
    assert held.take_visitors(2) == {"ann": True, "bob": False}


def test_what_was_noted_of_a_visitor_first_holds_until_it_is_said() -> None:
    held = KnownPage()
    for fresh in (AGAIN, CAME, CHANGED):
        held.touch(["ann"], fresh)
    assert held.take_visitors(2) == {"ann": CAME}
    for fresh in (CHANGED, CAME):
        held.touch(["bob"], fresh)
    held.touch(["eve"], CAME)
    held.touch_again({"bob": CAME, "eve": AGAIN, "ann": AGAIN})
    assert held.dirty
    assert held.take_visitors(3) == {"bob": CAME, "eve": CAME, "ann": AGAIN}


def test_who_has_joined_once_more_is_named_as_often_as_that_and_some_at_a_time() -> None:
    held = KnownPage()
    assert list(held.take_joined(2)) == []
    held.note_joined(["ann"])
    held.note_joined(["ann", "bob"])
    assert held.take_visitors(2) == {}
    assert held.take_joined(2) == ["ann", "ann"]
    assert held.dirty, "there are more"
    held.take_visitors(2)
    assert held.take_joined(2) == ["bob"]
    assert not held.dirty
    assert list(held.take_joined(2)) == []


def test_it_is_known_who_will_be_named() -> None:
    pages = KnownPages()
    assert not pages.names("/", "ann")
    pages.of("/").touch([], CHANGED)
    assert not pages.names("/", "ann")
    pages.of("/").touch(["bob"], CHANGED)
    assert (pages.names("/", "ann"), pages.names("/", "bob")) == (False, True)


def test_visitors_are_named_some_at_a_time_and_the_page_is_dirty_until_the_last() -> None:
    held = KnownPage()
    held.touch("abcde", fresh=True)
    named = [held.take_visitors(2), held.take_visitors(2)]
    assert held.dirty
    named.append(held.take_visitors(2))
    assert not held.dirty
    assert sorted(visitor for some in named for visitor in some) == list("abcde")
    assert [len(some) for some in named] == [2, 2, 1]


def test_a_total_of_a_page_that_nobody_is_on_any_more_may_come_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(known_pages, "_GONE", 1)
    pages = KnownPages()
    for version in (5, 7):
        pages.hear(pages.of("/"), total(version, 0))
        pages.forget("/")
    pages.of("/unheard")
    pages.forget("/unheard")
    assert [pages.is_new(total(version)) for version in (6, 7, 8)] == [False, False, True]
    pages.hear(pages.of("/other"), Total("/other", 9, 0, 0, 0))
    pages.forget("/other")
    assert pages.is_new(total(1))
    pages.doubt()
    assert pages.is_new(Total("/other", 1, 1, 1, 1))


def test_a_total_of_a_page_that_was_never_known_may_say_that_it_is_empty() -> None:
    pages = KnownPages()
    pages.note_gone(total(3, 0))
    assert [pages.is_new(total(version)) for version in (3, 4)] == [False, True]


def test_a_page_stays_while_it_is_listened_to_or_heard() -> None:
    page = KnownPage()
    assert not page.stays
    page.hears = True
    assert page.stays
    page.hears, page.listens = False, True
    assert page.stays
