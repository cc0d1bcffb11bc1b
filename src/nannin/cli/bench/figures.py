"""All measures of one server with one number of clients, and the figures that come of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from nannin.cli.bench.address import Address
from nannin.cli.bench.crowd import Crowd
from nannin.cli.bench.measures import (
    DELIVERIES,
    MIN_PAIRS,
    Rounds,
    Storm,
    come_and_go,
    find_others,
    is_exact,
    measure_rounds,
    measure_storm,
    pairs_for,
    percentile,
    warm_up,
)
from nannin.cli.bench.process import Processes
from nannin.errors import BenchError

# Seconds after which a page is quiet, and is told of a join at once: more than the slowest pace.
PAUSE_S = 1.1
DELAY_PAIRS = 4
# Seconds of rest for each client between two rounds. A server that paces itself rests between two tellings,
# and then finds its caches cold; this way all servers do.
BETWEEN_S = 50e-6
STORM_LIMIT_S = 60.0
# Slow clients are measured quickly, before a server that ends them does.
SLOW_PAIRS = 3
SLOW_LIMIT_S = 6.0
SLOW_GONE_S = 15.0


@dataclass(slots=True)
class Figures:
    """What was measured of one server; None where it was not.

    Attributes:
        server: its name.
        connections: how many clients were on the page.
        joins_per_s: in a storm, from the first connection to the last CONNECT answered.
        join_p99_ms: in that storm, from a client's connection to its CONNECT answered.
        messages_per_join: the updates sent in the storm and until it was quiet, for each join.
        cpu_us_per_join: the server's CPU time of the storm for each join, telling included.
        cpu_us_per_delivery: its CPU time for each update received while one more client joins and leaves.
        seen_p50_ms, seen_p99_ms, seen_max_ms: from a join or leave on a quiet page to each client's update.
        bytes_per_connection: the growth of the server's resident memory.
        exact: whether every client ended with the right number.
        notes: what is to be said of these figures.
    """

    server: str
    connections: int
    joins_per_s: float | None = None
    join_p99_ms: float | None = None
    messages_per_join: float | None = None
    cpu_us_per_join: float | None = None
    cpu_us_per_delivery: float | None = None
    seen_p50_ms: float | None = None
    seen_p99_ms: float | None = None
    seen_max_ms: float | None = None
    bytes_per_connection: float | None = None
    exact: bool = True
    notes: list[str] = field(default_factory=list)

    def add_storm(self, storm: Storm, limit_s: float) -> None:
        """Takes over the figures of a storm."""
        if not storm.complete:
            self.notes.append(
                f"a storm of {self.connections:,} joins was not over after {limit_s:.0f} s"
                f" ({storm.joined:,} had joined)"
            )
            return
        self.joins_per_s = storm.joined / storm.took_s
        self.join_p99_ms = percentile(storm.delays, 0.99) * 1000
        self.messages_per_join = storm.updates / storm.joined
        if storm.cpu_s is not None:
            self.cpu_us_per_join = storm.cpu_s / storm.joined * 1e6
        self._judge(storm.exact, "after the storm")

    def add_memory(self, storm: Storm) -> None:
        """Takes over the memory that the clients of a storm need."""
        if storm.grown_bytes is not None and storm.joined:
            self.bytes_per_connection = storm.grown_bytes / storm.joined

    def add_cost(self, rounds: Rounds) -> None:
        """Takes over the CPU time of some rounds."""
        if rounds.cpu_s is not None and rounds.deliveries:
            self.cpu_us_per_delivery = rounds.cpu_s / rounds.deliveries * 1e6
        self._judge(rounds.exact and not rounds.missed, "after joins and leaves")

    def add_delays(self, rounds: Rounds) -> None:
        """Takes over the delays of some rounds."""
        if rounds.delays:
            self.seen_p50_ms = percentile(rounds.delays, 0.5) * 1000
            self.seen_p99_ms = percentile(rounds.delays, 0.99) * 1000
            self.seen_max_ms = rounds.delays[-1] * 1000
        self._judge(rounds.exact and not rounds.missed, "after joins and leaves on a quiet page")

    def to_dict(self) -> dict[str, object]:
        """As JSON has it."""
        return dataclasses.asdict(self)

    def _judge(self, exact: bool, when: str) -> None:
        if not exact:
            self.exact = False
            self.notes.append(f"NOT EXACT: {when}, not every client knew the right number")


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a server is measured.

    Attributes:
        deliveries: how many make the figure of their cost.
        cost_pairs: with how many joins and leaves at least.
        cost_limit_s: seconds after which no more of them are asked for.
        delay_pairs: how many joins and leaves make the figures of the delays.
    """

    deliveries: int = DELIVERIES
    cost_pairs: int = MIN_PAIRS
    cost_limit_s: float = 60.0
    delay_pairs: int = DELAY_PAIRS


