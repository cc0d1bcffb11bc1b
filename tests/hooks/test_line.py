"""A destination's line: in order, with longer and longer pauses after failures, and for a day at most."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.hooks.destinations import Outcome
from nannin.hooks.line import GIVE_UP_S, Line, backoff_s
from nannin.hooks.notices import Notice

DONE, FAILED = Outcome(True), Outcome(False, "no")
REFUSED = Outcome(False, "no", is_refused=True)


def notice(id: str) -> Notice:
    return Notice(id=id, hook="h", what="occupied", page="/", value=1, at_unix_s=0.0, since_unix_s=0.0)


A, B, C = notice("a"), notice("b"), notice("c")


def test_notices_are_taken_one_after_another() -> None:
    line = Line()
    assert (line.next_s(), line.take(0.0)) == (math.inf, None)
    line.add(A, 0.0)
    line.add(B, 0.0)
    assert line.take(0.0) is A
    assert (line.take(0.0), len(line)) == (None, 2)
    assert line.done(DONE, 1.0, 0.5) == [A]
    assert line.take(1.0) is B


def test_after_a_failure_the_destination_is_left_alone_and_then_the_same_comes_first() -> None:
    line = Line()
    line.add(A, 0.0)
    line.add(B, 0.0)
    line.take(0.0)
    assert line.done(FAILED, 1.0, 1.0) == []
    assert line.next_s() == 6.0
    assert line.take(5.9) is None
    assert line.take(6.0) is A


def test_where_a_notice_is_refused_the_next_has_its_turn() -> None:
    line = Line()
    line.add(A, 0.0)
    line.add(B, 0.0)
    line.take(0.0)
    line.done(REFUSED, 0.0, 1.0)
    assert line.take(100.0) is B
    line.done(DONE, 100.0, 1.0)
    assert line.take(100.0) is A, "and after a success there is no pause"


def test_the_receiver_may_ask_for_more_time_but_not_for_less() -> None:
    for wait_s, due_s in ((60.0, 60.0), (1.0, 5.0), (10 * GIVE_UP_S, GIVE_UP_S)):
        line = Line()
        line.add(A, 0.0)
        line.take(0.0)
        line.done(Outcome(False, "no", wait_s), 0.0, 1.0)
        assert line.next_s() == due_s


def test_pauses_double_up_to_an_hour_with_some_chance() -> None:
    assert [backoff_s(failures, 1.0) for failures in (1, 2, 3, 11, 5_000)] == [5, 10, 20, 3_600, 3_600]
    assert backoff_s(1, 0.0) == 2.5


def test_a_notice_is_given_up_after_a_day() -> None:
    line = Line()
    line.add(A, 0.0)
    line.add(B, 0.0, age_s=GIVE_UP_S - 100)
    line.add(C, 0.0, age_s=-5.0)
    line.take(0.0)
    line.done(Outcome(False, "no", 5_000.0), 0.0, 0.5)
    assert line.next_s() == 100.0
    assert line.expire(99.0) == []
    assert line.expire(100.0) == [B]
    assert line.expire(GIVE_UP_S) == [A, C]
    assert len(line) == 0


def test_where_too_many_wait_the_oldest_gives_way() -> None:
    line = Line(most=2)
    assert [line.add(one, 0.0) for one in (A, B)] == [[], []]
    assert line.add(C, 0.0) == [A]
    assert line.take(0.0) is B
    assert line.add(A, 0.0) == [C], "what is under way does not"
    line.done(FAILED, 0.0, 0.0)
    assert len(line) == 2


def test_a_destination_that_is_gone_gets_nothing_more() -> None:
    line = Line()
    line.add(A, 0.0)
    line.add(B, 0.0)
    line.take(0.0)
    assert line.done(Outcome(False, "gone", is_gone=True), 0.0, 0.0) == [A, B]
    assert (line.is_gone, line.add(C, 0.0), len(line)) == (True, [C], 0)


@given(st.lists(st.sampled_from(["add", "done", "failed", "refused", "wait", "expire"]), max_size=60))
def test_no_notice_is_lost_or_taken_twice_at_once(steps: list[str]) -> None:
    line, now, made, waiting, under_way = Line(most=5), 0.0, 0, set[str](), ""
    for step in steps:
        if step == "add":
            made += 1
            waiting.add(str(made))
            waiting -= {one.id for one in line.add(notice(str(made)), now)}
        elif step == "wait":
            now += 4_000.0
        elif step == "expire":
            waiting -= {one.id for one in line.expire(now)}
        elif under_way:
            outcome = {"done": DONE, "failed": FAILED, "refused": REFUSED}[step]
            waiting -= {one.id for one in line.done(outcome, now, 0.5)}
            under_way = ""
        if not under_way and (taken := line.take(now)) is not None:
            under_way = taken.id
            assert under_way in waiting
        assert len(line) == len(waiting) <= 6


def test_a_pause_is_always_over_within_an_hour() -> None:
    assert backoff_s(1_000, 1.0) == pytest.approx(3_600)
