"""A node's writes: which wait for an answer, and which must be made again."""

from __future__ import annotations

from nannin.audience.writes import Write, Writes


def writes(*calls: int, remember_s: float = 30.0, remember_most: int = 100) -> Writes:
    """A registration by call 1, and writes at the time of their number."""
    mine = Writes(remember_s, remember_most)
    mine.begin(1)
    for call in calls:
        mine.add(Write(call, "/", {}, float(call)))
    return mine


def again(mine: Writes, last: int, call: int = 0) -> list[tuple[int, bool]] | None:
    missing = mine.go_back(last, call)
    return None if missing is None else [(write.call, was_under_way) for write, was_under_way in missing]


def test_a_write_follows_the_one_before_and_the_first_follows_the_registration() -> None:
    mine = writes()
    assert mine.add(Write(3, "/", {}, 0.0)) == 1
    assert mine.add(Write(5, "/", {}, 0.0)) == 3
    assert (len(mine), mine.last, 3 in mine, 4 in mine) == (2, 5, True, False)


def test_a_write_is_answered_once() -> None:
    mine = writes(2, 3)
    write = mine.answer(3)
    assert write is not None
    assert write.call == 3
    assert mine.answer(3) is None
    assert mine.answer(2) is not None
    assert mine.answered == 3


def test_what_the_census_misses_is_made_again_whether_it_was_answered_or_not() -> None:
    mine = writes(2, 3, 4)
    mine.answer(2)
    mine.answer(3)
    assert again(mine, 2) == [(4, True), (3, False)]
    assert (mine.last, mine.answered, len(mine)) == (2, 2, 0)
    assert again(mine, 2) == []


def test_a_write_that_is_refused_though_later_ones_were_done_is_made_again() -> None:
    mine = writes(2, 3)
    assert again(mine, 3, call=2) == [(2, True)]
    assert mine.last == 3
    assert len(mine) == 1


def test_nothing_waits_for_an_answer_once_it_is_given_up() -> None:
    mine = writes(2, 3)
    assert [write.call for write in mine.give_up()] == [2, 3]
    assert len(mine) == 0
    assert again(mine, 1) == [(3, False), (2, False)]


def test_a_write_is_forgotten_when_it_is_old_and_what_is_lost_then_is_lost() -> None:
    mine = writes(2, 3)
    for call in (2, 3):
        mine.answer(call)
    mine.forget(32.5)
    assert again(mine, 1) is None
    assert again(mine, 2) == [(3, False)]


def test_a_write_that_waits_for_its_answer_is_not_forgotten() -> None:
    mine = writes(2, 3)
    mine.answer(3)
    mine.forget(1_000.0)
    assert again(mine, 1) == [(3, False), (2, True)]


def test_no_more_writes_are_remembered_than_may_be() -> None:
    mine = writes(2, 3, 4, remember_most=2)
    for call in (2, 3, 4):
        mine.answer(call)
    mine.forget(5.0)
    assert again(mine, 1) is None
    assert again(mine, 2) == [(4, False), (3, False)]


def test_a_registration_begins_anew() -> None:
    mine = writes(2)
    mine.answer(2)
    mine.begin(7)
    assert (mine.last, mine.answered) == (7, 7)
    assert again(mine, 2) is None
    assert again(mine, 7) == []
