"""What history costs the loop: for each join and leave, and at the end of each minute.

    .venv/bin/python bench/history.py [JOINS_A_SECOND] [PAGES]

It drives a roster as a server does, with and without history, and prints the microseconds of each join with
its leave, the share of one core at that rate, and the longest turn of the loop at a minute's end.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import tempfile
import time

from nannin.app.assembly import Assembly
from nannin.audience.roster import Roster
from nannin.settings import Settings

ROUNDS, CHANGES = 7, 20_000


def drive(roster: Roster[object], pages: int, connections: list[object]) -> float:
    """Lets connections join and leave, page by page; returns the seconds that each took."""
    names = [f"/page/{number}" for number in range(pages)]
    gc.disable()
    started_s = time.thread_time()
    for number, connection in enumerate(connections):
        roster.join(names[number % pages], connection, "visitor")
    for number, connection in enumerate(connections):
        roster.leave(names[number % pages], connection, now=0.0)
    took_s = time.thread_time() - started_s
    gc.enable()
    return took_s / len(connections)


async def main(rate: int, pages: int) -> None:
    """Measures, and prints."""
    connections = [object() for _ in range(CHANGES)]
    with tempfile.TemporaryDirectory() as folder:
        parts = Assembly(Settings(history="on", data_dir=folder))
        history, roster = parts.history, parts.hub.roster
        assert history is not None
        parts.begin()
        heard, costs = roster.on_count, {"without history": list[float](), "with history": list[float]()}
        for _ in range(ROUNDS):
            roster.on_count = None
            costs["without history"].append(drive(roster, pages, connections))  # type: ignore[arg-type]
            roster.on_count = heard
            costs["with history"].append(drive(roster, pages, connections))  # type: ignore[arg-type]
        medians = {name: statistics.median(seconds) for name, seconds in costs.items()}
        for name, seconds in medians.items():
            print(f"{name:16} {seconds * 1e6:6.2f} us a join with its leave, in the roster alone")
        more_s = medians["with history"] - medians["without history"]
        print(f"{'history':16} {more_s * 1e6:6.2f} us, {more_s * rate:.2%} of a core at {rate} a second")
        for number in range(pages):
            roster.join(f"/page/{number}", object(), "visitor")  # type: ignore[arg-type]
        longest_ms = await longest_turn_ms(parts)
        print(f"{'end of a minute':16} {longest_ms:6.2f} ms, the longest turn, {pages} pages")
        parts.shut_down()
        await parts.wait_closed()


async def longest_turn_ms(parts: Assembly) -> float:
    """The longest turn of the loop while a minute is ended and written, in milliseconds."""
    await asyncio.sleep(60 - parts.unix_s() % 60 - 0.2)
    longest_s, until_s = 0.0, time.monotonic() + 2.0
    while time.monotonic() < until_s:
        turn_s = time.thread_time()
        await asyncio.sleep(0)
        longest_s = max(longest_s, time.thread_time() - turn_s)
    return longest_s * 1000


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    asyncio.run(main(*(given + [5_000, 1_000][len(given) :])))
