"""Tells the log what an application's functions raise: each cause in full once, and then how often more.

A client can make a handler raise as often as it likes, and a traceback has some kilobytes.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import Final

# Maximum causes that are told apart. What comes after that many is told in full once a minute at most.
MAX_CAUSES: Final = 256
# How many times in a row a cause is told with a line of its own: whoever tries something out sees each.
AT_ONCE: Final = 5
# Seconds between two lines about the same cause after that.
EVERY_S: Final = 60.0
# Maximum exceptions to look at, of those that were raised from one another or together.
_MAX_CHAIN: Final = 16


class Mistakes:
    """Counts what is raised, by its cause: who raised it, its type, and the lines that it came through.

    Args:
        now: the time, in monotonic seconds.

    Attributes:
        number: how much was raised since the start.
        tells_each: whether each is told in full, however often it comes.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.number = 0
        self.tells_each = False
        self._now = now
        self._causes: dict[frozenset[object], _Cause] = {}
        self._others = _Cause()

    def tell(
        self,
        logger: logging.Logger,
        words: str,
        *args: object,
        error: BaseException,
        by: str = "",
        level: int = logging.ERROR,
    ) -> None:
        """Something was raised: the log is told, unless it knows of the cause.

        Args:
            logger: where.
            words: what was raised, with a placeholder for each of `args`.
            args: as above.
            error: what was raised; its traceback is told with it.
            by: the name of the function, where the traceback doesn't show which it was. Nothing that a
                client may choose.
            level: of the line in the log.
        """
        times = self.note(error, words, by)
        if times == 1 or self.tells_each:
            logger.log(level, words, *args, exc_info=error, stacklevel=2)
        elif times:
            logger.log(level, f"{words}: %s", *args, again(error, times - 1), stacklevel=2)
        else:
            logger.debug(words, *args, exc_info=error, stacklevel=2)

    def note(self, error: BaseException | None, *by: str) -> int:
        """Counts an error.

        Args:
            error: what was raised; None for a mistake that is known by its words.
            by: who raised it, or the words.

        Returns:
            1 if it is to be told in full; n + 1 if a line is to say that it was raised n more times; 0 if it
            is counted only.
        """
        self.number += 1
        key = frozenset([by, *(_trace(error) if error is not None else ())])
        cause = self._causes.get(key)
        if cause is None:
            if len(self._causes) >= MAX_CAUSES:
                return int(self._others.is_due(self._now(), at_once=0))
            self._causes[key] = cause = _Cause()
            return 1
        cause.untold += 1
        if not cause.is_due(self._now(), at_once=AT_ONCE):
            return 0
        times, cause.untold = cause.untold, 0
        return 1 + times


class _Cause:
    """What is remembered of a cause.

    Attributes:
        untold: how often it came since the log was told.
    """

    __slots__ = ("_lines", "_told_s", "untold")

    def __init__(self) -> None:
        self.untold = 0
        self._lines = 0
        self._told_s = -math.inf

    def is_due(self, now: float, *, at_once: int) -> bool:
        """Whether it is to be told once more; then it counts as told."""
        if self._lines >= at_once and now - self._told_s < EVERY_S:
            return False
        self._lines += 1
        self._told_s = now
        return True


def again(error: BaseException | None, times: int) -> str:
    """The words for an error that was told before, and came so many times since."""
    more = "once more" if times == 1 else f"{times:,} more times"
    if error is None:
        return more
    return f"{type(error).__qualname__}, {more}; the log has its traceback, where it came first"


def _trace(error: BaseException) -> Iterator[object]:
    """The types of an error and of those that led to it, and the lines that they came through.

    A recursion goes through the same lines, however deep it was.
    """
    chain: list[BaseException | None] = [error]
    for one in chain:
        if one is None:
            continue
        yield type(one)
        traceback = one.__traceback__
        while traceback is not None:
            yield traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
            traceback = traceback.tb_next
        if len(chain) < _MAX_CHAIN:
            chain += [one.__cause__, one.__context__]
            if isinstance(one, BaseExceptionGroup):
                chain += one.exceptions[:_MAX_CHAIN]
