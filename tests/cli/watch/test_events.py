"""The counts in a stream of events: in pieces of any size, and nothing else."""

from __future__ import annotations

import json

import pytest

from nannin.cli.watch.events import EventParser, Update
from nannin.errors import RemoteError
from support.told_counts import FIRST, SECOND, count, event


def parse(*pieces: bytes) -> list[Update]:
    parser = EventParser()
    return [told for piece in pieces for told in parser.feed(piece)]


def test_a_stream_tells_counts() -> None:
    assert parse(event(FIRST) + event(SECOND)) == [FIRST, SECOND]


def test_a_count_may_say_that_it_is_stale() -> None:
    stale = count("/x", 3, stale=True)
    assert parse(event(stale) + event(FIRST)) == [stale, FIRST]
    assert stale.stale
    assert not FIRST.stale


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