ALL_EFFORT = Effort()


@dataclass(frozen=True, slots=True)
class Slow:
    """What clients that never read do to the others.

    Attributes:
        healthy, deaf: how many there were of each.
        p99_without_ms, p99_with_ms: until the healthy ones had heard of a join or leave.
        closed: how many of the deaf ones the server had ended 15 s later.
        exact: whether every healthy client ended with the right number.
    """

    healthy: int
    deaf: int
    p99_without_ms: float
    p99_with_ms: float
    closed: int
    exact: bool


def measure(
    address: Address,
    name: str,
    connections: int,
    processes: Processes | None,
    *,
    storm_limit_s: float = STORM_LIMIT_S,
    effort: Effort = ALL_EFFORT,
    storm_only: bool = False,
    start_telling: Callable[[], None] | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Figures:
    """Measures one running server.

    Args:
        address: where it is.
        name: what it is called in the table.
        connections: how many clients.
        processes: the server's, where they can be seen.
        storm_limit_s: seconds after which the storm is given up, and with it the rest of the measures.
        effort: how long the cost and the delays are measured.
        storm_only: measures nothing but the storm.
        start_telling: lets the server begin to tell, where joins without updates are measured first.
        progress: told what is being done.

    Raises:
        BenchError: the server can't be reached, or tells nothing.
    """
    figures = Figures(name, connections)
    with Crowd(address) as crowd:
        find_others(crowd)
        progress(f"{connections:,} clients join")
        warm_up(crowd)
        storm = measure_storm(crowd, connections, processes, limit_s=storm_limit_s)
        if start_telling is not None:
            if not storm.complete:
                raise BenchError(f"{name} let only {storm.joined:,} of {connections:,} clients in")
            start_telling()
            tell_once(crowd)
        else:
            figures.add_storm(storm, storm_limit_s)
        figures.add_memory(storm)
        if storm.complete and not storm_only:
            progress("joins and leaves: the cost")
            pairs = pairs_for(connections, effort.deliveries, effort.cost_pairs)
            rest, limit_s = connections * BETWEEN_S, effort.cost_limit_s
            figures.add_cost(measure_rounds(crowd, pairs, processes, pause_s=rest, limit_s=limit_s))
            progress("joins and leaves: the delays")
            figures.add_delays(measure_rounds(crowd, effort.delay_pairs, processes, pause_s=PAUSE_S))
        for reason, count in crowd.lost.most_common():
            figures.notes.append(f"{count:,} clients were lost: {reason}")
    return figures


def measure_slow(
    address: Address, healthy: int, deaf: int, progress: Callable[[str], None] = lambda text: None
) -> Slow:
    """Measures what clients that never read do to the others, on a page that was empty."""
    with Crowd(address) as crowd:
        progress(f"{healthy:,} clients join")
        warm_up(crowd)
        storm = measure_storm(crowd, healthy, None, limit_s=STORM_LIMIT_S)
        if not storm.complete:
            raise BenchError(f"only {storm.joined:,} of {healthy:,} clients joined in {STORM_LIMIT_S:.0f} s")
        without = measure_rounds(crowd, SLOW_PAIRS, None, pause_s=PAUSE_S)
        progress(f"{deaf:,} more that never read")
        crowd.invite(deaf, deaf=True)
        crowd.wait(lambda: crowd.deaf + sum(crowd.lost.values()) >= deaf, STORM_LIMIT_S)
        crowd.settle(PAUSE_S / 2, STORM_LIMIT_S)
        beside = measure_rounds(crowd, SLOW_PAIRS, None, pause_s=PAUSE_S, limit_s=SLOW_LIMIT_S)
        if not (without.delays and beside.delays):
            raise BenchError("the healthy clients were told nothing")
        crowd.rest(SLOW_GONE_S)
        tell_once(crowd)
        [(number, _)] = crowd.numbers().most_common(1)
        left = (number or 0) - crowd.joined
        return Slow(
            healthy,
            deaf,
            percentile(without.delays, 0.99) * 1000,
            percentile(beside.delays, 0.99) * 1000,
            deaf - left,
            is_exact(crowd, crowd.joined + left) and not without.missed and not beside.missed,
        )


def tell_once(crowd: Crowd) -> None:
    """One more client joins and leaves, and so makes the server tell its number."""
    come_and_go(crowd)
    crowd.settle(PAUSE_S, STORM_LIMIT_S)
