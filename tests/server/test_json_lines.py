"""The log as JSON: an object on each line, whatever is logged."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nannin.server.json_lines import MAX_LINE_BYTES, JsonLine, take_over


class Raises:
    """An object that can't be shown."""

    def __str__(self) -> str:
        raise ValueError("it can't be shown")

    __repr__ = __str__


def record(message: Any, *args: Any, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("nannin.hub", logging.WARNING, "", 0, message, args, exc_info)
    made.created = 1_795_706_645.678
    return made


def read(line: str) -> dict[str, str]:
    """The object of a line, which has to be one as strict readers want it."""
    assert "\n" not in line
    assert line.isascii()
    assert len(line) <= MAX_LINE_BYTES
    found: dict[str, str] = json.loads(line)
    assert all(isinstance(value, str) for value in found.values())
    for value in found.values():
        value.encode()  # there are no halves of characters
    return found


def test_a_line_has_its_time_its_level_its_logger_and_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    line = JsonLine().format(record("%d people on %s", 3, "/日本"))
    monkeypatch.undo()
    time.tzset()
    assert read(line) == {
        "time": "2026-11-27T00:24:05.678+09:00",
        "level": "WARNING",
        "logger": "nannin.hub",
        "message": "3 people on /日本",
    }


def test_it_names_the_worker_that_writes_it() -> None:
    found = read(JsonLine("worker 2").format(record("hello")))
    assert (found["worker"], list(found)) == (
        "worker 2",
        ["time", "level", "logger", "worker", "message"],
    )


def test_a_traceback_is_a_text() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        found = read(JsonLine().format(record("it raised", error=error)))
    assert found["traceback"].startswith("Traceback (most recent call last):\n")
    assert found["traceback"].endswith("ValueError: two\nlines")


def test_a_stack_is_a_text_and_so_is_a_traceback_that_another_has_made() -> None:
    said = record("here")
    said.stack_info, said.exc_text = "Stack (most recent call last):\n  File", "Traceback: made before"
    found = read(JsonLine().format(said))
    assert (found["stack"], found["traceback"]) == (
        "Stack (most recent call last):\n  File",
        "Traceback: made before",
    )


@pytest.mark.parametrize(
    ("message", "args", "text"),
    [
        ("%d", ("no number",), "%d (its arguments don't fit: TypeError)"),
        ("%s", (Raises(),), "%s (its arguments don't fit: ValueError)"),
        (Raises(), (), "(can't be shown: ValueError) (its arguments don't fit: ValueError)"),
        ("half of a character: \ud800", (), "half of a character: \\ud800"),
        (b"\xff", (), "b'\\xff'"),
        (None, (), "None"),
        ('a "quote", a \\, a \0 and a \u2028', (), 'a "quote", a \\, a \0 and a \u2028'),
    ],
)
def test_whatever_is_logged_the_line_is_an_object(message: Any, args: tuple[Any, ...], text: str) -> None:
    assert read(JsonLine().format(record(message, *args)))["message"] == text


@given(
    message=st.one_of(st.text(), st.binary(), st.text(st.characters(categories=["Cs", "Cc"]))),
    args=st.lists(st.one_of(st.text(), st.floats(), st.none()), max_size=2),
    name=st.text(st.characters()),
)
def test_no_message_arguments_or_name_break_a_line(message: Any, args: list[Any], name: str) -> None:
    said = record(message, *args, error=ValueError(message))
    said.name = said.levelname = name
    read(JsonLine(name).format(said))


@pytest.mark.parametrize("text", ["x" * 100_000, "\0" * 100_000, "日" * 100_000])
def test_what_is_too_long_for_a_line_keeps_its_beginning_and_its_end(text: str) -> None:
    found = read(JsonLine().format(record(f"begin{text}end", error=ValueError(text + "the end"))))
    assert found["message"].startswith("begin")
    assert found["message"].endswith("end")
    assert found["traceback"].endswith("the end")
    assert " [...] " in found["message"]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written once the log has taken over."""
    for module, names in ((sys, ("excepthook", "unraisablehook")), (threading, ("excepthook",))):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(logging, "lastResort", None)
    for name, value in (("handlers", []), ("propagate", True)):
        monkeypatch.setattr(logging.getLogger("py.warnings"), name, value)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLine())
    monkeypatch.setattr(logging.getLogger("nannin"), "handlers", [handler])
    take_over(handler)
    yield written
    logging.captureWarnings(False)


def told(lines: io.StringIO) -> list[tuple[str, str]]:
    """The levels of what was written, and the last lines of the tracebacks or the messages."""
    found = [read(line) for line in lines.getvalue().splitlines()]
    return [(one["level"], one.get("traceback", one["message"]).splitlines()[-1].strip()) for one in found]


def test_what_python_would_write_by_itself_is_logged(lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("this is old", DeprecationWarning, stacklevel=1)
    error = ValueError("at the end")
    sys.excepthook(ValueError, error, None)

    def fail() -> None:
        raise ValueError("in a thread")

    def leave() -> None:
        raise SystemExit

    for run in (fail, leave):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    found = told(lines)
    assert "this is old" in lines.getvalue()
    assert found[-2:] == [("CRITICAL", "ValueError: at the end"), ("ERROR", "ValueError: in a thread")]


def test_an_error_that_could_not_be_raised_is_logged(lines: io.StringIO) -> None:
    class Dropped:
        def __del__(self) -> None:
            raise ValueError("while it was dropped")

    Dropped()
    assert told(lines)[-1] == ("ERROR", "ValueError: while it was dropped")


def test_what_no_handler_takes_is_logged(lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("an.application")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    logger.warning("hello")
    assert told(lines)[-1] == ("WARNING", "hello")
