"""The table in a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from nannin.cli.watch.board import Board
from nannin.cli.watch.table import LiveTable
from support.told_counts import FIRST, SECOND, count


def picture(board: Board, width: int = 100, height: int = 24, *, lost: bool = False) -> list[str]:
    """What a terminal of this size would show."""
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, force_terminal=True, color_system=None)
    table = LiveTable("http://a.test", board, console)
    if lost:
        table.lost("it is over")
    console.print(table.draw())
    return file.getvalue().splitlines()


def test_the_table_shows_pages_numbers_and_how_they_changed() -> None:
    board = Board(keeps_empty=False)
    for told in (count("/x", 1, 1, 0), count("/x", 3, 1234, 2), SECOND):
        board.put(told)
    lines = picture(board)
    assert "http://a.test" in lines[0]
    for heading in ("page", "visitors", "connections", "visible", "change", "visitors lately"):
        assert heading in lines[1]
    assert re.sub(r"\s+", " ", lines[3]).strip() == "/x 3 1,234 2 +2 ▄█"
    assert re.sub(r"\s+", " ", lines[4]).strip() == "/人 1 1 0 █"


def test_a_number_that_may_be_old_is_marked() -> None:
    board = Board(keeps_empty=False)
    board.put(count("/x", 12, stale=True))
    assert re.sub(r"\s+", " ", picture(board)[3]).strip() == "/x ≈ 12 12 0 █"
    board.put(count("/x", 12))
    assert "≈" not in picture(board)[3]


def test_a_group_of_pages_is_marked() -> None:
    board = Board(keeps_empty=False)
    board.put(count("/shop/*", 12, group=True))
    assert re.sub(r"\s+", " ", picture(board)[3]).strip() == "/shop/* (group) 12 12 0 █"


def test_the_table_fits_its_terminal_and_says_what_it_leaves_out() -> None:
    board = Board(keeps_empty=False)
    for number in range(1000):
        board.put(count(f"/{'long' * 50}/{number}", number + 1))
    for width, height in ((100, 24), (60, 10), (79, 8), (30, 6)):
        lines = picture(board, width, height)
        assert len(lines) < height
        assert max(map(len, lines)) <= width
        assert "/long" in lines[3]
        assert "1000" in lines[3].replace(",", "")
        assert "more pages" in lines[-1]
    assert "and 981 more pages" in picture(board)[-1]


def test_an_empty_table_says_so() -> None:
    assert picture(Board(keeps_empty=False))[-1] == "nobody is here"


def test_a_table_that_is_out_of_date_says_since_when(capsys: pytest.CaptureFixture[str]) -> None:
    board = Board(keeps_empty=False)
    board.put(FIRST)
    assert re.fullmatch(r"no connection since \d\d:\d\d:\d\d", picture(board, lost=True)[-1])
    assert capsys.readouterr().err == "nannin: it is over; trying again\n"


def test_the_table_takes_no_page_key_for_markup_or_for_a_command_to_the_terminal() -> None:
    board = Board(keeps_empty=False)
    board.put(count("/[red]\x1b]0;x\x07[/red]", 1))
    text = "\n".join(picture(board))
    assert r"/[red]\u001b]0;x\u0007[/red]" in text
    assert "\x07" not in text
