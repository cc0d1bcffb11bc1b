"""The changes of all pages: each reader is told of all of them, in little memory."""

from __future__ import annotations

import sys
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nannin.audience.roster import Count
from nannin.web.changes import BLOCK, Changes, Reader
from support.fake_audiences import FakeCounts

ONE, TWO, NOBODY = Count(1, 1, 1), Count(2, 2, 2), Count()


class Desk:
    """Counts by hand, their changes, and how often somebody was called for them."""

    def __init__(self, *pages: str, block: int = BLOCK) -> None:
        self.source = FakeCounts(dict.fromkeys(pages, ONE))
        self.calls = 0
        self.changes = Changes(self.source, self._count_call, block)

    def _count_call(self) -> None:
        self.calls += 1


def news(desk: Desk, reader: Reader) -> list[str]:
    return list(desk.changes.news(reader))


def test_a_reader_begins_with_all_pages_and_goes_on_with_what_changes() -> None:
    desk = Desk("/a", "/b")
    reader = desk.changes.open()
    assert news(desk, reader) == ["/a", "/b"]
    assert news(desk, reader) == []
    desk.source.tell("/b", TWO)
    desk.source.tell("/c", ONE)
    desk.source.tell("/a", NOBODY)
    assert news(desk, reader) == ["/b", "/c", "/a"]
    assert desk.calls == 3


def test_a_page_that_changes_again_before_it_is_told_is_told_once() -> None:
    desk = Desk("/a", "/b")
    reader = desk.changes.open()
    told = desk.changes.news(reader)
    assert next(told) == "/a"
    for _ in range(3):
        desk.source.tell("/b", TWO)
    desk.source.tell("/a", TWO)
    assert list(told) == ["/b", "/a"]


def test_who_comes_later_hears_nothing_of_pages_that_are_empty_by_then() -> None:
    desk = Desk("/a", "/b")
    early = desk.changes.open()
    desk.source.tell("/a", NOBODY)
    late = desk.changes.open()
    assert (news(desk, early), news(desk, late)) == (["/b", "/a"], ["/b"])
    desk.source.tell("/a", ONE)
    desk.source.tell("/a", NOBODY)
    assert (news(desk, early), news(desk, late)) == (["/a"], ["/a"])


def test_with_the_last_reader_all_is_forgotten() -> None:
    desk = Desk("/a")
    readers = [desk.changes.open(), desk.changes.open()]
    assert len(desk.source.watchers) == 1
    desk.changes.close(readers[0])
    desk.source.tell("/b", ONE)
    assert len(desk.changes) == 1
    desk.changes.close(readers[1])
    assert (len(desk.changes), desk.source.watchers) == (0, [])
    assert news(desk, desk.changes.open()) == ["/a", "/b"]


def entries(desk: Desk) -> int:
    return sum(len(block) for block in desk.changes._blocks.values())


def test_pages_that_come_and_go_leave_nothing_behind_once_all_have_heard_of_them() -> None:
    desk = Desk("/a", block=10)
    reader, slow = desk.changes.open(), desk.changes.open()
    for number in range(1_000):
        desk.source.tell(f"/{number}", ONE)
        desk.source.tell(f"/{number}", NOBODY)
        news(desk, reader)
        news(desk, slow)
        assert len(desk.changes) == entries(desk) <= 40
    assert len(desk.changes._empty) <= 40


def test_changes_are_kept_for_a_slow_reader_and_dropped_little_by_little_once_it_has_gone() -> None:
    desk = Desk(block=10)
    reader, slow = desk.changes.open(), desk.changes.open()
    for number in range(1_000):
        desk.source.tell(f"/{number}", ONE)
    assert news(desk, reader) == [f"/{number}" for number in range(1_000)]
    assert len(desk.changes) == entries(desk) == 1_000
    desk.changes.close(slow)
    kept = []
    for number in range(1_000):
        desk.source.tell(f"/{number}", TWO)
        news(desk, reader)
        kept.append(entries(desk))
    assert max(before - after for before, after in pairwise(kept)) <= 40
    assert kept[-1] <= 20


def test_however_often_one_page_changes_it_has_one_entry() -> None:
    desk = Desk("/a")
    slow = desk.changes.open()
    for number in range(5 * BLOCK):
        desk.source.tell("/a", Count(number, 1, 1))
    assert (len(desk.changes), entries(desk), len(desk.changes._blocks)) == (1, 1, 1)
    assert news(desk, slow) == ["/a"]


def test_a_block_of_which_little_is_left_becomes_small() -> None:
    desk = Desk()
    desk.changes.open()
    pages = [f"/{number}" for number in range(BLOCK)]
    for page in pages:
        desk.source.tell(page, ONE)
    (full,) = map(sys.getsizeof, desk.changes._blocks.values())
    for page in pages[:-1]:
        desk.source.tell(page, TWO)
    first, _ = map(sys.getsizeof, desk.changes._blocks.values())
    assert first < full / 50


def test_streams_that_begin_at_the_same_time_share_the_list_and_later_ones_get_a_new_one() -> None:
    desk = Desk("/a", "/b", block=10)
    early, soon = desk.changes.open(), desk.changes.open()
    assert early.start is soon.start
    for number in range(40):
        desk.source.tell(f"/{number}", ONE)
    late = desk.changes.open()
    assert late.start is not early.start
    assert news(desk, early) == news(desk, soon) == news(desk, late)
    assert (early.start, late.start) == ((), ())


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("tell"), st.integers(0, 5), st.integers(0, 2)),
            st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 9)),
            st.tuples(st.just("open"), st.integers(0, 2), st.just(0)),
        ),
        max_size=100,
    ),
    st.integers(1, 4),
)
def test_each_reader_ends_with_the_counts_as_they_are(steps: list[tuple[str, int, int]], block: int) -> None:
    desk = Desk("/0", "/1", block=block)
    readers = [desk.changes.open() for _ in range(3)]
    seen: list[dict[str, int]] = [{} for _ in readers]

    def read(index: int, most: int) -> None:
        for page in desk.changes.news(readers[index]):
            seen[index][page] = desk.source.count(page).connections
            most -= 1
            if not most:
                return

    for step, which, number in steps:
        if step == "tell":
            desk.source.tell(f"/{which}", Count(number, number, number))
        elif step == "read":
            read(which, number)
        else:
            desk.changes.close(readers[which])
            readers[which], seen[which] = desk.changes.open(), {}
    for index in range(3):
        read(index, -1)
        told = {page: number for page, number in seen[index].items() if number}
        assert told == {page: count.connections for page, count in desk.source.counts.items()}
