"""Nodes that are gone are reaped in slices, one call under way for each."""

from __future__ import annotations

import itertools

from nannin.audience.census_calls import Reap, Reaped
from nannin.audience.reaping import Reaping


def reaping() -> Reaping:
    return Reaping(itertools.count(1).__next__)


def test_a_node_is_reaped_slice_by_slice_until_nothing_is_left() -> None:
    mine = reaping()
    mine.add({7: "a:1:1"})
    assert mine.take() == [Reap(1, 7, "a:1:1")]
    assert mine.take() == []
    assert mine.answer(Reaped(1, "a:-")) == 7
    assert mine.take() == [Reap(2, 7, "a:-")]
    assert mine
    assert mine.answer(Reaped(2, "")) == 7
    assert not mine
    assert mine.take() == []


def test_a_node_that_is_seen_again_meanwhile_goes_on_where_it_was() -> None:
    mine = reaping()
    mine.add({7: "a:1:1"})
    mine.take()
    mine.answer(Reaped(1, "a:-"))
    mine.add({7: "a:1:1", 8: "b:1:1"})
    assert mine.take() == [Reap(2, 7, "a:-"), Reap(3, 8, "b:1:1")]


def test_an_answer_that_nobody_waits_for_is_ignored() -> None:
    mine = reaping()
    mine.add({7: "a:1:1"})
    mine.take()
    mine.clear()
    assert not mine
    assert mine.answer(Reaped(1, "a:-")) is None
    assert not mine
