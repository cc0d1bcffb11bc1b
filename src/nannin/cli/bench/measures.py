"""What is measured with a crowd, and how."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from nannin.cli.bench.crowd import Client, Crowd, Phase
from nannin.cli.bench.process import Processes
from nannin.errors import BenchError

# Seconds without an update after which a page is quiet: more than the slowest pace, one second.
QUIET_S = 1.5
SETTLE_LIMIT_S = 30.0
ROUND_LIMIT_S = 30.0
# How many deliveries it takes to measure CPU time by ticks of 10 ms, and how many rounds at most and at
# least.
DELIVERIES = 100_000
MAX_PAIRS = 50
MIN_PAIRS = 5
WARM_UP = 20
AFTER_WARM_UP_S = 0.5
JOIN_LIMIT_S = 30.0
# For how long whoever has left may still be counted.
OTHERS_LIMIT_S = 12.0


@dataclass(frozen=True, slots=True)
class Storm:
    """A number of clients joined as fast as the server took them.

    Attributes:
        joined: how many did.
        complete: whether all joined, and the updates came to an end, within the time limit.
        took_s: from the first connection to the last CONNECT answered.
        delays: the seconds from each client's connection to its CONNECT answered, sorted.
        updates: how many updates arrived, until it was quiet.
        cpu_s: of the server's processes, until it was quiet; None where that can't be known.
        grown_bytes: by how much the server's resident memory grew.
        exact: whether every client ended with the right number.
    """

    joined: int
    complete: bool
    took_s: float
    delays: Sequence[float]
    updates: int
    cpu_s: float | None
    grown_bytes: int | None
    exact: bool


@dataclass(frozen=True, slots=True)
class Rounds:
    """One more client joined and left, again and again, and each time all clients were waited for.

    Attributes:
        deliveries: how many updates arrived.
        cpu_s: of the server's processes in that time.
        delays: the seconds from a join or leave to each client's hearing of it, sorted.
        missed: how many clients did not hear the number of a round in time, over all rounds.
        exact: whether every client ended with the right number.
    """

    deliveries: int
    cpu_s: float | None
    delays: Sequence[float]
    missed: int
    exact: bool


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed.

    Args:
        ordered: the values, sorted; at least one.
        share: above 0 and at most 1.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def pairs_for(connections: int, deliveries: int = DELIVERIES, least: int = MIN_PAIRS) -> int:
    """How many joins and leaves make so many deliveries, enough for a clock that ticks every 10 ms."""
    return min(MAX_PAIRS, max(least, math.ceil(deliveries / 2 / connections)))


def warm_up(crowd: Crowd) -> None:
    """A few clients come and go, so that what a server loads at first is not in a figure.

    Raises:
        BenchError: the server can't be reached.
    """
    for _ in range(WARM_UP):
        come_and_go(crowd)
    crowd.rest(AFTER_WARM_UP_S)


def find_others(crowd: Crowd) -> None:
    """Sees to it that nobody else is on the page, where the server tells a number.

    Raises:
        BenchError: somebody is, even after those who may just have left are counted no more.
    """
    until = time.perf_counter() + OTHERS_LIMIT_S
    while (number := come_and_go(crowd)) is not None and number > 1:
        if time.perf_counter() > until:
            raise BenchError(
                f"others are on this page ({number - 1:,}), who would be measured as well: --page names one "
                "that nobody is on"
            )
        crowd.rest(AFTER_WARM_UP_S)


def come_and_go(crowd: Crowd) -> int | None:
    """One more client joins, is told, and leaves; returns the number that it was told."""
    visitor = crowd.visitor()
    crowd.join(visitor)
    crowd.wait(lambda: visitor.phase is not Phase.JOINING, JOIN_LIMIT_S)
    crowd.leave(visitor)
    return visitor.number


def measure_storm(
    crowd: Crowd, count: int, processes: Processes | None, *, limit_s: float, others: int = 0
) -> Storm:
    """Lets `count` clients join as fast as they can.

    Args:
        crowd: an empty one.
        count: how many.
        processes: the server's, where they can be seen.
        limit_s: seconds after which it is given up.
        others: how many are on the page already.
    """
    cpu, rss = (processes.cpu_s(), processes.rss_bytes()) if processes else (0.0, 0)
    before, goal = crowd.updates, crowd.joined + sum(crowd.lost.values()) + count
    earlier = crowd.joined
    began = time.perf_counter()
    crowd.invite(count)
    complete = crowd.wait(lambda: crowd.joined + sum(crowd.lost.values()) >= goal, limit_s)
    if not crowd.joined:
        raise BenchError(f"can't connect to {crowd.address.url}: {crowd.why_lost()}")
    left_s = max(0.0, limit_s - (time.perf_counter() - began))
    complete = complete and crowd.settle(QUIET_S, left_s + SETTLE_LIMIT_S)
    return Storm(
        joined=crowd.joined - earlier,
        complete=complete and crowd.joined == earlier + count,
        took_s=crowd.last_join_s - began,
        delays=sorted(crowd.join_delays),
        updates=crowd.updates - before,
        cpu_s=processes.cpu_s() - cpu if processes else None,
        grown_bytes=processes.rss_bytes() - rss if processes else None,
        exact=is_exact(crowd, crowd.joined + others),
    )


def is_exact(crowd: Crowd, number: int) -> bool:
    """Whether every client was told this number last."""
    return crowd.numbers() == {number: crowd.joined}


def measure_rounds(
    crowd: Crowd, pairs: int, processes: Processes | None, *, pause_s: float = 0.0, limit_s: float = 60.0
) -> Rounds:
    """Lets one more client join and leave `pairs` times.

    Args:
        crowd: all on the page, and told.
        pairs: how often.
        processes: the server's, where they can be seen.
        pause_s: how long to wait before each join and leave, so that the page is quiet.
        limit_s: seconds after which no more rounds begin.
    """
    [(base, _)] = crowd.numbers().most_common(1)
    if base is None:
        raise BenchError(f'{crowd.address.url} tells no number: neither "user connected" nor "audience" came')
    before = crowd.updates
    delays: list[float] = []
    missed = 0
    until = time.perf_counter() + limit_s
    cpu = processes.cpu_s() if processes else 0.0
    for _ in range(pairs):
        if time.perf_counter() > until or missed:
            break
        visitor = crowd.visitor()
        for change in (1, 0):
            if pause_s:
                crowd.rest(pause_s)
            missed += _tell(crowd, visitor, base, change)
            delays += crowd.delays
    spent = processes.cpu_s() - cpu if processes else None
    return Rounds(crowd.updates - before, spent, sorted(delays), missed, is_exact(crowd, base))


def _tell(crowd: Crowd, visitor: Client, base: int, change: int) -> int:
    """One round: the visitor joins or leaves. Returns how many did not hear of it in time."""
    crowd.expect(base + change)
    if change:
        crowd.join(visitor)
    else:
        crowd.leave(visitor)
    heard = crowd.wait(crowd.has_heard, ROUND_LIMIT_S)
    return 0 if heard else crowd.waiting
