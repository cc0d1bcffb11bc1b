"""Waits until something is so that other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

PATIENCE_S = 20.0


def until(ask: Callable[[], Answer]) -> Answer:
    """Waits until the answer is true, and returns it."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not (answer := ask()):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
    return answer
