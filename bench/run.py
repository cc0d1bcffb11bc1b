"""Measures nannin beside other servers, all in one run on one machine. `make bench` runs it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import chart
import click
import results
from contest import Contest
from lineup import ALL, Absent, Contender, running
from machine import Others, cores
from medians import Spread, spread_of, spreads
from parts import PART_SIZE, PARTS, measure_parts
from shapes.all import ALL as SHAPES
from shapes.ground import Ground, ShapeFigures

from nannin.cli.bench.address import Address, raise_descriptor_limit
from nannin.cli.bench.figures import Figures, Slow, measure_slow
from nannin.cli.bench.report import print_plain
from nannin.errors import BenchError

SIZES = (1_000, 5_000, 15_000)
SHORT_SIZES = (1_000,)
RUNS = 3
STORM_LIMIT_S, SHORT_STORM_LIMIT_S = 15.0, 10.0
SLOW_HEALTHY, SLOW_DEAF = 5_000, 500

ResultT = TypeVar("ResultT")


def tell(text: str) -> None:
    """What is being done, for whoever watches."""
    click.echo(text, err=True)


def choose(only: Sequence[str], *, short: bool) -> list[Contender]:
    """Who takes part.

    Args:
        only: the beginnings of their names; empty for all.
        short: only those of the short form.

    Raises:
        click.UsageError: a beginning is of no contender's name.
    """
    for name in only:
        if not any(contender.name.startswith(name) for contender in ALL):
            names = ", ".join(contender.name for contender in ALL)
            raise click.UsageError(f"expected the beginning of a contender's name, not {name!r}; try {names}")
    return [
        contender
        for contender in ALL
        if (contender.in_short or not short) and (not only or contender.name.startswith(tuple(only)))
    ]


def measure_shapes(ground: Ground, runs: int, only: Sequence[str], until_s: float) -> list[ShapeFigures]:
    """Measures all shapes in turn, `runs` times; begins none after `until_s`.

    So a machine that is too slow for all runs still measures every shape, some of them with fewer runs.
    """
    found: list[ShapeFigures] = []
    shapes = [shape for shape in SHAPES if not only or shape.name.startswith(tuple(only))]
    for run in range(runs):
        for shape in shapes:
            if time.monotonic() > until_s:
                ground.skipped.append(
                    f"{shape.name}, run {run + 1} of {runs}: the time was over; --limit gives more"
                )
                continue
            tell(f"{shape.name}, run {run + 1} of {runs}")
            found += shape.measure(ground, shape.name)
    return found


def measure_slow_readers(core: int | None) -> Slow:
    """nannin with clients that never read, and without."""
    contender = next(c for c in ALL if c.name == "nannin")
    with running(contender, core) as (url, _):
        return measure_slow(Address(url), SLOW_HEALTHY, SLOW_DEAF, lambda text: tell(f"  nannin: {text}"))


def attempt(skipped: list[str], name: str, measure: Callable[[], ResultT]) -> list[ResultT]:
    """What is measured, as a list of one; an empty list where it can't be, with the reason in `skipped`."""
    tell(name)
    try:
        return [measure()]
    except (Absent, BenchError) as error:
        skipped.append(f"{name}: {error}")
        return []


@click.command()
@click.option("--connections", "sizes", type=int, multiple=True, help="How many clients. [1000, 5000, 15000]")
@click.option("--only", multiple=True, metavar="NAME", help="Only contenders whose name begins like this.")
@click.option("--runs", default=RUNS, show_default=True, help="Of how many runs a figure is the median.")
@click.option("--storm-limit", type=float, help="Seconds until N² messages are given up. [15]")
@click.option("--shapes/--no-shapes", default=None, help="The shapes that sites have. [yes]")
@click.option("--shape", "only_shapes", multiple=True, metavar="NAME", help="Only shapes that begin so.")
@click.option("--divide-shapes", default=1, show_default=True, help="Divides their numbers of clients.")
@click.option("--slow/--no-slow", default=None, help="Clients that never read beside healthy ones. [yes]")
@click.option("--parts/--no-parts", default=False, help="60,000 clients on four processes; one run. [no]")
@click.option("--limit", default=24.0, show_default=True, help="Minutes after which no shape is begun.")
@click.option("--short", is_flag=True, help="1,000 clients and four contenders, without all the above.")
@click.option("--write/--no-write", default=False, help="Write RESULTS.md and docs/benchmark.svg.")
def main(
    sizes: tuple[int, ...],
    only: tuple[str, ...],
    runs: int,
    storm_limit: float | None,
    shapes: bool | None,
    only_shapes: tuple[str, ...],
    divide_shapes: int,
    slow: bool | None,
    parts: bool,
    limit: float,
    short: bool,
    write: bool,
) -> None:
    """Measures nannin beside other servers; a ratio within one run is what counts."""
    contenders = choose(only, short=short)
    allowed = raise_descriptor_limit()
    core, crowd_core = cores()
    if crowd_core is not None:
        os.sched_setaffinity(0, {crowd_core})
    else:
        tell("There is one core only: the crowd and the server share it.")
    others, began_s = Others(), time.monotonic()
    contest = Contest(
        core, storm_limit or (SHORT_STORM_LIMIT_S if short else STORM_LIMIT_S), lambda text: tell(text)
    )
    skipped = contest.skipped
    for size in sorted(sizes) or (SHORT_SIZES if short else SIZES):
        if size < allowed:
            contest.alternate(contenders, size, runs)
        else:
            skipped.append(f"{size:,} connections: a process may have {allowed:,} clients here (ulimit -Hn)")
    measured = spreads(contest.measured, lambda figures: (figures.connections, figures.server))
    if parts:
        found_parts = attempt(
            skipped, f"{PARTS * PART_SIZE:,} connections", lambda: measure_parts(core, crowd_core)
        )
        measured += [spread_of([figures]) for figures in found_parts]
    slow_runs: list[Slow] = []
    for _ in range(runs if (not short if slow is None else slow) else 0):
        slow_runs += attempt(skipped, "clients that never read", lambda: measure_slow_readers(core))
    shape_runs: list[ShapeFigures] = []
    if not short if shapes is None else shapes:
        ground = Ground(contenders, core, divide_shapes)
        shape_runs = measure_shapes(ground, runs, only_shapes, began_s + limit * 60)
        skipped += dict.fromkeys(ground.skipped)
    report = results.Report(
        measured,
        spreads(shape_runs, lambda figures: (figures.shape, figures.server)),
        spread_of(slow_runs) if slow_runs else None,
        skipped,
        f"It took {(time.monotonic() - began_s) / 60:.0f} minutes; other processes took"
        f" {others.percent():.0f} % of the CPU time meanwhile.",
    )
    show(report)
    if write:
        results.write(report)
        chart.write(measured)
    if not all(is_exact(spread) for spread in measured):
        sys.exit(1)


def is_exact(spread: Spread[Figures]) -> bool:
    """Whether all clients knew the right number in all runs."""
    return spread.median.exact


def show(report: results.Report) -> None:
    """Prints what was measured."""
    for headings, rows in (results.rows_of_sizes(report.sizes), results.rows_of_shapes(report.shapes)):
        if rows:
            print_plain(headings, rows)
            click.echo()
    for line in results.remarks(report):
        click.echo(line)
    click.echo(report.meanwhile)


if __name__ == "__main__":
    main()
