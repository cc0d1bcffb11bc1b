"""The rows of the table: which come first, which are kept, and how they changed."""

from __future__ import annotations

from nannin.cli.watch.board import TRAIL, Board
from support.told_counts import count


def pages(board: Board, size: int = 100) -> list[str]:
    return [row.update.page for row in board.top(size)]


def test_the_pages_with_the_most_visitors_come_first() -> None:
    board = Board(keeps_empty=False)
    for told in (count("/c", 1), count("/b", 2), count("/a", 1), count("/d", 1, 5)):
        board.put(told)
    assert pages(board) == ["/b", "/d", "/a", "/c"]
    assert pages(board, 2) == ["/b", "/d"]
    assert len(board) == 4


def test_an_empty_page_is_kept_only_where_it_was_asked_for() -> None:
    for keeps_empty in (False, True):
        board = Board(keeps_empty=keeps_empty)
        for visitors in (1, 0):
            board.put(count("/a", visitors))
        board.put(count("/never", 0))
        assert pages(board) == (["/a", "/never"] if keeps_empty else [])


def test_a_row_knows_how_it_changed_and_a_few_numbers_before() -> None:
    board = Board(keeps_empty=False)
    board.put(count("/a", 5))
    assert board.top(1)[0].change == 0
    for visitors in range(100):
        board.put(count("/a", 1000 - 2 * visitors))
    (row,) = board.top(1)
    assert row.change == -2
    assert row.trail == tuple(range(802 + 2 * (TRAIL - 1), 800, -2))
