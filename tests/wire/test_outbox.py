"""What waits for a slow client: the newest of each key, and how much may pile up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nannin.wire.outbox import Backlog, Newest, PollOutbox

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
    backlog.settle()
    assert backlog.add(1, 5_000)


def test_a_burst_in_one_go_does_not_count() -> None:
    backlog, waiting = Backlog(100), 0
    for _ in range(100):
        assert backlog.add(1_000, waiting)
        waiting += 1_000
    backlog.settle()
    assert backlog.add(1, waiting)


def test_what_later_goes_add_counts_once_they_are_over() -> None:
    backlog = Backlog(100)
    assert backlog.add(5_000, 0)
    backlog.settle()
    assert backlog.add(60, 5_000)
    assert backlog.add(60, 5_060)
    assert backlog.add(1, 5_120)
    backlog.settle()
    assert not backlog.add(1, 5_121)


def test_as_much_as_the_limit_may_pile_up() -> None:
    backlog = Backlog(100)
    assert backlog.add(5_000, 0)
    backlog.settle()
    assert backlog.add(100, 5_000)
    backlog.settle()
    assert backlog.add(1, 5_100)
    backlog.settle()
    assert not backlog.add(1, 5_101)


def test_a_large_message_that_waits_after_another_is_taken_whole() -> None:
    backlog = Backlog(100)
    assert backlog.add(1, 0)
    backlog.settle()
    assert backlog.add(5_000, 1)
    backlog.settle()
    assert not backlog.add(1, 5_001)


def test_what_leaves_makes_room() -> None:
    backlog = Backlog(100)
    assert backlog.add(5_000, 0)
    backlog.settle()
    assert backlog.add(150, 5_000)
    backlog.settle()
    assert not backlog.add(1, 5_150)
    assert backlog.add(1, 100)


def test_the_first_go_makes_no_room_when_it_leaves() -> None:
    backlog = Backlog(100)
    assert backlog.add(5_000, 0)
    backlog.settle()
    assert backlog.add(150, 5_000)
    backlog.settle()
    assert not backlog.add(1, 200)


def test_more_may_wait_of_this_go_than_waits_at_all() -> None:
    backlog = Backlog(100)
    assert backlog.add(10, 0)
    backlog.settle()
    assert backlog.add(500, 10)
    assert backlog.add(500, 400)  # some of what was added in this go has left already
    backlog.settle()
    assert not backlog.add(1, 900)


@pytest.mark.parametrize("waiting", [0, -3])
def test_once_nothing_waits_it_begins_again(waiting: int) -> None:
    backlog = Backlog(100)
    assert backlog.add(5_000, 0)
    backlog.settle()
    assert backlog.add(150, 5_000)
    backlog.settle()
    assert backlog.add(5_000, waiting)
    backlog.settle()
    assert backlog.add(101, 5_000)
    backlog.settle()
    assert not backlog.add(1, 5_101)


def test_it_says_when_a_settle_is_due() -> None:
    backlog = Backlog(100)
    assert not backlog.is_fresh
    backlog.add(1, 0)
    assert backlog.is_fresh
    backlog.settle()
    assert not backlog.is_fresh


def test_what_waits_for_a_poll_keeps_its_order_and_the_newest_come_last() -> None:
    outbox = PollOutbox(100)
    assert not outbox
    outbox.put_newest("/a", ["old"])
    assert outbox
    outbox.put_newest("/b", ["b"])
    outbox.put_newest("/a", ["new"])
    outbox.put_newest("/c", ["c"])
    outbox.forget_newest("/c")
    assert outbox.push(["1", "2"], 0)
    assert outbox.push(["3"], 0)
    assert outbox.take(2) == ["1", "2"], "the newest wait until all before them have gone"
    assert outbox.take(2) == ["3", "new", "b"]
    assert not outbox
    assert outbox.take() == []


def test_packets_that_a_client_could_not_poll_for_do_not_pile_up() -> None:
    outbox = PollOutbox(100)
    assert outbox.push(["x" * 1_000], 0)
    outbox.settle(0)
    assert outbox.push(["y" * 1_000], 0)
    assert outbox.push(["z" * 1_000], 4.9)
    assert not outbox.push(["too much"], 5), "it has had 5 seconds to poll"
    assert len(outbox.take()) == 3


def test_a_poll_that_finds_nothing_waiting_changes_nothing() -> None:
    outbox = PollOutbox(100)
    outbox.settle(0)
    assert outbox.push(["x" * 1_000], 10)
    assert outbox.push(["y" * 1_000], 14)
    outbox.take()
    assert outbox.push(["z" * 1_000], 20), "all has gone, so it begins again"


def test_what_a_poll_left_counts_from_then_on() -> None:
    outbox = PollOutbox(100)
    assert outbox.push(["x" * 1_000], 0)
    assert outbox.push(["y" * 1_000], 1)
    outbox.settle(1)
    assert outbox.push(["z" * 1_000], 2)
    outbox.settle(2)
    assert not outbox.push(["more"], 3)
