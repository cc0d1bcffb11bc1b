"""Says in the log that something was too large, so that nobody looks for the reason elsewhere."""

from __future__ import annotations

import logging

from nannin.once import Once

logger = logging.getLogger("nannin.engine")

_once = Once(64)  # in a process: several engines may have the same limit


def tell_too_large(max_bytes: int, settings: str) -> None:
    """Logs, once for each limit, that a client sent too much and was disconnected.

    Args:
        max_bytes: the limit.
        settings: the names of what sets it.
    """
    if _once.is_first(str(max_bytes), settings):
        logger.warning(
            "a client sent more than %d bytes in one message, and was disconnected; to allow it, raise %s",
            max_bytes,
            settings,
        )
