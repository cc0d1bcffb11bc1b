"""A client of another node, as it was seen. What is done with it there: test_neighbours_library.py."""

from __future__ import annotations

from nannin.hub.node_messages import Seen, encode_data
from nannin.hub.remote import Remote
from support.fakes import House


def test_it_shows_what_was_seen_and_its_notes_are_a_copy() -> None:
    seen = Seen("id", "ann", ["x"], encode_data({"name": "Ann"}))
    remote = Remote(House().hub, "/room", seen)
    assert (remote.id, remote.visitor, remote.rooms, remote.data) == ("id", "ann", ["x"], {"name": "Ann"})
    remote.rooms.append("y")
    remote.data["name"] = "Eve"
    assert (remote.rooms, remote.data) == (["x"], {"name": "Eve"})
    assert repr(remote) == "<Remote id on /room>"


def test_the_same_client_seen_twice_is_equal() -> None:
    hub = House().hub
    one = Remote(hub, "/", Seen("id", None, [], encode_data({})))
    again = Remote(hub, "/", Seen("id", None, ["x"], encode_data({"a": 1})))
    others = [Remote(hub, page, Seen(id_, None, [], b"")) for page, id_ in [("/", "b"), ("/a", "id")]]
    assert one == again
    assert {one: 5}[again] == 5
    assert one not in others
    assert one != "id"
