"""`make soak`: everything at once, for an hour, held to an oracle; the report goes to bench/SOAK.md.

A crowd of scripted visitors comes, reloads, breaks off, returns, moves and hides; after each round every
number that anybody sees has to be the one of their tally. Meanwhile a witness has to be told within a second,
and others do whatever must not disturb them. Now and then the server is stopped and started. In the end
nobody is counted, memory has not grown, and no descriptor is left.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

from support.places import ROOT
from support.scripted_crowd import Crowd, Person
from support.scripted_tabs import Numbers, Tally
from support.servers import Server, nannin
from torture.ground import MEMORY_LEFT_MB, Ground

REPORT = ROOT / "bench" / "SOAK.md"
GRACE_S, GRACE_LOST_S = 0.4, 0.9
PEOPLE = 100
LIFE_ROUNDS = 60
"""After so many rounds the server is stopped and started."""
_SETTINGS = (
    *("--grace", str(GRACE_S), "--grace-lost", str(GRACE_LOST_S)),
    *("--ping-interval", "3", "--ping-timeout", "15"),
)


class Life:
    """One life of the server, from its start to its stop: the crowd on it, and those who disturb.

    Args:
        server: it runs.
        seed: decides what the crowd does.
    """

    def __init__(self, server: Server, seed: int) -> None:
        self.ground = Ground(server, is_full=True)
        self.rounds = 0
        self.memory_mb: list[float] = []
        self.done: collections.Counter[str] = collections.Counter()
        self._server, self._seed = server, seed
        command = [sys.executable, "-m", "torture.nuisance", server.host, str(server.port), str(seed)]
        self._nuisance = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT / "tests", text=True
        )

    async def live(self, until_s: float) -> None:
        """Rounds to the end of the time, or of this life.

        Raises:
            AssertionError: a number was wrong, or something is left.
        """
        crowd = Crowd(self._server, Tally(GRACE_S, GRACE_LOST_S), self._seed, "soak", PEOPLE)
        try:
            await crowd.begin()
            while self.rounds < LIFE_ROUNDS and time.monotonic() < until_s:
                await crowd.all(Person.act)
                await crowd.settle()
                self.rounds += 1
                self.memory_mb.append(self.ground.memory_mb())
            await crowd.all(Person.leave)
            await crowd.settle()
            assert set(crowd.witness.told.values()) == {Numbers()}, "somebody is left"
        finally:
            await crowd.end()
            said, _ = self._nuisance.communicate(timeout=60)
            self.done.update(json.loads(said))
        self.ground.check()
        early, late = self.memory_mb[len(self.memory_mb) // 5], self.memory_mb[-1]
        assert late - early < MEMORY_LEFT_MB, f"memory grew from {early:.0f} to {late:.0f} MB"


def soak(minutes: float) -> list[Life]:
    """Soaks a server for so long.

    Returns:
        The lives that it had.
    """
    until_s = time.monotonic() + minutes * 60
    lives: list[Life] = []
    with nannin(*_SETTINGS) as server:
        while time.monotonic() < until_s:
            life = Life(server, len(lives) + 1)
            lives.append(life)
            asyncio.run(life.live(until_s))
            print(
                f"life {len(lives)}: {life.rounds} rounds, error 0, witness p99 "
                f"{life.ground.figures.witness_p99_ms:.0f} ms, {life.memory_mb[-1]:.0f} MB",
                flush=True,
            )
            server.stop()
            server.start()
    return lives


def report(lives: list[Life], minutes: float) -> str:
    """What there is to say of it."""
    done = sum((life.done for life in lives), collections.Counter())
    rows = [
        f"| {number} | {life.rounds} | 0 | {life.ground.figures.witness_p99_ms:.0f} "
        f"| {life.memory_mb[len(life.memory_mb) // 5]:.0f} | {life.memory_mb[-1]:.0f} |"
        for number, life in enumerate(lives, 1)
    ]
    return "\n".join(
        [
            "# A soak",
            "",
            f"`make soak MINUTES={minutes:g}` on {datetime.date.today()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}. `tests/torture/soak.py` says what it does.",
            "",
            f"{PEOPLE} scripted visitors act once a round, and all numbers that anybody sees are then held "
            "to their tally. The server was stopped and started between its lives.",
            "",
            "| life | rounds | wrong numbers | witness told, p99, ms | MB after a fifth | MB in the end |",
            "|---:|---:|---:|---:|---:|---:|",
            *rows,
            "",
            "After each life nobody was counted, and no descriptor was left. Meanwhile, beside them:",
            "",
            *(f"- {name}: {number:,}" for name, number in sorted(done.items())),
            "",
        ]
    )


def main() -> None:
    """Soaks, and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--into", type=pathlib.Path, default=REPORT)
    arguments = parser.parse_args()
    lives = soak(arguments.minutes)
    arguments.into.write_text(report(lives, arguments.minutes), encoding="utf-8")
    print(f"error 0; see {arguments.into}")


if __name__ == "__main__":
    main()
