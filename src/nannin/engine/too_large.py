"""Tallies what was too large, and says so in the log, so that nobody looks for the reason elsewhere."""

from __future__ import annotations

import logging

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.once import Once

logger = logging.getLogger("nannin.engine")

_once = Once(64)  # in a process: several engines may have the same limit


def tell_too_large(max_bytes: int, settings: str) -> None:
    """Tallies that a client sent too much and was disconnected; logs it once for each limit.

    Args:
        max_bytes: the limit.
        settings: the names of what sets it.
    """
    AT_THE_DOOR.add(Refusal.SIZE)
    if _once.is_first(str(max_bytes), settings):
        logger.warning(
            "a client sent more than %d bytes in one message, and was disconnected; to allow it, raise %s",
            max_bytes,
            settings,
        )
