"""What each node has of a page, for whoever asks one of them why the page's number is what it is."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Final

import msgspec

from nannin.audience.roster import Count, Counts
from nannin.hub.node_messages import encode_message
from nannin.nodes.node import Node

# Seconds that a node has for its answer.
PATIENCE_S: Final = 2.0


class Report(msgspec.Struct, frozen=True, array_like=True):
    """One node's part of a page, recounted from its live sessions.

    Attributes:
        node: the node's name.
        connections, visitors, visible: its own count, which the recount is to come to.
        live: the live connections.
        in_grace: how many have left and are still counted.
        with_visitor_id: how many of the live ones have a visitor's id.
        transports: how many of the live ones each transport carries.
        observers, crawlers: who is told of the page and is not counted.
        refused: how many clients were turned away since the start, by reason.
        crawler_sessions: how many sessions crawlers have opened since the start.
        errors: how often the application's functions raised since the start.
        agrees: whether the recount comes to the count.
    """

    node: str = ""
    connections: int = 0
    visitors: int = 0
    visible: int = 0
    live: int = 0
    in_grace: int = 0
    with_visitor_id: int = 0
    transports: dict[str, int] = {}
    observers: int = 0
    crawlers: int = 0
    refused: dict[str, int] = {}
    crawler_sessions: int = 0
    errors: int = 0
    agrees: bool = True


# What makes a report step by step, and returns it at the end: each yield is a turn for others.
Making = Generator[None, None, Report]


class Inquired(msgspec.Struct, frozen=True, array_like=True, tag=20):
    """Asks for a node's report on a page. It is answered by `Reported`.

    Attributes:
        call: the question's number, among those of its node.
    """

    call: int


class Reported(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """What a node reports."""

    call: int
    report: Report


class _Asking:
    """A question, until all nodes that were asked have answered it."""

    def __init__(self) -> None:
        self.asked: set[int] = set()
        self.reports: dict[int, Report] = {}
        self.is_told = False  # whether all who will be asked have been
        self.done = asyncio.Event()

    def look(self) -> None:
        if self.is_told and self.asked <= self.reports.keys():
            self.done.set()


class Reports:
    """Asks the other nodes for their reports, and answers when they ask.

    Args:
        node: this node among the others.
        counts: how many are on each page.
        name: this node's, as people read it.

    Attributes:
        name: as above.
        make: makes this node's report on a page, in steps.
    """

    def __init__(self, node: Node, counts: Counts, name: str) -> None:
        self.name = name
        self.make: Callable[[str], Making] = lambda page: nothing_of(name)
        self._node = node
        self._counts = counts
        self._calls = itertools.count()
        self._asking: dict[int, _Asking] = {}

    async def ask(self, page: str) -> tuple[list[Report], int]:
        """The reports of the other nodes, and how many of these nodes have not answered in time.

        All that are known are asked, and those that have somebody on the page.
        """
        call, asking = next(self._calls), _Asking()
        self._asking[call] = asking
        question = encode_message(Inquired(call))

        def told(nodes: Sequence[int] | None) -> None:
            asking.asked |= set(nodes or ())
            self._node.emit(page, question, sorted(self._node.others - asking.asked), told_others)

        def told_others(nodes: Sequence[int] | None) -> None:
            asking.asked |= set(nodes or ())
            asking.is_told = True
            asking.look()

        self._node.emit(page, question, None, told)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asking.done.wait()
        except TimeoutError:
            pass
        finally:
            del self._asking[call]
        away = max(1, len(self._node.others)) if self._node.share.is_cut_off else 0
        silent = max(away, len(asking.asked)) - len(asking.reports)
        return list(asking.reports.values()), silent

    def inquire(self, number: int, page: str, inquired: Inquired) -> None:
        """A node asks: it is answered once all changes here are in the count that it sees."""

        def answer(making: Making) -> None:
            try:
                next(making)
            except StopIteration as end:
                self._node.emit(page, encode_message(Reported(inquired.call, end.value)), [number])
            else:
                self._node.clock.call_soon(lambda: answer(making))

        self._counts.when_counted(page, lambda: answer(self.make(page)))

    def receive(self, number: int, reported: Reported) -> None:
        """A node answers; it may be too late."""
        asking = self._asking.get(reported.call)
        if asking is not None:
            asking.asked.add(number)
            asking.reports[number] = reported.report
            asking.look()


def nothing_of(name: str) -> Making:
    """The report of a node that can't make one."""
    yield from ()
    return Report(name)


def add_up(reports: Iterable[Report]) -> Report:
    """All parts together. A visitor on several nodes is one of each of them."""
    all_ = list(reports)

    def total(name: str) -> int:
        return sum(getattr(report, name) for report in all_)

    transports, refused = Counter[str](), Counter[str]()
    for report in all_:
        transports.update(report.transports)
        refused.update(report.refused)
    return Report(
        "",
        total("connections"),
        total("visitors"),
        total("visible"),
        total("live"),
        total("in_grace"),
        total("with_visitor_id"),
        dict(transports),
        total("observers"),
        total("crawlers"),
        dict(sorted(refused.items())),
        total("crawler_sessions"),
        total("errors"),
        all(report.agrees for report in all_),
    )


def come_to(reports: Sequence[Report], count: Count, silent: int) -> bool:
    """Whether the parts of all nodes come to the count; where some are silent, whether they fit into it."""
    visitors = [report.visitors for report in reports]
    # On a group, somebody in grace may have taken the place to another node and have left that, too.
    connections = max(sum(report.connections for report in reports), 0 if silent else count.visitors)
    fits = connections <= count.connections if silent else connections == count.connections
    return fits and max(visitors) <= count.visitors and (silent > 0 or count.visitors <= sum(visitors))
