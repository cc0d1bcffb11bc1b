"""60,000 clients on one page of four workers: how long after the last join has every one the right number?

Four processes are the clients, since none may have more than 20,000 descriptors. They share its cores with
the server. Run it alone: `.venv/bin/python bench/one_page.py`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence

import click
from lineup import Absent, Contender, Mode, running
from workers import await_processes

from nannin.cli.bench.address import Address, raise_descriptor_limit
from nannin.cli.bench.crowd import Crowd

WORKERS, CROWDS = 4, 4
LIMIT_S = 400.0
# Seconds for which the number must not change once all have it.
KEPT_S = 3.0


def command(port: int, _mode: Mode) -> list[str]:
    """Serves on all addresses: each process of clients takes its own, with 28,000 ports for each."""
    where = ["--host", "0.0.0.0", "--port", str(port)]
    return [sys.executable, "-m", "nannin", "serve", *where, "--workers", str(WORKERS)]


def take_part(url: str, size: int, of_all: int) -> None:
    """One process with `size` clients: prints when the last one joined, and when all had the number.

    Times are of the clock that all processes share.
    """
    raise_descriptor_limit()
    with Crowd(Address(url), limit_s=LIMIT_S) as crowd:
        crowd.invite(size)
        if not crowd.wait(lambda: crowd.joined == size):
            sys.exit(f"only {crowd.joined:,} of {size:,} joined: {crowd.why_lost()}")
        joined_s = crowd.last_join_s
        if not crowd.wait(lambda: set(crowd.numbers()) == {of_all}):
            sys.exit(f"not all know {of_all:,}: {crowd.numbers().most_common(3)}")
        right_s = time.perf_counter()
        crowd.rest(KEPT_S)
        if crowd.joined != size or set(crowd.numbers()) != {of_all}:
            sys.exit(f"it did not stay {of_all:,}: {crowd.numbers().most_common(3)}")
        print(joined_s, right_s, crowd.updates, flush=True)
        sys.stdin.read()  # the others still need them


def collect(processes: Sequence[subprocess.Popen[str]]) -> list[list[float]]:
    """What each process has printed.

    Raises:
        Absent: one of them printed nothing, and has said why.
    """
    lines = [process.stdout.readline() for process in processes if process.stdout is not None]
    if not all(lines):
        raise Absent("not all clients got there")
    return [[float(word) for word in line.split()] for line in lines]


@click.command()
@click.option("--connections", default=60_000, show_default=True, help="How many clients, of all.")
@click.option("--part", nargs=2, type=(str, int), hidden=True)
def main(connections: int, part: tuple[str, int] | None) -> None:
    """Measures once."""
    if part is not None:
        take_part(*part, connections)
        return
    contender = Contender("nannin", command, tells_each=False, processes=WORKERS + 1)
    with contextlib.ExitStack() as stack:
        url, pid = stack.enter_context(running(contender, None, Mode.LOUD))
        server = await_processes(pid, contender.processes)
        port = url.rpartition(":")[2]
        before_s, began_s = server.cpu_s(), time.perf_counter()
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [
                        *(sys.executable, __file__, "--connections", str(connections)),
                        *("--part", f"http://127.0.0.{2 + number}:{port}", str(connections // CROWDS)),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(CROWDS)
        ]
        try:
            found = collect(processes)
            spent_s = server.cpu_s() - before_s
        finally:
            for process in processes:
                process.kill()
    joined_s, right_s = max(one[0] for one in found), max(one[1] for one in found)
    click.echo(
        f"{connections:,} clients on one page of {WORKERS} workers, {os.cpu_count()} cores: "
        f"all joined after {joined_s - began_s:.0f} s ({connections / (joined_s - began_s):,.0f} a second, "
        f"{spent_s / connections * 1e6:.0f} us of CPU each), all had the number "
        f"{(right_s - joined_s) * 1000:.0f} ms after the last, "
        f"{sum(one[2] for one in found) / connections:.1f} updates a client"
    )


if __name__ == "__main__":
    main()
