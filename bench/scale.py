"""What the census costs: simulated nodes, up to 100 of them and a million visitors. `make scale` runs it.

Nothing of it opens a socket, but for a Redis that is named. Nodes are real `Share`s over real rosters, the
census is the real one, and messages are counted as they would be on the wire.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

import click
import msgspec

from nannin.audience.census import Census, Reply
from nannin.audience.census_calls import Answer, Apply, Call, Register, Registered
from nannin.audience.roster import Roster
from nannin.audience.share import Share
from nannin.nodes.node import BEAT_EVERY_S

NODES = (2, 10, 100)
BATCH = 10
JOINS = 500
VISITORS, PAGES = 1_000_000, 100_000
VISITORS_PER_WRITE = 1_000
STATM_PAGE_BYTES = 4096

encode = msgspec.msgpack.Encoder().encode
decode_call = msgspec.msgpack.Decoder(Call).decode


class Traffic(NamedTuple):
    """What went to and from the census.

    Attributes:
        calls, answers, tells: how many messages.
        size_bytes: all of them together.
        census_s: the CPU time of the census itself, without its sockets.
    """

    calls: int = 0
    answers: int = 0
    tells: int = 0
    size_bytes: int = 0
    census_s: float = 0.0

    def __sub__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.calls - other.calls,
            self.answers - other.answers,
            self.tells - other.tells,
            self.size_bytes - other.size_bytes,
            self.census_s - other.census_s,
        )


class Nodes:
    """So many nodes over one census, each with its own clients.

    Args:
        count: how many nodes.
        everything: whether each is told of every page, as the workers of one machine are.
    """

    def __init__(self, count: int, *, everything: bool = False) -> None:
        self.census = Census("scale")
        self.traffic = Traffic()
        self.rosters: list[Roster[int]] = [Roster() for _ in range(count)]
        self.shares = [
            Share(roster, f"node{index}", everything=everything) for index, roster in enumerate(self.rosters)
        ]
        self._by_number: dict[int, Share] = {}
        self._connections = 0
        for roster, share in zip(self.rosters, self.shares, strict=True):
            roster.on_change = share.touch
            share.found()
        self.settle()

    def join(self, node: int, page: str, visitor: str | None = None) -> None:
        """A client joins a page through a node. The census is told when all `settle`."""
        self._connections += 1
        self.rosters[node].join(page, self._connections, visitor)

    def settle(self) -> None:
        """Carries what all have to say, until nobody has any more: one call at a time, as on a socket."""
        while waiting := [(share, calls) for share in self.shares if (calls := share.take(0.0))]:
            for share, calls in waiting:
                for call in calls:
                    self._carry(share, call)

    def _carry(self, share: Share, call: Call) -> None:
        before = time.process_time()
        reply = self.census.receive(call)
        spent = time.process_time() - before
        answer, tells = reply
        if isinstance(answer, Registered):
            self._by_number[answer.number] = share
        share.answer(answer, 0.0)
        for nodes, what in tells:
            for number in nodes:
                self._by_number[number].told(what)  # type: ignore[arg-type]
        self.traffic = Traffic(
            self.traffic.calls + 1,
            self.traffic.answers + 1,
            self.traffic.tells + sum(len(nodes) for nodes, _ in tells),
            self.traffic.size_bytes + size_of(call, reply),
            self.traffic.census_s + spent,
        )

    def spend(self, joins: Sequence[tuple[int, str, str | None]]) -> Traffic:
        """What these joins cost until all is settled.

        Args:
            joins: of each the node, the page, and the visitor.
        """
        before = self.traffic
        for node, page, visitor in joins:
            self.join(node, page, visitor)
        self.settle()
        return self.traffic - before


def size_of(call: Call, reply: Reply) -> int:
    """The bytes of a call, its answer, and what others are told."""
    told = sum(len(nodes) * len(encode(what)) for nodes, what in reply.tells)
    return len(encode(call)) + len(encode(reply.answer)) + told


# What a join costs


def single_joins(nodes: int, holders: int, joins: int = 1, *, everything: bool = False) -> Traffic:
    """Joins, one after another, of a page that so many nodes have somebody on, the joiners' among them."""
    land = Nodes(nodes, everything=everything)
    for node in range(holders):
        land.join(node, "/page", f"first{node:015}")
    land.settle()
    before = land.traffic
    for joiner in range(joins):
        land.spend([(0, "/page", f"joiner{joiner:010}")])
    return land.traffic - before


