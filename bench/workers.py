"""Measures one site on several processes: nannin's workers, also over Redis, beside a cluster of Node.js.

`make workers` runs it and writes WORKERS.md.
"""

from __future__ import annotations

import contextlib
import datetime
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import click
from lineup import (
    CONTENDERS,
    INSTALL,
    NODE_MODULES,
    Absent,
    Contender,
    Mode,
    await_port,
    free_port,
    running,
    stop,
)
from machine import Others
from medians import Spread, spreads
from results import markdown, versions

from nannin.cli.bench.address import Address, raise_descriptor_limit
from nannin.cli.bench.crowd import Crowd
from nannin.cli.bench.measures import is_exact, measure_rounds, measure_storm, percentile, warm_up
from nannin.cli.bench.process import Processes, with_children
from nannin.errors import BenchError

WORKERS = pathlib.Path(__file__).resolve().parent / "WORKERS.md"
SIZES = (1_000, 10_000)
RUNS = 3
STORM_LIMIT_S = 60.0
RIGHT_LIMIT_S = 20.0
PAIRS = 10
BETWEEN_S = 50e-6
# Seconds until all workers have to be there, and that they then have to load what they serve with.
READY_LIMIT_S = 30.0
READY_S = 2.0

INTRODUCTION = """\
# Several processes

Written by `make workers`: one run of it on one machine. The clients, the servers and Redis share all of its
cores, so with two cores more workers can't be quicker than one: **what counts here is the CPU time**, and
whether every number is right. Each figure is the median of several measurements, between which all others
had their turn; in brackets are the lowest and the highest.
"""

EXPLANATION = """\
## What the columns are

- **joins per second**, **messages per join**, **CPU per delivery**, **seen**: as in [RESULTS.md](RESULTS.md),
  with the CPU time of all processes of the server, its supervisor included, and without Redis.
- **deliveries per second**: the updates of the storm that arrived, by the time until the last CONNECT was
  answered.
- **all right after**: from the last CONNECT that was answered until every client of every worker had the
  number of all.
- **CPU of Redis per join**: of the storm.
- **memory per connection**: the growth of what is resident of all these processes.

`--redis` is one machine whose workers share their count over Redis, as those of several machines do. *Node.js
cluster* is socket.io with `@socket.io/redis-adapter`, its count kept in Redis by INCR and DECR, and Node's
own cluster. It tells everyone of each single join, so N joins are N²/2 messages, and it is measured with few
clients only.
"""


@dataclass(slots=True)
class WorkerFigures:
    """What was measured of one server; None where it was not.

    Attributes:
        server: its name.
        connections: how many clients were on the page.
        joins_per_s, messages_per_join, deliveries_per_s: in a storm of them.
        cpu_us_per_join: all its processes' CPU time of the storm for each join, telling included.
        redis_us_per_join: that of Redis.
        right_after_ms: from the last join until all clients had the number of all.
        cpu_us_per_delivery: while one more client comes and goes.
        seen_p50_ms, seen_p99_ms: from a join or leave to each client's update.
        bytes_per_connection: the growth of its resident memory.
        exact: whether every client ended with the right number.
        notes: what is to be said of these figures.
    """

    server: str
    connections: int
    joins_per_s: float | None = None
    messages_per_join: float | None = None
    deliveries_per_s: float | None = None
    cpu_us_per_join: float | None = None
    redis_us_per_join: float | None = None
    right_after_ms: float | None = None
    cpu_us_per_delivery: float | None = None
    seen_p50_ms: float | None = None
    seen_p99_ms: float | None = None
    bytes_per_connection: float | None = None
    exact: bool = True
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Redis:
    """A Redis of the benchmark's own."""

    url: str
    processes: Processes


@contextlib.contextmanager
def serving_redis() -> Iterator[Redis]:
    """Runs a Redis that keeps nothing.

    Raises:
        Absent: there is none.
    """
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise Absent("redis-server is missing")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            await_port(process, port)
            yield Redis(f"redis://127.0.0.1:{port}", Processes([process.pid]))
        finally:
            stop(process)


