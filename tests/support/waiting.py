"""Waits until something is so that other processes or tasks do."""

from __future__ import annotations

import asyncio
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


async def wait_until(condition: Callable[[], object], *, every_s: float = 0.01) -> None:
    """Waits until a condition is true, while other tasks go on."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(every_s)
