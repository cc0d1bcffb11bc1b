"""The totals that a node asks for again."""

from __future__ import annotations

import itertools

import pytest

from nannin.audience import reads
from nannin.audience.census_calls import Read
from nannin.audience.known_pages import KnownPages
from nannin.audience.reads import Reads


def reads_of(*names: str) -> tuple[KnownPages, Reads]:
    """A node that knows these pages, and wants to read them."""
    pages = KnownPages()
    for page in names:
        pages.of(page)
    mine = Reads(pages, itertools.count(1).__next__)
    mine.want(names)
    return pages, mine


def test_what_is_wanted_is_read_once() -> None:
    _, mine = reads_of("/", "/news")
    mine.want(["/news"])
    assert mine.take() == [Read(1, ["/", "/news"])]
    assert mine.take() == []


def test_a_read_is_answered_once() -> None:
    _, mine = reads_of("/")
    [call] = mine.take()
    assert (call.call in mine, 2 in mine) == (True, False)
    mine.answer(call.call)
    assert call.call not in mine


def test_a_page_that_is_written_or_forgotten_is_not_read() -> None:
    pages, mine = reads_of("/", "/written", "/forgotten")
    pages.of("/written").touch([], 0)
    mine.forget("/forgotten")
    mine.forget("/never wanted")
    assert mine.take() == [Read(1, ["/"])]


def test_many_pages_are_read_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "_PAGES", 2)
    _, mine = reads_of("/a", "/b", "/c")
    assert mine.take() == [Read(1, ["/a", "/b"]), Read(2, ["/c"])]
    mine.answer(1)
    assert (1 in mine, 2 in mine) == (False, True)


def test_after_all_is_cleared_nothing_is_read_and_no_answer_is_waited_for() -> None:
    _, mine = reads_of("/")
    [call] = mine.take()
    mine.want(["/"])
    mine.clear()
    assert (mine.take(), call.call in mine) == ([], False)
