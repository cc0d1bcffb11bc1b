"""Whether a node is told of every page, and what it asks for that."""

from __future__ import annotations

import itertools

import pytest

from nannin.audience.census_calls import Watch
from nannin.audience.heard import Heard
from nannin.audience.watch_of_all import WatchOfAll


def take(mine: WatchOfAll) -> list[bool]:
    """What is asked for now."""
    calls = mine.take(itertools.count(5).__next__, 1, "one")
    return [call.watches for call in calls if isinstance(call, Watch)]


def test_a_wish_is_asked_for_once() -> None:
    mine = WatchOfAll(False)
    assert take(mine) == []
    mine.want(True)
    assert (take(mine), mine.call, take(mine)) == ([True], 5, [])
    assert not mine.knows_all
    mine.answer(Heard())
    assert (mine.knows_all, mine.call, take(mine)) == (True, 0, [])


def test_what_was_asked_for_and_is_not_wanted_any_more_is_taken_back() -> None:
    mine = WatchOfAll(False)
    mine.want(True)
    take(mine)
    mine.want(False)
    assert take(mine) == []
    mine.answer(Heard())
    assert (mine.knows_all, take(mine)) == (False, [False])
    mine.answer(Heard())
    assert not mine.knows_all


def test_who_waits_is_called_once_every_page_is_known() -> None:
    mine, counted = WatchOfAll(False), list[str]()
    assert not mine.wait(lambda: counted.append("not wanted"))
    mine.want(True)
    assert mine.wait(lambda: counted.append("wanted"))
    take(mine)
    mine.answer(heard := Heard())
    assert len(heard.thens) == 1
    assert not mine.wait(lambda: None)


def test_what_is_not_answered_is_asked_for_again() -> None:
    mine = WatchOfAll(False)
    mine.want(True)
    mine.wait(lambda: None)
    take(mine)
    assert len(mine.void()) == 1
    assert (mine.call, take(mine)) == (0, [True])


@pytest.mark.parametrize("is_forever", [False, True])
def test_a_link_that_is_found_again_is_asked_by_those_who_want_it(is_forever: bool) -> None:
    mine = WatchOfAll(is_forever)
    mine.renew()
    assert take(mine) == [True] * is_forever


def test_a_registration_says_what_is_wanted() -> None:
    mine = WatchOfAll(False)
    mine.want(True)
    assert mine.register()
    assert take(mine) == []
    mine.answer(Heard())
    assert mine.knows_all


def test_one_that_is_told_everything_for_ever_stays_so() -> None:
    mine = WatchOfAll(True)
    mine.want(False)
    assert (mine.is_wanted, mine.knows_all, mine.register()) == (True, True, True)


def test_what_is_kept_goes_on_whoever_wants_it_no_more() -> None:
    mine = WatchOfAll(False)
    mine.is_kept = True
    mine.want(True)
    assert take(mine) == [True]
    mine.answer(Heard())
    mine.want(False)
    assert (take(mine), mine.is_wanted, mine.knows_all) == ([], True, True)
