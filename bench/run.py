"""Measures nannin beside other servers, all in one run on one machine. `make bench` runs it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import chart
import click
import results
from lineup import ALL, Absent, Contender, running

from nannin.cli.bench.address import Address, raise_descriptor_limit
from nannin.cli.bench.figures import Figures, Slow, measure, measure_slow
from nannin.cli.bench.process import Processes
from nannin.cli.bench.report import describe_slow, print_table
from nannin.errors import BenchError

SIZES = (1_000, 5_000, 15_000)
# At this size, or the next smaller one, the cost of heartbeats is measured too: over one interval of 25 s.
REST_SIZE, REST_S = 5_000, 26.0
SLOW_HEALTHY, SLOW_DEAF = 10_000, 500
PARTS, PART_SIZE = 4, 15_000
PART_LIMIT_S = 300.0
PART_MEMORY_BYTES = 3 * 2**30


def cores() -> tuple[int | None, int | None]:
    """A core for the server and another for the crowd; None where there is only one."""
    found = sorted(os.sched_getaffinity(0))
    return (found[-1], found[0]) if len(found) > 1 else (None, None)


class Others:
    """Watches how much CPU time other processes take meanwhile, since they spoil the figures."""

    def __init__(self) -> None:
        self._began = self._now()

    def percent(self) -> float:
        """Of all cores, since the beginning; processes that were started here count once they have ended."""
        busy, own, wall_s = (now - began for now, began in zip(self._now(), self._began, strict=True))
        return max(0.0, busy - own) / (wall_s * (os.cpu_count() or 1)) * 100

    @staticmethod
    def _now() -> tuple[float, float, float]:
        ticks = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        busy = sum(ticks) - ticks[3] - ticks[4]  # all but idle and waiting for a disk
        used = os.times()
        own = used.user + used.system + used.children_user + used.children_system
        return busy / os.sysconf("SC_CLK_TCK"), own, time.monotonic()


def tell(text: str) -> None:
    """What is being done, for whoever watches."""
    click.echo(text, err=True)


def measure_contender(
    contender: Contender,
    size: int,
    core: int | None,
    known: list[Figures],
    *,
    rest_s: float,
    storm_limit_s: float,
) -> Figures:
    """Measures one contender with so many clients, in fresh processes."""
    rest_s = rest_s if contender.rests else 0.0

    def progress(text: str) -> None:
        tell(f"  {contender.name}: {text}")

    if not contender.tells_each:
        with running(contender, core) as (url, pid):
            processes = Processes([pid])
            return measure(
                Address(url),
                contender.name,
                size,
                processes,
                storm_limit_s=storm_limit_s,
                rest_s=rest_s,
                progress=progress,
            )
    # N joins are N * N messages: the storm has a process of its own, and a limit. All else is measured with
    # clients that joined while nobody was told.
    storm = Figures(contender.name, size)
    expected_s = expect_storm(known, contender.name, size)
    if expected_s > storm_limit_s:
        storm.notes.append(
            f"no storm: its {size**2 / 2e6:,.1f} million messages would take some {expected_s:,.0f} s"
        )
    else:
        with running(contender, core) as (url, pid):
            storm = measure(
                Address(url),
                contender.name,
                size,
                Processes([pid]),
                storm_limit_s=storm_limit_s,
                storm_only=True,
                progress=progress,
            )
    with running(contender, core, quiet=True) as (url, pid):
        figures = measure(
            Address(url),
            contender.name,
            size,
            Processes([pid]),
            storm_limit_s=storm_limit_s * 2,
            rest_s=rest_s,
            start_telling=lambda: os.kill(pid, signal.SIGUSR2),
            progress=progress,
        )
    figures.joins_per_s = storm.joins_per_s
    figures.messages_per_join = storm.messages_per_join
    figures.cpu_us_per_join = storm.cpu_us_per_join
    figures.notes = [*storm.notes, *figures.notes]
    figures.exact = figures.exact and storm.exact
    return figures


def expect_storm(known: list[Figures], name: str, size: int) -> float:
    """How long a storm of N * N messages will take, by smaller ones, in seconds; 0 where there was none."""
    expected = [
        figures.connections / figures.joins_per_s * (size / figures.connections) ** 2
        for figures in known
        if figures.server == name and figures.joins_per_s
    ]
    return max(expected, default=0.0)


def measure_parts(core: int | None, crowd_core: int | None) -> Figures:
    """60,000 clients on four servers, driven by four crowds.

    Raises:
        Absent: this machine has no room for them.
    """
    if raise_descriptor_limit() <= PART_SIZE:
        raise Absent(
            f"a process may have no more than {raise_descriptor_limit():,} clients here (ulimit -Hn)"
        )
    if os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < PART_MEMORY_BYTES:
        raise Absent("less than 3 GB of memory are free")
    contender = next(c for c in ALL if c.name == "nannin")
    figures = Figures(f"nannin, {PARTS} processes", PARTS * PART_SIZE)
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(running(contender, core)) for _ in range(PARTS)]
        tell(f"  {figures.server}: {figures.connections:,} clients")
        commands = [
            [sys.executable, "-m", "nannin", "bench", url, "--pid", str(pid), "--connections", str(PART_SIZE)]
            for url, pid in urls
        ]

        def pin() -> None:
            if crowd_core is not None:
                os.sched_setaffinity(0, {crowd_core})

        crowds = [
            subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, preexec_fn=pin)
            for command in commands
        ]
        try:
            answers = [crowd.communicate(timeout=PART_LIMIT_S)[0] for crowd in crowds]
        finally:
            for crowd in crowds:
                crowd.kill()
    join_parts(figures, [json.loads(answer) for answer in answers])
    return figures


def join_parts(figures: Figures, parts: list[dict[str, float | None]]) -> None:
    """Makes one row of the figures of several servers that ran side by side."""

    def known(name: str) -> list[float]:
        values = [part[name] for part in parts]
        return [value for value in values if value is not None]

    for name in ("messages_per_join", "cpu_us_per_join", "cpu_us_per_delivery", "bytes_per_connection"):
        if known(name):
            setattr(figures, name, sum(known(name)) / len(parts))
    for name in ("seen_p50_ms", "seen_p99_ms", "seen_max_ms"):
        if known(name):
            setattr(figures, name, max(known(name)))
    figures.joins_per_s = sum(known("joins_per_s")) or None
    figures.exact = all(part["exact"] for part in parts)
    figures.notes.append(
        f"{PARTS} servers with a page each, all on one core, {PARTS} crowds on the other;"
        " joins are added up, of the delays the worst server's are shown"
    )
    if not figures.exact:
        figures.notes.append("NOT EXACT")


def measure_slow_readers(core: int | None) -> Slow:
    """nannin with clients that never read, and without."""
    contender = next(c for c in ALL if c.name == "nannin")
    with running(contender, core) as (url, _):
        return measure_slow(Address(url), SLOW_HEALTHY, SLOW_DEAF, lambda text: tell(f"  nannin: {text}"))


@click.command()
@click.option("--connections", "sizes", type=int, multiple=True, help="How many clients. [1000, 5000, 15000]")
@click.option("--only", multiple=True, metavar="NAME", help="Only contenders whose name begins like this.")
@click.option("--storm-limit", default=75.0, show_default=True, help="Seconds until a storm is given up.")
@click.option("--slow/--no-slow", default=True, help="Clients that never read beside healthy ones.")
@click.option("--parts/--no-parts", default=True, help="60,000 clients on four processes.")
@click.option("--write/--no-write", default=False, help="Write RESULTS.md and docs/benchmark.svg.")
def main(
    sizes: tuple[int, ...], only: tuple[str, ...], storm_limit: float, slow: bool, parts: bool, write: bool
) -> None:
    """Measures nannin beside other servers; a ratio within one run is what counts."""
    allowed = raise_descriptor_limit()
    core, crowd_core = cores()
    if crowd_core is not None:
        os.sched_setaffinity(0, {crowd_core})
    else:
        tell("There is one core only: the crowd and the server share it.")
    sizes = tuple(sorted(sizes)) or SIZES
    others = Others()
    rest_size = max((size for size in sizes if size <= REST_SIZE), default=sizes[0])
    measured: list[Figures] = []
    skipped: list[str] = []
    for size in sizes:
        if size >= allowed:
            skipped.append(f"{size:,} connections: a process may have {allowed:,} clients here (ulimit -Hn)")
            continue
        for contender in ALL:
            if only and not contender.name.startswith(only):
                continue
            tell(f"{contender.name}, {size:,} connections")
            rest_s = REST_S if size == rest_size else 0.0
            try:
                figures = measure_contender(
                    contender, size, core, measured, rest_s=rest_s, storm_limit_s=storm_limit
                )
                measured.append(figures)
                tell(f"  {json.dumps(figures.to_dict())}")
            except (Absent, BenchError) as error:
                skipped.append(f"{contender.name}, {size:,} connections: {error}")
    found = None
    try:
        if parts:
            measured.append(measure_parts(core, crowd_core))
    except (Absent, subprocess.SubprocessError, ValueError) as error:
        skipped.append(f"{PARTS * PART_SIZE:,} connections: {error}")
    try:
        if slow and allowed > SLOW_HEALTHY + SLOW_DEAF:
            found = measure_slow_readers(core)
    except (Absent, BenchError) as error:
        skipped.append(f"clients that never read: {error}")
    meanwhile = f"Other processes took {others.percent():.0f} % of the CPU time meanwhile."
    measured.sort(key=lambda figures: figures.connections)
    print_table(measured)
    for line in [describe_slow(found)] if found else []:
        click.echo(line)
    click.echo(meanwhile)
    for line in skipped:
        click.echo(f"Not measured: {line}")
    if write:
        results.write(measured, found, skipped, meanwhile)
        chart.write(measured)
    if not all(figures.exact for figures in measured):
        sys.exit(1)


if __name__ == "__main__":
    main()
