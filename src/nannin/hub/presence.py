"""Tells the application who came to a page and who has gone: once for each visitor, after grace."""

from __future__ import annotations

from nannin.audience.people import People, Person
from nannin.audience.roster import VisitorName
from nannin.hub.caller import Caller
from nannin.hub.connection import Connection, HubPort
from nannin.hub.handlers import ENTER, EXIT, Handlers
from nannin.hub.sockets import Visitor


class Presence:
    """Calls the handlers of `enter` and `exit`.

    Args:
        hub: for the visitor that a handler gets.
        handlers: the application's.
        people: the persons on the pages that are followed.
        caller: calls handlers.
    """

    def __init__(self, hub: HubPort, handlers: Handlers, people: People[Connection], caller: Caller) -> None:
        self._hub = hub
        self._handlers = handlers
        self._people = people
        self._caller = caller

    def join(self, connection: Connection) -> Person[Connection] | None:
        """A connection is about to be counted; returns the person, if it has to be told of by `enter`."""
        page = connection.key
        if self._people.is_followed(page) or self._handlers.resolve(page).follows_visitors:
            return self._people.join(page, connection, connection.visitor)
        return None

    def enter(self, person: Person[Connection]) -> None:
        """A visitor came."""
        self._call(ENTER, person)

    def leave(self, connection: Connection) -> Person[Connection] | None:
        """A connection is about to be counted no more; returns whose it was, for `part`."""
        return self._people.leave(connection.key, connection)

    def part(self, person: Person[Connection]) -> None:
        """A connection of a person has left: tells the application if that was the last and has no grace."""
        if self._people.part(person):
            self._call(EXIT, person)

    def end_grace(self, page: str, visitor: VisitorName) -> None:
        """A grace of a visitor is over."""
        person = self._people.find(page, visitor)
        if person is not None:
            self.part(person)

    def _call(self, event: str, person: Person[Connection]) -> None:
        handler = self._handlers.resolve(person.page).find_for_visitor(event)
        if handler is not None:
            self._caller.announce(handler, Visitor(self._hub, person), event, person.page)
