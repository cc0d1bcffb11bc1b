"""What is raised is told in full once for each cause, and then counted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from nannin.mistakes import AT_ONCE, EVERY_S, MAX_CAUSES, Mistakes
from support.fake_clock import FakeClock

logger = logging.getLogger("nannin.hub")


def caught(function: Callable[..., Any], *args: Any) -> Exception:
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("nothing was raised")


def divide(number: int) -> float:
    return number / 0


def read_one(text: str) -> Any:
    return json.loads(text)


def read_another(text: str) -> Any:
    return json.loads(text)


def descend(depth: int) -> int:
    return descend(depth - 1) if depth else 1 // 0


def chain(error: Exception, cause: Exception) -> None:
    raise error from cause


def test_a_cause_is_told_with_its_traceback_once_and_then_counted(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    mistakes = Mistakes(clock.now)
    for number in range(1_000):
        mistakes.tell(logger, "the handler of %r raised", "say", error=caught(divide, number))
    assert [record.getMessage() for record in caplog.records] == ["the handler of 'say' raised"] + [
        "the handler of 'say' raised: ZeroDivisionError, once more; the log has its traceback, where it came "
        "first"
    ] * AT_ONCE
    assert [bool(record.exc_info) for record in caplog.records] == [True] + [False] * AT_ONCE
    clock.advance(EVERY_S)
    caplog.clear()
    for number in range(1_000):
        mistakes.tell(logger, "the handler of %r raised", "say", error=caught(divide, number))
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"ZeroDivisionError, {1_000 - AT_ONCE:,} more times" in line
    assert mistakes.number == 2_000


def test_another_line_type_function_or_cause_is_told_at_once() -> None:
    mistakes = Mistakes()
    others = [
        caught(divide, 1),
        caught(read_one, "x"),
        caught(read_another, "x"),
        caught(chain, ValueError(), KeyError()),
        caught(chain, ValueError(), IndexError()),
        ExceptionGroup("several", [caught(divide, 1)]),
        ExceptionGroup("several", [caught(read_one, "x")]),
        ValueError(),
    ]
    assert [mistakes.note(error) for error in others] == [1] * len(others)
    assert mistakes.note(ValueError(), "the handler b") == 1
    assert [mistakes.note(error) for error in others] == [2] * len(others)


def test_what_a_client_can_vary_makes_no_new_cause() -> None:
    mistakes = Mistakes()
    assert mistakes.note(caught(descend, 3)) == 1
    assert [mistakes.note(caught(descend, depth)) for depth in (4, 50, 200)] == [2, 2, 2]
    assert mistakes.note(caught(read_one, "x")) == 1
    assert mistakes.note(caught(read_one, "y" * 10_000)) == 2


def test_an_endless_chain_of_causes_is_looked_at_for_so_long_only() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    for _ in range(1_000):
        with suppress(ValueError):
            raise ValueError from first
    assert Mistakes().note(first) == 1


def test_past_so_many_causes_one_a_minute_is_told_in_full() -> None:
    clock = FakeClock()
    mistakes = Mistakes(clock.now)
    assert {mistakes.note(ValueError(), str(number)) for number in range(MAX_CAUSES)} == {1}
    assert [mistakes.note(ValueError(), "a"), mistakes.note(ValueError(), "b")] == [1, 0]
    clock.advance(EVERY_S)
    assert [mistakes.note(ValueError(), "c"), mistakes.note(ValueError(), "d")] == [1, 0]
    assert mistakes.note(ValueError(), "7") == 2, "those that are known are counted as before"


def test_whoever_debugs_is_told_each_and_so_is_a_stage(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mistakes = Mistakes()
    for _ in range(20):
        mistakes.tell(logger, "raised", error=ValueError())
    assert sum(bool(record.exc_info) for record in caplog.records) == 20 - AT_ONCE
    caplog.clear()
    mistakes.tells_each = True
    for _ in range(20):
        mistakes.tell(logger, "raised", error=ValueError(), level=logging.WARNING)
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.WARNING] * 20
