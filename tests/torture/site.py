"""The ground of an attack on several servers that come to one number over a real Redis."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from support.cutting import Cutter
from support.raw_wire import get
from support.redis_servers import RedisServer
from support.servers import Server, children, nannin
from torture.ground import (
    MEMORY_LEFT_MB,
    SETTLE_S,
    WITNESS_P99_MS,
    WITNESS_SHORT_P99_MS,
    Figures,
    Witness,
    check_log,
    descriptors,
    memory_mb,
)
from torture.people import People
from torture.redis_places import NODES, OpenPlace, RedisPlace, alone

LEASE_S = 15.0
"""A node may stand still for so long."""
DOWN_S = LEASE_S + 2 * 5.0
"""Within so many seconds the others are exact once a node is gone: its lease, and the beats that see it."""
START_S = 60.0
"""So long the servers have to find each other: all of them start at once, beside other tests."""
# Descriptors that a process opens once, at a first need, or while a link to Redis is opened anew.
OPENED_LATER = 4


def nodes_of(server: Server) -> list[int]:
    """The processes of a server that are nodes."""
    assert server.process is not None
    return children(server) or [server.process.pid]


class Site:
    """Servers over one Redis, each of which reaches it by a link of its own that can fail.

    Args:
        place: the Redis that they share.
        servers: they run. The last one is the witness's, and is never to be ended.
        is_full: whether it is the long form.

    Attributes:
        place, servers: as above.
        people: their clients, and the truth.
        figures: what is worth knowing of the attack.
        stalled_ms: for how long the attack itself holds up the witness's server.
        is_killing: whether the attack ends processes.
    """

    def __init__(self, place: RedisPlace, servers: Sequence[Server], *, is_full: bool) -> None:
        self.place, self.servers = place, servers
        self.figures = Figures()
        self.stalled_ms = 0.0
        self.is_killing = False
        self._is_full = is_full
        self.people = People(servers)
        for server in servers:
            get(server, "/")  # what is loaded at the first request is not a leak
        self.people.come(len(servers))
        self.people.go(len(servers))
        self.people.wait_exact(SETTLE_S)
        self._before = {pid: (memory_mb(pid), descriptors(pid)) for pid in self.pids()}
        self._logged = [len(server.log) for server in servers]
        self._witness = Witness(servers[-1])

    @property
    def redis(self) -> RedisServer:
        """The Redis that has the data now."""
        return self.place.redis

    @property
    def links(self) -> Sequence[Cutter]:
        """Each server's link to it."""
        return self.place.links

    def size(self, full: int, short: int) -> int:
        """How many of something, in full or for a test."""
        return full if self._is_full else short

    def note(self, text: str) -> None:
        """Keeps one thing that the table shows."""
        self.figures.notes.append(text)

    def pids(self) -> list[int]:
        """The processes of all nodes."""
        return [pid for server in self.servers for pid in nodes_of(server)]

    def nodes(self) -> dict[int, str]:
        """The nodes that Redis knows, each with its value."""
        with self.redis.client() as client:
            fields = client.hgetall(NODES)
        assert isinstance(fields, dict)
        return {int(name): value.decode() for name, value in fields.items() if not name.startswith(b"@")}

    def wait(
        self, condition: Callable[[], object], problem: Callable[[], str], within_s: float = SETTLE_S
    ) -> float:
        """Returns, after how many seconds, once it is so; else `problem` says what is the matter."""
        began_s = time.monotonic()
        while not condition():
            assert time.monotonic() < began_s + within_s, f"after {within_s:.0f} s: {problem()}"
            time.sleep(0.05)
        return time.monotonic() - began_s

    def kill(self, server: Server) -> None:
        """Ends all processes of a server at once, as where a machine fails. It can be started again."""
        self.is_killing = True
        assert server.process is not None
        pids = children(server)
        server.process.kill()  # before it can replace any
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        server.process.wait(SETTLE_S)

    def links_opened(self) -> int:
        """How many connections to Redis all servers have opened so far."""
        return sum(link.opened for link in self.links)

    def is_ready(self, server: Server) -> bool:
        """Whether it says that new clients are welcome."""
        return get(server, "/readyz").status == 200

    def leave(self) -> None:
        """Ends what belongs to the site, and not to the attack."""
        self._witness.kill()

    def check(self) -> None:
        """Holds the servers to what is always true.

        Raises:
            AssertionError: a process has ended by itself, others were not told in time, a number is not zero
                once all have gone, or something is left.
        """
        most_ms = (WITNESS_P99_MS if self._is_full else WITNESS_SHORT_P99_MS) + self.stalled_ms
        self.figures.witness_p99_ms = self._witness.judge(most_ms)
        self.people.leave()
        self.people.wait_exact(DOWN_S)
        for server, logged in zip(self.servers, self._logged, strict=True):
            assert server.process is not None
            assert server.process.poll() is None, f"a server ended:\n{server.log[-2000:]}"
            check_log(server.log[logged:])
        pids = self.pids()
        assert self.is_killing or set(pids) == set(self._before), "a worker ended"
        self.wait(lambda: not self._kept(), lambda: f"Redis keeps {self._kept()}", DOWN_S)
        same = [pid for pid in pids if pid in self._before]
        self.figures.memory_mb = max(memory_mb(pid) - self._before[pid][0] for pid in same)
        assert self.figures.memory_mb < MEMORY_LEFT_MB, f"{self.figures.memory_mb:.0f} MB are left"
        self.wait(
            lambda: all(descriptors(pid) <= self._before[pid][1] + OPENED_LATER for pid in same),
            lambda: f"left open: {[(descriptors(pid), self._before[pid][1]) for pid in same]}",
        )

    def _kept(self) -> list[str]:
        """Who is still somewhere, by what Redis has. A page that was just asked for is none of that."""
        with self.redis.client(decode_responses=True) as client:
            keys = [key for key in client.scan_iter("nannin:{0}:*") if key != NODES and "}:p:" not in key]
            parts = {key: client.hgetall(key) for key in keys if key.startswith("nannin:{0}:c:")}
        full = [key for key, nodes in parts.items() if {*nodes.values()} - {"0,0,0", nodes["@version"]}]
        return [*full, *(key for key in keys if key not in parts)]


@contextlib.contextmanager
def besieged(
    *settings: str, is_full: bool, workers: Sequence[int] = (2, 2, 1), at: OpenPlace = alone
) -> Iterator[Site]:
    """Runs servers over one Redis for the time of one item, and checks them at the end.

    Args:
        settings: flags of the servers.
        is_full: as for `Site`.
        workers: how many each server has; one alone is a server without a supervisor.
        at: where their Redis is.
    """
    with contextlib.ExitStack() as stack:
        place = at(stack, len(workers))
        servers = []
        for number, url in zip(workers, place.urls, strict=True):
            flags = ["--redis", url, "--grace", "0", "--grace-lost", "0", *settings]
            flags += ["--workers", str(number)] if number > 1 else []
            servers.append(stack.enter_context(nannin(*flags)))
        with place.redis.client() as client:
            give_up_at = time.monotonic() + START_S
            while len([name for name in client.hkeys(NODES) if name.isdigit()]) < sum(workers):
                assert time.monotonic() < give_up_at, "not all nodes come"
                time.sleep(0.05)
        site = Site(place, servers, is_full=is_full)
        try:
            yield site
            site.check()
        finally:
            site.leave()
            site.people.leave()
