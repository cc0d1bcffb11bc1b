"""Tells once if several processes serve together, of which each would count by itself."""

from __future__ import annotations

import itertools
import logging
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from nannin.once import Once

__all__ = ["count_workers", "tell_once", "warn_of_workers"]

# How the servers call the option: uvicorn, gunicorn, hypercorn and granian.
_OPTION: Final = re.compile(r"(?:--workers|-w)(?:=?(\d+))?")

logger = logging.getLogger("nannin.workers")


def count_workers(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """How many workers the host runs, as far as one of them can know.

    A worker has the command line of the process that started it. uvicorn's own server, which can also be
    started by code, is found by the signal that would stop it.

    Args:
        arguments: the command line; None: this process's.
        environ: the environment; WEB_CONCURRENCY is the default of uvicorn and gunicorn.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    workers = getattr(getattr(server, "config", None), "workers", None)
    if isinstance(workers, int):
        return workers
    arguments = sys.argv if arguments is None else arguments
    for argument, following in itertools.zip_longest(arguments, arguments[1:], fillvalue=""):
        if (match := _OPTION.fullmatch(argument)) and (number := match[1] or following).isdecimal():
            return int(number)
    number = environ.get("WEB_CONCURRENCY", "")
    return int(number) if number.isdecimal() else 1


_once = Once(1)  # in a process: each Live asks


def warn_of_workers() -> None:
    """Logs what several workers do to the counts, and what to do instead; once in a process."""
    if (workers := count_workers()) > 1:
        tell_once("this host runs %d workers, and each counts by itself", workers)


def tell_once(what: str, *args: object) -> None:
    """Logs that this process is not alone, what follows, and what to do; the first time in a process.

    Args:
        what: the first half of the sentence.
        args: what to put into it.
    """
    if _once.is_first("workers"):
        logger.warning(
            f"{what}: numbers will be too small, and clients that poll will fall out; "
            "run one process, or let nannin run several that share one count: nannin serve --workers",
            *args,
        )
