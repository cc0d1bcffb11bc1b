"""Tells the application who came to a page and who has gone: once for each visitor, after grace."""

from __future__ import annotations

from nannin.audience.people import People, Person
from nannin.audience.roster import Counts, Given, VisitorName
from nannin.hub.caller import Caller
from nannin.hub.connection import Connection, HubPort
from nannin.hub.handlers import ENTER, EXIT, Handlers
from nannin.hub.sockets import Visitor


class Presence:
    """Calls the handlers of `enter` and `exit`.

    Where several nodes share their counts, a visitor with an id may be on a page through any of them. Only
    what merges the counts knows who came first and who left last, and it says so by `entered` and `exited`.
    While that can't be reached, each node goes by what it knows of its own clients, and nothing is said twice
    here.

    Args:
        hub: for the visitor that a handler gets.
        handlers: the application's.
        people: the persons on the pages that are followed.
        caller: calls handlers.
        counts: how many are on each page, of this node or of all.
        is_shared: whether they are those of several nodes.
    """

    def __init__(
        self,
        hub: HubPort,
        handlers: Handlers,
        people: People[Connection],
        caller: Caller,
        counts: Counts,
        *,
        is_shared: bool,
    ) -> None:
        self._hub = hub
        self._handlers = handlers
        self._people = people
        self._caller = caller
        self._counts = counts
        self._is_shared = is_shared
        # Those who have left this node, until it is known whether they have left all.
        self._parted: dict[tuple[str, VisitorName], Person[Connection]] = {}
        # Those of whom `exit` told while the others were away, by page: it must not when they are back.
        self._exited: dict[str, set[VisitorName | Connection]] = {}
        # Those who have left while the page's count was not sure, by page.
        self._late: dict[str, list[Person[Connection]]] = {}

    def join(self, connection: Connection) -> Person[Connection] | None:
        """A connection is about to be counted; returns the person, if it has to be told of by `enter`."""
        page = connection.key
        if self._exited and connection.visitor is not None:
            self._exited.get(page, set()).discard(connection.visitor)
        if self._people.is_followed(page) or self._handlers.resolve(page).follows_visitors:
            return self._people.join(page, connection, connection.visitor)
        return None

    def enter(self, person: Person[Connection]) -> None:
        """A visitor came, to this node."""
        if not self._is_elsewhere_too(person) or self._counts.is_alone():
            self._announce(person)

    def entered(self, page: str, visitor: VisitorName) -> None:
        """A visitor came through this node, and is on the page through no other."""
        person = self._people.find(page, visitor)
        if person is not None and not person.is_announced:
            self._announce(person)

    def leave(self, connection: Connection) -> Person[Connection] | None:
        """A connection is about to be counted no more; returns whose it was, for `part`."""
        return self._people.leave(connection.key, connection)

    def part(self, person: Person[Connection]) -> None:
        """A connection of a person has left: tells the application if that was the last and has no grace."""
        if not self._people.part(person):
            return
        if not self._is_elsewhere_too(person):
            if person.is_announced:
                self._call(EXIT, person)
            return
        if self._counts.is_alone() and person.is_announced:
            self._exited.setdefault(person.page, set()).add(person.name)
            self._call(EXIT, person)
            return
        assert isinstance(person.name, (str, Given))
        self._parted[person.page, person.name] = person
        if self._counts.is_stale(person.page):
            self._late.setdefault(person.page, []).append(person)
        else:
            self._counts.when_counted(person.page, lambda: self._forget(person))

    def exited(self, page: str, visitor: VisitorName) -> None:
        """A visitor who was on the page through this node, or one that is gone, is there through no other."""
        person = self._parted.pop((page, visitor), None)
        if visitor in self._exited.get(page, ()):
            return
        if person is None and self._handlers.resolve(page).follows_visitors:
            person = Person(page, visitor)
        if person is not None:
            self._call(EXIT, person)

    def settle(self, page: str) -> None:
        """The page's count has changed; if the others are back, they have said who has left meanwhile."""
        if (self._exited or self._late) and not self._counts.is_stale(page):
            self._counts.when_counted(page, lambda: self._settle(page))

    def _settle(self, page: str) -> None:
        if not self._counts.is_stale(page):
            self._exited.pop(page, None)
            for person in self._late.pop(page, ()):
                self._forget(person)

    def end_grace(self, page: str, visitor: VisitorName) -> None:
        """A grace of a visitor is over."""
        person = self._people.find(page, visitor)
        if person is not None:
            self.part(person)

    def _is_elsewhere_too(self, person: Person[Connection]) -> bool:
        """Whether the person may be on the page through other nodes."""
        return self._is_shared and isinstance(person.name, (str, Given))

    def _forget(self, person: Person[Connection]) -> None:
        """What is counted now includes that this person has left."""
        assert isinstance(person.name, (str, Given))
        if self._parted.get((person.page, person.name)) is person:
            del self._parted[person.page, person.name]

    def _announce(self, person: Person[Connection]) -> None:
        person.is_announced = True
        self._call(ENTER, person)

    def _call(self, event: str, person: Person[Connection]) -> None:
        handler = self._handlers.resolve(person.page).find_for_visitor(event)
        if handler is not None:
            self._caller.announce(handler, Visitor(self._hub, person), event, person.page)
