"""What the server's process logs, how a line looks, and what is left out."""

from __future__ import annotations

import asyncio
import datetime
import logging
import logging.config
import sys
from typing import Any, Final

from nannin.mistakes import Mistakes, again
from nannin.server.json_lines import JsonLine, take_over
from nannin.server.systemd import writes_to_journal
from nannin.settings import Settings

__all__ = ["Counted", "JournalLine", "Line", "Quiet", "begin_logging", "log_config"]

# How syslog numbers the levels, the worst first: what the journal takes from the start of a line.
_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


class Line(logging.Formatter):
    """A line with its time, in ISO 8601 with the zone.

    Args:
        worker: the name of the worker that this process is; "" for none.
    """

    def __init__(self, worker: str = "") -> None:
        super().__init__(f"%(asctime)s {_named(worker)}")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The time of a record, such as `2026-11-26 15:04:05.678+09:00`."""
        moment = datetime.datetime.fromtimestamp(record.created).astimezone()
        return moment.isoformat(sep=" ", timespec="milliseconds")


class JournalLine(logging.Formatter):
    """A line as the journal wants it: without a time, and each line of it with its priority.

    Args:
        worker: the name of the worker that this process is; "" for none.

    Source: systemd's manual page sd-daemon(3).
    """

    def __init__(self, worker: str = "") -> None:
        super().__init__(_named(worker))

    def format(self, record: logging.LogRecord) -> str:
        """A record, which may be several lines."""
        priority = _priority(record)
        return "\n".join(f"{priority}{line}" for line in super().format(record).splitlines())


def _priority(record: logging.LogRecord) -> str:
    """What the journal takes from the start of a line."""
    return f"<{next((number for level, number in _PRIORITIES if record.levelno >= level), 7)}>"


def _named(worker: str) -> str:
    """A line's form from the level on, with the name of the worker that writes it."""
    return f"%(levelname)s %(name)s{f' [{worker}]' if worker else ''}: %(message)s"


class Quiet(logging.Filter):
    """Drops what uvicorn logs of requests that the shutdown cancelled, since nothing went wrong.

    Above debug it also drops what uvicorn logs of malformed requests: a client could fill the log with them.

    Args:
        level: from which on is logged.
    """

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        if self._level > logging.DEBUG and record.msg == "Invalid HTTP request received.":
            return False
        return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class Counted(logging.Filter):
    """Counts the errors that uvicorn and asyncio log, such as a request that an application fails at.

    A client can repeat them, so each cause is told in full once. What nannin logs is counted before.

    Args:
        level: from which on is logged; at debug, each is told.
    """

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level
        self._mistakes = Mistakes()

    def filter(self, record: logging.LogRecord) -> bool:
        is_theirs = record.name.startswith(("uvicorn", "asyncio"))
        if not is_theirs or record.levelno < logging.ERROR or self._level <= logging.DEBUG:
            return True
        error = record.exc_info[1] if record.exc_info else None
        # asyncio's message has the task in it, which is another each time.
        times = self._mistakes.note(error, "" if error is not None else record.getMessage())
        if times > 1:
            record.msg, record.args = "%s: %s", (record.getMessage().rstrip(), again(error, times - 1))
            record.exc_info = record.exc_text = None
        return times > 0


def begin_logging(settings: Settings, worker: str = "") -> None:
    """Logs from now on as the settings say.

    Args:
        settings: the process's.
        worker: as for `log_config`.
    """
    logging.config.dictConfig(log_config(settings.log_level, worker, settings.log_format))
    if settings.log_format == "json":
        last = logging.StreamHandler()
        last.setLevel(logging.WARNING)
        last.setFormatter(logging.getLogger("nannin").handlers[0].formatter)
        take_over(last)


def log_config(log_level: str, worker: str = "", log_format: str = "text") -> dict[str, Any]:
    """Logs to standard error. From info upward, no line has a client's address in it.

    The root logger is left to the application.

    Args:
        log_level: one of `nannin.settings.LOG_LEVELS`.
        worker: the name of the worker that this process is; "" for none.
        log_format: one of `nannin.settings.LOG_FORMATS`.

    Returns:
        A configuration for `logging.config.dictConfig`.
    """
    level = {"trace": 5, "debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}[log_level]
    # uvicorn logs the address of every WebSocket at info, and `websockets` every open and close.
    theirs = level if level <= logging.DEBUG else max(level, logging.WARNING)
    quiet = {"handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "quiet": {"()": Quiet, "level": level},
            "counted": {"()": Counted, "level": level},
        },
        "formatters": {"line": _formatter(worker, log_format)},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["quiet", "counted"]}
        },
        "loggers": {
            "nannin": {"level": level, **quiet},
            "nannin.websocket": {"level": theirs},  # what the library `websockets` says
            "uvicorn": {"level": theirs, **quiet},
            "uvicorn.error": {"level": theirs},
            "uvicorn.asgi": {"level": theirs},
            "asyncio": {"filters": ["counted"]},  # where it goes is left to the application, too
        },
    }


def _formatter(worker: str, log_format: str) -> dict[str, Any]:
    is_journal = writes_to_journal(sys.stderr)
    if log_format == "json":
        # The journal takes the priority off, and keeps the object as the message.
        return {"()": JsonLine, "worker": worker, **({"prefix": _priority} if is_journal else {})}
    return {"()": JournalLine if is_journal else Line, "worker": worker}