def nannin(workers: int, redis: Redis | None = None) -> Contender:
    """nannin with so many workers."""
    options = ["--workers", str(workers)] if workers > 1 else []
    options += ["--redis", redis.url] if redis is not None else []
    name = "nannin, one process" if workers == 1 else f"nannin, {workers} workers"

    def command(port: int, mode: Mode) -> list[str]:
        where = ["--host", "127.0.0.1", "--port", str(port)]
        return [sys.executable, "-m", "nannin", "serve", *where, *options]

    name += ", --redis" if redis is not None else ""
    processes = workers + (workers > 1)  # and their supervisor
    return Contender(name, command, tells_each=False, processes=processes)


def node_cluster(workers: int, redis: Redis) -> Contender:
    """Node's cluster of so many workers."""

    def command(port: int, mode: Mode) -> list[str]:
        node = shutil.which("node")
        if node is None:
            raise Absent("Node.js is missing")
        if not (NODE_MODULES / "@socket.io" / "redis-adapter").is_dir():
            raise Absent(f"the package @socket.io/redis-adapter is missing; {INSTALL}")
        script = str(CONTENDERS / "node_cluster.mjs")
        return [node, script, str(port), mode, str(workers), redis.url]

    name = f"Node.js cluster, {workers} workers"
    return Contender(name, command, tells_each=True, largest=SIZES[0], processes=workers + 1)


def lineup(redis: Redis) -> list[Contender]:
    """Who takes part."""
    return [
        nannin(1),
        nannin(2),
        nannin(4),
        nannin(1, redis),
        nannin(2, redis),
        nannin(4, redis),
        node_cluster(2, redis),
        node_cluster(4, redis),
    ]


