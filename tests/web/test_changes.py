"""The changes of all pages: each reader is told of all of them, in little memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nannin.audience.roster import Count
from nannin.web.changes import _MAX_STALE, Changes, Reader
from support.fake_audiences import FakeCounts

ONE, TWO, NOBODY = Count(1, 1, 1), Count(2, 2, 2), Count()


class Desk:
    """Counts by hand, their changes, and how often somebody was called for them."""

    def __init__(self, *pages: str) -> None:
        self.source = FakeCounts(dict.fromkeys(pages, ONE))
        self.calls = 0
        self.changes = Changes(self.source, self._count_call)

    def _count_call(self) -> None:
        self.calls += 1


def news(desk: Desk, reader: Reader) -> list[str]:
    return list(desk.changes.news(reader))


def test_a_reader_begins_with_all_pages_and_goes_on_with_what_changes() -> None:
    desk = Desk("/a", "/b")
    reader = desk.changes.open()
    assert news(desk, reader) == ["/a", "/b"]
    assert not desk.changes.has_news(reader)
    desk.source.tell("/b", TWO)
    desk.source.tell("/c", ONE)
    desk.source.tell("/a", NOBODY)
    assert desk.changes.has_news(reader)
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
    assert len(desk.changes) == 2
    desk.changes.close(readers[1])
    assert (len(desk.changes), desk.source.watchers) == (0, [])
    assert news(desk, desk.changes.open()) == ["/a", "/b"]


def test_pages_that_come_and_go_leave_nothing_behind_once_all_have_heard_of_them() -> None:
    desk = Desk("/a")
    reader, slow = desk.changes.open(), desk.changes.open()
    for number in range(10 * _MAX_STALE):
        desk.source.tell(f"/{number}", ONE)
        desk.source.tell(f"/{number}", NOBODY)
        news(desk, reader)
        news(desk, slow)
    assert len(desk.changes) < 2 * _MAX_STALE
    assert len(desk.changes._order) < 4 * _MAX_STALE


def test_however_often_one_page_changes_it_has_few_entries() -> None:
    desk = Desk("/a")
    slow = desk.changes.open()
    for number in range(5 * _MAX_STALE):
        desk.source.tell("/a", Count(number, 1, 1))
    assert len(desk.changes._order) < 2 * _MAX_STALE
    assert news(desk, slow) == ["/a"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("tell"), st.integers(0, 5), st.integers(0, 2)),
            st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 9)),
            st.tuples(st.just("close up"), st.just(0), st.just(0)),
        ),
        max_size=60,
    )
)
def test_each_reader_ends_with_the_counts_as_they_are(
    steps: list[tuple[str, int, int]],
) -> None:
    desk = Desk("/0", "/1")
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
            desk.changes._close_up()
    for index in range(3):
        read(index, -1)
        told = {page: number for page, number in seen[index].items() if number}
        assert told == {page: count.connections for page, count in desk.source.counts.items()}
