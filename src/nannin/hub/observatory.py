"""What observers may ask: counts, pages, updates, and why a number is what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from nannin.access.admission import Refusal
from nannin.audience.roster import Count
from nannin.engine.engine import Engine, Session
from nannin.hub.client import client_of
from nannin.hub.hub import Hub
from nannin.hub.teller import Watcher
from nannin.settings import Settings
from nannin.wire.engine_states import State

_MEANINGS = {
    "connections": "clients on the page now, and those in grace",
    "visitors": "different visitor ids among the connections; a connection without an id is a visitor",
    "visible": "visitors of whom at least one connection says that its tab is visible",
}


class Observatory:
    """The counts of one server, for whoever is not counted.

    Args:
        hub: who is where.
        engine: the sessions that live, to check the count against.
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
        """The pages that somebody is counted on; not to be kept over a turn of the loop."""
        return self._hub.pages()

    def watch(self, watcher: Watcher, page: str | None) -> None:
        """Tells a watcher of each update of a page, or of every page (None).

        A page that empties is told once with zeros.
        """
        self._hub.teller.watch(watcher, page)

    def unwatch(self, watcher: Watcher, page: str | None) -> None:
        """Takes that back."""
        self._hub.teller.unwatch(watcher, page)

    def explain(self, page: str) -> dict[str, Any]:
        """Why the page's number is what it is. It looks at every session, so it is not to be asked at will.

        Returns:
            What is counted, in which windows, how the count breaks down, who is not counted, and whether a
            recount of the sessions that live comes to the same.
        """
        sockets = [
            socket
            for session in self._engine.sessions.values()
            if not session.ended and (socket := client_of(session).sockets.get(page)) is not None
            if socket.connected and not socket.observes
        ]
        count, in_grace = self._hub.count(page), self._hub.roster.in_grace(page)
        visitors = len({socket.visitor or socket for socket in sockets})
        transports = Counter(_transport(socket.session) for socket in sockets)
        observers = self._hub.teller.observers(page)
        crawlers = sum(client_of(socket.session).is_crawler for socket in observers)
        settings = self._settings
        return {
            "page": page,
            "count": count._asdict(),
            "counted": _MEANINGS,
            "windows_s": {
                "ping_interval": settings.ping_interval,
                "ping_timeout": settings.ping_timeout,
                "grace": settings.grace,
                "grace_lost": settings.grace_lost,
                "max_interval": settings.max_interval,
            },
            "breakdown": {
                "live_connections": len(sockets),
                "in_grace": in_grace,
                "with_visitor_id": sum(socket.visitor is not None for socket in sockets),
                "without_visitor_id": sum(socket.visitor is None for socket in sockets),
                "transports": {name: transports[name] for name in ("websocket", "polling")},
            },
            "not_counted": {
                "observers": len(observers) - crawlers,
                "crawlers": crawlers,
                "refused_since_start": {
                    str(refusal): number
                    for refusal, number in sorted(self._hub.admission.tally.items())
                    if refusal is not Refusal.EVENT  # that is no client
                },
                "crawler_sessions_since_start": self._hub.crawlers,
            },
            "check": {
                "recounted_connections": len(sockets) + in_grace,
                # Each of those in grace is of a visitor who is there, or is one more.
                "agrees": len(sockets) + in_grace == count.connections
                and visitors <= count.visitors <= visitors + in_grace,
            },
        }


def _transport(session: Session) -> str:
    return "websocket" if session.state is State.WEBSOCKET else "polling"
