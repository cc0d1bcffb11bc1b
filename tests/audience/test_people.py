"""Who is on a page as persons, by itself and against lists that are counted anew each time."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from nannin.audience.people import People, Person
from nannin.audience.roster import Given, Roster, VisitorName

GRACE_S = 2.0


class House:
    """A roster and the people on it, at a time that the test says."""

    def __init__(self) -> None:
        self.roster: Roster[str] = Roster()
        self.people: People[str] = People(self.roster)
        self.now = 0.0

    def join(
        self, connection: str, visitor: VisitorName | None = None, *, follow: bool = True
    ) -> Person[str] | None:
        person = None
        if follow or self.people.is_followed("/"):
            person = self.people.join("/", connection, visitor)
        self.roster.join("/", connection, visitor)
        return person

    def leave(self, connection: str, *, grace_s: float = 0.0) -> bool:
        """Whether somebody is gone with it."""
        person = self.people.leave("/", connection)
        self.roster.leave("/", connection, now=self.now, grace_s=grace_s)
        return person is not None and self.people.part(person)

    def wait(self, seconds: float) -> list[VisitorName]:
        """The visitors that are gone since then."""
        self.now += seconds
        gone = list[VisitorName]()
        for visitor, _ in self.roster.end_graces(self.now):
            person = self.people.find("/", visitor)
            if person is not None and self.people.part(person):
                gone.append(visitor)
        return gone

    def here(self) -> list[tuple[VisitorName, list[str]]]:
        return [(person.name, list(person.connections)) for person in self.people.of("/")]


def test_whoever_sends_an_id_that_the_application_gave_is_another_person() -> None:
    house = House()
    house.join("1", Given("user:7"))
    assert house.join("2", "user:7") is not None
    assert house.here() == [(Given("user:7"), ["1"]), ("user:7", ["2"])]
    assert not house.leave("1", grace_s=GRACE_S)
    assert house.leave("2")
    assert house.wait(GRACE_S) == [Given("user:7")]


def test_the_first_connection_of_a_visitor_is_a_person_and_the_second_is_not() -> None:
    house = House()
    ann = house.join("1", "ann")
    assert ann is not None
    assert (ann.page, ann.name, ann.data) == ("/", "ann", None)
    assert house.join("2", "ann") is None
    assert house.here() == [("ann", ["1", "2"])]
    assert not house.leave("1")
    assert house.leave("2")
    assert house.here() == []


def test_each_connection_without_a_visitor_is_a_person() -> None:
    house = House()
    assert house.join("1") is not house.join("2")
    assert house.here() == [("1", ["1"]), ("2", ["2"])]
    assert house.leave("1", grace_s=GRACE_S)


def test_a_visitor_stays_until_grace_is_over() -> None:
    house = House()
    house.join("1", "ann")
    assert not house.leave("1", grace_s=GRACE_S)
    assert house.here() == [("ann", [])]
    assert house.wait(GRACE_S) == ["ann"]
    assert (house.here(), house.people.is_followed("/")) == ([], False)


def test_a_return_is_the_same_person_with_the_same_data() -> None:
    house = House()
    ann = house.join("1", "ann")
    assert ann is not None
    ann.data = {"name": "Ann"}
    house.leave("1", grace_s=GRACE_S)
    assert house.join("2", "ann") is None
    assert [person.data for person in house.people.of("/")] == [{"name": "Ann"}]
    assert house.wait(GRACE_S) == []
    assert house.here() == [("ann", ["2"])]


def test_a_second_grace_holds_a_visitor_whose_first_is_over() -> None:
    house = House()
    house.join("1", "ann")
    house.join("2", "ann")
    house.leave("1", grace_s=GRACE_S)
    house.wait(1)
    assert not house.leave("2", grace_s=GRACE_S)
    assert house.wait(1) == []
    assert house.wait(1) == ["ann"]


def test_a_page_is_followed_from_when_it_is_asked_for_until_it_is_empty() -> None:
    house = House()
    assert (house.here(), house.people.is_followed("/")) == ([], False)
    house.join("1", "ann", follow=False)
    house.join("2", follow=False)
    house.join("3", "bob", follow=False)
    house.leave("3", grace_s=GRACE_S)
    assert (house.people.is_followed("/"), house.people.find("/", "ann")) == (False, None)
    assert house.here() == [("ann", ["1"]), ("2", ["2"]), ("bob", [])]
    house.join("4", "ann", follow=False)
    assert house.here() == [("ann", ["1", "4"]), ("2", ["2"]), ("bob", [])]
    for name in "124":
        house.leave(name)
    assert house.wait(GRACE_S) == ["bob"]
    assert not house.people.is_followed("/")


def test_who_has_gone_is_gone_once() -> None:
    house = House()
    ann = house.join("1", "ann")
    assert ann is not None
    assert house.leave("1")
    assert not house.people.part(ann)
    assert house.join("2", "ann") not in (None, ann)
    assert not house.people.part(ann)
    assert house.here() == [("ann", ["2"])]


class AnyOrder(RuleBasedStateMachine):
    """Connections of some visitors and of nobody known come and go; the persons are those of the roster."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House()
        self.number = 0
        self.present: dict[str, str | None] = {}
        self.inside: set[VisitorName] = set()  # by what was told of comings and goings

    @initialize(visitors=st.lists(st.sampled_from(["ann", "bob", None]), max_size=4))
    def begin(self, visitors: list[str | None]) -> None:
        """Some are there before anybody asks."""
        for visitor in visitors:
            self.number += 1
            self.present[str(self.number)] = visitor
            self.house.join(str(self.number), visitor, follow=False)
        self.inside = {visitor or name for name, visitor in self.present.items()}
        self.house.here()

    @rule(visitor=st.sampled_from(["ann", "bob", None]))
    def join(self, visitor: str | None) -> None:
        self.number += 1
        name = str(self.number)
        person = self.house.join(name, visitor)
        self.present[name] = visitor
        assert (person is not None) == ((visitor or name) not in self.inside)
        self.inside.add(visitor or name)

    @rule(index=st.integers(0, 100), grace_s=st.sampled_from([0.0, 1.0, 3.0]))
    def leave(self, index: int, grace_s: float) -> None:
        if self.present:
            name = list(self.present)[index % len(self.present)]
            visitor = self.present.pop(name)
            if self.house.leave(name, grace_s=grace_s):
                self.inside.remove(visitor or name)

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0]))
    def wait(self, seconds: float) -> None:
        for visitor in self.house.wait(seconds):
            self.inside.remove(visitor)

    @invariant()
    def whoever_came_and_has_not_gone_is_there(self) -> None:
        here = self.house.here()
        assert {name for name, _ in here} == self.inside
        assert len(here) == self.house.roster.count("/").visitors
        assert sorted(name for _, names in here for name in names) == sorted(self.present)


TestAnyOrder = AnyOrder.TestCase
