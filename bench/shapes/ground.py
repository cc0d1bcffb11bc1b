"""What all shapes share: where they are measured, and what comes out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from lineup import Absent, Contender, Mode, running

from nannin.cli.bench.address import Address
from nannin.cli.bench.figures import BETWEEN_S
from nannin.cli.bench.process import Processes
from nannin.errors import BenchError
from shapes.clients import Client, Swarm, WebSocketClient

WARM_UP = 20
# Seconds after which the server has done what joins leave for later.
SETTLE_S = 0.5


@dataclass(slots=True)
class ShapeFigures:
    """What was measured of one server in one shape; None where it was not.

    Attributes:
        shape: its name.
        server: its name.
        clients: how many there were.
        cpu_us_per_join: the server's CPU time for each join.
        cpu_us_per_delivery: its CPU time for each event that arrived.
        bytes_per_connection: the growth of its resident memory.
        rest_cpu_percent: its CPU time with nothing but heartbeats, in percent of a core.
        notes: what is to be said of these figures.
    """

    shape: str
    server: str
    clients: int
    cpu_us_per_join: float | None = None
    cpu_us_per_delivery: float | None = None
    bytes_per_connection: float | None = None
    rest_cpu_percent: float | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Ground:
    """Where shapes are measured.

    Attributes:
        contenders: who takes part.
        core: the servers'; None where there is none of their own.
        divisor: of all numbers of clients; 1 measures in earnest.
        skipped: who could not be measured and why, one line each.
    """

    contenders: Sequence[Contender]
    core: int | None
    divisor: int = 1
    skipped: list[str] = field(default_factory=list)

    def clients(self, count: int) -> int:
        """How many clients a shape has here."""
        return max(10, count // self.divisor)


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape that sites have.

    Attributes:
        name: as in the table.
        measure: measures all who take part, in one run.
    """

    name: str
    measure: Callable[[Ground, str], list[ShapeFigures]]


@dataclass(frozen=True, slots=True)
class Server:
    """A contender that runs now, with its clients."""

    address: Address
    processes: Processes
    swarm: Swarm


def each(
    measure: Callable[[Server, ShapeFigures, Ground], None], *, only: str = "", mode: Mode = Mode.SHAPES
) -> Callable[[Ground, str], list[ShapeFigures]]:
    """A measure of one server after the other.

    Args:
        measure: fills in the figures of one.
        only: the name of the only contender that can do it; empty for all.
        mode: in which they run.

    Returns:
        What `Shape.measure` is.
    """

    def measure_each(ground: Ground, name: str) -> list[ShapeFigures]:
        found = []
        for contender in ground.contenders:
            if not contender.in_shapes or (only and contender.name != only):
                continue
            figures = ShapeFigures(name, contender.name, 0)
            try:
                with served(contender, ground, mode) as server:
                    measure(server, figures, ground)
                found.append(figures)
            except (Absent, BenchError) as error:
                ground.skipped.append(f"{name}, {contender.name}: {error}")
        return found

    return measure_each


@contextlib.contextmanager
def served(contender: Contender, ground: Ground, mode: Mode) -> Iterator[Server]:
    """Runs a contender that has loaded all that it loads for its first clients."""
    with running(contender, ground.core, mode) as (url, pid), Swarm() as swarm:
        address = Address(url)
        with Swarm() as first:
            first.join(WebSocketClient(address) for _ in range(WARM_UP))
        swarm.rest_for(SETTLE_S)
        yield Server(address, Processes([pid]), swarm)


def measure_joins(
    server: Server, figures: ShapeFigures, clients: Sequence[Client], first: Callable[[], None] | None = None
) -> None:
    """Lets clients join, and notes the server's CPU time and memory for each.

    Args:
        server: where.
        figures: where it is noted.
        clients: who joins.
        first: what happens before, and is charged to them.
    """
    cpu_s, rss_bytes = server.processes.cpu_s(), server.processes.rss_bytes()
    if first is not None:
        first()
    server.swarm.join(clients)
    server.swarm.rest_for(SETTLE_S)
    count = figures.clients = len(clients)
    figures.cpu_us_per_join = (server.processes.cpu_s() - cpu_s) / count * 1e6
    figures.bytes_per_connection = (server.processes.rss_bytes() - rss_bytes) / count


def measure_deliveries(
    server: Server, figures: ShapeFigures, acts: Sequence[Callable[[], None]], audience: int
) -> None:
    """Notes the server's CPU time for each event that arrives.

    Args:
        server: whose.
        figures: where it is noted.
        acts: each makes the server tell everyone once. Between two of them is a rest, as in the other table.
        audience: how many events arrive after each.
    """
    swarm = server.swarm
    acts[0]()
    swarm.await_deliveries(audience)
    swarm.rest_for(SETTLE_S)
    before, cpu_s = swarm.deliveries, server.processes.cpu_s()
    for act in acts:
        goal = swarm.deliveries + audience
        act()
        swarm.await_deliveries(goal)
        swarm.rest_for(audience * BETWEEN_S)
    spent_s = server.processes.cpu_s() - cpu_s
    figures.cpu_us_per_delivery = spent_s / (swarm.deliveries - before) * 1e6
