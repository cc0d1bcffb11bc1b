"""What the server's process logs, and what it leaves out."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

__all__ = ["Quiet", "log_config"]


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


def log_config(log_level: str) -> dict[str, Any]:
    """Logs to standard error. From info upward, no line has a client's address in it.

    The root logger is left to the application.

    Args:
        log_level: one of `nannin.settings.LOG_LEVELS`.

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
        "filters": {"quiet": {"()": Quiet, "level": level}},
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["quiet"]}},
        "loggers": {
            "nannin": {"level": level, **quiet},
            "nannin.websocket": {"level": theirs},  # what the library `websockets` says
            "uvicorn": {"level": theirs, **quiet},
            "uvicorn.error": {"level": theirs},
            "uvicorn.asgi": {"level": theirs},
        },
    }
