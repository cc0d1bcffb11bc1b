"""What waits for a slow client: the newest of each key, and how much may pile up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nannin.wire.outbox import Backlog, Newest

# Newest


def test_nothing_waits_at_first() -> None:
    assert not Newest[str]()


def test_the_newest_takes_the_place_of_the_older_one() -> None:
    newest = Newest[str]()
    for value in ("one", "two", "three"):
        newest.put("/", value)
    assert newest
    assert newest.take() == "three"
    assert not newest


def test_keys_leave_in_the_order_in_which_they_began_to_wait() -> None:
    newest = Newest[str]()
    for key, value in [("/a", "a1"), ("/b", "b1"), ("/a", "a2")]:
        newest.put(key, value)
    assert [newest.take(), newest.take()] == ["a2", "b1"]


def test_what_is_forgotten_does_not_wait_any_more() -> None:
    newest = Newest[str]()
    newest.put("/a", "a")
    newest.put("/b", "b")
    newest.forget("/a")
    newest.forget("/unknown")
    assert newest.take() == "b"
    assert not newest


def test_taking_from_nothing_is_an_error() -> None:
    with pytest.raises(StopIteration):
        Newest[str]().take()


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "forget"]), st.sampled_from("abc"), st.integers()), max_size=30
    )
)
@settings(deadline=None, max_examples=100, database=None)
def test_in_any_order_it_holds_the_last_value_of_each_key(calls: list[tuple[str, str, int]]) -> None:
    newest, model = Newest[int](), dict[str, int]()
    for verb, key, value in calls:
        if verb == "put":
            newest.put(key, value)
            model[key] = value
        else:
            newest.forget(key)
            model.pop(key, None)
    taken = []
    while newest:
        taken.append(newest.take())
    assert taken == list(model.values())


# Backlog


def test_one_message_may_be_larger_than_the_limit() -> None:
    backlog = Backlog(100)
    assert backlog.add(5_000, 0)


def test_a_burst_before_the_client_could_read_does_not_count() -> None:
    backlog, waiting = Backlog(100), 0
    for _ in range(100):
        assert backlog.add(1_000, waiting)
        waiting += 1_000


def test_what_piles_up_after_that_counts_without_the_last_of_it() -> None:
    backlog = Backlog(100)
    assert backlog.add(5_000, 0)
    backlog.settle()
    assert backlog.add(60, 5_000)
    assert backlog.add(60, 5_060)
    assert not backlog.add(1, 5_120)


def test_a_large_message_after_others_is_taken_and_counts_for_the_next() -> None:
    backlog = Backlog(100)
    assert backlog.add(1, 0)
    backlog.settle()
    assert backlog.add(5_000, 1)
    assert not backlog.add(1, 5_001)


def test_what_leaves_makes_room() -> None:
    backlog = Backlog(100)
    assert backlog.add(5_000, 0)
    backlog.settle()
    assert backlog.add(150, 5_000)
    assert not backlog.add(1, 5_150)
    assert backlog.add(1, 100)


def test_a_message_that_leaves_makes_no_room_for_those_after_it() -> None:
    backlog = Backlog(100)
    assert backlog.add(5_000, 0)
    backlog.settle()
    assert backlog.add(150, 5_000)
    assert not backlog.add(1, 200)


@pytest.mark.parametrize("waiting", [0, -3])
def test_once_nothing_waits_it_begins_again(waiting: int) -> None:
    backlog = Backlog(100)
    assert backlog.add(5_000, 0)
    backlog.settle()
    assert backlog.add(150, 5_000)
    assert backlog.add(5_000, waiting)
    assert backlog.add(5_000, 5_000)
    backlog.settle()
    assert backlog.add(101, 10_000)
    assert not backlog.add(1, 10_101)