def one_batch(nodes: int, batch: int) -> Traffic:
    """A round of a hot page: so many join at each node while a write is under way."""
    land = Nodes(nodes)
    for node in range(nodes):
        land.join(node, "/hot", f"first{node:015}")
    land.settle()
    who = [(node, joiner) for node in range(nodes) for joiner in range(batch)]
    return land.spend([(node, "/hot", f"{node:08}{joiner:012}") for node, joiner in who])


# What a visitor, a page and a node cost


def applies(nodes: int, pages: int, visitors: int, numbers: Sequence[int]) -> Iterator[Apply]:
    """What the nodes say when so many visitors come: a small page is on one node, a hot one on all."""
    each, calls = visitors // pages, [1] * nodes
    for index in range(pages):
        held: dict[int, int] = {}
        for at in range(0, each, VISITORS_PER_WRITE):
            node = (index + at // VISITORS_PER_WRITE) % nodes
            last = min(each, at + VISITORS_PER_WRITE)
            names = [f"c{index:08x}{visitor:012x}" for visitor in range(at, last)]
            held[node] = held.get(node, 0) + len(names)
            previous, calls[node] = calls[node], calls[node] + 1
            who = (calls[node], numbers[node], f"node{node}", previous)
            yield Apply(*who, f"/articles/{index}", held[node], 0, 0, False, names, [], [])


def resident_bytes() -> int:
    """The memory of this process. Linux only."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * STATM_PAGE_BYTES


class Filled(NamedTuple):
    """What it took to fill a census.

    Attributes:
        bytes_held: memory of all visitors and pages.
        cpu_s: CPU time of all writes.
        writes: how many.
    """

    bytes_held: int
    cpu_s: float
    writes: int


def apart(fill: Callable[..., Filled], *sizes: int) -> Filled:
    """Fills in a process of its own, so that its memory is that of nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(fill, *sizes).result()


def fill(nodes: int, pages: int, visitors: int) -> Filled:
    """Fills a census, with calls as they come from a socket."""
    census = Census("scale")
    numbers = []
    for node in range(nodes):
        registered = census.register(Register(1, f"node{node}"))
        assert isinstance(registered, Registered)
        numbers.append(registered.number)
    before, spent, writes = resident_bytes(), 0.0, 0
    for apply in applies(nodes, pages, visitors, numbers):
        data = encode(apply)
        began = time.process_time()
        reply = census.receive(decode_call(data))
        encode(reply.answer)
        spent += time.process_time() - began
        writes += 1
    return Filled(resident_bytes() - before, spent, writes)


def fill_share(pages: int, each: int) -> int:
    """The bytes that a node's share holds beside its roster, once all is said."""
    land = Nodes(1)
    for index in range(pages):
        for visitor in range(each):
            land.rosters[0].join(f"/articles/{index}", index * each + visitor, f"{index:08x}{visitor:012x}")
    land.settle()
    tracemalloc.start()
    share = Share(land.rosters[0], "other")
    share.found()
    now = 0.0
    while calls := share.take(now):
        now += 60.0  # past the time for which writes are remembered
        for call in calls:
            share.answer(land.census.receive(call).answer, now)
    with_it, _ = tracemalloc.get_traced_memory()
    assert len(share.pages()) == pages
    del share
    gc.collect()
    without_it, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return with_it - without_it


def beat(nodes: int) -> int:
    """The bytes of one sign of life and its answer, which says of every node that it lives."""
    land = Nodes(nodes)
    call = land.shares[0].beat()
    assert call is not None
    return size_of(call, land.census.receive(call))


# A real Redis


class RedisCensus:
    """The census in a Redis, called without an event loop.

    Args:
        url: where it is.
    """

    def __init__(self, url: str) -> None:
        import redis

        from nannin.nodes.redis_calls import SCRIPTS, RedisCalls

        self.client: Any = redis.Redis.from_url(url)
        self._calls = RedisCalls("nannin-scale", "0", lambda: "scale")
        for script in SCRIPTS.values():
            self.client.script_load(script.text)
        self.clear()
        self.ear = self.client.pubsub()

    def clear(self) -> None:
        """Removes all that this prefix has."""
        keys = list(self.client.scan_iter("nannin-scale:*", count=10_000))
        for at in range(0, len(keys), 1_000):
            self.client.delete(*keys[at : at + 1_000])

    def register(self, nodes: int) -> list[int]:
        """The numbers of so many new nodes, whose channels are listened to."""
        numbers = []
        for node in range(nodes):
            [answer] = self.receive([Register(1, f"node{node}")])
            assert isinstance(answer, Registered)
            numbers.append(answer.number)
            self.ear.subscribe(self._calls.channel(answer.number))
        return numbers

    def receive(self, calls: Sequence[Call]) -> list[Answer]:
        """Does calls with one write."""
        steps = [self._calls.steps(call) for call in calls]
        pipeline = self.client.pipeline(transaction=False)
        rounds = [next(step) for step in steps]
        for commands in rounds:
            for command in commands:
                pipeline.execute_command(*command)
        replies = iter(pipeline.execute())
        answers: list[Answer] = []
        for step, commands in zip(steps, rounds, strict=True):
            try:
                rest = step.send([next(replies) for _ in commands])
                while True:
                    rest = step.send([self._do(command) for command in rest])
            except StopIteration as end:
                answers.append(end.value)
        return answers

    def _do(self, command: Sequence[Any]) -> Any:
        """A command of a later round trip. A registration subscribes, which is done elsewhere."""
        return None if command[0] == "SUBSCRIBE" else self.client.execute_command(*command)

    def drain(self, wait_s: float = 0.0) -> int:
        """How many messages came to the nodes since the last time."""
        heard = 0
        while (message := self.ear.get_message(timeout=wait_s)) is not None:
            heard += message["type"] == "message"
        return heard

    def spent_s(self) -> float:
        """The CPU time of the server so far."""
        info = self.client.info("cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def held_bytes(self) -> int:
        """The memory of what the server holds."""
        return int(self.client.info("memory")["used_memory"])


def redis_joins(census: RedisCensus, holders: int, batch: int, writes: int) -> tuple[float, float]:
    """CPU seconds of Redis and messages to other nodes for each write of a page that so many nodes have."""
    census.clear()
    numbers = census.register(holders)
    calls = [1] * holders

    def write(node: int, names: list[str]) -> Apply:
        previous, calls[node] = calls[node], calls[node] + 1
        held = len(names) * calls[node]
        return Apply(
            calls[node], numbers[node], f"node{node}", previous, "/page", held, 0, 0, False, names, [], []
        )

    census.receive([write(node, [f"cfirst{node:015}"]) for node in range(holders)])
    census.drain(0.2)
    before, heard = census.spent_s(), 0
    for start in range(0, writes, 20):
        names = [[f"c{start + at:08x}{one:012x}" for one in range(batch)] for at in range(20)]
        census.receive([write((start + at) % holders, names[at]) for at in range(20)])
        heard += census.drain() if holders > 1 else 0
    spent_s = census.spent_s() - before
    return spent_s / writes, (heard + (census.drain(0.2) if holders > 1 else 0)) / writes


def redis_fill(census: RedisCensus, nodes: int, pages: int, visitors: int) -> Filled:
    """Fills a Redis."""
    census.clear()
    numbers = census.register(nodes)
    held, spent, writes = census.held_bytes(), census.spent_s(), 0
    some: list[Call] = []
    for apply in applies(nodes, pages, visitors, numbers):
        some.append(apply)
        writes += 1
        if len(some) == 200:
            census.receive(some)
            some.clear()
    if some:
        census.receive(some)
    filled = Filled(census.held_bytes() - held, census.spent_s() - spent, writes)
    census.clear()
    return filled


# What is printed


def print_joins() -> None:
    click.echo("| a join | nodes | calls | answers | told to others | bytes | CPU of the census, µs |")
    click.echo("|---|---:|---:|---:|---:|---:|---:|")
    for everything, what in ((False, "a page of this node only"), (True, "the same, workers of one machine")):
        for nodes in NODES:
            row(what, nodes, single_joins(nodes, 1, JOINS, everything=everything), JOINS)
    for nodes in NODES:
        row("a page of all nodes", nodes, single_joins(nodes, nodes, JOINS), JOINS)
    for nodes in NODES:
        row(f"{BATCH} at once at each node", nodes, one_batch(nodes, BATCH), nodes * BATCH)


def row(what: str, nodes: int, spent: Traffic, joins: int) -> None:
    cells = [spent.calls, spent.answers, spent.tells]
    numbers = " | ".join(f"{cell / joins:,.3g}" for cell in cells)
    size, cpu = spent.size_bytes / joins, spent.census_s / joins * 1e6
    click.echo(f"| {what} | {nodes} | {numbers} | {size:,.0f} | {cpu:,.0f} |")


def print_filled(what: str, pages: int, visitors: int, filled: Filled) -> None:
    click.echo(
        f"| {what} | {visitors:,} | {pages:,} | {filled.bytes_held / visitors:,.0f} "
        f"| {visitors / filled.writes:,.0f} | {filled.cpu_s / visitors * 1e6:,.1f} |"
    )


@click.command()
@click.option("--redis", "url", help="A Redis to measure too; empties its prefix nannin-scale.")
@click.option("--visitors", default=VISITORS, show_default=True)
@click.option("--pages", default=PAGES, show_default=True)
def main(url: str | None, visitors: int, pages: int) -> None:
    """Prints what joins, visitors, pages and nodes cost, as tables in Markdown."""
    print_joins()
    click.echo(
        "\n| where | visitors | pages | bytes per visitor | visitors per write | CPU per visitor, µs |"
    )
    click.echo("|---|---:|---:|---:|---:|---:|")
    census = RedisCensus(url) if url is not None else None
    for some, many in ((pages, pages), (pages, visitors), (1, visitors)):
        print_filled("the supervisor", some, many, apart(fill, 100, some, many))
        if census is not None:
            print_filled("Redis", some, many, redis_fill(census, 100, some, many))
    for each in (1, 10):
        held = fill_share(1_000, each)
        click.echo(f"\nA node's own share: {held / 1_000:,.0f} bytes per page of {each}.")
    for nodes in NODES:
        size = beat(nodes)
        rate = nodes * size / BEAT_EVERY_S
        click.echo(f"\nSigns of life, {nodes} nodes: {size:,} bytes each, {rate:,.0f} a second in all.")
    if census is not None:
        click.echo("\n| a write to Redis | nodes on the page | told to others | CPU of Redis, µs |")
        click.echo("|---|---:|---:|---:|")
        for holders in (1, *NODES):
            for batch in (1, BATCH):
                spent_s, told = redis_joins(census, holders, batch, 1_000)
                click.echo(f"| {batch} visitors | {holders} | {told:,.3g} | {spent_s * 1e6:,.0f} |")
        census.clear()


if __name__ == "__main__":
    main()