def measure(contender: Contender, size: int, redis: Redis) -> WorkerFigures:
    """Measures one server with so many clients, in fresh processes.

    Raises:
        Absent, BenchError: it can't be measured.
    """
    figures = WorkerFigures(contender.name, size)
    with running(contender, None, Mode.LOUD) as (url, pid):
        processes = await_processes(pid, contender.processes)
        with Crowd(Address(url)) as crowd:
            warm_up(crowd)
            redis_s = redis.processes.cpu_s()
            storm = measure_storm(crowd, size, processes, limit_s=STORM_LIMIT_S)
            if not storm.complete:
                raise BenchError(f"only {storm.joined:,} of {size:,} had joined after {STORM_LIMIT_S:.0f} s")
            figures.joins_per_s = storm.joined / storm.took_s
            figures.messages_per_join = storm.updates / storm.joined
            figures.deliveries_per_s = storm.updates / storm.took_s
            assert storm.cpu_s is not None
            assert storm.grown_bytes is not None
            figures.cpu_us_per_join = storm.cpu_s / storm.joined * 1e6
            figures.bytes_per_connection = storm.grown_bytes / storm.joined
            if contender.name.endswith("redis") or contender.tells_each:
                figures.redis_us_per_join = (redis.processes.cpu_s() - redis_s) / storm.joined * 1e6
            figures.right_after_ms = until_right(crowd, size // 10)
            rounds = measure_rounds(crowd, PAIRS, processes, pause_s=size * BETWEEN_S, limit_s=20.0)
            if rounds.cpu_s is not None and rounds.deliveries:
                figures.cpu_us_per_delivery = rounds.cpu_s / rounds.deliveries * 1e6
            if rounds.delays:
                figures.seen_p50_ms = percentile(rounds.delays, 0.5) * 1000
                figures.seen_p99_ms = percentile(rounds.delays, 0.99) * 1000
            figures.exact = storm.exact and rounds.exact and not rounds.missed
    if not figures.exact:
        figures.notes.append("NOT EXACT: not every client knew the right number")
    return figures


def until_right(crowd: Crowd, more: int) -> float | None:
    """Milliseconds from the last of some more joins until every client knows the number of all."""
    goal = crowd.joined + more
    crowd.invite(more)
    right_s: list[float] = []

    def is_right() -> bool:
        if crowd.joined == goal and is_exact(crowd, goal):
            right_s.append(time.perf_counter())
        return bool(right_s)

    crowd.wait(is_right, RIGHT_LIMIT_S)
    return max(0.0, right_s[0] - crowd.last_join_s) * 1000 if right_s else None


def await_processes(pid: int, least: int) -> Processes:
    """The processes of a server, once it has so many: the first worker that is ready answers for all.

    Raises:
        Absent: they did not come in time.
    """
    until = time.monotonic() + READY_LIMIT_S
    while len(with_children([pid])) < least:
        if time.monotonic() > until:
            raise Absent(f"its {least} processes were not there after {READY_LIMIT_S:.0f} s")
        time.sleep(0.1)
    time.sleep(READY_S)
    return Processes([pid])


def _cell(
    value: Callable[[WorkerFigures], float | None], unit: str = "", digits: int = 0
) -> Callable[..., str]:
    def cell(figures: WorkerFigures) -> str:
        known = value(figures)
        return "–" if known is None else f"{known:,.{digits}f}{unit}"

    return cell


COLUMNS: dict[str, Callable[[WorkerFigures], str]] = {
    "server": lambda f: f.server,
    "connections": lambda f: f"{f.connections:,}",
    "joins per second": _cell(lambda f: f.joins_per_s),
    "messages per join": _cell(lambda f: f.messages_per_join, digits=1),
    "deliveries per second": _cell(lambda f: f.deliveries_per_s),
    "CPU per join, µs": _cell(lambda f: f.cpu_us_per_join),
    "CPU of Redis per join, µs": _cell(lambda f: f.redis_us_per_join),
    "all right after, ms": _cell(lambda f: f.right_after_ms),
    "CPU per delivery, µs": _cell(lambda f: f.cpu_us_per_delivery, digits=1),
    "seen, p50 ms": _cell(lambda f: f.seen_p50_ms),
    "p99 ms": _cell(lambda f: f.seen_p99_ms),
    "memory per connection": _cell(
        lambda f: None if f.bytes_per_connection is None else f.bytes_per_connection / 1024, " KB", 1
    ),
}


def alternate(
    contenders: Sequence[Contender], sizes: Sequence[int], runs: int, redis: Redis
) -> tuple[list[WorkerFigures], list[str]]:
    """Measures each in turn, `runs` times, at one size after the other; also says who could not be."""
    measured: list[WorkerFigures] = []
    skipped: dict[str, None] = {}
    for size in sizes:
        for run in range(runs):
            for contender in contenders:
                if size > contender.largest:
                    continue
                click.echo(f"{contender.name}, {size:,} connections, run {run + 1} of {runs}", err=True)
                try:
                    measured.append(measure(contender, size, redis))
                except (Absent, BenchError) as error:
                    skipped[f"{contender.name}, {size:,} connections: {error}"] = None
    return measured, list(skipped)


def table(measured: Sequence[Spread[WorkerFigures]]) -> tuple[list[str], list[list[str]]]:
    """The headings, and a row for each server and size."""
    return list(COLUMNS), [[spread.text(cell) for cell in COLUMNS.values()] for spread in measured]


@click.command()
@click.option("--connections", "sizes", type=int, multiple=True, help="How many clients. [1000, 10000]")
@click.option("--only", multiple=True, metavar="NAME", help="Only servers whose name begins like this.")
@click.option("--runs", default=RUNS, show_default=True, help="Of how many runs a figure is the median.")
@click.option("--write/--no-write", default=False, help="Write WORKERS.md.")
def main(sizes: tuple[int, ...], only: tuple[str, ...], runs: int, write: bool) -> None:
    """Measures one site on several processes."""
    raise_descriptor_limit()
    others, began_s = Others(), time.monotonic()
    with serving_redis() as redis:
        contenders = [c for c in lineup(redis) if not only or c.name.startswith(only)]
        measured, skipped = alternate(contenders, sizes or SIZES, runs, redis)
    found = spreads(measured, lambda figures: (figures.connections, figures.server))
    meanwhile = (
        f"It took {(time.monotonic() - began_s) / 60:.0f} minutes; other processes took"
        f" {others.percent():.0f} % of the CPU time meanwhile."
    )
    remarks = [
        f"{s.median.server}, {s.median.connections:,}: {note}" for s in found for note in s.median.notes
    ]
    remarks += [f"Not measured: {line}" for line in skipped]
    lines = [*markdown(table(found)), *(f"- {line}" for line in remarks), meanwhile]
    click.echo("\n".join(lines))
    if write:
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        text = [
            INTRODUCTION,
            f"{today}; " + "; ".join(versions()) + f". {meanwhile}",
            "",
            *markdown(table(found)),
        ]
        if remarks:
            text += ["", "## Remarks", "", *(f"- {line}" for line in remarks)]
        WORKERS.write_text("\n".join([*text, "", EXPLANATION]), encoding="utf-8")


if __name__ == "__main__":
    main()
