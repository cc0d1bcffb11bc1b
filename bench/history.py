"""What history costs the loop: for each join and leave, at the end of each minute, and of a running server.

    .venv/bin/python bench/history.py [JOINS_A_SECOND] [PAGES]

First it drives a roster as a server does, with and without history, and prints the microseconds of each join
with its leave, the share of one core at that rate, and what the loop does at a minute's end. Then it has two
servers take joins at that rate, one of them with history, by turns, and compares their CPU time.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import pathlib
import socket
import statistics
import sys
import tempfile
import time

from lineup import Contender, Mode, running

from nannin.app.assembly import Assembly
from nannin.audience.roster import Roster
from nannin.cli.bench.address import Address
from nannin.cli.bench.frames import mask
from nannin.settings import Settings

ROUNDS, CHANGES = 7, 20_000
# A turn of the loop in which nothing happened takes less.
EMPTY_S = 0.000_1
# Of the servers: so many pairs of measurements, each of so many seconds, and so many joins in one write.
PAIRS, TURN_S, AT_ONCE = 30, 2.0, 50
UNLIMITED = (
    *("--ping-interval", "3600"),
    *("--max-namespaces", "1000000", "--max-joins", "0"),
    *("--max-messages", "1000000000", "--max-burst", "1000000000"),
)
_TEXT = 0x1


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
        took_ms, longest_ms = await end_minute(parts)
        print(f"{'end of a minute':16} {took_ms:6.2f} ms, {took_ms / 60_000:.2%} of a core; {pages} pages")
        print(f"{'':16} {longest_ms:6.2f} ms in the longest turn")
        parts.shut_down()
        await parts.wait_closed()


async def end_minute(parts: Assembly) -> tuple[float, float]:
    """Waits while a minute is ended and handed to the thread that writes it.

    Returns:
        How much time of the loop's thread that took in all, and the longest turn, in milliseconds.
    """
    await asyncio.sleep(60 - parts.unix_s() % 60 - 0.2)
    took_s = longest_s = 0.0
    until_s = time.monotonic() + 2.0
    while time.monotonic() < until_s:
        turn_s = time.thread_time()
        await asyncio.sleep(0)
        turn_s = time.thread_time() - turn_s
        longest_s = max(longest_s, turn_s)
        if turn_s > EMPTY_S:
            took_s += turn_s
    return took_s * 1000, longest_s * 1000


class Served:
    """A server, and one session that joins and leaves its pages.

    Args:
        url: the server's.
        pid: its process.
        pages: how many there are.
    """

    def __init__(self, url: str, pid: int, pages: int) -> None:
        self.costs_us: list[float] = []
        self._pid, self._pages, self._page = pid, pages, 0
        address = Address(url)
        self._socket = socket.create_connection(("127.0.0.1", address.port))
        self._socket.sendall(address.handshake)
        self._await(b'"sid"', 1)

    def take_joins(self, rate: int) -> None:
        """Joins and leaves pages at a rate, for a time; notes what each has cost the loop."""
        before_ns, joins, began_s = self._loop_ns(), 0, time.monotonic()
        while (now_s := time.monotonic()) < began_s + TURN_S:
            if (early_s := joins / rate - (now_s - began_s)) > 0:
                time.sleep(early_s)
            pages = range(self._page, self._page + AT_ONCE)
            self._page = pages.stop % self._pages
            frames = (mask(_TEXT, f"4{kind}/page/{page},".encode()) for page in pages for kind in (0, 1))
            self._socket.sendall(b"".join(frames))
            self._await(b"40/page/", AT_ONCE)
            joins += AT_ONCE
        if joins < 0.8 * rate * TURN_S:
            sys.exit(f"only {joins / TURN_S:,.0f} joins a second")
        self.costs_us.append((self._loop_ns() - before_ns) / 1000 / joins)

    def close(self) -> None:
        """Ends the session."""
        self._socket.close()

    def _loop_ns(self) -> int:
        """The CPU time of the thread that the loop runs in, in nanoseconds."""
        return int(pathlib.Path(f"/proc/{self._pid}/task/{self._pid}/schedstat").read_text().split()[0])

    def _await(self, part: bytes, times: int) -> None:
        rest = b""
        while times > 0:
            received = self._socket.recv(65_536)
            if not received:
                sys.exit("the server has ended the session")
            data = rest + received
            times -= data.count(part)
            rest = data[1 - len(part) :]


def compare_servers(rate: int, pages: int) -> None:
    """Measures two servers by turns, and prints."""

    def contender(name: str, *options: str) -> Contender:
        def command(port: int, _mode: Mode) -> list[str]:
            return [sys.executable, "-m", "nannin", "serve", "--port", str(port), *options, *UNLIMITED]

        return Contender(name, command, tells_each=False)

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        both = []
        for one in (contender("without", "--no-history"), contender("with", "--data-dir", folder)):
            url, pid = stack.enter_context(running(one, None))
            both.append(Served(url, pid, pages))
            stack.callback(both[-1].close)
        for served in both:  # what is loaded and grown at first is not of a join
            served.take_joins(rate)
            served.costs_us.clear()
        for pair in range(PAIRS):
            for served in both if pair % 2 else reversed(both):
                served.take_joins(rate)
    without_us, with_us = (statistics.median(served.costs_us) for served in both)
    ratios = sorted(more / less for less, more in zip(both[0].costs_us, both[1].costs_us, strict=True))
    print(f"{'a server':16} {without_us:6.1f} us of the loop a join with its leave, {with_us:.1f} with it")
    half = f"half of them between {ratios[PAIRS // 4]:.3f} and {ratios[-1 - PAIRS // 4]:.3f}"
    print(f"{'':16} {statistics.median(ratios):.3f} times as much, as the median of {PAIRS} pairs; {half}")


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    wanted = given + [5_000, 1_000][len(given) :]
    asyncio.run(main(*wanted))
    compare_servers(*wanted)
