"""The log as JSON: an object on each line, whatever is logged."""

from __future__ import annotations

import datetime
import json
import logging
import sys
import threading
import types
from collections.abc import Callable
from typing import Final

__all__ = ["MAX_LINE_BYTES", "JsonLine", "take_over"]

# Maximum bytes of a line. A line of up to so many bytes reaches a pipe in one write, so that the lines of
# several workers don't get into each other.
MAX_LINE_BYTES: Final = 8_000

logger = logging.getLogger("nannin.server")


class JsonLine(logging.Formatter):
    """A record as one line of JSON, in ASCII: `time`, `level`, `logger` and `message`.

    Besides, `worker` where there are several, and `traceback` and `stack`, as texts, where a record has them.

    Args:
        worker: the name of the worker that this process is; "" for none.
        prefix: what stands before the object, by the record.
    """

    def __init__(
        self, worker: str = "", prefix: Callable[[logging.LogRecord], str] = lambda record: ""
    ) -> None:
        super().__init__()
        self._worker = worker
        self._prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        """A record as a line. Nothing that is logged makes this raise."""
        moment = datetime.datetime.fromtimestamp(record.created).astimezone()
        fields = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": _text(record.levelname),
            "logger": _text(record.name),
        }
        if self._worker:
            fields["worker"] = _text(self._worker)
        fields["message"] = _message(record)
        if record.exc_info and record.exc_info[0] is not None:
            fields["traceback"] = _text(lambda: self.formatException(record.exc_info))  # type: ignore[arg-type]
        elif record.exc_text:
            fields["traceback"] = _text(record.exc_text)
        if record.stack_info:
            fields["stack"] = _text(record.stack_info)
        line, most = json.dumps(fields), MAX_LINE_BYTES
        while len(line) > MAX_LINE_BYTES:
            most //= 2
            line = json.dumps({name: _shorten(text, most) for name, text in fields.items()})
        return self._prefix(record) + line


def take_over(handler: logging.Handler) -> None:
    """Sends to the log what Python would write to standard error by itself.

    That is what nobody handles: warnings, errors of threads and of objects that are dropped, the error that
    ends the process, and what is logged where no handler is.

    Args:
        handler: writes the log.
    """
    logging.lastResort = handler
    logging.captureWarnings(True)
    of_warnings = logging.getLogger("py.warnings")
    of_warnings.handlers, of_warnings.propagate = [handler], False

    def raised(
        kind: type[BaseException], error: BaseException, traceback: types.TracebackType | None
    ) -> None:
        logger.critical("the process ends with an error", exc_info=(kind, error, traceback))

    def raised_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            logger.error("a thread ended with an error", exc_info=args.exc_value)

    def dropped(args: sys.UnraisableHookArgs) -> None:
        error = args.exc_value if args.exc_value is not None else args.exc_type()
        logger.error("%s", args.err_msg or "an error could not be raised", exc_info=error)

    sys.excepthook, threading.excepthook, sys.unraisablehook = raised, raised_in_thread, dropped


def _message(record: logging.LogRecord) -> str:
    try:
        return _text(record.getMessage())
    except Exception as error:  # noqa: BLE001 - whatever an object's own code does, the rest is logged
        words = _text(lambda: str(record.msg))
        return f"{words} (its arguments don't fit: {type(error).__name__})"


def _text(text: str | Callable[[], str]) -> str:
    """A text without halves of characters, which JSON has no form for."""
    try:
        found = text if isinstance(text, str) else text()
        return str(found).encode("utf-8", "backslashreplace").decode()
    except Exception as error:  # noqa: BLE001 - as above
        return f"(can't be shown: {type(error).__name__})"


def _shorten(text: str, most: int) -> str:
    """A text's beginning and its end, of which a traceback's says more."""
    if len(text) <= most:
        return text
    begin = most // 4
    return f"{text[:begin]} [...] {text[begin - most :]}"
