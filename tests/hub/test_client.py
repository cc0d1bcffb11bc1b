"""A session's share of the hub: which pages it is on, which it observes, and which it has just left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from nannin.hub.client import MAX_LEFT, Client, client_of
from support.fakes import House


def connection(key: str, *, observes: bool = False) -> Any:
    return SimpleNamespace(key=key, observes=observes)


def test_the_pages_that_it_observes_are_counted_apart() -> None:
    client = Client(0, is_crawler=False)
    a, b, c = connection("/a"), connection("/b", observes=True), connection("/c", observes=True)
    for one in (a, b, c):
        client.enter(one)
    assert (list(client.connections), client.tally()) == (["/a", "/b", "/c"], (2, 1))
    assert [client.tally(but=one) for one in (a, b, c)] == [(2, 0), (1, 1), (1, 1)]
    client.leave("/b")
    assert (list(client.connections), client.tally()) == (["/a", "/c"], (1, 1))


def test_a_page_that_it_was_never_on_is_not_one_that_it_has_left() -> None:
    client = Client(0, is_crawler=False)
    assert not client.was_on("/")
    client.note_left("/refused")
    assert client.was_on("/refused")
    assert not client.was_on("/")


def test_a_page_that_it_is_on_again_is_not_one_that_it_has_left() -> None:
    client = Client(0, is_crawler=False)
    client.enter(connection("/a"))
    client.leave("/a")
    assert client.was_on("/a")
    client.enter(connection("/a"))
    assert not client.was_on("/a")


def test_only_so_many_left_pages_are_remembered() -> None:
    client = Client(0, is_crawler=False)
    for number in range(MAX_LEFT + 1):
        client.note_left(f"/{number}")
    assert client.was_on(f"/{MAX_LEFT}")
    assert not client.was_on("/0")


def test_the_hub_keeps_it_with_the_session() -> None:
    house = House(is_crawler=lambda user_agent: "bot" in user_agent)
    session = house.client("/", user_agent="a bot").session
    client = client_of(session)
    assert (client.is_crawler, client.tally()) == (True, (1, 0))
    assert client.connections["/"].session is session
