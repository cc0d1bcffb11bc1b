"""Which rooms a page's connections are in, by itself and against a naive model."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nannin.audience.rooms import Rooms

PAGES = ["/a", "/b"]
ROOMS = ["x", "y", "z"]
# A connection is on one page, and its name says on which.
CONNECTIONS = [page + name for page in PAGES for name in "123"]


def test_members_stand_in_the_order_of_their_joins() -> None:
    rooms: Rooms[str] = Rooms()
    for name in ("b", "a", "c", "b"):
        rooms.join("/", "x", name)
    assert list(rooms.members("/", "x")) == ["b", "a", "c"]
    rooms.leave("/", "x", "b")
    rooms.join("/", "x", "b")
    assert list(rooms.members("/", "x")) == ["a", "c", "b"]


def test_a_connections_rooms_stand_in_the_order_of_its_joins() -> None:
    rooms: Rooms[str] = Rooms()
    for name in ("y", "x", "y"):
        rooms.join("/", name, "a")
    assert rooms.of("a") == ["y", "x"]


def test_rooms_of_one_name_on_two_pages_are_two() -> None:
    rooms: Rooms[str] = Rooms()
    rooms.join("/a", "x", "ann")
    rooms.join("/b", "x", "bob")
    assert (list(rooms.members("/a", "x")), list(rooms.members("/b", "x"))) == (["ann"], ["bob"])


def test_nobody_is_in_a_room_that_nobody_joined() -> None:
    rooms: Rooms[str] = Rooms()
    assert (list(rooms.members("/", "x")), rooms.of("ann")) == ([], [])


def test_who_leaves_a_room_without_being_in_it_changes_nothing() -> None:
    rooms: Rooms[str] = Rooms()
    rooms.join("/", "x", "ann")
    rooms.leave("/", "x", "bob")
    rooms.leave("/", "y", "ann")
    assert (list(rooms.members("/", "x")), rooms.of("ann")) == (["ann"], ["x"])


def test_who_leaves_all_rooms_is_told_which_and_the_others_stay() -> None:
    rooms: Rooms[str] = Rooms()
    for room in ("y", "x"):
        for name in ("ann", "bob"):
            rooms.join("/", room, name)
    assert rooms.leave_all("/", "ann") == ["y", "x"]
    assert rooms.leave_all("/", "ann") == []
    assert (rooms.of("ann"), rooms.of("bob"), list(rooms.members("/", "x"))) == ([], ["y", "x"], ["bob"])


def test_a_room_that_everybody_left_may_be_joined_again() -> None:
    rooms: Rooms[str] = Rooms()
    rooms.join("/", "x", "ann")
    rooms.leave("/", "x", "ann")
    assert (list(rooms.members("/", "x")), rooms.of("ann")) == ([], [])
    rooms.join("/", "x", "ann")
    assert list(rooms.members("/", "x")) == ["ann"]


@pytest.mark.parametrize("room", [None, 5, b"x", ["x"]])
def test_a_rooms_name_is_a_text(room: object) -> None:
    rooms: Rooms[str] = Rooms()
    with pytest.raises(TypeError, match="a room's name is a str"):
        rooms.join("/", room, "ann")  # type: ignore[arg-type]
    assert rooms.of("ann") == []


def test_a_room_can_be_sent_to_at_once_by_the_numbers_of_its_members() -> None:
    rooms: Rooms[str] = Rooms()
    for number, name in enumerate(("ann", "bob", "eve"), 5):
        rooms.join("/", "x", name, number)
    rooms.join("/", "y", "bob", 6)
    rooms.join("/", "x", "bob", 99)  # it is there already
    crowd = rooms.crowd("/", "x")
    assert crowd is not None
    assert list(crowd.numbers) == [5, 6, 7]
    assert [rooms.seat("x", name) for name in ("ann", "bob", "eve", "nobody")] == [0, 1, 2, None]
    rooms.renumber("/", "bob", 8)
    rooms.renumber("/", "nobody", 9)
    other = rooms.crowd("/", "y")
    assert other is not None
    assert (list(crowd.numbers), list(other.numbers)) == ([5, 8, 7], [8])
    assert rooms.crowd("/other", "x") is None


def test_members_know_their_seats_when_a_room_closes_up() -> None:
    rooms: Rooms[int] = Rooms()
    for number in range(100):
        rooms.join("/", "x", number, number)
    for number in range(90):
        rooms.leave("/", "x", number)
    crowd = rooms.crowd("/", "x")
    assert crowd is not None
    assert len(crowd.numbers) < 40
    for number in range(90, 100):
        seat = rooms.seat("x", number)
        assert seat is not None
        assert (crowd.numbers[seat], crowd.members[seat]) == (number, number)


class AnyOrder(RuleBasedStateMachine):
    """Joins and leaves in any order; the model is a list of pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.rooms: Rooms[str] = Rooms()
        self.pairs: list[tuple[str, str]] = []

    @rule(connection=st.sampled_from(CONNECTIONS), room=st.sampled_from(ROOMS))
    def join(self, connection: str, room: str) -> None:
        self.rooms.join(connection[:2], room, connection)
        if (connection, room) not in self.pairs:
            self.pairs.append((connection, room))

    @rule(connection=st.sampled_from(CONNECTIONS), room=st.sampled_from(ROOMS))
    def leave(self, connection: str, room: str) -> None:
        self.rooms.leave(connection[:2], room, connection)
        self.pairs = [pair for pair in self.pairs if pair != (connection, room)]

    @rule(connection=st.sampled_from(CONNECTIONS))
    def leave_all(self, connection: str) -> None:
        left = self.rooms.leave_all(connection[:2], connection)
        assert left == [room for other, room in self.pairs if other == connection]
        self.pairs = [pair for pair in self.pairs if pair[0] != connection]

    @invariant()
    def agrees(self) -> None:
        for connection in CONNECTIONS:
            assert self.rooms.of(connection) == [room for one, room in self.pairs if one == connection]
        for page in PAGES:
            for room in ROOMS:
                members = [one for one, other in self.pairs if other == room and one[:2] == page]
                assert list(self.rooms.members(page, room)) == members

    @invariant()
    def keeps_nothing_of_those_who_left(self) -> None:
        assert set(self.rooms._seats) == {connection for connection, _ in self.pairs}
        assert set(self.rooms._crowds) == {(one[:2], room) for one, room in self.pairs}


TestAnyOrder = AnyOrder.TestCase
