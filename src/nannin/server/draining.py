"""Says goodbye to clients one after another, so that they don't all come to the next server at once."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

__all__ = ["CLIENTS_PER_S", "drain", "drain_window_s"]

# How many clients are told each second. A server like this one takes in some 2,000 a second on one core.
CLIENTS_PER_S: Final = 2_000
# Seconds between two batches, on average. So few that it takes no longer than this are told at once.
STEP_S: Final = 0.05


def drain_window_s(clients: int, at_most_s: float) -> float:
    """For how many seconds clients are told; 0 for all at once.

    Args:
        clients: how many there are.
        at_most_s: the longest that it may take, however many there are.
    """
    window_s = min(clients / CLIENTS_PER_S, at_most_s)
    return window_s if window_s > STEP_S else 0.0


async def drain(
    goodbyes: Sequence[Callable[[], None]],
    window_s: float,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now: Callable[[], float] | None = None,
) -> None:
    """Tells each client once, in batches spread over this time, in a random order and at random moments.

    Args:
        goodbyes: each ends one client, or does nothing if it has gone meanwhile.
        window_s: seconds.
        sleep: waits.
        now: monotonic seconds.
    """
    now = now or asyncio.get_running_loop().time
    waiting = random.sample(goodbyes, len(goodbyes))
    began_s = now()
    while waiting:
        # By the time that has gone, so that a loop which was held up catches up.
        left = max(0.0, 1 - (now() - began_s) / window_s)
        keep = math.ceil(len(goodbyes) * left)
        while len(waiting) > keep:
            waiting.pop()()
        if waiting:
            await sleep(STEP_S * random.uniform(0.5, 1.5))  # noqa: S311 - it spreads, and hides nothing
