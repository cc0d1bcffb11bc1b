"""60,000 clients on four servers, driven by four crowds: no process has more than 20,000 descriptors."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence

from lineup import ALL, Absent, running

from nannin.cli.bench.address import raise_descriptor_limit
from nannin.cli.bench.figures import Figures

PARTS, PART_SIZE = 4, 15_000
PART_LIMIT_S = 300.0
PART_MEMORY_BYTES = 3 * 2**30


def measure_parts(core: int | None, crowd_core: int | None) -> Figures:
    """Measures them once.

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
        except subprocess.TimeoutExpired as error:
            raise Absent(f"the crowds were not done after {PART_LIMIT_S:.0f} s") from error
        finally:
            for crowd in crowds:
                crowd.kill()
    join_parts(figures, [json.loads(answer) for answer in answers])
    return figures


def join_parts(figures: Figures, parts: Sequence[dict[str, float | None]]) -> None:
    """Makes one row of the figures of several servers that ran side by side."""

    def known(name: str) -> list[float]:
        values = [part[name] for part in parts]
        return [value for value in values if value is not None]

    for name in ("messages_per_join", "cpu_us_per_join", "cpu_us_per_delivery", "bytes_per_connection"):
        if known(name):
            setattr(figures, name, sum(known(name)) / len(parts))
    for name in ("join_p99_ms", "seen_p50_ms", "seen_p99_ms", "seen_max_ms"):
        if known(name):
            setattr(figures, name, max(known(name)))
    figures.joins_per_s = sum(known("joins_per_s")) or None
    figures.exact = all(part["exact"] for part in parts)
    figures.notes.append(
        f"one run of {PARTS} servers with a page each, all on one core, {PARTS} crowds on the other;"
        " joins are added up, of the delays the worst server's are shown"
    )
    if not figures.exact:
        figures.notes.append("NOT EXACT")
