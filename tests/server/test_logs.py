"""What the server's process logs, and what it leaves out."""

from __future__ import annotations

import asyncio
import logging

import pytest

from nannin.server.logs import Quiet, log_config


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


@pytest.mark.parametrize(
    ("asked", "ours", "theirs"), [("info", 20, 30), ("debug", 10, 10), ("trace", 5, 5), ("error", 40, 40)]
)
def test_uvicorn_is_heard_from_warning_upward_unless_one_debugs(asked: str, ours: int, theirs: int) -> None:
    loggers = log_config(asked)["loggers"]
    assert (loggers["nannin"]["level"], loggers["uvicorn.error"]["level"]) == (ours, theirs)
