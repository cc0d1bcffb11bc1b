"""What the server's process logs, and what it leaves out."""

from __future__ import annotations

import asyncio
import logging
from time import tzset

import pytest

from nannin.mistakes import AT_ONCE
from nannin.server.json_lines import JsonLine
from nannin.server.logs import Counted, JournalLine, Line, Quiet, begin_logging, log_config
from nannin.settings import Settings


def test_a_cancelled_request_is_not_logged_and_a_failed_one_is() -> None:
    def record(error: BaseException) -> logging.LogRecord:
        return logging.LogRecord("x", logging.ERROR, "", 0, "", None, (type(error), error, None))

    quiet = Quiet(logging.INFO)
    assert not quiet.filter(record(asyncio.CancelledError()))
    assert quiet.filter(record(ValueError()))
    assert quiet.filter(logging.LogRecord("x", logging.ERROR, "", 0, "", None, None))


def test_requests_that_are_none_are_logged_for_those_alone_who_debug() -> None:
    said = logging.LogRecord("x", logging.WARNING, "", 0, "Invalid HTTP request received.", None, None)
    assert not Quiet(logging.INFO).filter(said)
    assert Quiet(logging.DEBUG).filter(said)


def test_a_request_that_fails_again_and_again_is_told_in_full_once() -> None:
    def records(name: str, number: int = 100) -> list[logging.LogRecord]:
        error = ValueError()
        return [
            logging.LogRecord(name, logging.ERROR, "", 0, "Exception\n", None, (ValueError, error, None))
            for _ in range(number)
        ]

    counted = Counted(logging.INFO)
    for name in ("uvicorn.error", "asyncio"):
        told = [record for record in records(name) if counted.filter(record)]
        assert [bool(record.exc_info) for record in told] == [True] + [False] * AT_ONCE
        assert told[1].getMessage() == (
            "Exception: ValueError, once more; the log has its traceback, where it came first"
        )
        counted = Counted(logging.INFO)
    assert sum(counted.filter(record) for record in records("of.the.application")) == 100
    debugging = Counted(logging.DEBUG)
    assert sum(debugging.filter(record) for record in records("uvicorn.error")) == 100


def test_an_error_without_an_exception_is_known_by_its_words() -> None:
    def told(words: str, level: int = logging.ERROR) -> list[str]:
        records = [logging.LogRecord("uvicorn.error", level, "", 0, words, None, None) for _ in range(100)]
        return [record.getMessage() for record in records if counted.filter(record)]

    counted = Counted(logging.INFO)
    assert told("returned too early") == ["returned too early"] + ["returned too early: once more"] * AT_ONCE
    assert told("returned too late")[0] == "returned too late"
    assert len(told("a warning", logging.WARNING)) == 100


def test_what_asyncio_logs_goes_where_it_went() -> None:
    assert log_config("info")["loggers"]["asyncio"] == {"filters": ["counted"]}


@pytest.mark.parametrize(
    ("asked", "ours", "theirs"), [("info", 20, 30), ("debug", 10, 10), ("trace", 5, 5), ("error", 40, 40)]
)
def test_uvicorn_is_heard_from_warning_upward_unless_one_debugs(asked: str, ours: int, theirs: int) -> None:
    loggers = log_config(asked)["loggers"]
    assert (loggers["nannin"]["level"], loggers["uvicorn.error"]["level"]) == (ours, theirs)


def record(level: int, message: str, error: Exception | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, None) if error else None
    made = logging.LogRecord("nannin.hub", level, "", 0, message, None, exc_info)
    made.created = 1_795_706_645.678
    return made


@pytest.mark.parametrize(
    ("zone", "time"),
    [("Asia/Tokyo", "2026-11-27 00:24:05.678+09:00"), ("UTC", "2026-11-26 15:24:05.678+00:00")],
)
def test_a_line_has_its_time_with_the_zone(monkeypatch: pytest.MonkeyPatch, zone: str, time: str) -> None:
    monkeypatch.setenv("TZ", zone)
    tzset()
    line = Line().format(record(logging.INFO, "hello"))
    monkeypatch.undo()
    tzset()
    assert line == f"{time} INFO nannin.hub: hello"


@pytest.mark.parametrize(
    ("level", "priority"),
    [(5, 7), (logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (50, 2)],
)
def test_a_line_for_the_journal_has_a_priority_and_no_time(level: int, priority: int) -> None:
    name = logging.getLevelName(level)
    assert JournalLine().format(record(level, "hello")) == f"<{priority}>{name} nannin.hub: hello"


def test_each_line_of_a_traceback_has_its_priority_in_the_journal() -> None:
    lines = JournalLine().format(record(logging.ERROR, "it raised", ValueError("on purpose"))).splitlines()
    assert lines == ["<3>ERROR nannin.hub: it raised", "<3>ValueError: on purpose"]


@pytest.mark.parametrize(("is_journal", "kind"), [(False, Line), (True, JournalLine)])
def test_the_form_of_a_line_follows_from_where_it_goes(
    monkeypatch: pytest.MonkeyPatch, is_journal: bool, kind: type[logging.Formatter]
) -> None:
    monkeypatch.setattr("nannin.server.logs.writes_to_journal", lambda stream: is_journal)
    assert log_config("info")["formatters"]["line"] == {"()": kind, "worker": ""}


def test_a_line_names_the_worker_that_writes_it() -> None:
    said = record(logging.INFO, "hello")
    assert Line("worker 2").format(said).endswith(" INFO nannin.hub [worker 2]: hello")
    assert JournalLine("worker 2").format(said) == "<6>INFO nannin.hub [worker 2]: hello"
    assert log_config("info", "worker 2")["formatters"]["line"]["worker"] == "worker 2"


@pytest.mark.parametrize(("is_journal", "begin"), [(False, "{"), (True, "<4>{")])
def test_a_line_of_json_has_a_priority_in_the_journal_alone(
    monkeypatch: pytest.MonkeyPatch, is_journal: bool, begin: str
) -> None:
    monkeypatch.setattr("nannin.server.logs.writes_to_journal", lambda stream: is_journal)
    kind, *_ = (config := log_config("info", "worker 2", "json")["formatters"]["line"]).values()
    assert kind is JsonLine
    line = JsonLine(**{name: value for name, value in config.items() if name != "()"})
    assert line.format(record(logging.WARNING, "hello")).startswith(begin)
    assert '"worker": "worker 2"' in line.format(record(logging.WARNING, "hello"))


@pytest.mark.parametrize(("log_format", "takes"), [("json", 1), ("text", 0)])
def test_only_in_json_does_the_log_take_what_python_writes_by_itself(
    monkeypatch: pytest.MonkeyPatch, log_format: str, takes: int
) -> None:
    taken: list[logging.Handler] = []
    monkeypatch.setattr("nannin.server.logs.take_over", taken.append)
    monkeypatch.setattr("logging.config.dictConfig", lambda config: None)
    monkeypatch.setattr(logging.getLogger("nannin"), "handlers", [logging.StreamHandler()])
    begin_logging(Settings(log_format=log_format))
    assert [handler.level for handler in taken] == [logging.WARNING] * takes
