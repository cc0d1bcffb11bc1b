"""`nannin watch` by its parts: the stream, the lines, the rows and the table."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from nannin.cli.remote import Address, RemoteError, escape
from nannin.cli.watch.board import TRAIL, Board, draw_trail
from nannin.cli.watch.events import EventParser, Told
from nannin.cli.watch.lines import JsonLines, Lines
from nannin.cli.watch.table import LiveTable
from nannin.errors import SettingsError


def count(page: str, visitors: int, connections: int | None = None, visible: int = 0) -> Told:
    connections = visitors if connections is None else connections
    numbers = {"page": page, "connections": connections, "visitors": visitors, "visible": visible}
    return Told(page, connections, visitors, visible, json.dumps(numbers, ensure_ascii=False))


def event(told: Told, end: str = "\n") -> bytes:
    return f"event: audience{end}data: {told.text}{end}{end}".encode()


def parse(*pieces: bytes) -> list[Told]:
    parser = EventParser()
    return [told for piece in pieces for told in parser.feed(piece)]


FIRST, SECOND = count("/x", 3, 4, 2), count("/人", 1)


def test_a_stream_tells_counts() -> None:
    assert parse(event(FIRST) + event(SECOND)) == [FIRST, SECOND]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_may_come_byte_by_byte_with_any_end_of_line(end: str) -> None:
    stream = event(FIRST, end) + event(SECOND, end) + b":\n"
    assert parse(*(stream[i : i + 1] for i in range(len(stream)))) == [FIRST, SECOND]


def test_comments_other_events_and_other_fields_are_passed_over() -> None:
    stream = b"\xef\xbb\xbfretry: 2000\n: keep-alive\n\nevent: other\ndata: 1\n\ndata: 2\n\nid: 7\nevent\n"
    assert parse(stream, event(FIRST), b"event: audience\n\n", b":\n\n") == [FIRST]


def test_a_count_on_several_lines_is_printed_on_one() -> None:
    text = FIRST.text.replace(", ", ",\t\ndata:")
    (told,) = parse(f"event:audience\ndata:{text}\n\n".encode())
    assert json.loads(told.text) == json.loads(FIRST.text)
    assert told.text.isprintable()


def test_an_event_that_has_not_ended_tells_nothing_yet() -> None:
    parser = EventParser()
    assert list(parser.feed(event(FIRST)[:-1])) == []
    assert list(parser.feed(b"\n")) == [FIRST]


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{}",
        "[]",
        "nan",
        '{"page":1,"connections":1,"visitors":1,"visible":1}',
        '{"page":"/","connections":-1,"visitors":1,"visible":1}',
        '{"page":"/","connections":1.5,"visitors":1,"visible":1}',
        '{"page":"/","connections":1,"visitors":1}',
        "[" * 10_000,
    ],
)
def test_what_is_no_count_is_refused_in_one_line(data: str) -> None:
    with pytest.raises(RemoteError) as caught:
        parse(f"event: audience\ndata: {data}\n\n".encode())
    assert str(caught.value).isprintable()


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(RemoteError):
        parse(b'event: audience\ndata: {"page":"\xff","connections":1,"visitors":1,"visible":1}\n\n')


def test_a_stream_without_end_of_line_is_given_up() -> None:
    parser = EventParser()
    for _ in range(16):
        assert list(parser.feed(b"x" * 65536)) == []
    with pytest.raises(RemoteError, match="over 1,048,576 bytes"):
        list(parser.feed(b"x"))


def test_an_event_without_end_is_given_up() -> None:
    with pytest.raises(RemoteError, match="1,000 lines"):
        parse(b"data: x\n" * 2000)


@given(st.text())
def test_an_escaped_text_can_steer_no_terminal(text: str) -> None:
    assert escape(text).isprintable()


@given(st.dictionaries(st.text(), st.text()))
def test_escaped_json_means_the_same(value: dict[str, str]) -> None:
    assert json.loads(escape(json.dumps(value, ensure_ascii=False))) == value


def test_a_line_says_when_where_and_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().told(FIRST)
    assert re.fullmatch(r"\d\d:\d\d:\d\d /x 3 visitors 4 connections 2 visible\n", capsys.readouterr().out)


def test_a_line_of_json_is_what_came(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLines().told(SECOND)
    assert capsys.readouterr().out == SECOND.text + "\n"


def test_no_page_key_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    (told,) = parse(event(count("/\x9b2J\u202e\U000e0001", 1)))
    Lines().told(told)
    JsonLines().told(told)
    line, object_ = capsys.readouterr().out.splitlines()
    assert r"/\u009b2J\u202e\udb40\udc01 1 visitors" in line
    assert json.loads(object_)["page"] == "/\x9b2J\u202e\U000e0001"
    assert line.isprintable()
    assert object_.isprintable()


def test_what_is_lost_is_said_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().lost("the server ended the stream")
    assert capsys.readouterr() == ("", "nannin: the server ended the stream; trying again\n")


def pages(board: Board, size: int = 100) -> list[str]:
    return [row.told.page for row in board.top(size)]


def test_the_pages_with_the_most_visitors_come_first() -> None:
    board = Board(keeps_empty=False)
    for told in (count("/c", 1), count("/b", 2), count("/a", 1), count("/d", 1, 5)):
        board.tell(told)
    assert pages(board) == ["/b", "/d", "/a", "/c"]
    assert pages(board, 2) == ["/b", "/d"]
    assert len(board) == 4


def test_an_empty_page_is_kept_only_where_it_was_asked_for() -> None:
    for keeps_empty in (False, True):
        board = Board(keeps_empty=keeps_empty)
        for visitors in (1, 0):
            board.tell(count("/a", visitors))
        board.tell(count("/never", 0))
        assert pages(board) == (["/a", "/never"] if keeps_empty else [])


def test_a_row_knows_how_it_changed_and_a_few_numbers_before() -> None:
    board = Board(keeps_empty=False)
    board.tell(count("/a", 5))
    assert board.top(1)[0].change == 0
    for visitors in range(100):
        board.tell(count("/a", 1000 - 2 * visitors))
    (row,) = board.top(1)
    assert row.change == -2
    assert row.trail == tuple(range(802 + 2 * (TRAIL - 1), 800, -2))


def test_a_trail_is_drawn_with_the_greatest_number_as_the_full_bar() -> None:
    assert draw_trail((0, 1, 4, 7)) == "▁▂▅█"
    assert draw_trail((0, 0)) == "▁▁"
    assert draw_trail((1, 1_000_000)) == "▂█"


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
        board.tell(told)
    lines = picture(board)
    assert "http://a.test" in lines[0]
    for heading in ("page", "visitors", "connections", "visible", "change", "visitors lately"):
        assert heading in lines[1]
    assert re.sub(r"\s+", " ", lines[3]).strip() == "/x 3 1,234 2 +2 ▄█"
    assert re.sub(r"\s+", " ", lines[4]).strip() == "/人 1 1 0 █"


def test_the_table_fits_its_terminal_and_says_what_it_leaves_out() -> None:
    board = Board(keeps_empty=False)
    for number in range(1000):
        board.tell(count(f"/{'long' * 50}/{number}", number + 1))
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
    board.tell(FIRST)
    assert re.fullmatch(r"no connection since \d\d:\d\d:\d\d", picture(board, lost=True)[-1])
    assert capsys.readouterr().err == "nannin: it is over; trying again\n"


def test_the_table_takes_no_page_key_for_markup_or_for_a_command_to_the_terminal() -> None:
    board = Board(keeps_empty=False)
    board.tell(count("/[red]\x1b]0;x\x07[/red]", 1))
    text = "\n".join(picture(board))
    assert r"/[red]\u001b]0;x\u0007[/red]" in text
    assert "\x07" not in text


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "shown"),
    [
        ("http://127.0.0.1:8124", "127.0.0.1", 8124, "", "http://127.0.0.1:8124"),
        ("http://127.0.0.1:8124/", "127.0.0.1", 8124, "", "http://127.0.0.1:8124"),
        ("localhost:9000", "localhost", 9000, "", "http://localhost:9000"),
        ("https://a.test/live/", "a.test", None, "/live", "https://a.test/live"),
        ("http://[::1]:80/人 x", "::1", 80, "/%E4%BA%BA%20x", "http://[::1]:80/%E4%BA%BA%20x"),
    ],
)
def test_an_address_may_have_a_path_and_need_no_scheme(
    url: str, host: str, port: int | None, path: str, shown: str
) -> None:
    address = Address(url)
    assert (address.host, address.port, address.path, address.url) == (host, port, path, shown)
    assert address.is_https is url.startswith("https")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "ftp://a.test",
        "http://",
        "http://:80",
        "http://a.test:x",
        "http://a.test:99999",
        "http://[::1",
        "http://a b",
        "http://a\x1b[2J",
        "http://user:hush@a.test",
        "http://a.test/?page=/x",
        "http://a.test/#x",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Address(url)
    assert str(caught.value).isprintable()
    assert "hush" not in str(caught.value)
