"""Who is on a page as persons: all connections of a visitor are one person, who stays until grace is over."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Generic

from nannin.audience.roster import ConnectionT, Roster, VisitorName


class Person(Generic[ConnectionT]):
    """One visitor on one page.

    Args:
        page: the page's key.
        name: the visitor's id, or the only connection of a visitor without one.

    Attributes:
        page, name: as above.
        connections: the visitor's connections, the eldest first; none while the visitor is in grace.
        data: the application's notes; None until it makes any.
        is_announced: whether the application was told that the visitor has come.
    """

    __slots__ = ("connections", "data", "is_announced", "name", "page")

    def __init__(self, page: str, name: VisitorName | ConnectionT) -> None:
        self.page = page
        self.name = name
        self.connections: dict[ConnectionT, None] = {}
        self.data: dict[str, Any] | None = None
        self.is_announced = False


class People(Generic[ConnectionT]):
    """The persons on the pages that somebody asks for. A page that nobody asks for costs nothing.

    Args:
        roster: who is on which page, in grace or not.
    """

    def __init__(self, roster: Roster[ConnectionT]) -> None:
        self._roster = roster
        self._pages: dict[str, dict[VisitorName | ConnectionT, Person[ConnectionT]]] = {}

    def of(self, page: str) -> Collection[Person[ConnectionT]]:
        """The persons on a page, in the order in which they came; it is followed while anybody is on it."""
        persons = self._pages.get(page)
        if persons is None:
            persons = self._list(page)
            if persons:
                self._pages[page] = persons
        return persons.values()

    def is_followed(self, page: str) -> bool:
        """Whether the persons on a page are known."""
        return page in self._pages

    def join(
        self, page: str, connection: ConnectionT, visitor: VisitorName | None
    ) -> Person[ConnectionT] | None:
        """A connection is about to join the roster; the page is followed from now on.

        Returns:
            The person, if the visitor is not on the page yet; None if this is one connection more.
        """
        name = connection if visitor is None else visitor
        persons = self._pages.get(page)
        if persons is None:
            persons = self._pages[page] = self._list(page)
        person = persons.get(name)
        is_new = person is None
        if person is None:
            person = persons[name] = Person(page, name)
        person.connections[connection] = None
        return person if is_new else None

    def leave(self, page: str, connection: ConnectionT) -> Person[ConnectionT] | None:
        """A connection is about to leave the roster.

        Returns:
            Whose connection it was; None if nobody follows the page.
        """
        persons = self._pages.get(page)
        if persons is None:
            return None
        visitor = self._roster.connections(page)[connection]
        person = persons[connection if visitor is None else visitor]
        del person.connections[connection]
        return person

    def find(self, page: str, visitor: VisitorName) -> Person[ConnectionT] | None:
        """A visitor on a page that is followed."""
        return self._pages.get(page, {}).get(visitor)

    def part(self, person: Person[ConnectionT]) -> bool:
        """Forgets a person who has neither a connection nor grace; returns whether that was so."""
        persons = self._pages.get(person.page, {})
        in_grace = person.name in self._roster.visitors(person.page)
        if person.connections or in_grace or persons.get(person.name) is not person:
            return False
        del persons[person.name]
        if not persons:
            del self._pages[person.page]
        return True

    def _list(self, page: str) -> dict[VisitorName | ConnectionT, Person[ConnectionT]]:
        persons: dict[VisitorName | ConnectionT, Person[ConnectionT]] = {}
        for connection, visitor in self._roster.connections(page).items():
            name = connection if visitor is None else visitor
            persons.setdefault(name, Person(page, name)).connections[connection] = None
        for visitor in self._roster.visitors(page):
            persons.setdefault(visitor, Person(page, visitor))  # in grace
        return persons
