"""Measures the contenders in turn, again and again, at one size after the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lineup import Absent, Contender, Mode, running

from nannin.cli.bench.address import Address
from nannin.cli.bench.figures import Effort, Figures, measure
from nannin.cli.bench.process import Processes
from nannin.errors import BenchError

# A run is one of several, so it is short.
EFFORT = Effort(deliveries=40_000, cost_pairs=2, cost_limit_s=10.0, delay_pairs=1)
# Seconds in which all clients of a server must have joined, where a join isn't told to each by itself.
JOIN_LIMIT_S = 60.0


@dataclass(slots=True)
class Contest:
    """The measurements of all contenders.

    Attributes:
        core: the servers'; None where there is none of their own.
        storm_limit_s: seconds until a storm of N * N messages is given up, and above which none is begun.
        tell: told what is being done.
        measured: what came out.
        skipped: who could not be measured and why, one line each.
    """

    core: int | None
    storm_limit_s: float
    tell: Callable[[str], None]
    measured: list[Figures] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def alternate(self, contenders: Sequence[Contender], size: int, runs: int) -> None:
        """Measures each in turn, `runs` times: what changes on the machine meanwhile meets all of them."""
        absent: set[str] = set()
        for run in range(runs):
            for contender in contenders:
                if size > contender.largest or contender.name in absent:
                    continue
                self.tell(f"{contender.name}, {size:,} connections, run {run + 1} of {runs}")
                try:
                    self.measured.append(self.measure(contender, size))
                except (Absent, BenchError) as error:
                    absent.add(contender.name)
                    self.skipped.append(f"{contender.name}, {size:,} connections: {error}")

    def measure(self, contender: Contender, size: int) -> Figures:
        """Measures one contender with so many clients, in fresh processes."""
        if not contender.tells_each:
            return self._measure(contender, size, Mode.LOUD, JOIN_LIMIT_S)
        # N joins are N * N messages: the storm has a process of its own, and a limit. All else is measured
        # with clients that joined while nobody was told.
        storm = self._storm(contender, size)
        figures = self._measure(contender, size, Mode.QUIET, JOIN_LIMIT_S)
        figures.joins_per_s, figures.join_p99_ms = storm.joins_per_s, storm.join_p99_ms
        figures.messages_per_join = storm.messages_per_join
        figures.cpu_us_per_join = storm.cpu_us_per_join
        figures.notes = [*storm.notes, *figures.notes]
        figures.exact = figures.exact and storm.exact
        return figures

    def _storm(self, contender: Contender, size: int) -> Figures:
        earlier = [f for f in self.measured if f.server == contender.name]
        if any(f.connections <= size and f.joins_per_s is None for f in earlier):
            return Figures(contender.name, size)  # one that was too long or not begun: its note is there
        expected_s = expect_storm(self.measured, contender.name, size)
        if expected_s > self.storm_limit_s:
            messages = f"{size**2 / 2e6:,.1f} million messages"
            note = f"no storm: its {messages} would take some {expected_s:,.0f} s"
            return Figures(contender.name, size, notes=[note])
        return self._measure(contender, size, Mode.LOUD, self.storm_limit_s, storm_only=True)

    def _measure(
        self, contender: Contender, size: int, mode: Mode, limit_s: float, *, storm_only: bool = False
    ) -> Figures:
        with running(contender, self.core, mode) as (url, pid):
            return measure(
                Address(url),
                contender.name,
                size,
                Processes([pid]),
                storm_limit_s=limit_s,
                effort=EFFORT,
                storm_only=storm_only,
                start_telling=(lambda: os.kill(pid, signal.SIGUSR2)) if mode is Mode.QUIET else None,
                progress=lambda text: self.tell(f"  {text}"),
            )


def expect_storm(known: Sequence[Figures], name: str, size: int) -> float:
    """How long a storm of N * N messages will take, by smaller ones, in seconds; 0 where there was none."""
    expected = [
        figures.connections / figures.joins_per_s * (size / figures.connections) ** 2
        for figures in known
        if figures.server == name and figures.joins_per_s
    ]
    return max(expected, default=0.0)
