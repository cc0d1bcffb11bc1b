"""What observers may ask: counts, pages, updates, and why a number is what it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Generator, Iterable
from operator import attrgetter
from typing import Any, Final

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.audience.roster import Count
from nannin.engine.engine import Engine
from nannin.engine.session import Session
from nannin.hub.client import client_of
from nannin.hub.connection import Connection
from nannin.hub.hub import Hub
from nannin.hub.reports import Making, Report, Reports, add_up, come_to
from nannin.hub.teller import Watcher
from nannin.settings import Settings

# How many sessions, or connections, are recounted before others have their turn: for a group some 5 ms.
PER_STEP: Final = 500
# How often the nodes are asked before they are said not to agree.
_TRIES: Final = 3

_MEANINGS = {
    "connections": "clients on the page now, and those in grace",
    "visitors": "different visitor ids among the connections; a connection without an id is a visitor",
    "visible": "visitors of whom at least one connection says that its tab is visible",
}
_MEANINGS_OF_GROUP = {
    "connections": "clients on the group's pages now, and those in grace whose place no other page has taken",
    "visitors": "different visitor ids among its pages; a connection without an id is a visitor",
    "visible": "visitors of whom at least one connection, on whichever page, says that its tab is visible",
}


class Observatory:
    """What a server can be asked by those who are not counted: the web, streams, commands.

    Args:
        hub: knows who is where.
        engine: its live sessions are what a count is checked against.
        settings: the windows in force.
        reports: what the other nodes have of a page; None where there are none.
    """

    def __init__(self, hub: Hub, engine: Engine, settings: Settings, reports: Reports | None = None) -> None:
        self._hub = hub
        self._engine = engine
        self._settings = settings
        self._reports = reports
        if reports is not None:
            reports.make = self.report

    def count(self, page: str) -> Count:
        """The page's count; zeros where nobody is."""
        return self._hub.count(page)

    def exists(self, page: str) -> bool:
        """Whether there can be such a page."""
        return self._hub.handlers.exists(page)

    def pages(self) -> Collection[str]:
        """The pages, and their groups, that somebody is counted on; the next join or leave changes them."""
        return self._hub.pages()

    def groups(self) -> Collection[str]:
        """The keys of all groups of pages."""
        return self._hub.handlers.groups.keys

    def find_group(self, key: str) -> str | None:
        """The key of the group that this one names, in any spelling; None if there is no such group."""
        return self._hub.handlers.groups.find(key)

    def is_group(self, page: str) -> bool:
        """Whether a key is a group's."""
        return page in self._hub.handlers.groups.keys

    def watch(self, watcher: Watcher, page: str | None) -> None:
        """Tells a watcher of each update of a page, or of every page (None).

        A page that empties is told once with zeros.
        """
        self._hub.teller.watch(watcher, page)

    def unwatch(self, watcher: Watcher, page: str | None) -> None:
        """Tells the watcher no more of what `watch` named."""
        self._hub.teller.unwatch(watcher, page)

    async def know(self, pages: Iterable[str | None]) -> None:
        """Returns once the counts of these pages are known here; None is every page."""
        await self._hub.knowing.know(pages)

    def report(self, page: str) -> Making:
        """What this node has of a page. It looks at every session, so it must not be asked at will.

        Where somebody comes or goes between two steps, the recount can't be held against the count.
        """
        before = self._changes(page)
        connections = yield from self._counted_connections(page)
        visitors: set[object] = set()
        transports = Counter[str]()
        with_visitor_id = 0
        for number, connection in enumerate(connections, 1):
            visitors.add(connection.visitor or connection)
            transports[_transport(connection.session)] += 1
            with_visitor_id += connection.visitor is not None
            if not number % PER_STEP:
                yield
        observers = list(self._hub.teller.observers(page))
        crawlers = sum(client_of(connection.session).is_crawler for connection in observers)
        roster = self._hub.roster
        count, in_grace = roster.count(page), roster.in_grace(page)
        # Each connection in grace belongs to a visitor who is on the page, or to one more.
        fits = len(connections) + in_grace == count.connections and len(visitors) <= count.visitors <= len(
            visitors
        ) + roster.absent(page)
        return Report(
            self._reports.name if self._reports is not None else "",
            *count,
            len(connections),
            in_grace,
            with_visitor_id,
            {name: transports[name] for name in ("websocket", "polling")},
            len(observers) - crawlers,
            crawlers,
            self._refused(),
            self._hub.crawlers,
            self._hub.mistakes.number,
            fits or self._changes(page) != before,
        )

    def _changes(self, page: str) -> tuple[object, ...]:
        """What is another one after anybody has come to the page or left it."""
        figures, roster = self._hub.figures, self._hub.roster
        return figures.joins, sum(figures.leaves.values()), roster.count(page), roster.in_grace(page)

    async def explain(self, page: str, own: Report) -> dict[str, Any]:
        """Why the page's number is what it is, over all nodes.

        Args:
            page: its key.
            own: this node's report on it, of just now.

        Returns:
            What is counted, in which windows, how the count breaks down, who is not counted, how often the
            application's functions raised, and whether a recount of the live sessions comes to the same.
            Where several nodes serve, also what each of them has.
        """
        if self._reports is None:
            return self._put(page, own, own.agrees)
        # Somebody may come or go while the nodes are asked: where that may be why they don't agree, again.
        for _ in range(_TRIES):
            before = self.count(page)
            others, silent = await self._reports.ask(page)
            reports = sorted([own, *others], key=attrgetter("node"))
            fits = come_to(reports, self.count(page), silent)
            if fits or silent:
                break
            own = await _in_turns(self.report(page))
        total = add_up(reports)
        is_same = self.count(page) == before
        nodes = {
            "node": own.node,
            "nodes": [_node(report) for report in reports],
            "nodes_without_answer": silent,
        }
        return {**self._put(page, total, total.agrees and (fits or not is_same)), **nodes}

    def _put(self, page: str, report: Report, agrees: bool) -> dict[str, Any]:
        is_group = self.is_group(page)
        return {
            "page": page,
            **({"group": True} if is_group else {}),
            "count": self.count(page).as_dict(),
            "counted": _MEANINGS_OF_GROUP if is_group else _MEANINGS,
            "windows_s": self._windows(),
            "breakdown": {
                "live_connections": report.live,
                "in_grace": report.in_grace,
                "with_visitor_id": report.with_visitor_id,
                "without_visitor_id": report.live - report.with_visitor_id,
                "transports": report.transports,
            },
            "not_counted": {
                "observers": report.observers,
                "crawlers": report.crawlers,
                "refused_since_start": report.refused,
                "crawler_sessions_since_start": report.crawler_sessions,
            },
            "errors_since_start": report.errors,
            "check": {"recounted_connections": report.live + report.in_grace, "agrees": agrees},
        }

    def _counted_connections(self, page: str) -> Generator[None, None, list[Connection]]:
        """Those on the page by what the sessions say, and not by the roster, which is to be checked."""
        is_group, groups = self.is_group(page), self._hub.handlers.groups
        found: list[Connection] = []
        for number, session in enumerate(list(self._engine.sessions.values()), 1):
            if not number % PER_STEP:
                yield
            if session.ended:
                continue
            connections = client_of(session).connections
            if is_group:
                here = [one for key, one in connections.items() if page in groups.of(key)]
            else:
                here = [connections[page]] if page in connections else []
            found += [one for one in here if one.connected and not one.observes]
        return found

    def _windows(self) -> dict[str, float]:
        names = ("ping_interval", "ping_timeout", "grace", "grace_lost", "max_interval")
        return {name: getattr(self._settings, name) for name in names}

    def _refused(self) -> dict[str, int]:
        tally = self._hub.refusals.tally + AT_THE_DOOR.tally
        return {
            str(refusal): number
            for refusal, number in sorted(tally.items())
            if refusal is not Refusal.EVENT  # an event was refused, and not a client
        }


def _node(report: Report) -> dict[str, Any]:
    """One node's part, as it is shown."""
    return {
        "node": report.node,
        "live_connections": report.live,
        "in_grace": report.in_grace,
        "connections": report.connections,
        "visitors": report.visitors,
        "visible": report.visible,
        "agrees": report.agrees,
    }


async def _in_turns(making: Making) -> Report:
    while True:
        try:
            next(making)
        except StopIteration as end:
            report: Report = end.value
            return report
        await asyncio.sleep(0)


def _transport(session: Session) -> str:
    return "websocket" if session.link is not None else "polling"
