"""What observers may ask: counts, pages, updates, and why a number is what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from nannin.access.refusals import AT_THE_DOOR, Refusal
from nannin.audience.roster import Count
from nannin.engine.engine import Engine
from nannin.engine.session import Session
from nannin.hub.client import client_of
from nannin.hub.connection import Connection
from nannin.hub.hub import Hub
from nannin.hub.teller import Watcher
from nannin.settings import Settings

_MEANINGS = {
    "connections": "clients on the page now, and those in grace",
    "visitors": "different visitor ids among the connections; a connection without an id is a visitor",
    "visible": "visitors of whom at least one connection says that its tab is visible",
}


class Observatory:
    """What a server can be asked by those who are not counted: the web, streams, commands.

    Args:
        hub: knows who is where.
        engine: its live sessions are what a count is checked against.
        settings: the windows in force.
    """

    def __init__(self, hub: Hub, engine: Engine, settings: Settings) -> None:
        self._hub = hub
        self._engine = engine
        self._settings = settings

    def count(self, page: str) -> Count:
        """The page's count; zeros where nobody is."""
        return self._hub.count(page)

    def exists(self, page: str) -> bool:
        """Whether there can be such a page."""
        return self._hub.handlers.exists(page)

    def pages(self) -> Collection[str]:
        """The pages that somebody is counted on; a view that changes with the next join or leave."""
        return self._hub.pages()

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

    def explain(self, page: str) -> dict[str, Any]:
        """Why the page's number is what it is. It looks at every session, so it must not be asked at will.

        Returns:
            What is counted, in which windows, how the count breaks down, who is not counted, how often the
            application's functions raised, and whether a recount of the live sessions comes to the same.
        """
        connections = self._counted_connections(page)
        return {
            "page": page,
            "count": self.count(page).as_dict(),
            "counted": _MEANINGS,
            "windows_s": self._windows(),
            "breakdown": self._break_down(page, connections),
            "not_counted": self._not_counted(page),
            "errors_since_start": self._hub.mistakes.number,
            "check": self._check(page, connections),
        }

    def _counted_connections(self, page: str) -> list[Connection]:
        """Those on the page by what the sessions say, and not by the roster, which is to be checked."""
        on_page = (
            client_of(session).connections.get(page)
            for session in self._engine.sessions.values()
            if not session.ended
        )
        return [
            connection
            for connection in on_page
            if connection and connection.connected and not connection.observes
        ]

    def _windows(self) -> dict[str, float]:
        names = ("ping_interval", "ping_timeout", "grace", "grace_lost", "max_interval")
        return {name: getattr(self._settings, name) for name in names}

    def _break_down(self, page: str, connections: list[Connection]) -> dict[str, Any]:
        transports = Counter(_transport(connection.session) for connection in connections)
        return {
            "live_connections": len(connections),
            "in_grace": self._hub.roster.in_grace(page),
            "with_visitor_id": sum(connection.visitor is not None for connection in connections),
            "without_visitor_id": sum(connection.visitor is None for connection in connections),
            "transports": {name: transports[name] for name in ("websocket", "polling")},
        }

    def _not_counted(self, page: str) -> dict[str, Any]:
        observers = self._hub.teller.observers(page)
        crawlers = sum(client_of(connection.session).is_crawler for connection in observers)
        return {
            "observers": len(observers) - crawlers,
            "crawlers": crawlers,
            "refused_since_start": {
                str(refusal): number
                for refusal, number in sorted((self._hub.refusals.tally + AT_THE_DOOR.tally).items())
                if refusal is not Refusal.EVENT  # an event was refused, and not a client
            },
            "crawler_sessions_since_start": self._hub.crawlers,
        }

    def _check(self, page: str, connections: list[Connection]) -> dict[str, Any]:
        count, in_grace = self.count(page), self._hub.roster.in_grace(page)
        visitors = len({connection.visitor or connection for connection in connections})
        return {
            "recounted_connections": len(connections) + in_grace,
            # Each connection in grace belongs to a visitor who is on the page, or to one more.
            "agrees": len(connections) + in_grace == count.connections
            and visitors <= count.visitors <= visitors + in_grace,
        }


def _transport(session: Session) -> str:
    return "websocket" if session.link is not None else "polling"
