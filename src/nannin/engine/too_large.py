"""Says in the log that something was too large, so that nobody looks for the reason elsewhere."""

from __future__ import annotations

import functools
import logging

logger = logging.getLogger("nannin.engine")


@functools.lru_cache(maxsize=64)
def tell_too_large(max_bytes: int, settings: str) -> None:
    """Logs, once for each limit, that a client sent too much and was disconnected.

    Args:
        max_bytes: the limit.
        settings: the names of what sets it.
    """
    logger.warning(
        "a client sent more than %d bytes in one message, and was disconnected; to allow it, raise %s",
        max_bytes,
        settings,
    )
